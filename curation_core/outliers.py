"""Outliers: items far out in their cluster, and items in a thinner place than their neighbours."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation_core.errors import ShapeError
from curation_core.hierarchy import Hierarchy
from curation_core.knn import nearest
from curation_core.progress import Progress, silent

N_NEIGHBORS = 10
_PRIOR = 8.0  # members' worth of all leaves' figures in those of one leaf, so that small leaves do not judge alone
_NORMAL = 1.4826  # median absolute deviation to standard deviation, of normal numbers
_SMALLEST = 0.05  # of the usual distance; copies of one item lie at none, and nothing is infinitely far from them


@dataclass(frozen=True)
class Outliers:
    """Two scores of every item, high for an outlier.

    distance: (m,) float32, distance to the leaf's centroid beyond the leaf's median, in robust standard deviations;
    0 is usual. density: (m,) float32, mean distance to the 10 nearest neighbours over that of these neighbours; 1 is
    usual. Of no more than 10 items all are usual.
    """

    distance: np.ndarray
    density: np.ndarray

    def table(self) -> pa.Table:
        """The scores under the names that `quality.flagged` and `quality.examples` look for, m rows."""
        return pa.table({"cluster_distance": self.distance, "isolation": self.density})


def outlier_scores(vectors: np.ndarray, hierarchy: Hierarchy, progress: Progress = silent) -> Outliers:
    """Score the items of a tree by the vectors that it was made from.

    vectors: (m, d') of any float. Raises ShapeError when they are not as many as the tree has items. The density score
    is a local outlier factor without reachability (after Breunig et al. 2000).
    """
    if len(vectors) != hierarchy.n_items:
        raise ShapeError(f"there are {len(vectors)} vectors for {hierarchy.n_items} items; cluster these vectors first")
    progress("outliers", 0, 2)
    far = _beyond_leaf(hierarchy)
    progress("outliers", 1, 2)
    thin = _thinness(np.asarray(vectors, dtype=np.float32))
    progress("outliers", 2, 2)
    return Outliers(far, thin)


def _beyond_leaf(hierarchy: Hierarchy) -> np.ndarray:
    distance = hierarchy.levels[0].distance.astype(np.float64)
    leaf, size = hierarchy.levels[0].assignment, hierarchy.sizes(1)
    if len(leaf) <= N_NEIGHBORS:
        return np.zeros(len(leaf), dtype=np.float32)
    weight = size / (size + _PRIOR)  # 0 for an empty leaf
    middle = weight * _medians(distance, leaf, size) + (1 - weight) * np.median(distance)
    gap = np.abs(distance - middle[leaf])
    spread = weight * _medians(gap, leaf, size) + (1 - weight) * np.median(gap)
    spread = np.maximum(_NORMAL * spread, _SMALLEST * max(float(np.median(distance)), 1e-12))
    beyond: np.ndarray = (distance - middle[leaf]) / spread[leaf]
    return beyond.astype(np.float32)


def _medians(values: np.ndarray, group: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Median of each group: (k,) float64, 0 for an empty one."""
    ordered = values[np.lexsort((values, group))]
    start = np.cumsum(size) - size
    low, high = start + (size - 1) // 2, start + size // 2
    filled = size > 0
    found = np.zeros(len(size))
    found[filled] = (ordered[low[filled]] + ordered[high[filled]]) / 2
    return found


def _thinness(vectors: np.ndarray) -> np.ndarray:
    if len(vectors) <= N_NEIGHBORS:  # too few to be a neighbourhood
        return np.ones(len(vectors), dtype=np.float32)
    indices, distance = nearest(vectors, N_NEIGHBORS + 1)
    mean = distance[:, 1:].mean(axis=1, dtype=np.float64)  # the first is the item itself
    mean = np.maximum(mean, _SMALLEST * max(float(np.median(mean)), 1e-12))
    thin: np.ndarray = mean / mean[indices[:, 1:]].mean(axis=1)
    return thin.astype(np.float32)
