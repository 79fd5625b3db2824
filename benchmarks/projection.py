"""The map beside umap-learn's defaults: CPU-seconds, wall, peak memory, trustworthiness and recall.

    python -m benchmarks.projection [--sizes 10000 50000 200000] [--large 1000000] [--repeats 3] [--engines ours]

Every run is a process of its own, the engines take turns, and what an engine imports and compiles counts. Vectors are
a two-level Zipf mixture on the sphere, d = 128. Trustworthiness@15 and recall@15 (share of the true 15 nearest among
the 15 nearest in the plane) are those of 500 fixed queries against exact neighbours.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

NEAREST = 15
QUERIES = 500
PAIRS = 20_000
ENGINES = ("umap-learn", "ours")
_BLOCK = 50_000
_BATCH = 10  # queries at once


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 50_000, 200_000])
    parser.add_argument("--large", type=int, default=1_000_000, help="items of the preview's row; 0 leaves it out")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--engines", nargs="*", default=ENGINES, choices=ENGINES)
    parser.add_argument("--one", nargs=3, metavar=("ENGINE", "VECTORS", "PLACES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| items | engine | CPU-s | wall s | memory MB | trustworthiness | recall | order of distances |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n in options.sizes:
            beside(Path(folder), n, tuple(options.engines), options.repeats)
        if options.large:
            beside(Path(folder), options.large, ("ours",), 1)


def beside(folder: Path, n: int, engines: tuple[str, ...], repeats: int) -> None:
    """Rows of one size; medians of the repeats, and the figures of the first map of each."""
    vectors = folder / f"{n}.npy"
    np.save(vectors, mixture(n))
    took: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for number in range(repeats):
        for engine in engines:
            took[engine].append(fresh(engine, vectors, folder / f"{n}-{engine}-{number}.npy"))
    x = np.load(vectors)
    truth = Truth(x)
    for engine in engines:
        cells = [median(run[name] for run in took[engine]) for name in ("cpu", "wall", "memory")]
        show(n, engine, cells, truth.figures(np.load(folder / f"{n}-{engine}-0.npy")))
        early = folder / f"{n}-{engine}-0.preview.npy"
        if early.exists():
            cells = [median(run[name] for run in took[engine]) for name in ("preview cpu", "preview wall")]
            show(n, f"{engine}, preview", [*cells, float("nan")], truth.figures(np.load(early)))
        if engine == "ours":
            print(f"<!-- {n:,}: {json.dumps(took[engine][0]['facts'])} -->", flush=True)


def show(n: int, engine: str, cells: list[float], figures: tuple[float, ...]) -> None:
    """Print one row."""
    cost = [f"{cells[0]:.1f}", f"{cells[1]:.1f}", "" if np.isnan(cells[2]) else f"{cells[2]:.0f}"]
    told = [f"{figures[0]:.4f}", f"{figures[1]:.3f}", f"{figures[2]:.2f}"]
    print(f"| {n:,} | {engine} | " + " | ".join([*cost, *told]) + " |", flush=True)


def fresh(engine: str, vectors: Path, places: Path) -> dict[str, Any]:
    """One run in a process of its own: cpu, wall, memory in MB beyond what the vectors and numpy take, facts."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "benchmarks.projection",
        "--one",
        engine,
        str(vectors),
        str(places),
    ]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def one(engine: str, vectors: str, places: str) -> None:
    """What a fresh process does: read, lay out, write, and tell what it took as JSON."""
    x = np.load(vectors)
    before, began, spent = peak(), time.perf_counter(), time.process_time()
    told: dict[str, Any] = {"facts": {}}

    def preview(found: Any) -> None:
        told["preview wall"], told["preview cpu"] = time.perf_counter() - began, time.process_time() - spent
        np.save(Path(places).with_suffix(".preview.npy"), found.xy)

    if engine == "umap-learn":
        import umap

        xy = umap.UMAP().fit_transform(x)
    else:
        from curation_core.config import ProjectConfig
        from curation_core.projection import project

        found = project(x, ProjectConfig(), preview=preview)
        xy, told["facts"] = found.xy, dict(found.facts)
    told |= {"wall": time.perf_counter() - began, "cpu": time.process_time() - spent, "memory": peak() - before}
    np.save(places, xy)
    print(json.dumps(told))


def peak() -> float:
    """Most memory this program has had, in MB; what getrusage tells includes what its parent had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def mixture(n: int, dim: int = 128, seed: int = 0) -> np.ndarray:
    """Vectors of 3,000 clusters under 100, both of Zipf sizes, on the sphere: (n, dim) float32."""
    rng, coarse, fine = np.random.default_rng([seed, dim]), 100, 3_000
    centres = rng.standard_normal((coarse, dim))[rng.choice(coarse, fine, p=zipf(coarse))]
    centres += 0.5 * rng.standard_normal((fine, dim))
    labels, x = rng.choice(fine, n, p=zipf(fine)), np.empty((n, dim), np.float32)
    for start in range(0, n, _BLOCK):
        block = centres[labels[start : start + _BLOCK]]
        block += 0.45 * rng.standard_normal(block.shape)
        x[start : start + _BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return x


def zipf(k: int) -> np.ndarray:
    """Shares 1, 1/2, 1/3 and so on."""
    weight = 1 / np.arange(1, k + 1)
    return weight / weight.sum()


class Truth:
    """Fixed queries, the distances of all rows from each, and pairs whose distances a map should put in order."""

    def __init__(self, x: np.ndarray) -> None:
        rng = np.random.default_rng(1)
        self.x, self.queries = x, rng.choice(len(x), min(QUERIES, len(x)), replace=False)
        self.pairs = rng.integers(0, len(x), (PAIRS, 2))

    def figures(self, xy: np.ndarray) -> tuple[float, float, float]:
        """Trustworthiness@15, recall@15, and Spearman's correlation of distances of pairs."""
        from scipy.spatial import cKDTree
        from scipy.stats import spearmanr

        n, k, misplaced, kept = len(self.x), NEAREST, 0.0, 0
        near = cKDTree(xy).query(xy[self.queries], k + 1)[1]
        for start in range(0, len(self.queries), _BATCH):
            rows = self.queries[start : start + _BATCH]
            likeness = self.x[rows] @ self.x.T  # all of length 1: the most alike is the nearest
            for row, alike, found in zip(rows, likeness, near[start : start + _BATCH], strict=True):
                alike[row] = np.inf
                rank = (alike > alike[found[found != row][:k], None]).sum(axis=1)  # its own place is 0
                misplaced += float(np.maximum(rank - k, 0).sum())
                kept += int((rank <= k).sum())
        trust = 1 - 2 / (len(self.queries) * k * (2 * n - 3 * k - 1)) * misplaced
        between = [np.linalg.norm(one[self.pairs[:, 0]] - one[self.pairs[:, 1]], axis=1) for one in (self.x, xy)]
        return trust, kept / (k * len(self.queries)), float(spearmanr(*between)[0])


if __name__ == "__main__":
    main()
