"""All pairs of rows whose cosine reaches a threshold, without comparing every row with every other.

Rows are searched in the k-means cell they lie in and in those next to it. Two unit vectors of cosine t lie at distance
r = sqrt(2 - 2t). If they fall into different cells, the distances of both to the plane between the two centroids add
up to at most r, so one of them is within r / 2 of it: a row looks into a foreign cell only where it is that near.
"""

import numpy as np

from curation_core.errors import ConfigError
from curation_core.kmeans import kmeans
from curation_core.points import parts
from curation_core.progress import Progress, silent

EXACT_BELOW = 20_000  # rows; comparing all is quicker there
CELL_SIZE = 400  # rows in a cell on average
_LARGEST_CELL = 4 * CELL_SIZE
_PROBES = 48  # foreign cells that one row looks into at most, the nearest
_TRAINING = 40  # rows per cell that place the centroids
_SCORES = 1 << 22  # cosines computed at once
_SLACK = 1e-5  # searched below the threshold; rounding of the product, settled by `cosines`
_MAX_PAIRS = 4_000_000  # beyond so many a row keeps its closest only
_FEWEST = 64  # closest rows that a row keeps in any case


def search(unit: np.ndarray, threshold: float, *, seed: int = 0, progress: Progress = silent) -> np.ndarray:
    """Pairs of rows with cosine >= threshold: (m, 2) int64, first < second, in ascending order.

    unit: (n, d) float32 of length 1 (or 0: such rows resemble nothing). A row in a pile of very many look-alikes keeps
    the closest of its later partners: at least 64, more while all pairs stay under 4 million.
    """
    keep = max(_FEWEST, _MAX_PAIRS // max(1, len(unit)))
    if len(unit) <= EXACT_BELOW:
        found = _against_all(unit, threshold - _SLACK, keep, progress)
    else:
        found = _in_cells(unit, threshold - _SLACK, keep, seed, progress)
    pairs, cosine = _closest(unit, found, keep)
    reaching: np.ndarray = pairs[cosine >= threshold]
    return reaching


def cosines(unit: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cosine of each pair: (m,) float32 below 1, the same on any number of threads."""
    found = np.empty(len(pairs), dtype=np.float32)
    for part in parts(len(pairs), 2 * unit.shape[1]):
        found[part] = np.einsum("ij,ij->i", unit[pairs[part, 0]], unit[pairs[part, 1]])
    return np.minimum(found, np.nextafter(np.float32(1), np.float32(0)))  # 1 is kept for what is identical


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, zeros left as they are: (n, d) float32."""
    unit = np.empty(vectors.shape, dtype=np.float32)
    for part in parts(*vectors.shape):
        block = vectors[part].astype(np.float64)
        block /= np.maximum(np.abs(block).max(axis=1, keepdims=True), 1e-300)  # squares neither over- nor underflow
        unit[part] = block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 0.5)
    return unit


def _closest(unit: np.ndarray, found: list[np.ndarray], keep: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs from keys (first * n + second), each once, ascending, the closest `keep` per first row; their cosines."""
    n = max(1, len(unit))
    keys = np.sort(np.concatenate([np.empty(0, np.int64), *found]))
    keys = keys[np.r_[True, keys[1:] != keys[:-1]][: len(keys)]]
    pairs = np.stack([keys // n, keys % n], axis=1)
    cosine = cosines(unit, pairs)
    counts = np.bincount(pairs[:, 0], minlength=n)
    if counts.max() > keep:
        order = np.argsort(2.0 * pairs[:, 0] - cosine, kind="stable")  # by first row, then the closest first
        place = np.arange(len(pairs)) - (np.cumsum(counts) - counts)[pairs[order, 0]]
        kept = np.sort(order[place < keep])
        pairs, cosine = pairs[kept], cosine[kept]
    return pairs, cosine


def _against_all(unit: np.ndarray, threshold: float, keep: int, progress: Progress) -> list[np.ndarray]:
    n, found = len(unit), []
    width = max(1, _SCORES // max(1, n))
    for start in range(0, n, width):
        progress("compare", start, n)
        scores = unit[start : start + width] @ unit[start:].T  # (b, n - start)
        rows, columns = _reaching(scores, threshold, keep, np.arange(len(scores)))
        found.append((rows + start) * n + columns + start)
    progress("compare", n, n)
    return found


def _reaching(
    scores: np.ndarray, threshold: float | np.ndarray, keep: int, after: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Where scores reach the threshold: rows and columns, the best `keep` of each row.

    threshold: one for all scores, or an array that broadcasts to them. after: (b,), only columns right of it count.
    """
    reach = scores >= threshold
    if after is not None:
        reach &= np.arange(scores.shape[1]) > after[:, None]
    crowded = np.flatnonzero(np.count_nonzero(reach, axis=1) > keep)
    if len(crowded):
        best = np.where(reach[crowded], scores[crowded], -np.inf)
        reach[crowded] = best >= np.partition(best, -keep, axis=1)[:, -keep, None]
    rows, columns = np.nonzero(reach)
    return rows, columns


def _in_cells(unit: np.ndarray, threshold: float, keep: int, seed: int, progress: Progress) -> list[np.ndarray]:
    n, found = len(unit), []
    centroids = _centroids(unit, seed, progress)
    own, row, cell = _probes(unit, centroids, np.sqrt(max(0.0, 2.0 - 2.0 * threshold)) / 2, progress)
    members, guests = _by_cell(own, np.arange(n), len(centroids)), _by_cell(cell, row, len(centroids))
    bound = np.full(n, threshold, dtype=np.float32)  # lowest cosine that a first row still has room for
    for number, (inside, outside) in enumerate(zip(members, guests, strict=True)):
        progress("compare", number, len(centroids))
        there = unit[inside]
        for part in _blocks(len(inside), len(inside)):
            scores, after = there[part] @ there.T, np.arange(len(inside))[part]
            rows, columns = _reaching(scores, bound[inside[part], None], keep, after)
            found.append(inside[rows + part.start] * n + inside[columns])
        for part in _blocks(len(outside), len(inside)):
            found += _across(unit, outside[part], inside, bound, keep)
        if sum(map(len, found)) > 2 * max(_MAX_PAIRS, keep * n):
            pairs, cosine = _closest(unit, found, keep)
            found = [pairs[:, 0] * n + pairs[:, 1]]
            bound = _raised(bound, pairs[:, 0], cosine, keep)
    progress("compare", len(centroids), len(centroids))
    return found


def _across(
    unit: np.ndarray, outside: np.ndarray, inside: np.ndarray, bound: np.ndarray, keep: int
) -> list[np.ndarray]:
    """Keys of the pairs between rows of other cells and rows of one; each counts for the first of its two rows."""
    n, scores = len(unit), unit[outside] @ unit[inside].T
    rows, columns = np.nonzero(scores >= bound.min())
    if len(rows) <= keep:  # then no row has more
        first, second = np.sort([outside[rows], inside[columns]], axis=0)
        kept = scores[rows, columns] >= bound[first]
        return [(first * n + second)[kept]]
    ahead = outside[:, None] < inside
    rows, columns = _reaching(scores, np.where(ahead, bound[outside, None], np.inf), keep)
    others, guests = _reaching(scores.T, np.where(ahead, np.inf, bound[inside]).T, keep)
    return [outside[rows] * n + inside[columns], inside[others] * n + outside[guests]]


def _raised(bound: np.ndarray, first: np.ndarray, cosine: np.ndarray, keep: int) -> np.ndarray:
    """Bounds of rows that have all the partners they may keep: the cosine of the last of them."""
    last = np.ones(len(bound), dtype=np.float32)
    np.minimum.at(last, first, cosine)
    full = np.bincount(first, minlength=len(bound)) >= keep
    return np.where(full, np.maximum(last - np.float32(_SLACK), bound), bound)


def _blocks(n_rows: int, n_columns: int) -> list[slice]:
    width = max(1, _SCORES // max(1, n_columns))
    return [slice(start, min(start + width, n_rows)) for start in range(0, n_rows, width)]


def _by_cell(cell: np.ndarray, rows: np.ndarray, n_cells: int) -> list[np.ndarray]:
    """Rows of each cell, ascending."""
    order = np.argsort(cell, kind="stable")
    return np.split(rows[order], np.cumsum(np.bincount(cell, minlength=n_cells))[:-1])


def _centroids(unit: np.ndarray, seed: int, progress: Progress) -> np.ndarray:
    """Centroids of cells of a few hundred rows; cells that came out too large are cut up."""
    n, rng = len(unit), np.random.default_rng([seed, len(unit)])
    centroids = np.empty((0, unit.shape[1]), dtype=np.float32)
    crowded = [np.arange(n)]
    for _ in range(3):
        progress("cells", len(centroids), n // CELL_SIZE)
        cut = [_cut(unit, rows, rng) for rows in crowded]
        centroids = np.concatenate([centroids, *cut])
        own = _nearest_cell(unit, centroids)
        sizes = np.bincount(own, minlength=len(centroids))
        large = np.flatnonzero(sizes > _LARGEST_CELL)
        if not len(large):
            break
        crowded = [np.flatnonzero(own == cell) for cell in large]
    inhabited: np.ndarray = centroids[np.unique(own)]
    return inhabited


def _cut(unit: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n_cells = max(2, len(rows) // CELL_SIZE)
    chosen = np.sort(rng.choice(rows, min(len(rows), n_cells * _TRAINING), replace=False))
    try:
        return kmeans(unit[chosen], n_cells, init="random", max_iter=8, seed=int(rng.integers(1 << 31))).centroids
    except ConfigError:  # too few distinct rows to cut any further
        return np.unique(unit[chosen], axis=0)[:n_cells]


def _nearest_cell(unit: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    half = np.einsum("kd,kd->k", centroids, centroids) / 2
    found = np.empty(len(unit), dtype=np.int64)
    for part in _blocks(len(unit), len(centroids)):
        found[part] = (unit[part] @ centroids.T - half).argmax(axis=1)
    return found


def _probes(
    unit: np.ndarray, centroids: np.ndarray, reach: float, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each row's own cell (n,), and the rows and foreign cells whose border is within reach: (p,) and (p,) int64."""
    norms = np.einsum("kd,kd->k", centroids, centroids)
    apart = np.sqrt(np.maximum(norms[:, None] - 2 * centroids @ centroids.T + norms, 1e-12))  # (k, k)
    n_probes = min(_PROBES, len(centroids) - 1)
    own, rows, cells = np.empty(len(unit), np.int64), [], []
    for part in _blocks(len(unit), len(centroids)):
        progress("cells", part.start, len(unit))
        gaps = norms / 2 - unit[part] @ centroids.T  # (b, k): half of the squared distance, short of a constant
        mine = gaps.argmin(axis=1)
        border = (gaps - gaps[np.arange(len(mine)), mine][:, None]) / apart[mine]  # distance to the plane between
        border[np.arange(len(mine)), mine] = np.inf
        near = np.argpartition(border, n_probes - 1, axis=1)[:, :n_probes]
        row, place = np.nonzero(np.take_along_axis(border, near, axis=1) <= reach + _SLACK)
        own[part] = mine
        rows.append(row + part.start)
        cells.append(near[row, place])
    return own, np.concatenate(rows), np.concatenate(cells)
