"""The tables of an export: what was drawn, what was not and why, and the tree."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.catalog import FAILURE_SCHEMA, Catalog
from curation_core.config import FacesConfig
from curation_core.decisions import Decision
from curation_core.draw_rules import NO_CAP
from curation_core.errors import ShapeError
from curation_core.face_results import Faces
from curation_core.hierarchy import Hierarchy
from curation_core.personal import mask_column
from curation_core.review import ReviewDecisions
from curation_core.sampling import SamplingPlan

OWN_COLUMNS = ("item_id", "path", "sha256", "row", "source_row", "distance", "quota", "reason")
EXTRA_COLUMNS = (
    "file",
    "faces",
    "faces_blurred",
    "duplicate_group",
    "personal_masked",
    "kept",
    "review_label",
)  # where there is such a thing


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
    keeper: (m,) bool, the rows that may stand for their group, where the draw took one per group.
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

    def __post_init__(self) -> None:
        for name in ("near_duplicates", "keeper"):
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
        table, counts = self.catalog.metadata, np.zeros(len(self.catalog), np.int32)
        if not self.masked:
            return table, counts
        columns = {}
        for name in table.column_names:
            columns[name], masked = mask_column(table.column(name))
            counts += masked
        return (pa.table(columns) if columns else table), counts


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
    }
    return own_names(contents.catalog.columns, [name for name in EXTRA_COLUMNS if there[name]])


def manifest_table(contents: ExportContents, copies: Copies | None = None) -> pa.Table:
    """One row per draw (an item drawn twice stands twice): ids, cluster path, quota, reason, the user's columns."""
    plan, tree = contents.plan, contents.hierarchy
    leaf = tree.point_assignment(1)[plan.indices]
    quota, sizes, kept = plan.quotas[0][leaf], tree.sizes(1)[leaf], contents.decisions.kept[plan.indices]
    reasons = [
        "kept in review: this item" if is_kept else f"{plan.strategy} draw: {q} of {n} in cluster {c}"
        for q, n, c, is_kept in zip(quota, sizes, leaf, kept, strict=True)
    ]
    extra = {"quota": pa.array(quota, pa.int64()), "reason": pa.array(reasons, pa.string())}
    if copies is not None:
        rows = np.asarray(contents.rows)[plan.indices].tolist()
        extra["file"] = pa.array([copies.file.get(row) for row in rows], pa.string())
        extra["faces_blurred"] = pa.array([row in copies.blurred for row in rows], pa.bool_())
    return _item_table(contents, plan.indices, extra, names_of(contents, copies))


def rejected_table(contents: ExportContents) -> pa.Table:
    """One row per item that was not drawn, and per file that could not be read, each with its reason."""
    drawn = np.zeros(contents.hierarchy.n_items, dtype=bool)
    drawn[contents.plan.indices] = True
    rest = np.flatnonzero(~drawn)
    names = names_of(contents)
    table = _item_table(contents, rest, {"reason": pa.array(_rejections(contents, rest), pa.string())}, names)
    table = table.append_column("eligible", pa.array(contents.eligible[rest]))
    refused = pa.concat_tables(
        [table.select(FAILURE_SCHEMA.names) for table in (contents.catalog.failures, contents.failures)]
    )
    unread = {
        names["path"]: refused.column("uri"),
        names["reason"]: pa.array(
            [f"unreadable: {reason}" for reason in refused.column("reason").to_pylist()], pa.string()
        ),
        "eligible": pa.array(np.zeros(refused.num_rows, dtype=bool)),
    }
    return pa.concat_tables([table, pa.table(unread)], promote_options="default")


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


