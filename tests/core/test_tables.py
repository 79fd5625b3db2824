"""CSV, JSONL and Parquet tables keep names, types and order."""

import pyarrow as pa
import pyarrow.parquet
import pytest

from curation_core.errors import ConfigError, IngestError
from curation_core.table_columns import require_column, text_column
from curation_core.tables import open_table, parse_table


def test_csv_types_are_read_from_all_rows_and_newlines_stay_in_their_cell():
    data = b'n,text,x\n1,"two\nlines",0.5\n2,"a, b",\n'
    table = parse_table(data, "a.csv")
    assert table.to_pydict() == {"n": [1, 2], "text": ["two\nlines", "a, b"], "x": [0.5, None]}


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert parse_table(b"\xef\xbb\xbftext\nhello\n", "a.csv").column_names == ["text"]
    assert parse_table(b'\xef\xbb\xbf{"text": "hello"}\n', "a.jsonl").column_names == ["text"]


def test_jsonl_rows_may_lack_columns():
    assert parse_table(b'{"a": 1}\n{"b": "x"}\n', "a.jsonl").to_pydict() == {"a": [1, None], "b": [None, "x"]}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"a,b\n1,2\n1,2,3\n"),
        ("a.csv", b""),
        ("a.csv", b"caf\xe9\n1\n"),
        ("a.jsonl", b'{"a": 1}\n{"a": "x"}\n'),
        ("a.jsonl", b"[1, 2"),
        ("a.parquet", b"PAR1 no"),
    ],
)
def test_a_broken_table_is_refused_with_its_name(name, data):
    with pytest.raises(IngestError, match=f"{name} cannot be read as"):
        parse_table(data, name)


def test_a_csv_that_is_not_utf8_says_so():
    with pytest.raises(IngestError, match=r"column 'place' of a\.csv is not UTF-8"):
        parse_table(b"place\ncaf\xe9\n", "a.csv")


def test_a_column_that_is_there_twice_is_refused():
    with pytest.raises(IngestError, match="'a' more than once"):
        parse_table(b"a,a\n1,2\n", "t.csv")


@pytest.mark.parametrize("size", [1, 3, 7, 10, 100])
def test_parquet_slices_have_the_size_asked_for_across_row_groups(tmp_path, size):
    table = pa.table({"n": pa.array(range(10), pa.int16()), "k": pa.array(list("aabbccddee")).dictionary_encode()})
    pa.parquet.write_table(table, tmp_path / "t.parquet", row_group_size=4)
    opened = open_table(tmp_path / "t.parquet")
    slices = list(opened.slices(size))
    assert [part.num_rows for part in slices[:-1]] == [size] * (len(slices) - 1)
    whole = pa.concat_tables(slices)
    assert whole.to_pydict() == table.to_pydict()
    assert whole.schema.field("n").type == pa.int16()
    assert opened.n_rows == 10


def test_the_text_column_is_the_one_asked_for_or_text_or_the_only_one():
    schema = pa.schema([("id", pa.int64()), ("title", pa.string()), ("text", pa.large_string())])
    assert text_column(schema, "title", "t") == "title"
    assert text_column(schema, None, "t") == "text"
    assert text_column(schema.remove(2), None, "t") == "title"
    with pytest.raises(ConfigError, match="2 text columns; set text_column to one of 'a', 'b'"):
        text_column(pa.schema([("a", pa.string()), ("b", pa.string())]), None, "t")
    with pytest.raises(ConfigError, match="'id' of t holds int64, not text"):
        text_column(schema, "id", "t")


def test_a_wrong_column_is_answered_with_the_nearest_and_all():
    with pytest.raises(ConfigError, match=r"no column 'titel'; did you mean 'title'\? its columns are 'id', 'title'"):
        require_column(pa.schema([("id", pa.int64()), ("title", pa.string())]), "titel", "t.csv")


def test_another_kind_of_file_is_no_table(tmp_path):
    with pytest.raises(ConfigError, match="is not a table"):
        open_table(tmp_path / "a.xlsx")
    with pytest.raises(IngestError, match="cannot be read"):
        open_table(tmp_path / "nothing.csv")
