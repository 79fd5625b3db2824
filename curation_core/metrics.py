"""How even a draw is, and how evenly centroids cover their space.

Even cluster sizes are not the measure of success. Where centroids spread evenly over the space, the clusters of a dense
place hold more items than those of a sparse one, so their sizes become *less* equal while the draw from them becomes
more balanced. Judge by what was drawn: its labels where there are any, its crowding where there are none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from curation_core.errors import ShapeError

_BLOCK = 1 << 20  # distances computed at once


@dataclass(frozen=True)
class Balance:
    """Figures of one draw over groups: classes, clusters or cells.

    n: items drawn. n_groups: groups present in the pool. entropy: over ln(n_groups), 1 is even. gini: 0 is even.
    effective: exp of the entropy, the number of equal groups as diverse. coverage: share of the groups that were hit.
    largest_share: share of the items in the largest group. All 0 for an empty draw.
    """

    n: int
    n_groups: int
    entropy: float
    gini: float
    effective: float
    coverage: float
    largest_share: float


def balance(counts: ArrayLike, *, pool: ArrayLike | None = None) -> Balance:
    """Balance of a draw.

    counts: (g,) items drawn per group, zeros included. pool: (g,) items available per group; groups with none do not
    count. Without it every entry of counts is a group. This measures a draw, never cluster sizes (see the module).
    """
    drawn = np.asarray(counts)
    if drawn.ndim != 1 or (len(drawn) and drawn.min() < 0):
        raise ShapeError(f"counts have shape {drawn.shape}, expected (g,) numbers of at least 0; count items per group")
    present = np.ones(len(drawn), dtype=bool) if pool is None else np.asarray(pool) > 0
    if present.shape != drawn.shape or drawn[~present].any():
        raise ShapeError("counts name groups that the pool does not have; count both over the same groups")
    drawn = np.sort(drawn[present].astype(np.float64))
    n, n_groups = drawn.sum(), len(drawn)
    if n == 0:
        return Balance(0, n_groups, 0.0, 0.0, 0.0, 0.0, 0.0)
    share = drawn[drawn > 0] / n
    nats = max(0.0, float(-(share * np.log(share)).sum()))
    rank = np.arange(1, n_groups + 1)
    gini = max(0.0, float((2 * (rank * drawn).sum() / n - n_groups - 1) / n_groups))
    entropy = nats / np.log(n_groups) if n_groups > 1 else 1.0
    return Balance(
        int(n), n_groups, float(entropy), gini, float(np.exp(nats)), len(share) / n_groups, float(share.max())
    )


def kl_to_uniform(
    centroids: np.ndarray, bounds: tuple[float, float] = (-3, 3), bandwidth: float = 0.5, step: float = 0.02
) -> float:
    """How far centroids in the plane are from uniform, in nats: 0 is uniform.

    centroids: (k, 2). KL(KDE || uniform) on a grid over the square `bounds`, Gaussian kernel, renormalised on the grid.
    """
    if centroids.ndim != 2 or centroids.shape[1] != 2 or not len(centroids):
        raise ShapeError(f"centroids have shape {centroids.shape}, expected (k, 2); this figure is for the plane only")
    grid = np.arange(bounds[0], bounds[1] - step / 2, step)  # half open, as in the published figures
    kernels = [np.exp(-0.5 * ((grid[:, None] - axis) / bandwidth) ** 2) for axis in centroids.T.astype(np.float64)]
    density = kernels[0] @ kernels[1].T  # (g, g): the Gaussian is a product of one factor per axis
    share = density / density.sum()
    positive = share[share > 0]
    return float((positive * np.log(positive * share.size)).sum())


def uncrowding(vectors: np.ndarray, indices: np.ndarray, *, neighbor: int = 5) -> float:
    """How sparse the places are that a draw took: mean log distance to the 5th neighbour in the pool; high is sparse.

    vectors: (n, d), the pool. indices: (m,) rows drawn, each counted once. Exact duplicates are taken at the smallest
    distance above zero, so that a pool full of copies still has a finite figure.
    """
    rows = np.unique(indices)
    if len(vectors) <= neighbor or not len(rows):
        return 0.0
    pool = np.asarray(vectors, dtype=np.float64)
    pool = (pool - pool.mean(axis=0)).astype(np.float32)
    norms = np.einsum("ij,ij->i", pool, pool)
    found, width = np.empty(len(rows)), max(1, _BLOCK // len(pool))
    for start in range(0, len(rows), width):
        part = rows[start : start + width]
        squared = norms - 2 * pool[part] @ pool.T  # (b, n), short of the row's own norm, which orders nothing
        near = np.argpartition(squared, neighbor, axis=1)[:, : neighbor + 1]  # itself among them
        difference = pool[near] - pool[part][:, None]
        found[start : start + width] = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference)).max(axis=1)
    if not (found > 0).any():
        return 0.0
    return float(np.log(np.maximum(found, found[found > 0].min())).mean())


def vendi(vectors: np.ndarray) -> float:
    """Effective number of different items among vectors (Friedman and Dieng 2023), linear kernel on the unit sphere.

    vectors: (m, d), those drawn. Between 1 (all point one way) and min(m, d); 0 for none. Rows of zeros are left out.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(rows, axis=1)
    unit = rows[length > 0] / length[length > 0, None]
    if not len(unit):
        return 0.0
    gram = unit.T @ unit if unit.shape[1] <= len(unit) else unit @ unit.T
    share = np.linalg.eigvalsh(gram) / len(unit)
    share = share[share > 1e-12]
    return float(np.exp(-(share * np.log(share)).sum()))
