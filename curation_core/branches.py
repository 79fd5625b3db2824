"""A tree that a workspace keeps, current or not, with all it was made from: how earlier draws are read again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from curation_core import sources
from curation_core.artifacts import ArtifactStore, read_array, read_table
from curation_core.catalog import Catalog, ids_of
from curation_core.config import Keeper, SampleConfig
from curation_core.decisions import Decision
from curation_core.draw_sides import DrawSide, reasons, told
from curation_core.errors import ConfigError, StepMissing
from curation_core.folding import fold
from curation_core.hierarchy import Hierarchy
from curation_core.neighbors import read_duplicates
from curation_core.results import read_draw, read_hierarchy
from curation_core.review import ReviewDecisions
from curation_core.sampling import SamplingPlan
from curation_core.view import item_sizes, standing_rows

_TRIES = 12  # states of the review that are looked at to find the one a draw was made under


@dataclass(frozen=True)
class Branch:
    """One tree of a workspace and its way from the source. meta: provenance per step, as it was when they were made."""

    store: ArtifactStore
    meta: Mapping[str, Mapping[str, Any]]
    _folded: dict[int, ReviewDecisions] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, store: ArtifactStore, cluster_key: str) -> "Branch":
        """The branch that ends in a tree; raises StepMissing when something it was made from was deleted."""
        meta = {"cluster": store.meta("cluster", cluster_key)}
        meta["prepare"] = store.meta("prepare", meta["cluster"]["inputs"]["prepare"])
        meta["embed"] = store.meta("embed", meta["prepare"]["inputs"]["embed"])
        digest = meta["embed"]["inputs"]["ingest"]
        ingested = next((one for one in store.all_meta("ingest") if one["digest"] == digest), None)
        if ingested is None:
            raise StepMissing(f"the items that tree {cluster_key} was made from are gone; ingest them again")
        return cls(store, {**meta, "ingest": ingested})

    @property
    def key(self) -> str:
        """Artefact key of the tree."""
        return str(self.meta["cluster"]["key"])

    @cached_property
    def catalog(self) -> Catalog:
        """The items."""
        return sources.read_catalog(self._folder("ingest"), self.meta["ingest"]["modality"])

    @cached_property
    def rows(self) -> np.ndarray:
        """Catalog row of every row of the tree: (n,) int64."""
        return read_array(self._folder("embed") / "rows.npy")

    @cached_property
    def vectors(self) -> np.ndarray:
        """The vectors that were clustered: (n, d') float32, memory-mapped."""
        return read_array(self._folder("prepare") / "vectors.npy")

    @cached_property
    def hierarchy(self) -> Hierarchy:
        """The tree as it was built."""
        return read_hierarchy(self._folder("cluster"), self.meta["cluster"])

    @cached_property
    def item_ids(self) -> pa.Array:
        """Ids of the tree's items, in row order."""
        return self._of_items("item_id")

    def decided(self, events: Sequence[Decision]) -> ReviewDecisions:
        """Events folded onto this tree."""
        if len(events) not in self._folded:
            self._folded[len(events)] = fold(events, self.hierarchy, self.key, self.item_ids, vectors=self.vectors)
        return self._folded[len(events)]

    def decided_as(self, fingerprint: str, events: Sequence[Decision], until: str) -> ReviewDecisions | None:
        """The decisions of an earlier moment, told by their fingerprint; None when the log does not hold them.

        until: about when that was, UTC, ISO 8601; the log is cut there, and around there.
        """
        about = sum(event.time <= until for event in events)
        near = sorted(range(len(events) + 1), key=lambda n: (n != len(events), abs(n - about)))
        found = (self.decided(events[:n]) for n in near[:_TRIES])
        return next((one for one in found if one.fingerprint == fingerprint), None)

    def standing(self, grouping: str, decided: ReviewDecisions) -> np.ndarray:
        """What the rule of one per group lets through: (n,) bool. grouping: as `Plans.grouping` names it."""
        key, threshold, rule = grouping.split(":")
        keeper = next(one for one in get_args(Keeper) if one == rule)
        found = read_duplicates(self.store.folder("duplicates", key), self.store.meta("duplicates", key))
        groups, sizes = found.at(max(float(threshold), found.threshold)), item_sizes(self.catalog)[self.rows]
        distance = np.asarray(self.hierarchy.levels[0].distance)
        return standing_rows(groups, keeper, sizes, distance, decided.eligible, decided.kept)

    def side(
        self,
        name: str,
        plan: SamplingPlan,
        config: SampleConfig,
        decided: ReviewDecisions | None,
        standing: np.ndarray | None = None,
    ) -> DrawSide:
        """A draw from this tree as a side of a comparison."""
        tree = self.hierarchy if decided is None else decided.tree
        if tuple(map(len, plan.quotas)) != tree.n_clusters:
            raise ConfigError(f"{name} was drawn from a tree whose merges and splits are no more known; draw it again")
        failed = [self.catalog.failures, read_table(self._folder("embed") / "failures.parquet")]
        return DrawSide(
            name,
            self.item_ids,
            self._of_items("uri"),
            tree,
            np.bincount(plan.indices, minlength=tree.n_items).astype(np.int64),
            plan.quotas,
            reasons(plan, decided, tree, standing),
            ids_of(uri for table in failed for uri in table.column("uri").to_pylist()),
            told(config),
            {step: str(self.meta[step]["key"]) for step in ("embed", "cluster")},
        )

    def _folder(self, step: str) -> Any:
        return self.store.folder(step, self.meta[step]["key"])

    def _of_items(self, column: str) -> pa.Array:
        return self.catalog.items.column(column).take(pa.array(self.rows)).combine_chunks()


def kept_side(store: ArtifactStore, key: str, events: Sequence[Decision], branch: Callable[[str], Branch]) -> DrawSide:
    """A draw that the workspace keeps, current or not, under the decisions that it was made with."""
    meta = store.meta("sample", key)
    plan, inputs, config = read_draw(store.folder("sample", key), meta), meta["inputs"], SampleConfig(**meta["config"])
    one = branch(inputs["cluster"])
    decided = one.decided_as(inputs["reviews"], events, str(meta["finished"]))
    standing = one.standing(inputs["duplicates"], decided) if "duplicates" in inputs and decided is not None else None
    return one.side(f"draw:{key}", plan, config, decided, standing)
