"""What is said of an item: the same captions as everywhere, bounded strings, everything in the full card."""

import numpy as np
import pyarrow as pa
import pytest

from curation_app import loaders, naming
from curation_app.item_cards import (
    SHORT,
    VALUE,
    Known,
    _places,
    captions,
    cells,
    cut,
    full_card,
    short_card,
    start_of,
    written,
)
from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA, Catalog
from curation_core.workspace import Workspace

HOSTILE = "<img src=x onerror=alert(1)> ![](http://evil.example/x.png) \u202eabc"


def catalog(modality, metadata, texts=None, n=3):
    uris = [f"folder.v2/item {row}.tar.gz" for row in range(n)]
    columns = {"item_id": [f"{row:016x}" for row in range(n)], "uri": uris, "content_hash": ["a" * 64] * n}
    columns["text"] = texts or [None] * n
    found = [pa.array(columns.get(field.name, [None] * n), field.type) for field in ITEM_SCHEMA]
    return Catalog(
        modality, pa.Table.from_arrays(found, schema=ITEM_SCHEMA), pa.table(metadata), FAILURE_SCHEMA.empty_table()
    )


@pytest.mark.parametrize(
    ("modality", "metadata", "texts"),
    [
        ("image", {"Name": ["a", "", None]}, None),
        ("image", {"label": [1, 2, 3], "title": pa.array(["x", None, "z"]).dictionary_encode()}, None),
        ("image", {"label": [True, False, None]}, None),
        ("image", {"name": [1.0, 2.5, None]}, None),
        ("image", {"other": ["a", "b", "c"]}, None),
        ("vector", {"other": ["a", "b", "c"]}, None),
        ("text", {"other": ["a", "b", "c"]}, ["ä" * 100, None, "short"]),
    ],
)
def test_captions_of_some_rows_are_those_of_all_rows(modality, metadata, texts):
    found = catalog(modality, metadata, texts)
    assert captions(found, [2, 0, 1]) == [naming.item_captions(found)[row] for row in (2, 0, 1)]


def test_captions_are_read_across_the_chunks_of_a_large_table():
    metadata = pa.table({"name": pa.chunked_array([["a"], ["b", "c"]])})
    assert captions(catalog("image", metadata.to_pydict()), np.array([2, 0])) == ["c", "a"]


def test_a_long_string_is_cut_and_says_how_much_is_left():
    text = "ä" * 10_000_000
    assert start_of(pa.scalar(text), 400) == ("ä" * 400, 9_999_600)
    assert cut(text, 3) == "äää… 9,999,997 more characters"
    assert cut(pa.scalar(text), 3) == cut(text, 3)
    assert cut("abc", 3) == "abc"


def test_values_of_any_type_are_text_and_empty_cells_are_empty():
    assert written(pa.scalar(None, pa.string())) == ""
    assert written(pa.scalar([1, 2])) == "[1, 2]"
    assert written(pa.scalar({"a": 1})) == "{'a': 1}"
    assert written(pa.scalar(b"\xff\x00")) == str(b"\xff\x00")
    assert written(pa.scalar(2.5)) == "2.5"


@pytest.fixture
def shapes(full_folder):
    ws = Workspace.open(full_folder / "shapes")
    return ws, loaders.pool(ws)


def known(ws, pool):
    drawn = loaders.drawn_mask(pool, loaders.current_draw(ws))
    return Known(loaders.decisions(ws), drawn, pa.table({}), {})


def test_a_cell_carries_marks_and_scores_and_nothing_else_of_the_table(shapes):
    ws, pool = shapes
    ws.decide_items([3], "drop")
    ws.decide_items([4], "keep")
    made = cells(pool, np.array([4, 3, 0]), known(ws, pool), np.array([0.5, np.nan, 0.25]))
    assert [cell["row"] for cell in made] == [4, 3, 0]
    assert [cell["mark"] for cell in made] == ["keep", "drop", ""]
    assert [cell.get("score") for cell in made] == [0.5, None, 0.25]
    assert [cell["caption"] for cell in made] == [pool.captions[row] for row in (4, 3, 0)]
    assert made[0]["hash"] == pool.catalog.content_hash[int(pool.rows[4])]
    assert set(made[1]) == {"row", "id", "caption", "text", "hash", "mark", "drawn"}


def test_the_card_beside_the_pointer_is_short(shapes):
    ws, pool = shapes
    made = short_card(pool, 0, known(ws, pool))
    assert made["picture"] is True
    names = [name for name, _ in made["lines"]]
    assert names == ["shape", "cluster"]  # name is the caption, file_name repeats where it lies
    assert made["lines"][1][1] == " › ".join(pool.name(2 - at, c) for at, c in enumerate(pool.hierarchy.path(0)[::-1]))


def test_the_full_card_tells_columns_tree_and_review(shapes):
    ws, pool = shapes
    ws.decide_cluster(2, int(pool.hierarchy.point_assignment(2)[5]), "drop")
    made = full_card(pool, 5, known(ws, pool))
    told = {(group, name): value for name, value, group in made["lines"]}
    assert told["Item", "id"] == pool.item_ids[5]
    assert told["Item", "size"] == "48 × 48 px"
    assert told["Your columns", "name"] == pool.captions[5]
    assert told["Tree", "level 1"] == pool.name(1, int(pool.hierarchy.point_assignment(1)[5]))
    assert told["Review", "decision"] == "dropped with its cluster at level 2"
    assert made["at"] is None


def test_a_place_is_written_as_people_write_it():
    found = catalog("image", {"lon": [-62.0, 10.256, None], "lat": [84.0, -0.5, 1.0]})
    assert _places(found, np.arange(3)) == ["84°N 62°W", "0.50°S 10.26°E", ""]


def test_hostile_strings_come_out_as_they_are_and_bounded(tmp_path):
    table = tmp_path / "hostile.csv"
    rows = [HOSTILE, "x" * 300_000, "\u05e9\u05dc\u05d5\u05dd", *(f"plain words number {n}" for n in range(30))]
    table.write_text("text,note\n" + "".join(f'"{row}","{row}"\n' for row in rows), encoding="utf-8")
    ws = Workspace.create(tmp_path / "ws", table)
    ws.embed(embedder="hashing-text")
    ws.cluster(n_clusters=(4, 2))
    pool = loaders.pool(ws)
    said = known(ws, pool)
    first, second, third = cells(pool, np.arange(3), said)
    assert first["text"] == HOSTILE
    assert len(second["text"]) == SHORT
    assert third["text"] == rows[2]
    whole = full_card(pool, 1, said)
    assert (len(whole["text"]), whole["left"]) == (200_000, 100_000)
    assert all(len(value) <= VALUE + 40 for _, value, _ in whole["lines"])
    assert "note" not in [name for name, _, _ in whole["lines"]]  # it repeats the text
