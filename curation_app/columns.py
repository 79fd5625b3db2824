"""All columns of a pool's items: the user's, the tree's, what people decided, what is drawn, every score and flag."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import findings, loaders
from curation_app.naming import is_label
from curation_app.pool import Pool
from curation_core import quality
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.review import ReviewDecisions
from curation_core.workspace import Workspace


def item_columns(ws: Workspace, pool: Pool, decided: ReviewDecisions, drawn: np.ndarray) -> ItemColumns:
    """Columns on the tree's rows. drawn: (n,) bool; without any True there is no column `drawn`."""
    stamp = "-".join(loaders.check(ws, name).key for name in ("quality", "outliers", "duplicates", "faces"))
    fixed = _fixed(str(ws.path), pool.key, f"{stamp}-{ws.duplicate_threshold()}-{ws.face_corrections.version()}", pool)
    thresholds = ws.settings.quality.thresholds
    return ItemColumns.of(
        pool.hierarchy.n_items,
        [*fixed, *_flags(ws, pool, thresholds), *_moving(pool, decided, drawn)],
    )


def _moving(pool: Pool, decided: ReviewDecisions, drawn: np.ndarray) -> list[ItemColumn]:
    """What changes with every decision."""

    def decision() -> tuple[np.ndarray, list[str]]:
        codes = np.where(decided.decided_by == 0, 0, np.where(decided.eligible, 1, 2))
        return codes, ["undecided", "kept", "dropped"]

    found = [ItemColumn("decision", "class", "review", decision, "what people decided")]
    if decided.item_labels:

        def labels() -> tuple[np.ndarray, list[str]]:
            names = sorted(set(decided.item_labels.values()))
            place = {name: number for number, name in enumerate(names, start=1)}
            given = [place.get(decided.item_labels.get(item_id, ""), 0) for item_id in pool.item_ids]
            return np.array(given), ["", *names]

        found.append(ItemColumn("review label", "class", "review", labels, "what people called single items"))
    if drawn.any():
        found.append(ItemColumn("drawn", "flag", "draw", lambda: drawn, "in the draw"))
    return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _fixed(path: str, key: str, stamp: str, _pool: Pool) -> list[ItemColumn]:  # noqa: ARG001 - they are the cache's key
    ws = Workspace(path)
    return [*_items(_pool), *_own(_pool), *_tree(_pool), *_scores(ws, _pool), *_found(ws, _pool)]


def _items(pool: Pool) -> list[ItemColumn]:
    catalog, rows = pool.catalog, pool.rows

    def text_of(name: str) -> Callable[[], Any]:
        return lambda: catalog.items.column(name).take(pa.array(rows)).combine_chunks()

    found = [ItemColumn("item_id", "text", "item", text_of("item_id"), "the item's id")]
    found.append(ItemColumn("uri", "text", "item", text_of("uri"), "where the item lies below the source"))
    if catalog.modality == "text":
        found.append(ItemColumn("text", "text", "item", text_of("text"), "the text itself"))
    if catalog.modality == "image":
        for name in ("width", "height"):
            read = partial(_numbers, catalog.items.column(name), rows)
            found.append(ItemColumn(name, "number", "item", read, "pixels"))
    return found


def _own(pool: Pool) -> list[ItemColumn]:
    return [_own_column(pool, name) for name in pool.catalog.columns]


def _own_column(pool: Pool, name: str) -> ItemColumn:
    values = pool.catalog.metadata.column(name)
    label = is_label(pool.catalog, name)
    if pa.types.is_boolean(values.type):
        return ItemColumn(name, "flag", "yours", lambda: _numbers(values, pool.rows) == 1)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        return ItemColumn(name, "number", "yours", partial(_numbers, values, pool.rows), classes=label)
    if label:
        return ItemColumn(name, "class", "yours", partial(pool.labels, name))
    return ItemColumn(name, "text", "yours", partial(_texts, values, pool.rows))


def _tree(pool: Pool) -> list[ItemColumn]:
    tree = pool.hierarchy

    def classes(level: int) -> tuple[np.ndarray, list[str]]:
        return tree.point_assignment(level), [str(c) for c in range(tree.n_clusters[level - 1])]

    found = [
        ItemColumn(f"level {level}", "class", "tree", partial(classes, level), f"cluster at level {level}")
        for level in range(tree.n_levels, 0, -1)
    ]
    distance = partial(np.asarray, tree.levels[0].distance)
    found.append(ItemColumn("distance", "number", "tree", distance, "to the centroid of its finest cluster"))
    return found


def _scores(ws: Workspace, pool: Pool) -> list[ItemColumn]:
    table = findings.scores(ws)
    return [
        ItemColumn(name, "number", "quality", partial(_numbers, table.column(name), pool.rows), "a quality score")
        for name in table.column_names
    ]


def _flags(ws: Workspace, pool: Pool, thresholds: Any) -> list[ItemColumn]:
    table = findings.scores(ws)
    if not table.num_columns:
        return []
    marked = quality.flagged(table, thresholds)
    return [
        ItemColumn(f"flag: {name}", "flag", "quality", partial(_taken, mask, pool.rows), "at the threshold in force")
        for name, mask in marked.items()
    ]


def _found(ws: Workspace, pool: Pool) -> list[ItemColumn]:
    found = []
    if loaders.check(ws, "duplicates").state == "done":

        def group_size() -> np.ndarray:
            groups = findings.groups(ws, ws.duplicate_threshold())
            assert groups is not None
            grouped, sizes = groups.group >= 0, np.ones(pool.hierarchy.n_items)
            sizes[grouped] = np.bincount(groups.group[grouped])[groups.group[grouped]]
            return sizes

        about = "items in its group of near-duplicates, 1 when alone"
        found.append(ItemColumn("duplicates", "number", "duplicates", group_size, about))
    if loaders.check(ws, "faces").state == "done":

        def face_count() -> np.ndarray:
            faces = findings.faces(ws)
            assert faces is not None
            counts = faces.above(ws.settings.faces.threshold).counts(len(pool.catalog))
            return _taken(counts.astype(np.float64), pool.rows)

        found.append(ItemColumn("faces", "number", "faces", face_count, "faces found in the picture"))
    return found


def _numbers(values: Any, rows: np.ndarray) -> np.ndarray:
    return _taken(np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64), rows)


def _texts(values: Any, rows: np.ndarray) -> Any:
    taken = values.take(pa.array(rows))
    try:
        return taken.cast(pa.string()).combine_chunks()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, structs: as they are written
        return pa.array([None if value is None else str(value) for value in taken.to_pylist()], type=pa.string())


def _taken(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    taken: np.ndarray = np.asarray(values)[rows]
    return taken
