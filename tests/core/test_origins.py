"""What a source is told to be, and how metadata finds its images."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, IngestError
from curation_core.media import open_media
from curation_core.origins import find_metadata, find_origin


def modality(path, **options):
    return find_origin(IngestConfig(source=str(path), **options)).modality


def metadata(folder, **options):
    with open_media(folder) as media:
        return find_metadata(media, IngestConfig(source=str(folder), **options))


def test_the_kind_is_told_from_the_files(tmp_path):
    np.save(tmp_path / "v.npy", np.ones((2, 2)))
    (tmp_path / "t.csv").write_text("text\na\n")
    pa.parquet.write_table(pa.table({"text": ["a"], "v": [[1.0]]}), tmp_path / "p.parquet")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(b"x")
    (tmp_path / "pictures" / "v.npy").write_bytes(b"x")
    assert modality(tmp_path / "v.npy") == "vector"
    assert modality(tmp_path / "t.csv") == "text"
    assert modality(tmp_path / "p.parquet") == "vector"
    assert modality(tmp_path / "p.parquet", text_column="text") == "text"
    assert modality(tmp_path / "p.parquet", kind="text") == "text"
    assert modality(tmp_path / "pictures") == "image"


def test_a_folder_with_one_data_file_and_no_image_is_that_file(tmp_path):
    (tmp_path / "readme.md").write_text("about")
    (tmp_path / "t.jsonl").write_text('{"text": "a"}\n')
    origin = find_origin(IngestConfig(source=str(tmp_path)))
    assert (origin.path, origin.modality) == (tmp_path / "t.jsonl", "text")
    (tmp_path / "u.csv").write_text("text\na\n")
    with pytest.raises(IngestError, match=r"2 data files \('t.jsonl', 'u.csv'\); give one"):
        find_origin(IngestConfig(source=str(tmp_path)))


def test_what_holds_nothing_is_refused(tmp_path):
    with pytest.raises(IngestError, match="holds no image"):
        find_origin(IngestConfig(source=str(tmp_path)))
    with pytest.raises(IngestError, match="does not exist"):
        find_origin(IngestConfig(source=str(tmp_path / "nothing")))
    (tmp_path / "a.docx").write_bytes(b"x")
    with pytest.raises(IngestError, match="is no source"):
        find_origin(IngestConfig(source=str(tmp_path / "a.docx")))


def test_a_kind_that_does_not_fit_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("text\na\n")
    with pytest.raises(ConfigError, match=r"kind is 'vectors', but t\.csv can only hold images or text"):
        find_origin(IngestConfig(source=str(tmp_path / "t.csv"), kind="vectors"))
    with pytest.raises(ConfigError, match=r"t\.csv holds no image and no paths.*set image_column to one of 'text'"):
        find_origin(IngestConfig(source=str(tmp_path), kind="images"))


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "in").mkdir(parents=True)
    for name in ("in/a.png", "in/b.png"):
        (folder / name).write_bytes(b"x")
    return folder


def test_a_metadata_table_among_the_images_is_found_and_relative_to_its_folder(pictures):
    assert metadata(pictures) is None
    (pictures / "in" / "metadata.csv").write_text("file_name,label\n./b.png,bee\nnone.png,x\nb.png,again\n")
    found = metadata(pictures)
    assert found.rows_for(["in/a.png", "in/b.png"]).to_pydict() == {
        "file_name": [None, "./b.png"],
        "label": [None, "bee"],
    }
    assert found.n_unmatched(["in/a.png", "in/b.png"]) == 2


def test_a_metadata_table_without_file_name_is_not_taken_by_itself(pictures):
    (pictures / "metadata.csv").write_text("path,label\nin/a.png,x\n")
    assert metadata(pictures) is None
    assert metadata(pictures, metadata=str(pictures / "metadata.csv")).column == "path"


@pytest.mark.parametrize("written", ["in/a.png", "a.png", "in\\\\a.png"])
def test_a_given_table_may_leave_out_the_folder_that_holds_all(pictures, tmp_path, written):
    (tmp_path / "labels.jsonl").write_text(f'{{"uri": "{written}", "label": 7}}\n')
    found = metadata(pictures, metadata=str(tmp_path / "labels.jsonl"))
    assert found.rows_for(["in/a.png"]).column("label").to_pylist() == [7]


def test_a_given_table_that_fits_nothing_is_refused(pictures, tmp_path):
    (tmp_path / "m.csv").write_text("label\nx\n")
    with pytest.raises(
        ConfigError, match=r"no column of paths; expected one of file_name, path.*its columns are 'label'"
    ):
        metadata(pictures, metadata=str(tmp_path / "m.csv"))
    (tmp_path / "m.csv").write_text("path\nelsewhere.png\n")
    with pytest.raises(ConfigError, match=r"'elsewhere.png' against 'in/a.png'"):
        metadata(pictures, metadata=str(tmp_path / "m.csv"))
    with pytest.raises(ConfigError, match="does not exist"):
        metadata(pictures, metadata=str(tmp_path / "none.csv"))
