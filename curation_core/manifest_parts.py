"""The tables of an export, made some ten thousand rows at a time: what was drawn, and what was not and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.catalog import FAILURE_SCHEMA
from curation_core.manifest import Copies, ExportContents, cluster_name, names_of
from curation_core.manifest_reasons import Reasons

MOST_ROWS = 1 << 15  # of a part, and of a row group: readers that show a table take whole groups
_PART_BYTES = 1 << 26  # a part of wide rows has fewer
_OWN_ROW = 300  # bytes of our own columns in a row, roughly


@dataclass(frozen=True)
class Part:
    """Rows of the manifest. table: as they are told; tree_rows and catalog_rows: (n,) int64, whose they are."""

    table: pa.Table
    tree_rows: np.ndarray
    catalog_rows: np.ndarray
    start: int  # rows before it


@dataclass(frozen=True)
class ManifestParts:
    """Manifest and rejected items of one export, part by part."""

    contents: ExportContents
    copies: Copies | None = None

    @cached_property
    def names(self) -> dict[str, str]:
        """Our names of columns -> those in this export."""
        return names_of(self.contents, self.copies)

    @cached_property
    def n_rows(self) -> int:
        """Rows of a part, as many as fit some tens of megabytes."""
        items, user = self.contents.catalog.items, self.contents.catalog.metadata
        width: int = _OWN_ROW + (items.nbytes + user.nbytes) // max(len(items), 1)
        return int(max(256, min(_PART_BYTES // width, MOST_ROWS)))

    @cached_property
    def n_rejected(self) -> int:
        """Rows of the table of rejected items."""
        return len(self._rest) + int(sum(table.num_rows for table in self._refused))

    @cached_property
    def schema(self) -> pa.Schema:
        """Of the manifest."""
        return self._drawn(np.zeros(0, np.int64)).schema

    @cached_property
    def rejected_schema(self) -> pa.Schema:
        """Of the rejected items."""
        return self._rejected(np.zeros(0, np.int64)).schema

    def drawn(self) -> Iterator[Part]:
        """One row per draw (an item drawn twice stands twice): ids, cluster path, quota, reason, the user's columns."""
        indices = np.asarray(self.contents.plan.indices)
        for start in range(0, len(indices), self.n_rows):
            rows = indices[start : start + self.n_rows]
            yield Part(self._drawn(rows), rows, np.asarray(self.contents.rows)[rows], start)

    def head(self, n: int) -> pa.Table:
        """The first n rows of the manifest."""
        return self._drawn(np.asarray(self.contents.plan.indices)[:n])

    def rejected(self) -> Iterator[pa.Table]:
        """One row per item that was not drawn, and per file that could not be read, each with its reason."""
        for start in range(0, len(self._rest), self.n_rows):
            yield self._rejected(self._rest[start : start + self.n_rows])
        empty = self.rejected_schema.empty_table()
        for table in self._refused:
            for start in range(0, table.num_rows, self.n_rows):
                part = table.slice(start, self.n_rows)
                unread = {
                    self.names["path"]: part.column("uri"),
                    self.names["reason"]: pc.binary_join_element_wise("unreadable: ", part.column("reason"), ""),
                    "eligible": pa.array(np.zeros(part.num_rows, dtype=bool)),
                }
                yield pa.concat_tables([empty, pa.table(unread)], promote_options="default").combine_chunks()

    @cached_property
    def _rest(self) -> np.ndarray:
        return np.flatnonzero(~self.contents.plan.drawn_mask(self.contents.hierarchy.n_items))

    @cached_property
    def _refused(self) -> list[pa.Table]:
        return [
            table.select(FAILURE_SCHEMA.names) for table in (self.contents.catalog.failures, self.contents.failures)
        ]

    @cached_property
    def _reasons(self) -> Reasons:
        return Reasons(self.contents)

    def _drawn(self, tree_rows: np.ndarray) -> pa.Table:
        contents, names = self.contents, self.names
        leaf = contents.hierarchy.point_assignment(1)[tree_rows]
        extra: dict[str, pa.Array] = {
            "quota": pa.array(contents.plan.quotas[0][leaf], pa.int64()),
            "reason": self._reasons.of_drawn(tree_rows),
        }
        if self.copies is not None:
            rows = np.asarray(contents.rows)[tree_rows].tolist()
            extra["file"] = pa.array([self.copies.file.get(row) for row in rows], pa.string())
            extra["faces_blurred"] = pa.array([row in self.copies.blurred for row in rows], pa.bool_())
        if contents.splits is not None:
            codes = contents.split_of(tree_rows)
            extra["split"] = pa.array(contents.split_names, pa.string()).take(pa.array(codes, mask=codes < 0))
        return self._items(tree_rows, {name: extra[name] for name in extra if name in names})

    def _rejected(self, tree_rows: np.ndarray) -> pa.Table:
        table = self._items(tree_rows, {"reason": self._reasons.of_rejected(tree_rows)})
        return table.append_column("eligible", pa.array(self.contents.eligible[tree_rows]))

    def _items(self, tree_rows: np.ndarray, extra: Mapping[str, pa.Array]) -> pa.Table:
        contents, names = self.contents, self.names
        catalog, tree = contents.catalog, contents.hierarchy
        catalog_rows = np.asarray(contents.rows)[tree_rows]
        items = taken(catalog.items.select(["item_id", "uri", "content_hash", "source_row"]), catalog_rows)
        user = taken(contents.personal[0], catalog_rows)
        columns = {
            names["item_id"]: items.column("item_id"),
            names["path"]: items.column("uri"),
            names["sha256"]: items.column("content_hash"),
            names["row"]: pa.array(tree_rows, pa.int64()),
            names["source_row"]: items.column("source_row"),
        }
        for level in range(1, tree.n_levels + 1):
            columns[cluster_name(level, catalog.columns)] = pa.array(
                tree.point_assignment(level)[tree_rows], pa.int32()
            )
        columns[names["distance"]] = pa.array(np.asarray(tree.levels[0].distance)[tree_rows], pa.float32())
        checks = {**extra, **self._checks(tree_rows, catalog_rows, items.column("item_id"))}
        columns.update({names[name]: column for name, column in checks.items() if name in names})
        columns.update({name: user.column(name) for name in catalog.columns})
        return pa.table(columns).combine_chunks().replace_schema_metadata(None)

    @cached_property
    def _faces(self) -> tuple[np.ndarray, np.ndarray]:
        """Faces of every row of the catalog, (n,) int, and where nobody can say, (n,) bool."""
        contents = self.contents
        assert contents.faces is not None
        unsearched = pa.array(sorted(set(contents.unsearched)), pa.string())
        unknown = pc.is_in(contents.catalog.items.column("uri"), value_set=unsearched)
        return contents.faces.above(contents.face_config.threshold).counts(len(contents.catalog)), unknown.to_numpy()

    def _checks(self, tree_rows: np.ndarray, catalog_rows: np.ndarray, ids: pa.ChunkedArray) -> dict[str, pa.Array]:
        """What checks, people and the draw say of items, beyond the columns that every export has."""
        contents, found = self.contents, dict[str, pa.Array]()
        if contents.faces is not None:
            counts, unknown = self._faces
            found["faces"] = pa.array(counts[catalog_rows], pa.int32(), mask=unknown[catalog_rows])
        if contents.near_duplicates is not None:
            found["duplicate_group"] = _coded(contents.near_duplicates, tree_rows, pa.int32())
        if contents.masked:
            found["personal_masked"] = pa.array(contents.personal[1][catalog_rows], pa.int32())
        found["kept"] = pa.array(contents.decisions.kept[tree_rows])
        if contents.decisions.item_labels:
            labels = contents.decisions.item_labels
            place = pc.index_in(ids, value_set=pa.array(list(labels), pa.string()))
            found["review_label"] = pa.array(list(labels.values()), pa.string()).take(place).fill_null("")
        if contents.groups is not None:
            found["balance_group"] = _coded(contents.groups, tree_rows, pa.int32())
        if contents.retrieved is not None:
            found["reference_rank"] = _coded(contents.retrieved, tree_rows, pa.int64())
        return found


def taken(table: pa.Table, rows: np.ndarray) -> pa.Table:
    """Rows of a table, ascending: cut to where they lie first, so that a part of many chunks costs its own size."""
    if not len(rows) or not table.num_columns:
        return table.slice(0, 0)
    low, high = int(rows.min()), int(rows.max())
    return table.slice(low, high - low + 1).take(pa.array(rows - low))


def _coded(values: np.ndarray, tree_rows: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Codes of rows, null for -1."""
    codes = np.asarray(values)[tree_rows]
    return pa.array(codes, kind, mask=codes < 0)
