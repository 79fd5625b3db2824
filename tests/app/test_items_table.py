"""The table of what is in hand."""

import numpy as np
import pyarrow as pa
import pytest

from curation_app.items_table import MOST_TEXT, MOST_WIDE, _width, table_of
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.workspace import Workspace


@pytest.fixture
def columns():
    return ItemColumns.of(
        3,
        [
            ItemColumn("uri", "text", "item", lambda: pa.array(["a", None, "x" * 1_000])),
            ItemColumn("kind", "class", "yours", lambda: (np.array([1, 0, 1]), ["cat", "<b>dog</b>"])),
            ItemColumn("size", "number", "yours", lambda: np.array([3.0, np.nan, 1.0])),
        ],
    )


def test_the_users_columns_come_first_and_long_texts_are_cut(columns):
    made = table_of(columns, np.array([2, 1]))
    assert list(made) == ["kind", "size", "uri"]
    assert made["kind"] == ["<b>dog</b>", "cat"]
    assert made["uri"] == ["x" * MOST_TEXT + "… 800 more", None]
    assert made["size"][0] == 1.0


def test_columns_of_text_are_as_wide_as_their_texts_up_to_a_bound():
    short, long = _width("id", ["ab", None]), _width("name", ["ab", "x" * 25])
    assert short < long < _width("name", ["x" * 1_000]) == _width("name", ["x" * MOST_WIDE])
    assert _width("a name longer than its texts", [""]) > short
    assert _width("name", []) > 0


def test_the_table_shows_what_is_in_hand_in_the_order_of_a_column(full_folder, open_page):
    app = open_page("explore", ws="shapes", view="Table", level="2", cluster="0")
    assert not app.exception
    size = int(Workspace(full_folder / "shapes").hierarchy().sizes(2)[0])
    table = app.dataframe[-1].value
    assert len(table) == size
    order = next(box for box in app.selectbox if box.key == "items-table-order")
    order.set_value("distance, highest first").run()
    assert not app.exception
    assert (np.diff(app.dataframe[-1].value["distance"]) <= 0).all()
