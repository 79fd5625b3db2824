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
from dataclasses import dataclass
from statistics import median

import faiss
import numpy as np
from sklearn.datasets import load_sample_images

from curation_core import engines as others
from curation_core import kernels
from curation_core.kmeans import fit, seeds
from curation_core.points import Points

SIZES = ((100_000, 384, 4_000, 5), (100_000, 128, 4_000, 5), (100_000, 64, 1_000, 10))
PATCH = 8 * 8 * 3
OTHERS = (("one Gaussian", 100_000, 384, 4_000, 5), ("patches of photographs", 100_000, PATCH, 4_000, 5))
FAISS = "faiss"
Work = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Options:
    """What to run: the names of the columns, how often, at which share of the sizes, and whether seeding too."""

    engines: list[str]
    repeats: int
    scale: float
    seeding: bool

    def row(self, what: str, work: Work) -> dict[str, object]:
        """`show` for the columns asked for."""
        return show(what, {name: work[name] for name in self.engines if name in work}, len(self.engines), self.repeats)


def main() -> None:
    """Print one table."""
    known = [*(name for name in kernels.engines() if name not in others.NAMES), FAISS]  # benchmarks.engines: the others
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the points and clusters, for a first look")
    parser.add_argument("--engines", nargs="+", choices=known, default=known, help="which columns, all unless given")
    parser.add_argument("--no-seeding", action="store_true", help="leave out the rows of seeding")
    given = parser.parse_args()
    options = Options(given.engines, given.repeats, given.scale, not given.no_seeding)
    faiss.omp_set_num_threads(1)
    print(f"| work | {' | '.join(options.engines)} |\n" + "|---" * (len(options.engines) + 1) + "|")
    for n, dim, k, n_iter in SIZES:
        one_size(int(n * options.scale), dim, int(k * options.scale), n_iter, options)
    for kind, n, dim, k, n_iter in OTHERS:
        n, k = int(n * options.scale), int(k * options.scale)
        vectors = patches(n) if dim == PATCH else np.random.default_rng(3).standard_normal((n, dim))
        passes(f"{kind}, n={n:,} d={dim} k={k:,}", vectors.astype(np.float32), k, n_iter, options)


def one_size(n: int, dim: int, k: int, n_iter: int, options: Options) -> None:
    """Print the rows of one size: a pass, some iterations, and seeding on a quarter."""
    vectors = mixture(n, dim)
    passes(f"n={n:,} d={dim} k={k:,}", vectors, k, n_iter, options)
    if not options.seeding:
        return
    few, ours = Points.of(vectors[: n // 4]), [name for name in options.engines if name != FAISS]
    work: Work = dict.fromkeys(ours, lambda: seeds(few, k // 4, "kmeans++", np.random.default_rng(0)))
    options.row(f"seed {k // 4:,} of {n // 4:,}, d={dim}", work)
    sums = [after_seeding(few, k // 4, name) for name in (ours[0], "blas")]
    change = 100 * (np.array(sums[0]) / np.array(sums[1]) - 1)
    told = f"{change.mean():+.2f} % ± {change.std(ddof=1) / np.sqrt(len(change)):.2f}"
    rest = "| " * len(options.engines)
    print(f"| its sum of squared distances beside BLAS, mean of {len(change)} seeds | {told} {rest}|")


def passes(what: str, vectors: np.ndarray, k: int, n_iter: int, options: Options) -> None:
    """Print a pass and some iterations."""
    points, start = Points.of(vectors), vectors[np.random.default_rng(1).permutation(len(vectors))[:k]]
    table, index = points.table(start), faiss.IndexFlatL2(vectors.shape[1])
    index.add(start)
    once: Work = dict.fromkeys(options.engines, lambda: kernels.lowest(points.x, table))
    options.row(f"assign once, {what}", {**once, FAISS: lambda: index.search(vectors, 1)})
    lloyd: Work = dict.fromkeys(options.engines, lambda: fit(points, start, n_iter).inertia)
    found = options.row(f"{n_iter} iterations, {what}", {**lloyd, FAISS: lambda: by_faiss(vectors, start, n_iter)})
    if FAISS in found:
        beside = [100 * (float(str(value)) / float(str(found[FAISS])) - 1) for value in found.values()]
        print(f"| its inertia beside that of faiss | {' | '.join(f'{value:+.4f} %' for value in beside)} |")


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


def show(what: str, work: Work, width: int, repeats: int) -> dict[str, object]:
    """Time all, one after the other, several times; print the medians in a row of so many, each beside the last one."""
    took: dict[str, list[float]] = {name: [] for name in work}
    results: dict[str, object] = {}
    for _ in range(repeats):
        for name, call in work.items():
            os.environ[kernels.CHOICE] = name if name != FAISS else "blas"
            began = time.process_time()
            results[name] = call()
            took[name].append(time.process_time() - began)
    medians = [median(values) for values in took.values()]
    cells = [f"{seconds:.2f} s ({medians[-1] / seconds:.2f}x)" for seconds in medians]
    print(f"| {what} | {' | '.join(cells)} |" + " |" * (width - len(cells)), flush=True)
    return results


if __name__ == "__main__":
    main()
