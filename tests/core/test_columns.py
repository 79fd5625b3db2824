"""What columns mean, found and corrected."""

from datetime import datetime

import pyarrow as pa
import pytest

from curation_core.columns import correct, correct_schema, detect, summarise
from curation_core.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "meaning"),
    [
        ([True, False, None], "truth"),
        (["yes", "No", "yes", "no"], "truth"),
        ([1.5, 2.0], "number"),
        (list(range(100)), "number"),
        ([0, 1, 2] * 10, "category"),
        (["1.5", "-2", "3e4"], "number"),
        (["2020-01-01", "2021-12-31"], "date"),
        ([datetime(2020, 1, 1)], "date"),
        (["cat", "dog"] * 5, "category"),
        ([f"a sentence about {n}" for n in range(60)], "text"),
        (["one", "two", "three"], "text"),
        ([None, None], "text"),
        ([[1, 2], [3]], "text"),
    ],
)
def test_the_meaning_is_found_from_the_values(values, meaning):
    assert detect(pa.chunked_array([pa.array(values)])) == meaning


def test_a_summary_counts_what_is_there_and_what_is_not():
    found = summarise(pa.table({"label": ["a", "b", "a", None], "bytes": [b"x", b"y", None, None]}))
    assert (found[0].name, found[0].type, found[0].n_distinct, found[0].n_missing) == ("label", "string", 2, 1)
    assert found[0].examples == ("a", "b", "a")
    assert found[1].examples == ()


def test_corrections_cast_and_leave_other_columns_alone():
    table = pa.table(
        {
            "code": [1, 2, None],
            "n": ["1.5", "", None],
            "when": ["2020-01-02", None, "2020-01-02T03:04:05+01:00"],
            "ok": ["yes", "0", " "],
            "rest": [1, 2, 3],
        }
    )
    types = {"code": "category", "n": "number", "when": "date", "ok": "truth"}
    found = correct(table, types)
    assert found.schema == correct_schema(table.schema, types)
    assert found.to_pydict() == {
        "code": ["1", "2", None],
        "n": [1.5, None, None],
        "when": [datetime(2020, 1, 2), None, datetime(2020, 1, 2, 2, 4, 5)],
        "ok": [True, False, None],
        "rest": [1, 2, 3],
    }
    assert correct(found, types).equals(found)


def test_a_value_that_does_not_fit_is_named_with_its_row():
    table = pa.table({"n": ["1", "two"]})
    with pytest.raises(ConfigError, match="column 'n' holds 'two' in row 101, which is no number; mend the value"):
        correct(table, {"n": "number"}, first_row=100)
    with pytest.raises(ConfigError, match="'two' in row 1, which is no truth"):
        correct(table, {"n": "truth"})


def test_a_type_that_a_column_cannot_have_and_a_column_that_is_not_there_are_refused():
    schema = pa.schema([("label", pa.string()), ("box", pa.list_(pa.int64()))])
    with pytest.raises(ConfigError, match="column 'box' holds list<item: int64>, which cannot be read as number"):
        correct_schema(schema, {"box": "number"})
    with pytest.raises(ConfigError, match="names 'lable', which the source does not have; did you mean 'label'"):
        correct_schema(schema, {"lable": "text"})
