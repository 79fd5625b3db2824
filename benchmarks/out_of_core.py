"""Clustering from the disk: time and peak memory of a process as the vectors grow, and what was predicted for them.

    python -m benchmarks.out_of_core                      # 0.25, 0.5, 1 and 2 million x 256, float16
    python -m benchmarks.out_of_core --folder BIG_DISK --sizes 10000000

Vectors are a two-level Zipf mixture, written as one .npy file; k = (n / 100, n / 1,000, n / 10,000). Each size runs in
a process of its own. Peak memory is the largest resident set of that process, with and without what it takes before it
has seen a vector (interpreter and libraries).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZES = (250_000, 500_000, 1_000_000, 2_000_000)
_BLOCK = 50_000


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--folder", type=Path, help="where the vectors lie meanwhile; the system's unless given")
    parser.add_argument("--steps", type=int, default=3, help="resampling steps")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(Path(options.one), options.steps)
        return
    print(
        "| vectors | MB on disk | k | CPU-s | wall s | predicted s | peak RSS, MB | above an idle process | nearest |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for n in options.sizes:
            path = Path(folder) / "vectors.npy"
            written(path, n, options.dim)
            command = [
                sys.executable,
                "-m",
                "benchmarks.out_of_core",
                "--one",
                str(path),
                "--steps",
                str(options.steps),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(json.loads(done.stdout.splitlines()[-1])["row"], flush=True)


def written(path: Path, n: int, dim: int) -> None:
    """A two-level mixture: 400 places with 25 each within them, Zipf-sized; float16."""
    rng = np.random.default_rng(0)
    places = rng.standard_normal((400, 1, dim)) + 0.6 * rng.standard_normal((400, 25, dim))
    places = places.reshape(-1, dim).astype(np.float32)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(n, dim))
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        which = (rng.zipf(1.2, stop - start) * 7919) % len(places)
        rows[start:stop] = places[which] + 0.5 * rng.standard_normal((stop - start, dim), dtype=np.float32)
    rows.flush()


def one(path: Path, steps: int) -> None:
    """Cluster one file and print its row."""
    from curation_core import ClusterConfig, cluster
    from curation_core.forecast import predict_cost

    vectors = np.load(path, mmap_mode="r")
    n, dim = vectors.shape
    config = ClusterConfig(n_clusters=(n // 100, n // 1000, n // 10_000), n_resamples=steps)
    predicted, idle = predict_cost(n, dim, config), peak_mb()
    began, before = time.perf_counter(), time.process_time()
    tree = cluster(vectors, config)
    cpu, wall = time.process_time() - before, time.perf_counter() - began
    last = [record for record in tree.trace if record["level"] == 1][-1]
    near = f"{100 * last['nearest']:.1f} %" if "nearest" in last else "all"
    k = ", ".join(f"{count:,}" for count in tree.n_clusters)
    cells = [f"{n:,} x {dim}", f"{vectors.nbytes / 1e6:,.0f}", k, f"{cpu:,.0f}", f"{wall:,.0f}"]
    cells += [f"{predicted.seconds:,.0f}", f"{peak_mb():,.0f}", f"{peak_mb() - idle:,.0f}", near]
    print(json.dumps({"row": f"| {' | '.join(cells)} |"}))


def peak_mb() -> float:
    """Largest resident set of this process so far; not ru_maxrss, which begins with that of the parent."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    main()