def _item_table(
    contents: ExportContents, tree_rows: np.ndarray, extra: Mapping[str, pa.Array], names: Mapping[str, str]
) -> pa.Table:
    catalog, tree = contents.catalog, contents.hierarchy
    catalog_rows = pa.array(np.asarray(contents.rows)[tree_rows])
    items = catalog.items.take(catalog_rows)
    own = {
        "item_id": items.column("item_id"),
        "path": items.column("uri"),
        "sha256": items.column("content_hash"),
        "row": pa.array(tree_rows, pa.int64()),
        "source_row": items.column("source_row"),
    }
    columns = {names[name]: column for name, column in own.items()}
    for level in range(1, tree.n_levels + 1):
        columns[cluster_name(level, catalog.columns)] = pa.array(tree.point_assignment(level)[tree_rows], pa.int32())
    columns[names["distance"]] = pa.array(np.asarray(tree.levels[0].distance)[tree_rows], pa.float32())
    checks = {**extra, **_checks(contents, tree_rows)}
    columns.update({names[name]: column for name, column in checks.items() if name in names})
    if catalog.metadata.num_columns:
        user = contents.personal[0].take(catalog_rows)
        columns.update({name: user.column(name) for name in catalog.columns})
    return pa.table(columns)


def _checks(contents: ExportContents, tree_rows: np.ndarray) -> dict[str, pa.Array]:
    """What checks and people say of items: faces, group of near-duplicates, what was masked, kept, labels."""
    rows, found = np.asarray(contents.rows)[tree_rows], {}
    if contents.faces is not None:
        counts = contents.faces.above(contents.face_config.threshold).counts(len(contents.catalog))
        unsearched = set(contents.unsearched)
        unknown = np.array([contents.catalog.uri[row] in unsearched for row in rows.tolist()], dtype=bool)
        found["faces"] = pa.array(counts[rows], pa.int32(), mask=unknown)
    if contents.near_duplicates is not None:
        group = np.asarray(contents.near_duplicates)[tree_rows]
        found["duplicate_group"] = pa.array(group, pa.int32(), mask=group < 0)
    if contents.masked:
        found["personal_masked"] = pa.array(contents.personal[1][rows], pa.int32())
    found["kept"] = pa.array(contents.decisions.kept[tree_rows])
    if contents.decisions.item_labels:
        ids, labels = contents.catalog.item_id, contents.decisions.item_labels
        found["review_label"] = pa.array([labels.get(ids[row], "") for row in rows.tolist()], pa.string())
    return found


def cluster_name(level: int, user_columns: Sequence[str]) -> str:
    """Name of the column that holds the cluster of a level."""
    name = f"cluster_{level}"
    return f"curation_{name}" if name in user_columns else name


def _rejections(contents: ExportContents, rows: np.ndarray) -> list[str]:
    tree, quotas = contents.hierarchy, contents.plan.quotas[0]
    leaf, decided = tree.point_assignment(1)[rows], contents.decisions.decided_by[rows]
    sizes, dropped = tree.sizes(1), ~contents.decisions.eligible[rows]
    keepers, caps = _keepers(contents), contents.decisions.rules.caps[0]
    reasons = []
    for row, cluster, level, is_dropped in zip(rows.tolist(), leaf, decided, dropped, strict=True):
        if is_dropped and level < 0:
            reasons.append("dropped in review: this item")
        elif is_dropped:
            reasons.append(f"dropped in review: cluster {tree.point_assignment(int(level))[row]} of level {level}")
        elif not contents.eligible[row]:
            reasons.append(f"near-duplicate of {keepers.get(row, 'an item that was left out')}")
        else:
            bound = f", capped at {caps[cluster]}" if caps[cluster] != NO_CAP else ""
            reasons.append(f"not drawn: cluster {cluster} gives {quotas[cluster]} of {sizes[cluster]}{bound}")
    return reasons


def _keepers(contents: ExportContents) -> dict[int, str]:
    """For every row of the tree that had to give way, the id of the item that stands for its group."""
    if contents.keeper is None or contents.near_duplicates is None:
        return {}
    group, rows, ids = np.asarray(contents.near_duplicates), np.asarray(contents.rows), contents.catalog.item_id
    standing = {int(group[row]): ids[rows[row]] for row in np.flatnonzero(contents.keeper & (group >= 0))[::-1]}
    giving_way = np.flatnonzero(~np.asarray(contents.keeper)).tolist()
    return {row: standing[int(group[row])] for row in giving_way if int(group[row]) in standing}
