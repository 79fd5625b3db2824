"""One k-means by each of our engines and by other packages: CPU-seconds, wall, inertia and memory, interleaved.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.engines             # 100,000 x 384, k = 4,000
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.engines --size img --repeats 1

Sizes: a, b, c are two-level mixtures on the sphere with Zipf weights, img is 8 x 8 patches of scikit-learn's two
photographs. Every run is a process of its own, on one thread. All engines do the same number of Lloyd iterations on all
points and then assign every point; where one takes given centroids it starts from the same rows, otherwise from rows
of its own. Inertia is computed by us for all, outside of the time. Memory is the peak above what the process held when
the vectors were loaded. Packages that are not installed are skipped by name. Ours marked "no C" run as on a machine
without the native package.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from curation_core.executors import ONE_THREAD


@dataclass(frozen=True)
class Size:
    """A data set and what is asked of it."""

    kind: str
    n: int
    dim: int
    k: int
    n_iter: int


SIZES = {
    "a": Size("sphere", 100_000, 64, 1_000, 10),
    "b": Size("sphere", 100_000, 384, 4_000, 5),
    "img": Size("patches", 100_000, 192, 2_000, 8),
    "c": Size("sphere", 200_000, 128, 10_000, 3),
}
OURS = {  # name: (CURATE_KERNEL, whether the native package may be used)
    "ours": ("", True),
    "ours, torch-bf16, no C": ("torch-bf16", False),
    "ours, BLAS, no C": ("blas", False),
    "ours, faiss, no C": ("faiss", False),
}
PEERS = {
    "faiss.Kmeans": "faiss",
    "faiss.SuperKmeans": "faiss",
    "superkmeans, flat": "superkmeans",
    "scikit-learn": "sklearn",
    "fastkmeans": "fastkmeans",
}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="b")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the points and clusters")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="names of engines, separated by semicolons")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(json.loads(options.work))
        return
    size = SIZES[options.size]
    size = Size(size.kind, int(size.n * options.scale), size.dim, int(size.k * options.scale), size.n_iter)
    names = [name for name in (*OURS, *PEERS) if not options.only or name in options.only.split(";")]
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "vectors.npy", vectors_of(size))
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(options.repeats):
            for name in names:
                runs[name].append(apart(name, size, Path(folder)))
    show(size, runs, options.repeats)


def apart(name: str, size: Size, folder: Path) -> dict[str, float]:
    """One run in a process of its own; empty where the package is missing."""
    asked = {"name": name, "k": size.k, "n_iter": size.n_iter, "vectors": str(folder / "vectors.npy")}
    variables = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
    if name in OURS:
        variables["CURATE_KERNEL"] = OURS[name][0]
        if not variables["CURATE_KERNEL"]:
            del variables["CURATE_KERNEL"]
    if name in OURS and OURS[name][0] != "faiss":
        for knob in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # numpy's BLAS knows its processor
            variables.pop(knob, None)
    else:
        variables.setdefault("OPENBLAS_CORETYPE", "Haswell")  # the BLAS of faiss does not know newer ones
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.engines", "--work", json.dumps(asked)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{name}: skipped, {told}", file=sys.stderr)
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def work(asked: dict[str, Any]) -> None:
    """Do one run and print its figures as JSON."""
    name, k = asked["name"], asked["k"]
    if name in OURS and not OURS[name][1]:
        sys.modules["curation_kernels"] = None  # type: ignore[assignment]  # as if it were not installed
    vectors = np.load(asked["vectors"])
    start = vectors[np.random.default_rng(1).permutation(len(vectors))[:k]].copy()
    run = (by_us if name in OURS else RUNS[name])(vectors, start, asked["n_iter"])
    before, wall, cpu = peak(), time.perf_counter(), time.process_time()
    centroids = run()
    spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "peak": peak() - before}
    print(json.dumps({**spent, "inertia": inertia(vectors, np.asarray(centroids, np.float32))}))


def peak() -> float:
    """Most memory that this process has held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def inertia(vectors: np.ndarray, centroids: np.ndarray) -> float:
    """Mean squared distance to the nearest centroid, by differences in float64."""
    from curation_core.kmeans import assign

    return float(np.square(assign(vectors, centroids)[1], dtype=np.float64).mean())


Run = Callable[[], np.ndarray]


def by_us(vectors: np.ndarray, start: np.ndarray, n_iter: int) -> Run:
    """Lloyd of this project; packages that it would load on the way are loaded before."""
    from curation_core import kernels
    from curation_core.kmeans import kmeans

    if kernels.engine() == "torch-bf16":
        import torch  # noqa: F401
    if kernels.engine() == "faiss":
        import faiss  # noqa: F401
    return lambda: kmeans(vectors, len(start), start=start, max_iter=n_iter).centroids


def by_faiss(vectors: np.ndarray, start: np.ndarray, n_iter: int) -> Run:
    """Faiss from given centroids, with the assignment to what comes out."""
    import faiss

    faiss.omp_set_num_threads(1)
    found = faiss.Kmeans(vectors.shape[1], len(start), niter=n_iter, max_points_per_centroid=len(vectors))

    def run() -> np.ndarray:
        found.train(vectors, init_centroids=start)
        found.index.search(vectors, 1)
        return np.asarray(found.centroids)

    return run


