"""The items of a tree with their names: what every view looks at."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation_app import naming
from curation_app.name_sources import word_vectors
from curation_core.catalog import Catalog
from curation_core.finding import by_distance
from curation_core.hierarchy import Hierarchy
from curation_core.workspace import Workspace


@dataclass(frozen=True)
class Pool:
    """The items of a tree: row i of the tree is catalog row rows[i].

    path: of the workspace. tree: artefact key of the tree as it was built; hierarchy: as it is after people's merges
    and splits; key: names both.
    """

    path: str
    tree: str
    key: str
    catalog: Catalog
    rows: np.ndarray
    hierarchy: Hierarchy
    vectors: np.ndarray

    @cached_property
    def item_ids(self) -> list[str]:
        """Ids in tree order of rows, (n,)."""
        ids = self.catalog.item_id
        return [ids[row] for row in self.rows]

    @cached_property
    def captions(self) -> list[str]:
        """A short name of every item, (n,)."""
        named = naming.item_captions(self.catalog)
        return [named[row] for row in self.rows]

    @cached_property
    def names(self) -> naming.ClusterNames:
        """The names of the tree's clusters, each worked out when it is asked for."""
        classes = [name for column in self.label_columns for name in self.labels(column)[1]]
        ws, modality = Workspace(self.path), self.catalog.modality
        return naming.ClusterNames(self.hierarchy, self.catalog, self.rows, lambda: word_vectors(ws, modality, classes))

    def name(self, level: int, cluster: int) -> str:
        """A cluster's name: its number, then what a person called it or what its members are."""
        return self.names.name(level, cluster)

    def labels(self, column: str) -> tuple[np.ndarray, list[str]]:
        """A user column as classes on the tree's rows."""
        codes, names = self.catalog.labels(column)
        return codes[self.rows], names

    def by_distance(self, level: int, cluster: int) -> np.ndarray:
        """Rows of a cluster's members, nearest to its centroid first."""
        return by_distance(self.hierarchy, self.vectors, level, cluster)

    @cached_property
    def label_columns(self) -> list[str]:
        """User columns with few enough values to be classes."""
        return [name for name in self.catalog.columns if naming.is_label(self.catalog, name)]
