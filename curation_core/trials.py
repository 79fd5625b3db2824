"""What the trials of a workspace share: the items they look at, labels, near-duplicates, and the reports they leave."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation_core.baselines import random_draw
from curation_core.comparisons import Comparisons
from curation_core.config import StepConfig
from curation_core.embed import Embeddings
from curation_core.errors import ConfigError
from curation_core.lineage import REPORTS


@dataclass(frozen=True)
class TriedItems:
    """The items a trial looks at. rows: (n,) int64 in tree rows; target_size: scaled to them."""

    n_items: int
    rows: np.ndarray
    wanted: int
    target_size: int

    @classmethod
    def of(cls, embedded: Embeddings, target_size: int, most: int) -> "TriedItems":
        """All items that have a vector; of more than `most`, so many at random."""
        n = len(embedded)
        rows = random_draw(n, min(n, most))
        return cls(n, rows, target_size, max(1, round(target_size * len(rows) / n)))

    def told(self) -> dict[str, int]:
        """Numbers for a report."""
        return {
            "n_items": self.n_items,
            "n_tried": len(self.rows),
            "target_size": self.wanted,
            "target_tried": self.target_size,
        }

    def sentence(self) -> str:
        """What is said where only a part was tried."""
        return (
            f"Tried on {len(self.rows):,} of {self.n_items:,} items, taken at random, with the target scaled from "
            f"{self.wanted:,} to {self.target_size:,}."
        )


class Trials(Comparisons):
    """What a trial needs of a workspace; it leaves a report and changes nothing else."""

    def report(self, step: str) -> dict[str, Any]:
        """The report of a trial as settings ask for it now; raises StepMissing when it has not been run."""
        found: dict[str, Any] = json.loads((self.plans.folder(step) / "report.json").read_text())
        return found

    def reports(self, target_size: int | None = None) -> dict[str, Any]:
        """All current reports by step; of those for one target size when it is given."""
        found = {step: self.report(step) for step in REPORTS if self._has(step)}
        return {step: one for step, one in found.items() if target_size in (None, one["target_size"])}

    def copies(self) -> np.ndarray:
        """Group of near-duplicates of every item of the tree, (m,) int64, -1 alone; exact copies if nobody looked."""
        if self._has("duplicates"):
            return self.near_duplicates().group.astype(np.int64)
        hashes = self.catalog().content_hash
        same = np.unique([hashes[row] for row in self.embeddings().rows], return_inverse=True)[1].astype(np.int64)
        return np.where(np.bincount(same)[same] > 1, same, -1)

    def classes(self, column: str, rows: np.ndarray) -> np.ndarray:
        """Class of every item in a column, (m,) int64, -1 for an empty cell."""
        catalog = self.catalog()
        if column not in catalog.columns:
            raise ConfigError(f"there is no column {column!r}; the columns are {', '.join(catalog.columns) or 'none'}")
        codes, names = catalog.labels(column)
        found = codes[self.embeddings().rows[rows]]
        if len(np.unique(found)) < 2 or len(names) > len(codes) // 2:
            raise ConfigError(
                f"{column!r} has {len(names):,} values for {len(codes):,} items; choose a column of classes"
            )
        return np.where(found == names.index(""), -1, found) if "" in names else found

    def class_names(self, column: str) -> list[str]:
        """Names of the classes of a column, by their numbers in `classes`."""
        return self.catalog().labels(column)[1]


def vectors_of(embedded: Embeddings, rows: np.ndarray) -> np.ndarray:
    """Vectors of some rows in memory: (n, d) float32."""
    return np.asarray(embedded.vectors[rows], dtype=np.float32)


def options_of(config: Mapping[str, Any], model: type[StepConfig]) -> dict[str, Any]:
    """The settings of a plan that belong to a model."""
    return {name: value for name, value in config.items() if name in model.model_fields}
