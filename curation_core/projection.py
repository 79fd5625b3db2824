"""The two-dimensional map of the vectors, for looking only: UMAP on a graph of nearest neighbours, or plain PCA."""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from curation_core.config import ProjectConfig
from curation_core.errors import ShapeError
from curation_core.knn import nearest
from curation_core.pca import apply_pca, fit_pca
from curation_core.progress import Progress, silent

_FEW = 8  # items; fewer have no neighbourhoods worth laying out
_MANY = 50_000  # items; above, 80 rounds look like 200
_EXTENT = 10.0  # half the width of the starting layout


@dataclass(frozen=True)
class Projection:
    """xy: (n, 2) float32, finite. method: what was really used, which for very few items is pca."""

    xy: np.ndarray
    method: Literal["umap", "pca"]

    def __post_init__(self) -> None:
        if self.xy.ndim != 2 or self.xy.shape[1] != 2:
            raise ShapeError(f"a map has shape {self.xy.shape}; expected (items, 2)")


def project(vectors: np.ndarray, config: ProjectConfig, progress: Progress = silent) -> Projection:
    """Lay (n, d) vectors out in the plane; the same vectors, configuration and machine give the same bytes.

    Reports the stages neighbours and layout. Raises ShapeError unless vectors are (n, d), n >= 1, and finite.
    """
    if vectors.ndim != 2 or not len(vectors):
        raise ShapeError(f"vectors have shape {vectors.shape}; expected at least one row of (items, dimensions)")
    if not np.isfinite(vectors).all():
        raise ShapeError("vectors hold NaN or infinite numbers; leave those rows out and project again")
    if config.method == "pca" or len(vectors) < _FEW:
        progress("layout", 0, 1)
        plane = _plane(vectors)
        progress("layout", 1, 1)
        return Projection(plane, "pca")
    return Projection(_umap(vectors, config, progress), "umap")


def _plane(vectors: np.ndarray) -> np.ndarray:
    """The two strongest principal components: (n, 2) float32; zeros where there are fewer."""
    found = apply_pca(fit_pca(vectors, 2), vectors)
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


def _umap(vectors: np.ndarray, config: ProjectConfig, progress: Progress) -> np.ndarray:
    """UMAP (McInnes et al. 2018) with our own neighbours and a PCA start: quicker than its own, and repeatable."""
    progress("neighbours", 0, 1)
    indices, distances = nearest(vectors, config.n_neighbors)
    progress("neighbours", 1, 1)
    progress("layout", 0, 1)
    xy = _layout(vectors, indices, distances, config)
    progress("layout", 1, 1)
    return xy


def _layout(vectors: np.ndarray, indices: np.ndarray, distances: np.ndarray, config: ProjectConfig) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)  # not used here
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

    n = len(vectors)
    random_state = np.random.RandomState(config.seed % 2**32)  # umap takes no Generator
    k = indices.shape[1]
    graph, *_ = fuzzy_simplicial_set(vectors, k, random_state, "euclidean", knn_indices=indices, knn_dists=distances)
    a, b = find_ab_params(1.0, config.min_dist)
    xy, _ = simplicial_set_embedding(
        data=vectors,
        graph=graph,
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=config.n_epochs or (200 if n < _MANY else 80),
        init=_start(vectors, config.seed),
        random_state=random_state,
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,  # several threads would race, and no two maps would be the same
    )
    return np.nan_to_num(np.asarray(xy, dtype=np.float32))


def _start(vectors: np.ndarray, seed: int) -> np.ndarray:
    """The PCA plane, scaled, with a little noise: equal rows must be able to part."""
    plane = _plane(vectors)
    extent = float(np.abs(plane).max())
    scaled = plane * (_EXTENT / extent) if extent > 0 else plane
    noise = np.random.default_rng([seed, len(vectors)]).normal(scale=1e-4 * _EXTENT, size=plane.shape)
    start: np.ndarray = scaled + noise
    return start.astype(np.float32)
