"""What the kernels of k-means take, side by side with BLAS and faiss: CPU-seconds, one thread each, interleaved.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.kernels

Points are a Zipf mixture of 300 Gaussian clusters, one Gaussian without any structure, and 8 x 8 patches of two
photographs. All engines start from the same rows and do the same number of iterations with every point assigned
exactly; ours leaves out what cannot change a label.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

import faiss
import numpy as np
from sklearn.datasets import load_sample_images

from curation_core import engines as others
from curation_core import kernels
from curation_core.kmeans import fit, seeds
from curation_core.points import Points

SIZES = ((100_000, 384, 4_000, 5), (100_000, 128, 4_000, 5), (100_000, 64, 1_000, 10))
OTHERS = (("one Gaussian", 100_000, 384, 4_000, 5), ("patches of photographs", 100_000, 192, 4_000, 5))


def own_engines() -> list[str]:
    """The native kernels and BLAS; `benchmarks.engines` has the others."""
    return [name for name in kernels.engines() if name not in others.NAMES]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the points and clusters, for a first look")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    engines = own_engines()
    print("| work | " + " | ".join([*engines, "faiss"]) + " |\n" + "|---" * (len(engines) + 2) + "|")
    for n, dim, k, n_iter in SIZES:
        one_size(int(n * options.scale), dim, int(k * options.scale), n_iter, options.repeats)
    for kind, n, dim, k, n_iter in OTHERS:
        n, k = int(n * options.scale), int(k * options.scale)
        vectors = patches(n) if kind.startswith("patches") else np.random.default_rng(3).standard_normal((n, dim))
        passes(f"{kind}, n={n:,} d={dim} k={k:,}", vectors.astype(np.float32), k, n_iter, options.repeats)


def one_size(n: int, dim: int, k: int, n_iter: int, repeats: int) -> None:
    """Print the rows of one size: a pass, some iterations, and seeding on a quarter."""
    vectors = mixture(n, dim)
    passes(f"n={n:,} d={dim} k={k:,}", vectors, k, n_iter, repeats)
    few, engines = Points.of(vectors[: n // 4]), own_engines()
    seeding: dict[str, Callable[[], object]] = dict.fromkeys(
        engines, lambda: seeds(few, k // 4, "kmeans++", np.random.default_rng(0))
    )
    show(f"seed {k // 4:,} of {n // 4:,}, d={dim}", seeding, repeats)
    sums = [after_seeding(few, k // 4, name) for name in (engines[0], "blas")]
    change = 100 * (np.array(sums[0]) / np.array(sums[1]) - 1)
    told = f"{change.mean():+.2f} % ± {change.std(ddof=1) / np.sqrt(len(change)):.2f}"
    print(f"| its sum of squared distances beside BLAS, mean of {len(change)} seeds | {told} {'| ' * len(engines)}|")


def passes(what: str, vectors: np.ndarray, k: int, n_iter: int, repeats: int) -> None:
    """Print a pass and some iterations, of the native kernels, BLAS and faiss."""
    engines, points = own_engines(), Points.of(vectors)
    start = vectors[np.random.default_rng(1).permutation(len(vectors))[:k]]
    table, index = points.table(start), faiss.IndexFlatL2(vectors.shape[1])
    index.add(start)
    once: dict[str, Callable[[], object]] = dict.fromkeys(engines, lambda: kernels.lowest(points.x, table))
    show(f"assign once, {what}", {**once, "faiss": lambda: index.search(vectors, 1)}, repeats)
    lloyd: dict[str, Callable[[], object]] = dict.fromkeys(engines, lambda: fit(points, start, n_iter).inertia)
    found = show(f"{n_iter} iterations, {what}", {**lloyd, "faiss": lambda: by_faiss(vectors, start, n_iter)}, repeats)
    beside = [f"{100 * (float(str(found[name])) / float(str(found['faiss'])) - 1):+.4f} %" for name in engines]
    print(f"| its inertia beside that of faiss | {' | '.join(beside)} | |")


def after_seeding(points: Points, k: int, engine: str, n_seeds: int = 8) -> list[float]:
    """Sum of squared distances to the nearest seed, for several seeds of chance."""
    os.environ[kernels.CHOICE] = engine
    starts = (seeds(points, k, "kmeans++", np.random.default_rng(seed)) for seed in range(n_seeds))
    return [fit(points, start, 0).inertia for start in starts]


def mixture(n: int, dim: int) -> np.ndarray:
    """Zipf-sized Gaussian clusters: (n, dim) float32."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((300, dim))
    return (centres[rng.zipf(1.5, n) % 300] + 0.8 * rng.standard_normal((n, dim))).astype(np.float32)


def patches(n: int) -> np.ndarray:
    """Squares of 8 x 8 pixels from the two photographs that scikit-learn brings: (n, 192)."""
    rng, found = np.random.default_rng(0), []
    for image in load_sample_images().images:
        high, wide = (rng.integers(0, size - 8, n // 2) for size in image.shape[:2])
        found += [image[y : y + 8, x : x + 8].ravel() for y, x in zip(high, wide, strict=True)]
    return np.array(found)


def by_faiss(vectors: np.ndarray, start: np.ndarray, n_iter: int) -> float:
    """Faiss's Lloyd on all points from given centroids; the inertia of its last assignment."""
    found = faiss.Kmeans(vectors.shape[1], len(start), niter=n_iter, max_points_per_centroid=len(vectors))
    found.train(vectors, init_centroids=start)
    return float(found.index.search(vectors, 1)[0].sum(dtype=np.float64))


def show(what: str, work: dict[str, Callable[[], object]], repeats: int) -> dict[str, object]:
    """Time all, one after the other, several times; print the medians and the ratio to BLAS."""
    took: dict[str, list[float]] = {name: [] for name in work}
    results: dict[str, object] = {}
    for _ in range(repeats):
        for name, call in work.items():
            os.environ[kernels.CHOICE] = name if name != "faiss" else "blas"
            began = time.process_time()
            results[name] = call()
            took[name].append(time.process_time() - began)
    medians = {name: median(values) for name, values in took.items()}
    cells = [f"{seconds:.2f} s ({medians['blas'] / seconds:.2f}x)" for seconds in medians.values()]
    print(f"| {what} | " + " | ".join(cells) + (" |" if "faiss" in work else " | |"), flush=True)
    return results


if __name__ == "__main__":
    main()
