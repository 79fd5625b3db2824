"""What is in hand as a table: every column, of the first rows in a chosen order; picked rows are picked items."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import show, state
from curation_app.gallery_view import shown_rows
from curation_app.scene import Scene
from curation_core.item_columns import ItemColumns

MOST_ROWS = 500
MOST_TEXT = 200  # characters of a cell
MOST_WIDE = 40  # characters that a column shows
_UNSORTED = "as they come"


def items_table(scene: Scene, *, key: str) -> None:
    """Draw the table of what is in hand, else of what matches, else of the pool."""
    rows = shown_rows(scene)
    with st.container(horizontal=True, vertical_alignment="center"):
        _order_choice(scene, key)
        st.caption(
            f"{min(len(rows), MOST_ROWS):,} of {len(rows):,} items shown: filter, or order by another column, to see "
            "others."
            if len(rows) > MOST_ROWS
            else show.count(len(rows), "item")
        )
    shown = ordered(scene, rows, key)
    table = table_of(scene.columns, shown)
    st.dataframe(
        table,
        hide_index=True,
        height="stretch",
        key=_widget(key, shown),
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            name: st.column_config.Column(width=_width(name, table[name])) for name in _texts(scene.columns)
        },
        alt=f"Table of {len(shown):,} items with {len(scene.columns)} columns.",
    )


def picked_in_table(scene: Scene, *, key: str) -> np.ndarray:
    """Tree rows that are picked in the table now, (m,) int64 ascending; may be asked before it is drawn."""
    shown = ordered(scene, shown_rows(scene), key)
    told = state.widget(_widget(key, shown))
    places = [place for place in (told["selection"]["rows"] if told else ()) if place < len(shown)]
    return np.sort(shown[places]) if places else np.zeros(0, dtype=np.int64)


def ordered(scene: Scene, rows: np.ndarray, key: str) -> np.ndarray:
    """The first MOST_ROWS of rows in the chosen order; what has no number comes last."""
    chosen = str(state.widget(f"{key}-order") or _UNSORTED)
    name, _, way = chosen.rpartition(", ")
    if name not in scene.columns:
        return rows[:MOST_ROWS]
    values = scene.columns.numbers(name)[rows]
    keys = -values if way == "highest first" else values
    if len(rows) > MOST_ROWS:
        kept = np.argpartition(np.where(np.isnan(keys), np.inf, keys), MOST_ROWS - 1)[:MOST_ROWS]
        rows, keys = rows[np.sort(kept)], keys[np.sort(kept)]
    return rows[np.argsort(keys, kind="stable")]


def table_of(columns: ItemColumns, rows: np.ndarray) -> dict[str, Any]:
    """Some rows of all columns, the user's first; long texts are cut, what a class is called stands for its code."""
    names = sorted(columns, key=lambda name: columns[name].group != "yours")
    return {name: _cells(columns, name, rows) for name in names}


def _cells(columns: ItemColumns, name: str, rows: np.ndarray) -> Any:
    column = columns[name]
    if column.kind in ("number", "flag"):
        return np.asarray(column.values())[rows]
    if column.kind == "class":
        codes, names = columns.codes(name)
        return [names[code] for code in codes[rows].tolist()]
    return [_cut(text) for text in columns.texts(name).take(pa.array(rows)).to_pylist()]


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}… {len(text) - MOST_TEXT:,} more"


def _texts(columns: ItemColumns) -> list[str]:
    return [name for name, column in columns.items() if column.kind not in ("number", "flag", "class")]


def _width(name: str, texts: Sequence[str | None]) -> int:
    """Pixels for most of the texts of a column; the table itself looks at its first rows alone."""
    longest = max((len(text or "") for text in texts), default=0)
    return 24 + 7 * min(MOST_WIDE, max(len(name), longest))


def _order_choice(scene: Scene, key: str) -> None:
    ways = [f"{name}, {way}" for name, column in scene.columns.items() if column.is_number for way in _WAYS]
    st.selectbox(
        "Order", [_UNSORTED, *ways], key=f"{key}-order", label_visibility="collapsed", width=230, icon=":material/sort:"
    )


def _widget(key: str, shown: np.ndarray) -> str:
    """A key of its own for every list, so that picks never slip to other items."""
    return f"{key}-{hashlib.blake2b(shown.tobytes(), digest_size=8).hexdigest()}"


_WAYS = ("lowest first", "highest first")
