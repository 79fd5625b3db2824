"""The two-dimensional map of the vectors, for looking only: UMAP on a graph of nearest neighbours, or plain PCA."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from curation_core.config import ProjectConfig
from curation_core.errors import ShapeError
from curation_core.knn import nearest
from curation_core.map_frame import MapFrame
from curation_core.map_layout import MANY, Took, curve, lay_out, principal_plane, principal_start
from curation_core.points import parts
from curation_core.progress import Progress, silent

PREVIEW_FROM = 200_000  # items; fewer are refined before anybody would have looked at a preview
_LONG = 50_000  # items; above, 80 rounds of umap-learn look like 200
_FEW = 8  # items; fewer have no neighbourhoods worth laying out


@dataclass(frozen=True)
class Projection:
    """A map. xy: (n, 2) float32, finite. method: what was really used, which for very few items is pca.

    refined: False for a preview, where items stand between the centroids nearest to them. facts: for the provenance:
    engine, n_epochs, and seconds of each part.
    """

    xy: np.ndarray
    method: Literal["umap", "pca"]
    refined: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if self.xy.ndim != 2 or self.xy.shape[1] != 2:
            raise ShapeError(f"a map has shape {self.xy.shape}; expected (items, 2)")


def project(
    vectors: np.ndarray,
    config: ProjectConfig,
    progress: Progress = silent,
    *,
    preview: Callable[[Projection], None] | None = None,
) -> Projection:
    """Lay (n, d) vectors out in the plane; the same vectors and configuration give the same bytes on a machine.

    preview: called with a first map of 200,000 items or more, which the work then goes on from. Reports the stages
    preview, neighbours and layout. Without the C package umap-learn lays out, and there is no preview. Raises
    ShapeError unless vectors are (n, d), n >= 1, and finite.
    """
    if vectors.ndim != 2 or not len(vectors):
        raise ShapeError(f"vectors have shape {vectors.shape}; expected at least one row of (items, dimensions)")
    if not all(np.isfinite(vectors[part]).all() for part in parts(*vectors.shape)):
        raise ShapeError("vectors hold NaN or infinite numbers; leave those rows out and project again")
    if config.method == "pca" or len(vectors) < _FEW:
        progress("layout", 0, 1)
        plane = principal_plane(vectors)
        progress("layout", 1, 1)
        return Projection(plane, "pca", facts={"engine": "pca"})
    if (frame := MapFrame.of(vectors)) is None:
        return Projection(_by_umap_learn(vectors, config, progress), "umap", facts={"engine": "umap-learn"})
    return _by_ours(frame, config, progress, preview)


def _by_ours(
    frame: MapFrame, config: ProjectConfig, progress: Progress, preview: Callable[[Projection], None] | None
) -> Projection:
    def told(xy: np.ndarray, took: Took) -> None:
        if preview is not None and len(xy) >= PREVIEW_FROM:
            preview(Projection(xy, "umap", refined=False, facts=_facts(took)))

    xy, took = lay_out(frame, config, progress, told)
    return Projection(xy, "umap", refined=config.refine or len(xy) < MANY, facts=_facts(took))


def _facts(took: Took) -> dict[str, Any]:
    return {"engine": "curation_kernels", "n_epochs": took.n_epochs, "parts": dict(took.seconds)}


def _by_umap_learn(vectors: np.ndarray, config: ProjectConfig, progress: Progress) -> np.ndarray:
    """The library's layout with our own neighbours and a PCA start: quicker than its own, and repeatable."""
    progress("neighbours", 0, 1)
    indices, distances = nearest(vectors, config.n_neighbors)
    progress("neighbours", 1, 1)
    progress("layout", 0, 1)  # it compiles itself first, and neither tells how far it is nor can be stopped
    xy = _umap_learn_layout(vectors, indices, distances, config)
    progress("layout", 1, 1)
    return xy


def _umap_learn_layout(
    vectors: np.ndarray, indices: np.ndarray, distances: np.ndarray, config: ProjectConfig
) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)  # not used here
        from umap.umap_ import fuzzy_simplicial_set, simplicial_set_embedding

    random_state = np.random.RandomState(config.seed % 2**32)  # umap takes no Generator
    k = indices.shape[1]
    graph, *_ = fuzzy_simplicial_set(vectors, k, random_state, "euclidean", knn_indices=indices, knn_dists=distances)
    a, b = curve(config.min_dist)
    xy, _ = simplicial_set_embedding(
        data=vectors,
        graph=graph,
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=config.n_epochs or (200 if len(vectors) < _LONG else 80),
        init=principal_start(vectors, config.seed),
        random_state=random_state,
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,  # several threads would race, and no two maps would be the same
    )
    return np.nan_to_num(np.asarray(xy, dtype=np.float32))
