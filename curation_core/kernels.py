"""The kernels of k-means: scores of points with centroids, and sums of points; native where installed, BLAS elsewhere.

Both give the float32 answer: they round differently, so they can disagree where two centroids are equally near within
rounding, and nowhere else. Other engines (see `engines`) look for the nearest centroid in another way and leave the
rest to these. What was used stands in the provenance of a tree.
"""

import os
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from curation_core import engines as others
from curation_core import settling
from curation_core.errors import ConfigError
from curation_core.executors import ONE_THREAD, n_cpus
from curation_core.native import CHOICE as CHOICE
from curation_core.native import installed as _native
from curation_core.points import CHUNK, parts

_BLOCK = 1 << 20  # scores per matrix product (4 MB): measured best on caches of 1-2 MB per core
_COLUMNS = 64  # added up at once: 8 MB of a chunk in float64
_UNTHREADED = 1 << 18  # multiplications below which OpenBLAS stays on one core
WORTH_PANELS = 1 << 12  # values of a table from which panels of neighbours can pay


def engine() -> str:
    """What computes: a way of the native kernels (an instruction set, and what it looks at bytes with), or "blas".

    The rule: a GPU that torch sees; the fastest way of the native package where it is installed and knows this
    processor; torch in bfloat16 where the processor has AMX; BLAS everywhere else. The environment variable
    CURATE_KERNEL names another of `engines`; ConfigError when it is not one.
    """
    there = engines()
    chosen = os.environ.get(CHOICE) or there[0]
    if chosen not in there:
        needs = f", which needs {lacking}" if (lacking := others.lacking(chosen)) else ""
        raise ConfigError(f"{CHOICE} is {chosen!r}{needs}; on this machine choose one of {', '.join(there)}")
    return chosen


def engines() -> tuple[str, ...]:
    """What can compute here, the default first. With the native package all but BLAS agree to the bit."""
    native, more = _native(), others.there()
    paths = () if native is None else tuple(native.PATHS)
    first = others.preferred(more, native=native is not None)
    rest = (*paths, *more, "blas")
    return rest if first is None else (first, *(name for name in rest if name != first))


