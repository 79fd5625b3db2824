"""Images that tables hold or name, and what must not be read through them."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, IngestError
from curation_core.origins import find_origin, open_items


def refusals(media):
    """What reading each name gives: bytes, or the reason why not."""
    found = {}
    for name in media.names:
        try:
            found[name] = media.read(name)
        except IngestError as error:
            found[name] = str(error)
    return found


def test_structs_of_bytes_and_path_are_images_with_their_names_beside(tmp_path):
    cells = [
        {"bytes": b"one", "path": "a.png"},
        {"bytes": None, "path": "gone.png"},
        None,
        {"bytes": b"4", "path": None},
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(cells, kind), "box": [[1.0, 2.0]] * 4})
    pa.parquet.write_table(table, tmp_path / "t.parquet", row_group_size=3)
    with open_items(IngestConfig(source=str(tmp_path / "t.parquet"))) as media:
        assert media.names == tuple(f"t.parquet#{row}" for row in range(4))
        assert list(refusals(media).values()) == [
            b"one",
            "column 'image' holds no image here",
            "column 'image' holds no image here",
            b"4",
        ]
        assert media.columns.column_names == ["box", "file_name"]
        assert media.columns.column("file_name").to_pylist() == ["a.png", "gone.png", None, None]


@pytest.mark.parametrize("row_group_size", [1, 7, 1000])
def test_cells_are_found_in_any_order(tmp_path, row_group_size):
    values = [bytes([n]) * (n + 1) for n in range(100)]
    pa.parquet.write_table(pa.table({"data": values}), tmp_path / "t.parquet", row_group_size=row_group_size)
    with open_items(IngestConfig(source=str(tmp_path / "t.parquet"))) as media:
        for row in (99, 0, 50, 51, 3, 98, 0):
            assert media.read(f"t.parquet#{row}") == values[row]


def test_a_column_of_bytes_beside_others_must_be_named(tmp_path):
    pa.parquet.write_table(pa.table({"a": [b"1"], "b": [b"2"]}), tmp_path / "t.parquet")
    config = IngestConfig(source=str(tmp_path / "t.parquet"), image_column="b")
    with open_items(config) as media:
        assert media.read("t.parquet#0") == b"2"
    with pytest.raises(ConfigError, match="did you mean 'b'"):
        find_origin(config.model_copy(update={"image_column": "bb"}))


@pytest.fixture
def place(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (root / "images" / name).write_bytes(name.encode())
    (root / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    return root


def table_of(place, values):
    (place / "t.jsonl").write_text("".join(json.dumps({"image": value}) + "\n" for value in values))
    return IngestConfig(source=str(place / "t.jsonl"))


def test_paths_that_lead_out_or_nowhere_are_failures_and_nothing_outside_is_read(place):
    values = ["images/a.png", "./images/b.png", "../secret.png", str(place.parent / "secret.png"), "images/link.png"]
    values += ["images/none.png", None, " ", "images/a.png", "images\\b.png", "a\0.png", "http://example.org/x.png"]
    with open_items(table_of(place, values)) as media:
        found = list(refusals(media).values())
    assert len(set(media.names)) == len(values)
    assert found[:2] == [b"a.png", b"b.png"]
    assert found[2] == found[3] == "leads out of the source folder"
    assert "leads out" in found[4]
    assert "No such file" in found[5]
    assert found[6] == found[7] == "column 'image' is empty here"
    assert found[8] == found[9] == "an earlier row names this file; the first one counts"
    assert found[10] == "leads out of the source folder"
    assert found[11] == "lies on the web; set allow_http to read it"
    assert b"secret" not in found


def test_an_absolute_path_inside_the_folder_is_fine(place):
    with open_items(table_of(place, [str(place / "images" / "a.png"), "images/b.png"])) as media:
        assert media.names == ("images/a.png", "images/b.png")
        assert media.read("images/a.png") == b"a.png"


def test_columns_have_one_row_per_name_and_stamps_follow_the_files(place):
    with open_items(table_of(place, ["images/b.png", "images/none.png"])) as media:
        assert media.columns.to_pydict() == {"image": ["images/b.png", "images/none.png"]}
        before, fingerprint = media.stamp("images/b.png"), media.fingerprint()
        (place / "images" / "b.png").write_bytes(b"other")
        assert media.stamp("images/b.png") != before
        assert media.fingerprint() != fingerprint
        assert media.stamp("images/none.png") == ""


def test_texts_that_mention_images_stay_texts(place):
    (place / "t.csv").write_text("text\nlook at none.png\nnone.png\nmissing.jpg\n")
    assert find_origin(IngestConfig(source=str(place / "t.csv"))).modality == "text"


def test_a_folder_with_a_table_and_a_named_column_is_read_through_the_table(place):
    (place / "t.csv").write_text("where,label\nimages/b.png,x\n")
    with open_items(IngestConfig(source=str(place), image_column="where")) as media:
        assert media.names == ("images/b.png",)
