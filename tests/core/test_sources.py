"""Ingest from every kind of source, with what is wrong listed and what is right kept."""

import hashlib
import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from curation_core import readers
from curation_core.config import IngestConfig
from curation_core.errors import Cancelled, ConfigError, IngestError, StaleArtifact
from curation_core.sources import (
    fingerprint,
    ingest,
    preview,
    read_catalog,
    read_payloads,
    read_vectors,
    unmatched_rows,
)


def png(shade=0, size=(12, 8)):
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 100, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def take_in(source, tmp_path, progress=lambda *a, **k: None, **options):
    folder = tmp_path / "step"
    folder.mkdir(exist_ok=True)
    config = IngestConfig(source=str(source), **options)
    return ingest(config, folder, thumbnails=tmp_path / "thumbs", progress=progress)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "é 🦜").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "é 🦜/ü.png")):
        (folder / name).write_bytes(png(number))
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    (folder / "metadata.csv").write_text("file_name,label,n\nb.png,bee,2\na.png,ay,1\ngone.png,x,3\n")
    return folder


def test_images_come_with_hash_size_thumbnail_and_their_own_columns(tmp_path, pictures):
    catalog = take_in(pictures, tmp_path)
    assert catalog.uri == ["a.png", "b.png", "é 🦜/ü.png"]
    assert catalog.item_id[0] == hashlib.sha256(b"a.png").hexdigest()[:16]
    assert catalog.content_hash[1] == hashlib.sha256(png(1)).hexdigest()
    assert catalog.items.column("width").to_pylist() == [12] * 3
    assert catalog.items.column("source_row").to_pylist() == [0, 1, 3]
    assert catalog.metadata.to_pydict() == {
        "file_name": ["a.png", "b.png", None],
        "label": ["ay", "bee", None],
        "n": [1, 2, None],
    }
    assert catalog.failures.column("uri").to_pylist() == ["bad.jpg"]
    assert "decoded" in catalog.failures.column("reason")[0].as_py()
    assert unmatched_rows(catalog) == 1
    assert len(list((tmp_path / "thumbs").rglob("*.webp"))) == 3


def test_a_zip_gives_the_same_catalog_as_its_folder(tmp_path, pictures):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for path in sorted(pictures.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(pictures).as_posix())
        archive.writestr("__MACOSX/._a.png", b"what a Mac leaves behind")
    (tmp_path / "other").mkdir()
    from_zip, from_folder = take_in(tmp_path / "p.zip", tmp_path / "other"), take_in(pictures, tmp_path)
    assert from_zip == from_folder


def test_a_truncated_jpeg_among_good_ones_is_listed(tmp_path):
    buffer = io.BytesIO()
    Image.effect_noise((300, 200), 60).convert("RGB").save(buffer, "JPEG")
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(buffer.getvalue())
    (folder / "torn.jpg").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 3])
    catalog = take_in(folder, tmp_path)
    assert catalog.uri == ["good.jpg"]
    assert "truncated" in catalog.failures.column("reason")[0].as_py()


def test_the_same_source_gives_the_same_bytes(tmp_path, pictures):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        take_in(pictures, tmp_path / name)
    for file in (tmp_path / "one").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()
    assert {file.name for file in (tmp_path / "one" / "step").iterdir()} == {
        "items-00000.parquet",
        "metadata-00000.parquet",
        "stamps-00000.parquet",
        "failures.parquet",
    }