@dataclass(frozen=True)
class Search:
    """A table of centroids made ready for one engine, for many blocks of points.

    table: (k, d) float32, see `Points.table`. packed: the table as its engine wants it, None for BLAS.
    """

    table: np.ndarray
    engine: str
    packed: Any = None

    @classmethod
    def of(cls, table: np.ndarray) -> "Search":
        """For the engine of the moment, see `engine`."""
        chosen, native = engine(), _native()
        if chosen in others.NAMES:
            host = _host(table)
            return cls(table, chosen, others.Screened(chosen, table, scores_of, host))
        if chosen == "blas" or native is None:
            return cls(table, "blas")
        return cls(table, chosen, native.Table.of(table, chosen, panels=None if table.size >= WORTH_PANELS else False))

    def lowest(
        self, x: np.ndarray, rows: np.ndarray | None = None, bar: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The centroid of lowest score per row, the first at ties: (m,) int32, and that score, (m,) float32.

        x: (n, d) float32 whose last column is 1. rows: (m,) which rows to look at, all unless given; no second copy of
        x is made, and no matrix of all scores. bar: (m,) float32, scores known to be reached: a row whose lowest score
        lies above its bar may get any label and any score above the bar, which saves looking.
        """
        if isinstance(self.packed, others.Screened):
            return self.packed.lowest(x, rows, bar)
        native = _native()
        if self.packed is None or native is None:
            return _lowest_by_blas(x, self.table, rows)
        found: tuple[np.ndarray, np.ndarray] = native.nearest(x, self.packed, rows, bar, n_threads=n_threads())
        return found


def lowest(x: np.ndarray, table: np.ndarray, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """`Search.lowest` for a table that is looked at once."""
    return Search.of(table).lowest(x, rows)


def own(x: np.ndarray, table: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Score of some rows with their own centroids: (m,) float32. labels: (n,) int32 of all rows."""
    return scores_of(x, table, labels[rows], rows)


def scores_of(x: np.ndarray, table: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Score of some rows with a centroid each: (m,) float32. labels: (m,) int32, one for each of the rows."""
    native = _native()
    if engine() != "blas" and native is not None:
        found: np.ndarray = native.own_scores(x, table, labels, rows)
        return found
    score = np.empty(len(rows), dtype=np.float32)
    for part in parts(len(rows), x.shape[1]):
        score[part] = np.einsum("ij,ij->i", x[rows[part]], table[labels[part]])
    return score


def sums(x: np.ndarray, rows: np.ndarray, group: np.ndarray, added: np.ndarray) -> None:
    """Add rows of x to the float64 sums of their groups, in their order: added, (g, w), is written into.

    rows: (m,) int64, ascending. group: (m,) of these rows. BLAS' way adds up whole chunks of rows of x; blocks that
    begin with a chunk therefore give the bits of all rows at once.
    """
    native = _native()
    if engine() != "blas" and native is not None:
        native.add_rows(x, group.astype(np.int32, copy=False), added, rows, n_threads=n_threads())
        return
    bounds = np.searchsorted(rows, np.arange(0, len(x) + CHUNK, CHUNK))
    for start, stop in pairwise(bounds):
        _add_chunk(x, rows[start:stop], group[start:stop], added)


def n_threads() -> int:
    """Threads of the native kernels: the cores at hand, fewer where the environment says so to BLAS or OpenMP."""
    asked = [int(value) for name in ONE_THREAD if (value := os.environ.get(name, "")).isdigit() and int(value) > 0]
    return min([n_cpus(), *asked])


def block_scores(width: int) -> int:
    """Scores to compute in one matrix product of rows of this width.

    In a few dimensions a product is too small for several cores to help, and on a busy machine waking them costs up to
    three times the work; those products are cut to a size that BLAS does not share out.
    """
    return _BLOCK if width > 8 else _UNTHREADED // width


def rough(x: np.ndarray, norms: np.ndarray) -> Any:
    """Points rounded to bytes for rough distances (`curation_kernels.Rough`); None where these are not to be had."""
    native = _native()
    return None if engine() == "blas" or native is None or not native.ROUGH else native.Rough.of(x, norms)


def _add_chunk(x: np.ndarray, rows: np.ndarray, group: np.ndarray, added: np.ndarray) -> None:
    """Add the sums of a chunk's rows: a sparse product goes through them in order, many columns at once."""
    from scipy.sparse import csr_array

    counts = np.bincount(group)
    filled = np.flatnonzero(counts)
    ends = np.concatenate(([0], counts[filled].cumsum()))
    order = np.argsort(group, kind="stable")
    members = csr_array((np.ones(len(group)), order, ends), shape=(len(filled), len(group)))
    for start in range(0, added.shape[1], _COLUMNS):
        part = slice(start, min(start + _COLUMNS, added.shape[1]))
        added[filled, part] += members @ x[rows, part].astype(np.float64)


def _host(table: np.ndarray) -> others.Host:
    """The answer of the chain by the processor alone: native, or settled after a float32 product."""
    native = _native()
    if native is None:
        return lambda x, rows: settling.lowest(x, table, np.arange(len(x)) if rows is None else rows, scores_of)
    packed = native.Table.of(table)
    return lambda x, rows: native.nearest(x, packed, rows, n_threads=n_threads())


def _lowest_by_blas(x: np.ndarray, table: np.ndarray, rows: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    n = len(x) if rows is None else len(rows)
    labels = np.empty(n, dtype=np.int32)
    score = np.empty(n, dtype=np.float32)
    width = max(1, block_scores(x.shape[1]) // len(table))
    buffer = np.empty((min(width, n), len(table)), dtype=np.float32)
    for start in range(0, n, width):
        stop = min(start + width, n)
        block = x[start:stop] if rows is None else x[rows[start:stop]]
        scores = np.matmul(block, table.T, out=buffer[: stop - start])  # (b, k)
        found = scores.argmin(axis=1)
        labels[start:stop] = found
        score[start:stop] = scores[np.arange(stop - start), found]
    return labels, score
