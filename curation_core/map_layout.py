"""The map by our own layout: UMAP's objective (McInnes et al. 2018), in rounds that any number of threads do alike.

Few items start from their principal components. Many start from a preview: a few thousand anchors are laid out, and
every item is placed between those nearest to it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curation_core.config import ProjectConfig
from curation_core.map_anchors import Anchors
from curation_core.map_frame import MapFrame, threads
from curation_core.map_graph import exact_graph, map_graph
from curation_core.pca import apply_pca, fit_pca
from curation_core.progress import Progress

MANY = 100_000  # items from which there is a preview, and neighbours are looked for in cells
_ROUNDS_OF_FEW, _ROUNDS_OF_MANY = 500, 200
_EXTENT = 10.0  # half the width of a starting layout
_CURVE_POINTS = 300
Preview = Callable[[np.ndarray, "Took"], None]  # (n, 2) float32 places


@dataclass
class Took:
    """Rounds done, and seconds that each part took."""

    n_epochs: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a block."""
        began = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - began, 2)


def lay_out(frame: MapFrame, config: ProjectConfig, progress: Progress, preview: Preview) -> tuple[np.ndarray, Took]:
    """Places of all rows, (n, 2) float32. preview: told the first places of many items, before they are refined."""
    took, anchors = Took(), None
    if len(frame) < MANY:
        with took.part("start"):
            start = principal_start(frame.x, config.seed)
    else:
        with took.part("preview"):
            anchors = Anchors.of(frame, config.seed, progress)
            laid = _laid_anchors(frame.beside(anchors.centroids), config, progress, len(frame))
            start = anchors.placed(laid, config.seed)
        preview(start, took)
        if not config.refine:
            return start, took
    with took.part("neighbours"):
        made = map_graph(frame, anchors, config.n_neighbors, progress)
    del anchors
    with took.part("layout"):
        took.n_epochs = config.n_epochs or (_ROUNDS_OF_FEW if len(frame) < MANY else _ROUNDS_OF_MANY)
        found = _rounds(frame, made.graph, start[made.rows], took.n_epochs, config, progress)
    return made.restored(found), took


def _laid_anchors(frame: MapFrame, config: ProjectConfig, progress: Progress, n: int) -> np.ndarray:
    graph = exact_graph(frame, config.n_neighbors)
    start = principal_start(frame.x, config.seed)
    return _rounds(frame, graph, start, _ROUNDS_OF_FEW, config, lambda *_, **__: progress("preview", n, n))


def _rounds(
    frame: MapFrame, graph: Any, start: np.ndarray, n_rounds: int, config: ProjectConfig, progress: Progress
) -> np.ndarray:
    progress("layout", 0, n_rounds)
    found: np.ndarray = frame.native.rounds(
        graph,
        start,
        n_rounds,
        curve(config.min_dist),
        seed=config.seed,
        n_threads=threads(),
        tick=lambda done: progress("layout", done, n_rounds),
    )
    return found


def principal_start(vectors: np.ndarray, seed: int) -> np.ndarray:
    """The PCA plane, scaled, with a little noise, (n, 2) float32: equal rows must be able to part."""
    plane = principal_plane(vectors)
    extent = float(np.abs(plane).max())
    scaled = plane * (_EXTENT / extent) if extent > 0 else plane
    noise = np.random.default_rng([seed, len(vectors)]).normal(scale=1e-4 * _EXTENT, size=plane.shape)
    start: np.ndarray = scaled + noise
    return start.astype(np.float32)


def principal_plane(vectors: np.ndarray) -> np.ndarray:
    """The two strongest principal components: (n, 2) float32; zeros where there are fewer."""
    found = apply_pca(fit_pca(vectors, 2), vectors)
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


def curve(min_dist: float) -> tuple[float, float]:
    """The a and b of 1 / (1 + a d^2b) that comes nearest to: 1 up to min_dist, then falling off with the distance."""
    from scipy.optimize import curve_fit

    distance = np.linspace(0, 3, _CURVE_POINTS)
    wanted = np.where(distance < min_dist, 1.0, np.exp(min_dist - distance))
    (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), distance, wanted)
    return float(a), float(b)
