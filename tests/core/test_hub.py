"""Saved datasets that are torn or lie, and class names."""

import json

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

from curation_core.errors import IngestError
from curation_core.tables import open_table, whole_table


def save(folder, table, files=("data-00000-of-00001.arrow",)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        with pa.ipc.new_stream(str(folder / name), table.schema) as writer:
            writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in files]}))
    return folder


def test_codes_become_the_names_of_their_classes_and_unknown_ones_null(tmp_path):
    folder = save(tmp_path / "d", pa.table({"text": ["a", "b", "c"], "label": [1, -1, 0]}))
    info = {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "text": {"_type": "Value"}}}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    assert open_table(folder).schema.field("label").type == pa.string()
    assert whole_table(folder).column("label").to_pylist() == ["dog", None, "cat"]


def test_class_names_are_read_from_parquet_too(tmp_path):
    features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    table = pa.table({"label": [0, 1]}).replace_schema_metadata({"huggingface": json.dumps(features)})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    assert whole_table(tmp_path / "t.parquet").column("label").to_pylist() == ["cat", "dog"]


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"_data_files": [1]}', '{"_data_files": "x"}', "[" * 100_000])
def test_a_broken_state_is_a_sentence(tmp_path, state):
    folder = save(tmp_path / "d", pa.table({"text": ["a"]}))
    (folder / "state.json").write_text(state)
    with pytest.raises(IngestError, match="save the dataset again"):
        open_table(folder)


def test_files_outside_the_folder_or_missing_are_refused(tmp_path):
    save(tmp_path, pa.table({"text": ["a"]}), ["secret.arrow"])
    folder = save(tmp_path / "d", pa.table({"text": ["a"]}))
    for name, reason in (
        ("../secret.arrow", "lies outside"),
        ("/etc/passwd", "lies outside"),
        ("none.arrow", "missing"),
    ):
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
        with pytest.raises(IngestError, match=reason):
            open_table(folder)


def test_a_torn_arrow_file_is_refused(tmp_path):
    folder = save(tmp_path / "d", pa.table({"text": ["word " * 20] * 1000}))
    path = folder / "data-00000-of-00001.arrow"
    whole = path.read_bytes()
    for size in (0, 10, 300, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(IngestError, match="cannot be read as ARROW"):
            whole_table(folder)


def test_offsets_that_lead_past_the_end_are_refused_before_they_are_followed(tmp_path):
    folder = save(tmp_path / "d", pa.table({"text": ["abc", "def"]}))
    path = folder / "data-00000-of-00001.arrow"
    offsets = b"".join(number.to_bytes(4, "little") for number in (0, 3, 6))
    lying = b"".join(number.to_bytes(4, "little") for number in (0, 3, 1 << 30))
    data = path.read_bytes()
    assert data.count(offsets) == 1
    path.write_bytes(data.replace(offsets, lying))
    with pytest.raises(IngestError, match="cannot be read as ARROW"):
        whole_table(folder)
