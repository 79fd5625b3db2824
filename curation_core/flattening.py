"""How even centroids lie, and what follows from it while a level is resampled: fewer kept members, or the end.

The fewer members a step keeps of every cluster, the flatter its centroids, and the fewer points they are means of. So a
level whose resample size is not given begins with many and keeps half as many whenever a step no longer helps.
"""

from dataclasses import dataclass, replace

import numpy as np

from curation_core.points import Points

FEWEST = 2  # members kept at least: one is the centroid again
_LOOKED_AT = 8_192  # centroids that tell the spread of more
_PATIENCE = 2  # steps in a row that may bring nothing


def centroid_spread(centroids: np.ndarray) -> float:
    """How unevenly centroids are spaced: coefficient of variation of the distance to the nearest other centroid.

    Needs no labels. Falls as resampling flattens the centroids; 0 on a grid, about 0.5 for uniformly random places in
    the plane, above 1 when most centroids crowd together. Of many centroids 8,192, evenly chosen, stand for all.
    """
    if len(centroids) < 2:
        return 0.0
    points = Points.of(centroids)
    rows = np.unique(np.linspace(0, len(centroids) - 1, min(len(centroids), _LOOKED_AT)).astype(np.int64))
    table, gaps = points.table(centroids), np.empty(len(rows))
    width = max(1, (1 << 20) // len(centroids))
    for start in range(0, len(rows), width):
        part = rows[start : start + width]
        x = points.at(part)
        scores = x @ table.T
        scores[np.arange(len(part)), part] = np.inf
        gaps[start : start + width] = np.linalg.norm(x[:, :-1] - points.at(scores.argmin(axis=1))[:, :-1], axis=1)
    return float(gaps.std() / gaps.mean()) if gaps.mean() > 0 else 0.0


@dataclass(frozen=True)
class Flattening:
    """What the next resampling step of a level should do.

    size: members to keep of every cluster. may_shrink: whether the size may be halved. plateau: share of the spread; a
    smaller gain is none, and with 0 there is always a next step. best: lowest spread so far. idle: steps in a row
    without a gain.
    """

    size: int
    may_shrink: bool
    plateau: float
    best: float = np.inf
    idle: int = 0

    @property
    def ended(self) -> bool:
        """Whether another step would be in vain."""
        return self.plateau > 0 and self.idle >= _PATIENCE

    def after(self, spread: float) -> "Flattening":
        """What to do now that a run has left this spread."""
        gains = spread < self.best * (1 - self.plateau)
        told = replace(self, best=min(self.best, spread), idle=0 if gains else self.idle + 1)
        if gains or self.plateau == 0 or not self.may_shrink or self.size <= FEWEST:
            return told
        return replace(told, size=max(FEWEST, self.size // 2), idle=0)
