"""Sources of several files, and archives of arrays: what fits together, and what is refused."""

import hashlib
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, IngestError
from curation_core.integrity import changed_items
from curation_core.matrices import open_matrix
from curation_core.tables import open_table, whole_table


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_the_only_matrix_of_an_npz_is_taken_and_of_several_one_must_be_named(tmp_path):
    np.savez(tmp_path / "a.npz", ids=np.arange(3), x=np.eye(3))
    assert open_matrix(tmp_path / "a.npz").read(np.array([1])).tolist() == [[0, 1, 0]]
    np.savez(tmp_path / "b.npz", x=np.eye(3), y=2 * np.eye(3))
    assert open_matrix(tmp_path / "b.npz", "y").read(np.array([0])).tolist() == [[2, 0, 0]]
    with pytest.raises(ConfigError, match="2 two-dimensional arrays of numbers among 'x', 'y'; set vector_column"):
        open_matrix(tmp_path / "b.npz")
    with pytest.raises(ConfigError, match="has no array 'z'; its arrays are 'x', 'y'"):
        open_matrix(tmp_path / "b.npz", "z")


def test_an_npz_that_is_torn_or_holds_python_objects_is_refused(tmp_path):
    np.savez(tmp_path / "o.npz", x=np.array([[{}]], dtype=object))
    with pytest.raises(IngestError, match="Python objects"):
        open_matrix(tmp_path / "o.npz", "x")
    np.savez(tmp_path / "t.npz", x=np.eye(50))
    (tmp_path / "t.npz").write_bytes((tmp_path / "t.npz").read_bytes()[:5000])
    with pytest.raises(IngestError, match=r"t\.npz is not a readable \.npz"):
        open_matrix(tmp_path / "t.npz")
    with zipfile.ZipFile(tmp_path / "n.npz", "w") as archive:
        archive.writestr("x.npy", b"no array")
    with pytest.raises(IngestError, match=r"not a \.npy file"):
        open_matrix(tmp_path / "n.npz")


def test_shards_of_vectors_are_read_across_their_edges_and_must_have_one_dimension(tmp_path):
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", np.full((2, 2), number, np.float32))
    matrix = open_matrix(tmp_path)
    assert matrix.read(np.array([5, 0, 3, 2])).tolist() == [[2, 2], [0, 0], [1, 1], [1, 1]]
    assert [matrix.uri(row) for row in (0, 3, 5)] == ["0.npy#0", "1.npy#1", "2.npy#1"]
    np.save(tmp_path / "3.npy", np.ones((2, 5)))
    with pytest.raises(IngestError, match=r"3\.npy holds vectors of 5 numbers, but 0\.npy of 2"):
        open_matrix(tmp_path)


def test_tables_of_a_folder_must_have_the_same_columns(tmp_path):
    (tmp_path / "a.csv").write_text("text,n\none,1\n")
    (tmp_path / "b.csv").write_text("text,m\ntwo,2\n")
    with pytest.raises(IngestError, match=r"b\.csv has the columns 'text', 'm', but a\.csv has 'text', 'n'"):
        open_table(tmp_path)


def test_a_column_whose_type_differs_between_shards_has_one_that_loses_nothing(tmp_path):
    (tmp_path / "a.csv").write_text("n,code\n1,007\n2,008\n")
    (tmp_path / "b.csv").write_text("code,n\nx9,0.5\n")
    found = whole_table(tmp_path)
    assert found.to_pydict() == {"n": [1.0, 2.0, 0.5], "code": ["007", "008", "x9"]}


def test_parquet_shards_that_cannot_be_joined_name_the_column(tmp_path):
    for name, values in (("a", pa.array([1])), ("b", pa.array([["x"]]))):
        pa.parquet.write_table(pa.table({"v": values}), tmp_path / f"{name}.parquet")
    with pytest.raises(IngestError, match=r"column 'v' is int64 in a\.parquet, but list<.*> in b\.parquet"):
        open_table(tmp_path)


def test_rows_are_found_in_any_order_across_shards(tmp_path):
    for number in range(3):
        part = pa.table({"n": range(10 * number, 10 * number + 10)})
        pa.parquet.write_table(part, tmp_path / f"{number}.parquet", row_group_size=4)
    table = open_table(tmp_path)
    for start, stop in ((25, 30), (0, 3), (8, 22), (3, 4)):
        assert table.read_rows(start, stop, ["n"]).column("n").to_pylist() == list(range(start, stop))


def test_items_that_changed_or_went_are_told_apart(tmp_path):
    (tmp_path / "t.csv").write_text("text\none\ntwo\n")
    config = IngestConfig(source=str(tmp_path / "t.csv"))
    wanted = {f"t.csv#{row}": hashlib.sha256(text).hexdigest() for row, text in enumerate((b"one", b"old", b"gone"))}
    assert changed_items(config, wanted) == {"t.csv#1": "was changed", "t.csv#2": "is not in the source any more"}