def test_a_cancelled_run_keeps_whole_shards_and_goes_on_to_the_same_bytes(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(readers.ImageReader, "shard_size", 2)
    (tmp_path / "whole").mkdir()
    whole = take_in(pictures, tmp_path / "whole")

    def cancel_at_three(stage, done, total, **figures):
        if done == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        take_in(pictures, tmp_path, cancel_at_three)
    assert (tmp_path / "step" / "items-00000.parquet").is_file()
    assert not (tmp_path / "step" / "items-00001.parquet").exists()
    seen = []
    resumed = take_in(pictures, tmp_path, lambda stage, done, total, **figures: seen.append((stage, done, total)))
    assert seen == [("ingest", 2, 4), ("ingest", 3, 4), ("ingest", 4, 4)]
    assert resumed == whole
    for file in (tmp_path / "whole" / "step").iterdir():
        assert file.read_bytes() == (tmp_path / "step" / file.name).read_bytes()


def test_a_run_killed_while_it_tidied_up_loses_no_failure(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(readers.ImageReader, "shard_size", 2)
    first = take_in(pictures, tmp_path)
    empty = first.failures.slice(0, 0)
    pa.parquet.write_table(empty, tmp_path / "step" / ".failures-00001.parquet")  # part 0 is gone already
    assert take_in(pictures, tmp_path).failures == first.failures


def test_many_copies_of_one_image_share_one_thumbnail(tmp_path):
    (tmp_path / "p").mkdir()
    for number in range(100):
        (tmp_path / "p" / f"{number:03d}.png").write_bytes(png())
    catalog = take_in(tmp_path / "p", tmp_path)
    assert catalog.uri == [f"{number:03d}.png" for number in range(100)]
    assert len(set(catalog.content_hash)) == 1
    assert len([file for file in (tmp_path / "thumbs").rglob("*") if file.is_file()]) == 1


def test_when_no_image_can_be_read_the_error_says_so(tmp_path):
    (tmp_path / "p").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "p" / name).write_bytes(b"no")
    with pytest.raises(IngestError, match=r"no item of p can be read, 2 were refused: a\.png not an image"):
        take_in(tmp_path / "p", tmp_path)


def test_an_empty_source_is_refused(tmp_path):
    (tmp_path / "p").mkdir()
    with pytest.raises(IngestError, match="holds no image"):
        take_in(tmp_path / "p", tmp_path)
    (tmp_path / "t.csv").write_text("text\n")
    with pytest.raises(IngestError, match=r"no item of t\.csv can be read, 0 were refused"):
        take_in(tmp_path / "t.csv", tmp_path)


def test_texts_keep_all_columns_and_empty_ones_are_listed(tmp_path):
    (tmp_path / "t.csv").write_text('id,body,score\n7,hello,0.5\n8,"  ",1.5\n9,"world, again",\n')
    catalog = take_in(tmp_path / "t.csv", tmp_path)
    assert catalog.modality == "text"
    assert catalog.uri == ["t.csv#0", "t.csv#2"]
    assert catalog.text == ["hello", "world, again"]
    assert catalog.metadata.to_pydict() == {"id": [7, 9], "body": ["hello", "world, again"], "score": [0.5, None]}
    assert catalog.failures.to_pylist() == [{"uri": "t.csv#1", "reason": "column 'body' is empty here"}]
    assert catalog.items.column("source_row").to_pylist() == [0, 2]


def test_a_wrong_text_column_is_answered_with_the_nearest(tmp_path):
    (tmp_path / "t.csv").write_text("title,body\na,b\n")
    with pytest.raises(ConfigError, match=r"did you mean 'body'\? its columns are 'title', 'body'"):
        take_in(tmp_path / "t.csv", tmp_path, text_column="bodi")
    with pytest.raises(ConfigError, match="set text_column"):
        take_in(tmp_path / "t.csv", tmp_path)


def test_bad_rows_of_a_matrix_are_listed_and_the_rest_keeps_its_rows(tmp_path):
    values = np.array([[1, 2], [np.nan, 1], [0, 0], [3, 4], [np.inf, 0]], dtype=np.float64)
    np.save(tmp_path / "v.npy", values)
    (tmp_path / "m.jsonl").write_text("".join(f'{{"label": "{letter}"}}\n' for letter in "abcde"))
    catalog = take_in(tmp_path / "v.npy", tmp_path, metadata=str(tmp_path / "m.jsonl"))
    assert catalog.modality == "vector"
    assert catalog.uri == ["v.npy#0", "v.npy#3"]
    assert catalog.metadata.to_pydict() == {"label": ["a", "d"]}
    assert catalog.failures.column("uri").to_pylist() == ["v.npy#1", "v.npy#2", "v.npy#4"]
    config = IngestConfig(source=str(tmp_path / "v.npy"))
    assert read_vectors(config, catalog.items.column("source_row").to_numpy()).tolist() == [[1, 2], [3, 4]]


def test_vectors_in_parquet_keep_the_columns_beside_them(tmp_path):
    table = pa.table({"id": pa.array([1, 2], pa.int8()), "v": [[1.0, 0.0], [0.0, 0.0]], "name": ["x", "y"]})
    pa.parquet.write_table(table, tmp_path / "v.parquet")
    catalog = take_in(tmp_path / "v.parquet", tmp_path)
    assert catalog.metadata.to_pydict() == {"id": [1], "name": ["x"]}
    assert catalog.metadata.schema.field("id").type == pa.int8()
    assert catalog.failures.column("uri").to_pylist() == ["v.parquet#1"]


def test_what_was_written_is_what_is_read(tmp_path, pictures):
    catalog = take_in(pictures, tmp_path)
    assert read_catalog(tmp_path / "step", "image") == catalog
    (tmp_path / "step" / "items-00000.parquet").write_bytes(b"torn")
    with pytest.raises(StaleArtifact, match="run the step"):
        read_catalog(tmp_path / "step", "image")


def test_payloads_are_images_texts_or_rows(tmp_path, pictures):
    (pictures / "big.png").write_bytes(png(size=(600, 300)))
    catalog = take_in(pictures, tmp_path)
    with read_payloads(IngestConfig(source=str(pictures)), catalog) as fetch:
        big, small = fetch([2, 0])
        assert (big.size, small.size, small.mode) == ((256, 128), (12, 8), "RGB")
        (pictures / "a.png").write_bytes(b"changed")
        with pytest.raises(IngestError):
            fetch([0])
    (tmp_path / "t.csv").write_text("text\na\nb\n")
    (tmp_path / "other").mkdir()
    texts = take_in(tmp_path / "t.csv", tmp_path / "other")
    with read_payloads(IngestConfig(source=str(tmp_path / "t.csv")), texts) as fetch:
        assert fetch([1, 0]) == ["b", "a"]


def test_the_preview_tells_kind_count_and_columns_without_reading_items(tmp_path, pictures):
    found = preview(IngestConfig(source=str(pictures)))
    assert (found.kind, found.modality, found.n_items, found.unmatched_rows) == ("images", "image", 4, 1)
    assert [(column.name, column.type) for column in found.columns] == [
        ("file_name", "string"),
        ("label", "string"),
        ("n", "int64"),
    ]
    assert found.names[:2] == ("a.png", "b.png")
    np.save(tmp_path / "v.npy", np.ones((3, 2)))
    assert preview(IngestConfig(source=str(tmp_path / "v.npy"))).columns == ()


def test_the_preview_tells_what_columns_mean_and_takes_corrections(tmp_path):
    rows = "".join(f"{n},0{n % 3},note {n}\n" for n in range(40))
    (tmp_path / "t.csv").write_text("id,shelf,text\n" + rows)
    found = {column.name: column for column in preview(IngestConfig(source=str(tmp_path / "t.csv"))).columns}
    meanings = {name: column.meaning for name, column in found.items()}
    assert meanings == {"id": "number", "shelf": "category", "text": "text"}
    assert (found["shelf"].n_distinct, found["shelf"].n_missing, found["id"].n_distinct) == (3, 0, 40)
    config = IngestConfig(source=str(tmp_path / "t.csv"), column_types={"id": "text"})
    corrected = preview(config).columns[0]
    assert (corrected.type, corrected.meaning) == ("string", "text")


def test_corrections_of_columns_are_written_and_wrong_ones_refused(tmp_path):
    (tmp_path / "t.csv").write_text("id,text\n1,a\n2,b\n")
    catalog = take_in(tmp_path / "t.csv", tmp_path, column_types={"id": "category"})
    assert catalog.metadata.to_pydict() == {"id": ["1", "2"], "text": ["a", "b"]}
    with pytest.raises(ConfigError, match=r"column_types names 'idd', .* did you mean 'id'"):
        take_in(tmp_path / "t.csv", tmp_path, column_types={"idd": "number"})
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigError, match=r"column 'text' holds 'a' in row 0, which is no number"):
        take_in(tmp_path / "t.csv", tmp_path / "other", column_types={"text": "number"})


def test_the_fingerprint_follows_source_and_metadata(tmp_path, pictures):
    (tmp_path / "m.csv").write_text("path\na.png\n")
    config = IngestConfig(source=str(pictures), metadata=str(tmp_path / "m.csv"))
    seen = [fingerprint(config), fingerprint(config)]
    (tmp_path / "m.csv").write_text("path\na.png\nb.png\n")
    seen.append(fingerprint(config))
    (pictures / "c.png").write_bytes(png())
    seen.append(fingerprint(config))
    assert len(set(seen)) == 3
    with pytest.raises(IngestError, match="does not exist"):
        fingerprint(IngestConfig(source=str(tmp_path / "nothing")))
