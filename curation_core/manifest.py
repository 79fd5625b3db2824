"""What an export tells, the names of its columns, and the table of the tree."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.catalog import Catalog
from curation_core.config import FacesConfig
from curation_core.decisions import Decision
from curation_core.draw_rules import NO_CAP
from curation_core.errors import ShapeError
from curation_core.face_results import Faces
from curation_core.hierarchy import Hierarchy
from curation_core.personal import mask_column
from curation_core.progress import Progress, silent
from curation_core.review import ReviewDecisions
from curation_core.sampling import SamplingPlan
from curation_core.splits import Splits

OWN_COLUMNS = ("item_id", "path", "sha256", "row", "source_row", "distance", "quota", "reason")
EXTRA_COLUMNS = (
    "file",
    "faces",
    "faces_blurred",
    "duplicate_group",
    "personal_masked",
    "kept",
    "review_label",
    "split",
    "balance_group",
    "reference_rank",
)  # where there is such a thing
WHOLE = "train"  # the split that all items are in where nobody asked for splits


@dataclass(frozen=True)
class Copies:
    """The items' files as they were put into an export.

    file: path below the export by catalog row. blurred: catalog rows whose faces were blurred. failures: table of
    FAILURE_SCHEMA, what could not be copied and why.
    """

    file: Mapping[int, str]
    blurred: frozenset[int]
    failures: pa.Table


@dataclass(frozen=True)
class ExportContents:
    """What an export tells.

    rows: (m,) catalog row of every row of the tree. failures: refused by the embedder. faces: detections with people's
    verdicts, by catalog row, None where nobody searched; face_config says from which score they count and whether they
    are blurred in copies; unsearched: uris of pictures that could not be searched. masked: whether personal data in
    the user's texts is replaced. near_duplicates: (m,) int32, group of every row of the tree, -1 for one that is alone.
    keeper: (m,) bool, the rows that may stand for their group, where the draw took one per group. splits: which part of
    the dataset each drawn item is in. groups: (m,) int, the value of the column that the draw balances along, as a
    code, -1 without one; retrieved: (m,) int64, rank by retrieval from the reference set, -1 = not retrieved; both as
    `sample` was given them. reports: what else was found out, by name, as values of JSON.
    """

    catalog: Catalog
    rows: np.ndarray
    hierarchy: Hierarchy
    plan: SamplingPlan
    decisions: ReviewDecisions
    failures: pa.Table
    events: Sequence[Decision]
    provenance: Mapping[str, Any]
    faces: Faces | None = None
    face_config: FacesConfig = field(default_factory=FacesConfig)
    unsearched: Iterable[str] = ()
    masked: bool = False
    near_duplicates: np.ndarray | None = None
    keeper: np.ndarray | None = None
    splits: Splits | None = None
    groups: np.ndarray | None = None
    retrieved: np.ndarray | None = None
    reports: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("near_duplicates", "keeper", "groups", "retrieved"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.rows):
                raise ShapeError(f"{name} has {len(values)} rows for {len(self.rows)} items of the tree; export again")

    @cached_property
    def eligible(self) -> np.ndarray:
        """(m,) bool: what review and the rule of one per group let into the draw."""
        decided = self.decisions
        return decided.eligible if self.keeper is None else decided.eligible & (self.keeper | decided.kept)

    @cached_property
    def drawn(self) -> np.ndarray:
        """Catalog rows of the draw, each once, ascending: int64."""
        return np.unique(np.asarray(self.rows)[self.plan.indices])

    @cached_property
    def personal(self) -> tuple[pa.Table, np.ndarray]:
        """The user's columns as they are told, and how much was masked in every row of the catalog: (n,) int32."""
        return self._masked(silent)

    def mask(self, progress: Progress) -> None:
        """Make `personal` now, so that it can be watched and stopped."""
        if "personal" not in self.__dict__:
            self.__dict__["personal"] = self._masked(progress)

    def _masked(self, progress: Progress) -> tuple[pa.Table, np.ndarray]:
        table, counts = self.catalog.metadata, np.zeros(len(self.catalog), np.int32)
        if not self.masked:
            return table, counts
        columns = {}
        for name in table.column_names:
            columns[name], masked = mask_column(table.column(name), progress)
            counts += masked
        return (pa.table(columns) if columns else table), counts

    @cached_property
    def split_names(self) -> tuple[str, ...]:
        """The parts of the dataset, in their order; one where nobody asked for splits."""
        return (WHOLE,) if self.splits is None else tuple(self.splits.names)

    def split_of(self, tree_rows: np.ndarray) -> np.ndarray:
        """Which part of the dataset items are in: codes of split_names, (len(tree_rows),) int8."""
        if self.splits is None:
            return np.zeros(len(tree_rows), np.int8)
        codes: np.ndarray = np.asarray(self.splits.code)[tree_rows].astype(np.int8)
        return codes


def own_names(user_columns: Sequence[str], extra: Sequence[str] = ()) -> dict[str, str]:
    """Names of our columns; one that the user's data has already becomes curation_<name>, the user's stays as it is."""
    taken = set(user_columns)
    return {name: f"curation_{name}" if name in taken else name for name in (*OWN_COLUMNS, *extra)}


def names_of(contents: ExportContents, copies: Copies | None = None) -> dict[str, str]:
    """Names of our columns in this export: the extra ones where there is something to put into them."""
    there = {
        "file": copies is not None,
        "faces": contents.faces is not None,
        "faces_blurred": copies is not None and contents.faces is not None,
        "duplicate_group": contents.near_duplicates is not None,
        "personal_masked": contents.masked,
        "kept": bool(contents.decisions.kept.any()),
        "review_label": bool(contents.decisions.item_labels),
        "split": contents.splits is not None,
        "balance_group": contents.groups is not None,
        "reference_rank": contents.retrieved is not None,
    }
    return own_names(contents.catalog.columns, [name for name in EXTRA_COLUMNS if there[name]])


def tree_table(contents: ExportContents) -> pa.Table:
    """One row per cluster of every level: parent, items, capacity left after review, quota, what was decided."""
    tree, plan, verdict_names = contents.hierarchy, contents.plan, np.array(["drop", "", "keep"])
    rules, decided = contents.decisions.rules, contents.decisions
    levels = [
        pa.table(
            {
                "level": pa.array(np.full(k, level), pa.int16()),
                "cluster": pa.array(np.arange(k), pa.int32()),
                "parent": pa.array(tree.parents(level), pa.int32(), mask=np.full(k, level == tree.n_levels)),
                "items": pa.array(tree.sizes(level), pa.int64()),
                "capacity": pa.array(plan.capacity[level - 1], pa.int64()),
                "quota": pa.array(plan.quotas[level - 1], pa.int64()),
                "verdict": pa.array(verdict_names[decided.verdicts[level - 1] + 1].tolist(), pa.string()),
                "cap": pa.array(rules.caps[level - 1], pa.int64(), mask=rules.caps[level - 1] == NO_CAP),
                "weight": pa.array(rules.weights[level - 1], pa.float64()),
                "label": pa.array([decided.labels[level - 1].get(c, "") for c in range(k)], pa.string()),
                "note": pa.array([decided.notes.get((level, c), "") for c in range(k)], pa.string()),
            }
        )
        for level, k in enumerate(tree.n_clusters, start=1)
    ]
    return pa.concat_tables(levels)


def cluster_name(level: int, user_columns: Sequence[str]) -> str:
    """Name of the column that holds the cluster of a level."""
    name = f"cluster_{level}"
    return f"curation_{name}" if name in user_columns else name