def by_faiss_super(vectors: np.ndarray, start: np.ndarray, n_iter: int) -> Run:
    """The pruning variant of faiss; it starts from rows of its own."""
    import faiss

    faiss.omp_set_num_threads(1)
    found = faiss.SuperKmeans(vectors.shape[1], len(start), niter=n_iter, max_points_per_centroid=len(vectors))

    def run() -> np.ndarray:
        found.train(vectors)
        found.assign(vectors)
        return np.asarray(found.centroids)

    return run


def by_superkmeans(vectors: np.ndarray, start: np.ndarray, n_iter: int) -> Run:
    """Flat, on all points and to the last iteration: four defaults would take a sample, stop early or go by levels."""
    from superkmeans import SuperKMeans

    whole = {"sampling_fraction": 1.0, "max_points_per_cluster": len(vectors), "early_termination": False}
    found = SuperKMeans(len(start), vectors.shape[1], hierarchical=False, iters=n_iter, n_threads=1, **whole)

    def run() -> np.ndarray:
        centroids = np.asarray(found.train(vectors))
        found.assign(vectors, centroids)
        return centroids

    return run


def by_sklearn(vectors: np.ndarray, start: np.ndarray, n_iter: int) -> Run:
    """Lloyd of scikit-learn from given centroids."""
    from sklearn.cluster import KMeans

    found = KMeans(len(start), init=start, n_init=1, max_iter=n_iter, tol=0, algorithm="lloyd")
    return lambda: np.asarray(found.fit(vectors).cluster_centers_)


def by_fastkmeans(vectors: np.ndarray, start: np.ndarray, n_iter: int) -> Run:
    """Fastkmeans on the processor; it starts from rows of its own."""
    import torch
    from fastkmeans import FastKMeans

    torch.set_num_threads(1)
    found = FastKMeans(vectors.shape[1], len(start), niter=n_iter, tol=-1, gpu=False, use_triton=False)

    def run() -> np.ndarray:
        found.train(vectors)
        found.predict(vectors)
        return np.asarray(found.centroids)

    return run


RUNS: dict[str, Callable[[np.ndarray, np.ndarray, int], Run]] = dict(
    zip(PEERS, (by_faiss, by_faiss_super, by_superkmeans, by_sklearn, by_fastkmeans), strict=True)
)


def vectors_of(size: Size) -> np.ndarray:
    """The data set: (n, dim) float32."""
    return patches(size.n) if size.kind == "patches" else sphere(size.n, size.dim)


def sphere(n: int, dim: int, n_top: int = 50, n_low: int = 40) -> np.ndarray:
    """Clusters of clusters on the unit sphere, Zipf-sized, with a spectrum that falls as 1 / j."""
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, dim + 1) ** -0.5
    top = (rng.standard_normal((n_top, dim)) * spectrum).repeat(n_low, axis=0)
    centres = top + 0.6 * rng.standard_normal((len(top), dim)) * spectrum
    weights = 1 / (1 + rng.permutation(len(centres)))
    label = rng.choice(len(centres), n, p=weights / weights.sum())
    found = np.empty((n, dim), np.float32)
    for first in range(0, n, 10_000):
        block = centres[label[first : first + 10_000]]
        block = block + 0.5 * rng.standard_normal(block.shape) * spectrum
        found[first : first + 10_000] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return found


def patches(n: int, side: int = 8) -> np.ndarray:
    """Random patches of the two photographs that come with scikit-learn, colours from 0 to 1: (n, 192)."""
    from sklearn.datasets import load_sample_images

    pictures, rng = load_sample_images().images, np.random.default_rng(0)
    found = np.empty((n, side * side * 3), np.float32)
    for row in range(n):
        picture = pictures[rng.integers(len(pictures))]
        y, x = rng.integers(picture.shape[0] - side), rng.integers(picture.shape[1] - side)
        found[row] = picture[y : y + side, x : x + side].reshape(-1) / np.float32(255)
    return found


def show(size: Size, runs: dict[str, list[dict[str, float]]], repeats: int) -> None:
    """Print the medians beside faiss.Kmeans."""
    base = runs.get("faiss.Kmeans") or [{}]
    seconds = median(one["cpu"] for one in base) if base[0] else float("nan")
    print(
        f"n = {size.n:,}, d = {size.dim}, k = {size.k:,}, {size.n_iter} iterations ({size.kind}), median of {repeats}\n"
    )
    print("| engine | CPU-s (range) | x faiss | wall s | inertia | peak MB |\n|---|---|---|---|---|---|")
    for name, found in runs.items():
        if not found or not all(found):
            print(f"| {name} | not here | | | | |")
            continue
        cpu = sorted(one["cpu"] for one in found)
        wall, most, mean = (median(one[what] for one in found) for what in ("wall", "peak", "inertia"))
        told = f"{median(cpu):.2f} ({cpu[0]:.2f}–{cpu[-1]:.2f}) | {seconds / median(cpu):.2f}"
        print(f"| {name} | {told} | {wall:.1f} | {mean:.5f} | {most:.0f} |")


if __name__ == "__main__":
    main()
