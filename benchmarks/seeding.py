"""Where Lloyd starts, and what comes of it: CPU-seconds of one thread and inertia beside greedy k-means++.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.seeding [--seeds 3] [--write]

Two kinds of vectors: a mixture of 300 round clusters, and clusters within clusters whose sizes and widths follow power
laws. Inertia is that of all vectors after seeding, and after ten iterations of Lloyd.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.kernels import mixture
from curation_core.kmeans import fit, seeds
from curation_core.points import Points
from curation_core.seeding import QUICK_ROWS, quick_init

README = Path(__file__).with_name("README.md")
SIZES = (
    (100_000, 128, 1_000),
    (100_000, 128, 4_000),
    (100_000, 128, 10_000),
    (50_000, 384, 1_000),
    (50_000, 384, 4_000),
)
LARGE = ((1_000_000, 32, 1_000),)
N_ITER = 10
Draw = Callable[[Points, int, np.random.Generator], np.ndarray]


def nested(n: int, dim: int) -> np.ndarray:
    """3,000 clusters in 200, power laws everywhere: (n, dim) float32."""
    rng, width = np.random.default_rng(0), 1 / np.sqrt(1 + np.arange(dim))
    coarse = rng.standard_normal((200, dim)) * width
    fine = coarse[rng.zipf(1.3, 3_000) % 200] + 0.5 * rng.standard_normal((3_000, dim)) * width
    return (fine[rng.zipf(1.2, n) % 3_000] + 0.3 * rng.standard_normal((n, dim)) * width).astype(np.float32)


def quick(points: Points, k: int, rng: np.random.Generator) -> np.ndarray:
    """As the first run of a level in mode "fast"."""
    if len(points) > 2 * QUICK_ROWS * k:
        points = points.take(np.sort(rng.choice(len(points), QUICK_ROWS * k, replace=False)))
    return seeds(points, k, quick_init("kmeans++", len(points), k), rng)


WAYS: dict[str, Draw] = {
    "greedy k-means++": lambda points, k, rng: seeds(points, k, "kmeans++", rng),
    "the same, 4 candidates": lambda points, k, rng: seeds(points, k, "kmeans++", rng, n_candidates=4),
    "k-means++, 1 candidate": lambda points, k, rng: seeds(points, k, "kmeans++", rng, n_candidates=1),
    "**k-means\\|\\|**": lambda points, k, rng: seeds(points, k, "kmeans||", rng),
    "**mode fast**": quick,
    "random": lambda points, k, rng: seeds(points, k, "random", rng),
}


def measured(points: Points, k: int, way: Draw, n_seeds: int) -> np.ndarray:
    """Seconds, inertia after seeding, inertia after Lloyd: means over seeds."""
    found = []
    for seed in range(n_seeds):
        began = time.process_time()
        start = way(points, k, np.random.default_rng(seed))
        took = time.process_time() - began
        found.append((took, fit(points, start, 0).inertia, fit(points, start, N_ITER).inertia))
    return np.mean(found, axis=0)


def rows_of(n: int, dim: int, k: int, n_seeds: int) -> list[str]:
    """Table rows of one size: the two kinds of vectors side by side."""
    pools = [Points.of(kind(n, dim)) for kind in (mixture, nested)]
    base, lines = [], []
    for name, way in WAYS.items():
        found = [measured(points, k, way, n_seeds) for points in pools]
        base = base or found
        cells = [
            f"{seconds:.2f} s | {100 * (seeded / of[1] - 1):+.1f} % | {100 * (settled / of[2] - 1):+.2f} %"
            for (seconds, seeded, settled), of in zip(found, base, strict=True)
        ]
        lines.append(f"| {n:,} × {dim}, k = {k:,} | {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first", type=int, default=len(SIZES) + len(LARGE), help="only so many sizes")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    lines = [
        "| work | seeds by | round clusters: seeding | then | after Lloyd | nested: seeding | then | after Lloyd |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    print("\n".join(lines))
    for size in (*SIZES, *LARGE)[: asked.first]:
        lines += rows_of(*size, asked.seeds)
    if asked.write:
        before, rest = README.read_text("utf-8").split("<!-- seeding:begin -->\n")
        after = rest.split("<!-- seeding:end -->")[1]
        told = "\n".join(lines)
        README.write_text(f"{before}<!-- seeding:begin -->\n{told}\n<!-- seeding:end -->{after}", "utf-8")


if __name__ == "__main__":
    main()
