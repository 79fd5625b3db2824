"""Matrices from .npy and Parquet, torn and malicious ones included."""

import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from curation_core.errors import ConfigError, IngestError, ShapeError
from curation_core.matrices import open_matrix, refused_vectors


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "<i4", "u1"])
def test_numbers_of_any_kind_come_out_as_float32(tmp_path, dtype):
    values = np.arange(12).reshape(4, 3).astype(dtype)
    np.save(tmp_path / "v.npy", values)
    matrix = open_matrix(tmp_path / "v.npy")
    found = matrix.read(np.array([3, 0]))
    assert (matrix.n_rows, matrix.dim, found.dtype) == (4, 3, np.float32)
    assert found.tolist() == [[9, 10, 11], [0, 1, 2]]


def test_fortran_order_is_read_by_rows(tmp_path):
    values = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.save(tmp_path / "v.npy", values)
    assert open_matrix(tmp_path / "v.npy").read(np.array([1])).tolist() == [[3, 4, 5]]


def test_python_objects_are_never_read(tmp_path):
    np.save(tmp_path / "o.npy", np.array([[{"a": 1}]], dtype=object), allow_pickle=True)
    with pytest.raises(IngestError, match="Python objects"):
        open_matrix(tmp_path / "o.npy")


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((3, 0)), np.zeros((2, 2), complex)])
def test_other_shapes_and_types_are_refused(tmp_path, values):
    np.save(tmp_path / "v.npy", values)
    with pytest.raises(IngestError, match="expected"):
        open_matrix(tmp_path / "v.npy")


def test_a_torn_file_and_a_header_that_lies_are_refused(tmp_path):
    np.save(tmp_path / "v.npy", np.ones((100, 8), np.float32))
    whole = (tmp_path / "v.npy").read_bytes()
    lies = whole.replace(b"(100, 8), }      ", b"(99999999999, 8),")
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 32), }"
    huge = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"
    for torn in (whole[:-1], whole[:200], huge):
        (tmp_path / "t.npy").write_bytes(torn)
        with pytest.raises(IngestError, match="is torn"):
            open_matrix(tmp_path / "t.npy")
    for broken in (b"", b"\x80\x04pickle", whole[:20], lies):
        (tmp_path / "t.npy").write_bytes(broken)
        with pytest.raises(IngestError, match=r"t\.npy"):
            open_matrix(tmp_path / "t.npy")


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float64(), 2), pa.large_list(pa.int32())])
def test_lists_in_parquet_are_vectors_across_row_groups(tmp_path, kind):
    table = pa.table({"id": range(5), "v": pa.array([[n, n + 1] for n in range(5)], kind)})
    pa.parquet.write_table(table, tmp_path / "v.parquet", row_group_size=2)
    matrix = open_matrix(tmp_path / "v.parquet")
    assert (matrix.n_rows, matrix.dim) == (5, 2)
    assert matrix.read(np.array([4, 0, 2])).tolist() == [[4, 5], [0, 1], [2, 3]]


def test_lists_that_are_null_or_of_another_length_are_nan(tmp_path):
    table = pa.table({"v": pa.array([[1.0, 2.0], None, [3.0], [4.0, None], [5.0, 6.0]])})
    pa.parquet.write_table(table, tmp_path / "v.parquet")
    found = open_matrix(tmp_path / "v.parquet").read(np.arange(5))
    assert np.isfinite(found).all(axis=1).tolist() == [True, False, False, False, True]


def test_the_vector_column_must_be_clear(tmp_path):
    lists = pa.array([[1.0]])
    pa.parquet.write_table(pa.table({"a": lists, "b": lists, "c": [1]}), tmp_path / "v.parquet")
    assert open_matrix(tmp_path / "v.parquet", "b").dim == 1
    with pytest.raises(ConfigError, match="2 columns of vectors"):
        open_matrix(tmp_path / "v.parquet")
    with pytest.raises(ConfigError, match="did you mean 'b'"):
        open_matrix(tmp_path / "v.parquet", "bb")
    with pytest.raises(ConfigError, match=r"'c' of v\.parquet holds int64"):
        open_matrix(tmp_path / "v.parquet", "c")


def test_rows_that_are_not_there_are_refused(tmp_path):
    np.save(tmp_path / "v.npy", np.ones((2, 2)))
    with pytest.raises(ShapeError, match="2 rows now, row 2"):
        open_matrix(tmp_path / "v.npy").read(np.array([2]))


def test_rows_without_a_distance_are_refused_with_the_reason():
    vectors = np.array([[1, 2], [np.nan, 1], [0, 0], [np.inf, 1]], dtype=np.float32)
    reasons = refused_vectors(vectors, 2)
    assert sorted(reasons) == [1, 2, 3]
    assert "zero" in reasons[2]
    assert "finite" in reasons[1]
