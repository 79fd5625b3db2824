"""Everything that Explore shows at one moment: the pool, what narrows it, and what is in hand."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation_app.pool import Pool
from curation_core.item_columns import ItemColumns
from curation_core.review import ReviewDecisions
from curation_core.sampling import SamplingPlan
from curation_core.selection import Filter, Selection
from curation_core.workspace import Workspace


@dataclass(frozen=True)
class Found:
    """Rows of the tree that a selection means, in the order to show them. score: (m,) float32 where they are ranked."""

    rows: np.ndarray
    score: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Scene:
    """n items, rows as in the tree.

    xy: (n, 2) float32, None before the map is there; map_key: its artefact key. drawn: (n,) bool, in the draw.
    matching: (n,) bool, what all filters let through. selection and filters as in the link; found: the selected rows
    that match, empty when nothing is selected. preview: the map is not the refined one yet.
    """

    ws: Workspace
    pool: Pool
    xy: np.ndarray | None
    map_key: str
    decided: ReviewDecisions
    plan: SamplingPlan | None
    drawn: np.ndarray
    columns: ItemColumns
    selection: Selection
    filters: tuple[Filter, ...]
    matching: np.ndarray
    found: Found
    preview: bool = False

    @property
    def n(self) -> int:
        """Items of the tree."""
        return self.pool.hierarchy.n_items

    @cached_property
    def in_hand(self) -> np.ndarray:
        """(n,) bool: the selected rows that match."""
        mask = np.zeros(self.n, dtype=bool)
        mask[self.found.rows] = True
        return mask

    @cached_property
    def rows(self) -> np.ndarray:
        """What actions work on: the selected rows, or all that match where only filters are set; else none."""
        if self.selection.kind != "none":
            return self.found.rows
        return np.flatnonzero(self.matching) if self.filters else self.found.rows
