"""Tables as text, held against Python's own csv and json."""

import csv
import io
import json
import math
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.table_text import csv_table, data_of, json_rows, safe_cell, safe_texts

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["=1", "-x", "@", "\t", "\r\n"]
)
COLUMNS = {
    "text": (pa.string(), TEXTS),
    "number": (pa.int64(), st.integers(-(1 << 62), 1 << 62)),
    "small": (pa.float32(), st.floats(width=32)),
    "real": (pa.float64(), st.floats()),
    "flag": (pa.bool_(), st.booleans()),
    "tags": (pa.list_(pa.string()), st.lists(TEXTS | st.none(), max_size=3)),
    "place": (
        pa.struct([("a", pa.int32()), ("b", pa.string())]),
        st.fixed_dictionaries({"a": st.integers(0, 9), "b": TEXTS}),
    ),
    "kind": (pa.dictionary(pa.int32(), pa.string()), TEXTS),
    'odd "name"\n': (pa.string(), TEXTS),
}


@st.composite
def tables(draw):
    n = draw(st.integers(0, 6))
    columns = {}
    for name, (kind, values) in COLUMNS.items():
        column = draw(st.lists(values | st.none(), min_size=n, max_size=n))
        columns[name] = (
            pa.array(column, kind.value_type).dictionary_encode() if name == "kind" else pa.array(column, kind)
        )
    table = pa.table(columns)
    cut = draw(st.integers(0, n))
    return pa.concat_tables([table.slice(0, cut), table.slice(cut)])  # several chunks, some with an offset


def plain(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


@settings(max_examples=30)
@given(tables())
def test_every_line_of_json_is_the_row(table):
    lines = bytes(data_of(json_rows(table))).decode().split("\n")
    assert lines.pop() == ""
    for line, row in zip(lines, table.to_pylist(), strict=True):
        told = json.loads(line)
        assert list(told) == table.column_names
        small = plain(row.pop("small"))
        assert told.pop("small") == (None if small is None else pytest.approx(small, rel=1e-6, abs=1e-44))
        assert told == {name: plain(value) for name, value in row.items()}
        assert (
            "." in line.split('"real": ')[1].split(",")[0] or told["real"] is None or "e" in line
        )  # never a whole number


@settings(max_examples=30)
@given(tables())
def test_a_csv_is_read_back_by_python_and_no_cell_is_computed(table):
    sink = io.BytesIO()
    pa_csv.write_csv(csv_table(table), sink)
    rows = list(csv.DictReader(io.StringIO(sink.getvalue().decode(), newline="")))
    assert len(rows) == table.num_rows
    for told, row in zip(rows, table.to_pylist(), strict=True):
        for name in ("text", "kind", 'odd "name"\n'):
            assert told[name] == (safe_cell(row[name]) or "")
        assert told["tags"] == (
            safe_cell(";".join(tag or "" for tag in row["tags"])) if row["tags"] is not None else ""
        )
        assert told["number"] == ("" if row["number"] is None else str(row["number"]))
        assert json.loads(told["place"] or "null") == row["place"]


@given(st.lists(TEXTS | st.none(), max_size=9))
def test_a_column_and_a_cell_are_guarded_alike(texts):
    assert safe_texts(pa.chunked_array([pa.array(texts, pa.string())])).to_pylist() == [
        safe_cell(text) for text in texts
    ]


def test_bytes_dates_and_decimals_are_told_in_words():
    columns = {
        "bytes": pa.array([b"\x00\xff", None]),
        "day": pa.array([date(2020, 1, 2), None]),
        "moment": pa.array([datetime(2020, 1, 2, 3, 4, 5), None]),
        "price": pa.array([Decimal("1.50"), None]),
        "vector": pa.array([[0.5, 1.0], None], pa.list_(pa.float32(), 2)),
    }
    rows = [json.loads(line) for line in json_rows(pa.table(columns)).to_pylist()]
    assert rows[0] == {
        "bytes": "AP8=",
        "day": "2020-01-02",
        "moment": "2020-01-02 03:04:05",
        "price": "1.50",
        "vector": [0.5, 1.0],
    }
    assert set(rows[1].values()) == {None}
    told = csv_table(pa.table(columns)).to_pylist()[0]
    assert (told["bytes"], told["vector"]) == ('"AP8="', "0.5;1")
