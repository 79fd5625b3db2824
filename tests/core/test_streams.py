"""CSV and JSONL read block by block give what reading them whole would give."""

import json
import subprocess
import sys
import textwrap

import pyarrow as pa
import pyarrow.csv
import pytest

from curation_core import streams
from curation_core.errors import IngestError
from curation_core.streams import StreamTable


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(streams, "BLOCK_BYTES", 128)


def whole(path):
    opened = StreamTable(path)
    parts = list(opened.slices(7))
    assert all(part.num_rows == 7 for part in parts[:-1])
    return pa.concat_tables([opened.schema.empty_table(), *parts])


@pytest.mark.parametrize(
    "late",
    ["7", "x", "1.5", "true", "2020-01-01", "2020-01-01 10:00:00", "2020-01-01 10:00:00.123", "10:00:00", "", "9" * 30],
)
@pytest.mark.parametrize("early", ["", "7", "true", "2020-01-01", "1.5", "word"])
def test_types_are_those_of_the_whole_file_wherever_a_value_stands(tmp_path, small_blocks, early, late):
    rows = [early] * 60 + [late] + [early] * 60
    path = tmp_path / "t.csv"
    path.write_text("n,v\n" + "".join(f"{n},{value}\n" for n, value in enumerate(rows)))
    assert whole(path).equals(pyarrow.csv.read_csv(path))


def test_quotes_newlines_and_empty_cells_survive_the_edges_of_blocks(tmp_path, small_blocks):
    table = pa.table({"n": range(50), "text": [f'line one of {n}\nand "two", {n}' if n % 3 else "" for n in range(50)]})
    pyarrow.csv.write_csv(table, tmp_path / "t.csv")
    assert whole(tmp_path / "t.csv").to_pydict() == table.to_pydict()


def test_jsonl_columns_and_types_may_come_late(tmp_path, small_blocks):
    rows = [{"a": n} for n in range(40)] + [{"a": 0.5, "b": {"x": 1}}] + [{"b": {"y": "z"}, "c": [1]}]
    (tmp_path / "t.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows))
    found = whole(tmp_path / "t.jsonl")
    assert found.column("a").to_pylist() == [*map(float, range(40)), 0.5, None]
    assert found.column("b").to_pylist()[-2:] == [{"x": 1, "y": None}, {"x": None, "y": "z"}]
    assert found.column("c").to_pylist() == [None] * 41 + [[1]]


def test_dates_and_texts_in_one_column_of_jsonl_are_texts_as_they_are_written(tmp_path, small_blocks):
    values = ["2020-01-01T00:00:00"] * 20 + ["soon"]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"when": value}) + "\n" for value in values))
    assert whole(tmp_path / "t.jsonl").column("when").to_pylist() == values


@pytest.mark.parametrize("n_before", [0, 100])
def test_numbers_and_texts_in_one_column_of_jsonl_are_an_error_that_names_it(tmp_path, small_blocks, n_before):
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n' * (n_before + 1) + '{"a": "x"}\n')
    with pytest.raises(IngestError, match=r"t\.jsonl cannot be read as JSONL.*a.* chang"):
        StreamTable(tmp_path / "t.jsonl")


def test_a_row_longer_than_a_block_is_refused_with_a_sentence(tmp_path, small_blocks):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n" + "x" * 1000 + ",2\n")
    with pytest.raises(IngestError, match="a row is longer than 0 MB, or a quote is never closed"):
        StreamTable(tmp_path / "t.csv")
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n{"a": "' + "x" * 1000 + '"}\n')
    with pytest.raises(IngestError, match="a line longer than 0 MB"):
        StreamTable(tmp_path / "t.jsonl")


def test_text_that_is_not_utf8_is_named_however_late_it_comes(tmp_path, small_blocks):
    (tmp_path / "t.csv").write_bytes(b"n,place\n" + b"1,here\n" * 100 + b"2,caf\xe9\n")
    with pytest.raises(IngestError, match=r"column 'place' of t\.csv is not UTF-8"):
        StreamTable(tmp_path / "t.csv")


def test_a_file_that_changes_is_scanned_again(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert StreamTable(tmp_path / "t.csv").n_rows == 1
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    assert StreamTable(tmp_path / "t.csv").n_rows == 2


def test_forced_types_are_kept_as_written(tmp_path):
    (tmp_path / "t.csv").write_text("a\n007\n")
    found = next(StreamTable(tmp_path / "t.csv", {"a": pa.string()}).slices(10))
    assert found.to_pydict() == {"a": ["007"]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_file_far_larger_than_a_block_is_read_in_bounded_memory(tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    with path.open("w") as file:
        file.write("n,text\n" if kind == "csv" else "")
        for n in range(200):
            lines = (f"{n},{'word ' * 200}\n" if kind == "csv" else f'{{"n": {n}, "text": "{"word " * 200}"}}\n',)
            file.writelines(lines * 2000)  # 400 MB in all
    program = """
        import resource, sys
        from pathlib import Path
        from curation_core.streams import StreamTable
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        table = StreamTable(Path(sys.argv[1]))
        assert sum(part.num_rows for part in table.slices(8192)) == table.n_rows == 400_000
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 500 * 1024  # kilobytes; levels off at about 420 MB for larger files
