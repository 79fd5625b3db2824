"""Our tree beside that of the method's published code, on the same vectors and settings: CPU-seconds and inertia.

    python -m benchmarks.against_reference --reference DIR              # 10,000 x 256, two resampling steps
    python -m benchmarks.against_reference --reference DIR --n 20000 --clusters 1000,200 --steps 3
    python -m benchmarks.against_reference --reference DIR --n 100000 --clusters 5000,1000 --steps 10 --peer-steps 1,2 \
        --repeats 1 --engines reference,fast                                   # the peer extrapolated from two steps

DIR is a checkout of the published code that you bring; none of it is part of this project (its licence is not
commercial). It runs on the CPU as it is, in float32, each engine in a process of its own, one thread, interleaved.
Inertia is the mean squared distance of all points to the centroids of level 1, computed by us for both.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.kernels import mixture
from curation_core.executors import ONE_THREAD

ENGINES = ("reference", "compatible", "fast")
_REFERENCE = """
import sys, json, resource, time
import numpy as np
np.Inf = np.inf  # an alias that the published code still uses
sys.path.insert(0, sys.argv[2])
import torch
torch.set_num_threads(1)
from src import hierarchical_kmeans_gpu as published
asked = json.loads(sys.argv[1])
vectors = torch.tensor(np.load(asked["vectors"]))
torch.manual_seed(asked["seed"]); np.random.seed(asked["seed"])
began, before = time.perf_counter(), time.process_time()
levels = published.hierarchical_kmeans_with_resampling(
    vectors, asked["clusters"], len(asked["clusters"]), asked["kept"], n_resamples=asked["steps"], verbose=False)
took = (time.process_time() - before, time.perf_counter() - began)
np.save(asked["centroids"], np.asarray(levels[0]["centroids"], dtype=np.float32))
print(json.dumps({"cpu": took[0], "wall": took[1], "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--clusters", default="500,100")
    parser.add_argument("--kept", default="10,3")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--peer-steps", help="two numbers of steps from which the published code's time is extrapolated"
    )
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--asked", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        ours(options.engine, json.loads(options.asked))
        return
    if options.reference is None or not (options.reference / "src").is_dir():
        parser.error("--reference DIR is needed: a checkout of the published code, with its folder src")
    compare(options)


def compare(options: argparse.Namespace) -> None:
    """Run all engines, one after the other, several times."""
    names = options.engines.split(",")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        vectors = Path(folder) / "vectors.npy"
        np.save(vectors, mixture(options.n, options.dim))
        for repeat in range(options.repeats):
            for name in names:
                asked = {
                    "vectors": str(vectors),
                    "centroids": str(Path(folder) / "centroids.npy"),
                    "clusters": [int(k) for k in options.clusters.split(",")],
                    "kept": [int(r) for r in options.kept.split(",")],
                    "steps": options.steps,
                    "seed": repeat,
                }
                peer = options.peer_steps if name == "reference" else None
                found[name].append(
                    extrapolated(asked, options.reference, peer) if peer else one(name, asked, options.reference)
                )
    print(f"n = {options.n:,}, d = {options.dim}, k = {options.clusters}, r = {options.kept}, {options.steps} steps\n")
    print("| engine | CPU-s | x | wall s | peak MB | inertia |\n|---|---|---|---|---|---|")
    base = median(run["cpu"] for run in found["reference"])
    for name, runs in found.items():
        cpu = [run["cpu"] for run in runs]
        inertia = sorted(run["inertia"] for run in runs)
        print(
            f"| {name} | {median(cpu):.2f} ({min(cpu):.2f}–{max(cpu):.2f}) | {base / median(cpu):.1f} "
            f"| {median(run['wall'] for run in runs):.2f} | {median(run['peak'] for run in runs) / 1024:.0f} "
            f"| {median(inertia):.2f} ({inertia[0]:.2f}–{inertia[-1]:.2f}) |"
        )


def extrapolated(asked: dict[str, object], reference: Path, peer_steps: str) -> dict[str, float]:
    """The published code with as many steps as asked, from two runs with fewer: every further one like the last."""
    few, more = (int(steps) for steps in peer_steps.split(","))
    first, second = (one("reference", {**asked, "steps": steps}, reference) for steps in (few, more))
    rest = int(str(asked["steps"])) - more
    told = ", ".join(f"{run['cpu']:.0f} s with {n} steps" for run, n in ((first, few), (second, more)))
    print(f"the published code took {told}; {rest} further ones are reckoned like the last", flush=True)
    grown = {name: second[name] + rest * (second[name] - first[name]) / (more - few) for name in ("cpu", "wall")}
    return {**second, **grown}


def one(name: str, asked: dict[str, object], reference: Path) -> dict[str, float]:
    """One run of one engine in a process of its own."""
    told = json.dumps(asked)
    command = [sys.executable, "-c", _REFERENCE, told, str(reference.resolve())]
    if name != "reference":
        command = [sys.executable, "-m", "benchmarks.against_reference", "--engine", name, "--asked", told]
    variables = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return {**found, "inertia": inertia(np.load(str(asked["vectors"])), np.load(str(asked["centroids"])))}


def ours(mode: str, asked: dict[str, object]) -> None:
    """Build our tree as asked, and tell what it took."""
    import time

    from curation_core import ClusterConfig, cluster

    vectors = np.load(str(asked["vectors"]))
    config = ClusterConfig(
        n_clusters=asked["clusters"], resample_size=asked["kept"], n_resamples=asked["steps"], mode=mode,
        seed=asked["seed"],
    )  # fmt: skip
    began, before = time.perf_counter(), time.process_time()
    tree = cluster(vectors, config)
    took = (time.process_time() - before, time.perf_counter() - began)
    np.save(str(asked["centroids"]), tree.levels[0].centroids)
    print(json.dumps({"cpu": took[0], "wall": took[1], "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


def inertia(vectors: np.ndarray, centroids: np.ndarray) -> float:
    """Mean squared distance of all points to their nearest centroid."""
    from curation_core.kmeans import assign

    return float(np.square(assign(vectors, centroids)[1], dtype=np.float64).mean())


if __name__ == "__main__":
    main()
