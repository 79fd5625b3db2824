"""What clustering will take, told before it starts: time, memory, disk.

The work is counted step by step as `cluster` does it: seeds, iterations, resampling, cells. Rates are those of one core
of a reference machine, by family of engines (`benchmarks/forecast.py`), and brought to this machine by a search that
takes a few thousandths of a second. How often Lloyd iterates hangs on the vectors, so time is right within a factor of
two or so. The choice of a tree hangs on none of this: see `advice`.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from curation_core import kernels, points
from curation_core.advice import FAST_CANDIDATES, advise, resample_sizes
from curation_core.cells import N_NEAR, n_cells
from curation_core.config import ClusterConfig
from curation_core.engines import NAMES as OTHER_ENGINES
from curation_core.kmeans import PER_CLUSTER, sampled_rows, seeded_rows
from curation_core.seeding import ROUNDS, WORTH_ROUNDS, pool_rows, quick_init

_PASSES = {"fast": 3.5, "compatible": 6.0}  # full passes that Lloyd costs with exact skipping, measured 2 to 9 ...
_FEW_PASSES = 3.0  # ... with fewer than five points a cluster ...
_MANY_PASSES = 2  # ... and so many times as much to the fixed point with a hundred or more
_COARSE_PASSES = 4.0
_REJECTED = 1.25  # proposed seeds for every candidate
_ITEM_SECONDS = 0.5e-6  # per point and run, and per point and dimension: reading, sorting, writing
_VALUE_SECONDS = 4e-9
_BLOCK_BYTES = 32 << 20  # working blocks
_ITEM_BYTES = 48  # labels, scores and distances of a point, and the copies of them that an iteration makes
_LARGEST_CELL = 6  # times the average one
_UNEVEN = 1.6  # work in all cells, times that in as many average ones
_PROBE = (4_096, 64, 512)  # points, dimensions and centroids of the search that is timed


@dataclass(frozen=True)
class Rates:
    """CPU-seconds of one core.

    score, value: a point held against a centroid, and per dimension. seed, seed_value: a point held against a proposed
    seed. each: a seed chosen. probe: the search of `calibrated`.
    """

    score: float
    value: float
    seed: float
    seed_value: float
    each: float
    probe: float


REFERENCE = {  # one core of an AMD EPYC (Zen 5)
    "bytes": Rates(0.12e-9, 2.9e-12, 0.5e-9, 1.9e-12, 4e-6, 1.23e-3),
    "float32": Rates(0.04e-9, 7.9e-12, 0.5e-9, 1.9e-12, 4e-6, 1.19e-3),
    "blas": Rates(0.18e-9, 16.8e-12, 1.0e-9, 16e-12, 25e-6, 2.44e-3),
}


@dataclass(frozen=True)
class Cost:
    """What clustering takes.

    seconds: of the clock. cpu_seconds: of all cores together. memory_bytes: at most, beyond the vectors as given.
    disk_bytes: prepared vectors, the tree, and what is kept meanwhile to go on from after a kill.
    """

    seconds: float
    memory_bytes: int
    disk_bytes: int
    cpu_seconds: float = 0.0

    def sentence(self) -> str:
        """Such as "about 3 min, 1.2 GB of memory, 400 MB on disk"."""
        return f"about {_time(self.seconds)}, {_size(self.memory_bytes)} of memory, {_size(self.disk_bytes)} on disk"

    def warnings(self, memory_there: int | None, disk_free: int | None) -> list[str]:
        """What will not fit, and what to change; None: not known."""
        found = []
        if memory_there is not None and self.memory_bytes > memory_there:
            found.append(
                f"This needs {_size(self.memory_bytes)} of memory and {_size(memory_there)} are free: ask for fewer "
                f"clusters, or set {points.MEMORY} below {points.memory_bytes() >> 20}."
            )
        if disk_free is not None and self.disk_bytes > disk_free:
            found.append(
                f"This writes {_size(self.disk_bytes)} and {_size(disk_free)} are free on the disk: free some, or "
                "choose a preset of fewer dimensions, such as pca-64."
            )
        return found


def predict_cost(
    n: int, dim: int, config: ClusterConfig, *, rates: Rates | None = None, n_threads: int | None = None
) -> Cost:
    """What clustering n vectors of `dim` dimensions will take; levels left empty are those of `advise`.

    rates, n_threads: those of this machine unless given.
    """
    advice = advise(n, config.expected_target, dim=dim)
    n_clusters = config.n_clusters or advice.n_clusters
    sizes = config.resample_size or resample_sizes(n, n_clusters)
    rates, threads = rates or calibrated(kernels.engine()), n_threads or kernels.n_threads()
    alone = shared = 0.0
    cells = n_cells(n, n_clusters[0], config)
    for number, (m, k, size) in enumerate(zip((n, *n_clusters), n_clusters, sizes, strict=False)):
        for one, many in _level(m, k, size, dim, config, rates, cells if not number else 0):
            alone, shared = alone + one, shared + many
    memory = _memory(n, dim, n_clusters[0], config, cells)
    return Cost(alone + shared / threads, memory, _disk(n, dim, n_clusters), alone + shared)


def free_memory() -> int | None:
    """Memory that programs can still have, in bytes; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
        told = dict(line.split(":", 1) for line in lines)
        return int(told["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pages = os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}) else None
        return None if pages is None else pages * os.sysconf("SC_PAGE_SIZE")


def free_disk(folder: Path) -> int:
    """Bytes free where a folder lies or will lie."""
    return shutil.disk_usage(next(one for one in (folder, *folder.absolute().parents) if one.exists())).free


def family(engine: str) -> str:
    """Which of the reference rates an engine has."""
    if engine == "blas":
        return "blas"
    return "float32" if engine in ("avx512", "avx2") or engine in OTHER_ENGINES else "bytes"


@cache
def calibrated(engine: str) -> Rates:
    """Rates of an engine on this machine: the reference's, by how long a small search takes here; kept for good."""
    rates = REFERENCE[family(engine)]
    n, dim, k = _PROBE
    x = np.random.default_rng(0).standard_normal((n, dim + 1), dtype=np.float32)
    x[:, -1] = 1
    table = -x[:k]
    table[:, -1] = np.einsum("ij,ij->i", table[:, :-1], table[:, :-1]) / 2
    search = kernels.Search.of(table)
    clock = time.perf_counter if engine in OTHER_ENGINES else time.process_time  # a GPU's time is not ours
    took = []
    for _ in range(6):
        began = clock()
        search.lowest(x)
        took.append(clock() - began)
    slower = min(max(min(took) / rates.probe, 0.02), 50.0)
    return replace(rates, **{name: value * slower for name, value in vars(rates).items()})


Work = Iterator[tuple[float, float]]  # seconds of one core, and seconds that cores share


def _level(m: int, k: int, size: int, dim: int, config: ClusterConfig, rates: Rates, cells: int) -> Work:
    """A level of k clusters of m points, `size` of each kept by resampling."""
    if not cells:
        yield from _whole_level(m, k, size, dim, config, rates)
        return
    sample, inside, share = min(m, PER_CLUSTER * cells), m / cells, max(1.0, k / cells)
    yield from _run(sample, cells, dim, rates, config.init, _COARSE_PASSES)
    yield 0.0, _search(m, cells, dim, rates)
    for one, many in _whole_level(int(inside), int(share), size, dim, config, rates):
        yield _UNEVEN * cells * one, _UNEVEN * cells * many
    yield 2 * m * dim * _VALUE_SECONDS, _search(m, min(k, N_NEAR * share), dim, rates) * (2 - bool(config.n_resamples))


def _whole_level(m: int, k: int, size: int, dim: int, config: ClusterConfig, rates: Rates) -> Work:
    fast = config.mode == "fast"
    rough = FAST_CANDIDATES if fast and config.n_resamples else None
    yield from _first(m, k, dim, config, rates, rough)
    kept = min(m, max(k, size * k))
    steps = config.n_resamples if kept < m else 0
    for _ in range(steps):
        yield from _first(kept, k, dim, config, rates, None)
        yield 0.0, _search(m, k, dim, rates)
    yield (steps + 1) * (m * (_ITEM_SECONDS + _VALUE_SECONDS * dim)), 0.0
    yield 0.0, (steps + 1) * k * min(k, 8_192) * REFERENCE["blas"].value * dim  # how evenly centroids lie


def _first(m: int, k: int, dim: int, config: ClusterConfig, rates: Rates, candidates: int | None) -> Work:
    """One k-means of a level."""
    fast = config.mode == "fast"
    sample = sampled_rows(m, k, dim) if fast else m
    passes = _PASSES[config.mode] if m >= 5 * k else _FEW_PASSES
    passes = min(passes * (1 if fast or m < 100 * k else _MANY_PASSES), config.max_iter + 1)
    few = seeded_rows(sample, k, dim, quick=fast)
    init = quick_init(config.init, few, k) if fast and candidates is None else config.init
    yield from _seeds(few, k, dim, rates, init, candidates)
    if sample < m:
        yield 0.0, passes * _search(sample, k, dim, rates)
        passes = 2.0
    yield 0.0, passes * _search(m, k, dim, rates)


def _run(m: int, k: int, dim: int, rates: Rates, init: str, passes: float) -> Work:
    yield from _seeds(m, k, dim, rates, init, None)
    yield 0.0, passes * _search(m, k, dim, rates)


def _seeds(m: int, k: int, dim: int, rates: Rates, init: str, candidates: int | None) -> Work:
    if init == "random":
        return
    if init == "kmeans||" and m >= WORTH_ROUNDS * k:
        yield 0.0, ROUNDS * _search(m, k, dim, rates)
        m = ROUNDS * k
    scores = _REJECTED * (candidates or 2 + int(np.log(k))) * m * k
    yield scores * rates.seed + k * rates.each, scores * dim * rates.seed_value


def _search(m: float, k: float, dim: int, rates: Rates) -> float:
    """The nearest of k centroids for m points."""
    return m * (k * (rates.score + dim * rates.value) + dim * 2e-9)


def _memory(n: int, dim: int, k: int, config: ClusterConfig, cells: int) -> int:
    most = points.memory_bytes()
    ready = min(4 * n * (dim + 1), most // 2)
    if cells:
        n_inside, k_inside = min(n, _LARGEST_CELL * n // cells), max(1, _LARGEST_CELL * k // cells)
        ready += min(4 * n_inside * (dim + 1), most // 2)
    else:
        n_inside, k_inside = n, k
    few = seeded_rows(n_inside, k_inside, dim, quick=config.mode == "fast")
    seeding = few * (5 * dim + 4 * pool_rows(few, 2 + int(np.log(k_inside))))
    iterating = 24 * k_inside * dim + min(most // 8, 4 * n * (dim + 1))
    return int(ready + max(seeding, iterating) + 12 * k * dim + _ITEM_BYTES * n + min(_BLOCK_BYTES, 4 * n * dim))


def _disk(n: int, dim: int, n_clusters: tuple[int, ...]) -> int:
    """Prepared vectors, the tree, and the state of one run beside the level it is of."""
    tree = sum(4 * k * dim + 8 * k for k in n_clusters) + 8 * sum((n, *n_clusters[:-1]))
    meanwhile = 20 * n + 8 * n_clusters[0] * dim
    return 4 * n * dim + tree + meanwhile


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{max(1, round(n_bytes / 1e6))} MB"
