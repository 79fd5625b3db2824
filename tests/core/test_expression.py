"""Expressions: what they give, what they say when they are wrong, and that they agree with plain Python row by row."""

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.errors import ConfigError
from curation_core.expression import check, column_names, evaluate
from curation_core.expression_syntax import ExpressionError, parse, quoted_column, quoted_text
from curation_core.item_columns import ItemColumn, ItemColumns

WIDTH = [1.0, 2.0, None, 4.0]
HEIGHT = [0.0, -3.0, 5.0, None]
SHAPE = ["cat", "dog", "", "dog"]
DRAWN = [True, False, True, False]
CAPTION = ["a", "Bb", None, "It's"]


def numbers(values):
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def classes(values):
    names = sorted(set(values))
    return np.array([names.index(value) for value in values]), names


def columns():
    return ItemColumns.of(
        4,
        [
            ItemColumn("width", "number", "item", lambda: numbers(WIDTH)),
            ItemColumn("height", "number", "item", lambda: numbers(HEIGHT)),
            ItemColumn("shape", "class", "yours", lambda: classes(SHAPE)),
            ItemColumn("drawn", "flag", "draw", lambda: np.array(DRAWN)),
            ItemColumn("my caption", "text", "yours", lambda: pa.array(CAPTION, pa.string())),
            ItemColumn("in", "number", "yours", lambda: numbers(WIDTH)),
            ItemColumn("tick`ed", "number", "yours", lambda: numbers(WIDTH)),
        ],
    )


def true_rows(text):
    found = evaluate(text, columns())
    assert found.shape == (4,)
    assert found.dtype == bool
    return np.flatnonzero(found).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("width > 1", [1, 3]),
        ("width = 1 or width == 4", [0, 3]),
        ("not width > 1", [0, 2]),
        ("width + 2 * height < 0", [1]),
        ("(width + 2) * height < 0", [1]),
        ("- width < -1.5", [1, 3]),
        ("--width = 2", [1]),
        ("abs(height) between 3 and 5", [1, 2]),
        ("height not between -1 and 1", [1, 2]),
        ("width in [1, 4, -2]", [0, 3]),
        ("width not in [1]", [1, 3]),
        ("shape = 'dog' and not drawn", [1, 3]),
        ("shape in ['cat', \"dog\"]", [0, 1, 3]),
        ("shape NOT IN ['cat'] AND drawn = false", [1, 3]),
        ("len(shape) = 3", [0, 1, 3]),
        ("lower(`my caption`) = 'bb'", [1]),
        ("contains(`my caption`, 'b')", [1]),
        ("startswith(`my caption`, 'It''s')", [3]),
        ("`my caption` < 'a'", [1, 3]),
        ("isnull(shape) or isnull(width)", [2]),
        ("isnull(`my caption`) and not isnull(drawn)", [2]),
        ("log(width) < 0.7", [0, 1]),
        ("drawn = (width > 1)", []),
        ("drawn != true", [1, 3]),
        ("`in` > 3 or `tick``ed` = 1", [0, 3]),
        ("true", [0, 1, 2, 3]),
        ("1 > 2 or 'a' = 'b'", []),
        ("shape <= `my caption`", []),
        ("width = height * 0 + width", [0, 1]),
    ],
)
def test_an_expression_is_true_where_it_should_be(text, rows):
    assert true_rows(text) == rows


@pytest.mark.parametrize("sign", ["=", "!=", "<", "<=", ">", ">="])
def test_a_comparison_with_what_has_no_value_is_false_whatever_it_asks(sign):
    assert 2 not in true_rows(f"width {sign} 2")
    assert 2 not in true_rows(f"2 {sign} width")
    assert 2 not in true_rows(f"shape {sign} 'dog'")
    assert 2 not in true_rows(f"`my caption` {sign} shape")


def test_what_cannot_be_calculated_has_no_value():
    assert true_rows("width / height = width / height") == [1]  # by zero, by nothing, of nothing
    assert true_rows("isnull(width / height)") == [0, 2, 3]
    assert true_rows("isnull(log(height))") == [0, 1, 3]
    assert true_rows("width * 1e308 * 10 > 1e308") == [0, 1, 3]  # infinite is a value


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("", 1, "expected a column, a number, text in quotes or \\(, got the end"),
        ("width >", 8, "expected a column"),
        ("widht > 1", 1, "there is no column 'widht'; near it: width"),
        ("shape = cat", 9, "text goes in quotes"),
        ("shape = 3", 1, "is text, it is compared with a number; expected the same; write '3' in quotes"),
        ("my caption = 'a'", 4, "a column whose name has spaces goes in backticks"),
        ("width", 1, "it gives a number; expected a condition, such as width > 0"),
        ("width > 1 and shape", 15, "expected a condition"),
        ("shape + 1 > 2", 1, "expected a number here, column 'shape' is text"),
        ("drawn < true", 7, "yes or no has no order"),
        ("drawn between true and false", 7, "yes or no has no order"),
        ("1 < width < 3", 11, "expected and between two comparisons"),
        ("width in 3", 10, "expected \\["),
        ("width in [1 2]", 13, "expected , or \\]"),
        ("width in [height]", 11, "expected a number, or text in quotes"),
        ("width between 1 or 2", 17, "expected and with the upper end"),
        ("width not 3", 11, "expected in or between after not"),
        ("(width > 1", 11, "expected \\) for the \\( at character 1"),
        ("width > 1)", 10, "expected and, or, or the end"),
        ("sum(width) > 1", 1, "there is no function 'sum'; there are len, lower"),
        ("contains(shape)", 1, "contains\\(\\) takes 2 values, got 1"),
        ("contains(shape, width)", 17, "expected text in quotes"),
        ("shape = 'cat", 9, "never ends"),
        ("width & height", 7, "write and, or, not"),
        ("width > 1; drop", 10, "means nothing here"),
        ("width > 1e999", 9, "too large"),
        ("width > \ud800", 9, "half a character"),
        ("(" * 60 + "true" + ")" * 60, 41, "brackets nest deeper than 40"),
        ("width > 1 " * 300, 2001, "2,000 are allowed"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, at, said):
    with pytest.raises(ExpressionError, match=said) as error:
        evaluate(text, columns())
    assert error.value.at == at - 1
    with pytest.raises(ConfigError):
        check(text, columns())


def test_checking_reads_no_column():
    read = []
    column = ItemColumn("width", "number", "item", lambda: read.append(1) or np.zeros(3))
    check("width > 1 and not isnull(width)", ItemColumns.of(3, [column]))
    assert not read


def test_nothing_that_python_would_run_is_run():
    for text in ("__import__('os')", "width.__class__ = 1", "[1][0] > 0", "lambda: 1", "width ** 2 > 1", "f'{width}'"):
        with pytest.raises(ExpressionError):
            evaluate(text, columns())


def test_columns_of_an_expression_are_named():
    assert column_names("len(`a b`) > c + 2 * d and not e in [1] or f between g and h") == {"a b", *"cdefgh"}


@pytest.mark.parametrize("name", ["width", "in", "a b", "tick`ed", "größe", "1st", "", "True", "²"])
def test_a_quoted_name_and_text_read_back(name):
    tree = parse(f"{quoted_column(name)} = {quoted_text(name)}")
    assert (tree.left.name, tree.right.value) == (name, name)


@pytest.mark.parametrize(
    "text", ["not " * 490 + "true", "1" + "+1" * 990 + " > 0", "true" + " or true" * 240, "-" * 1990 + "1 > 0"]
)
def test_long_chains_do_not_pile_up(text):
    began = time.perf_counter()
    evaluate(text, columns())
    assert time.perf_counter() - began < 2


def test_an_empty_pool_gives_an_empty_answer():
    none = ItemColumns.of(0, [ItemColumn("shape", "class", "yours", lambda: (np.zeros(0, np.int64), []))])
    assert evaluate("shape = 'cat' or isnull(shape)", none).tolist() == []


PIECES = [
    "width",
    "shape",
    "`my caption`",
    "'a'",
    "1",
    "in",
    "[",
    "]",
    "(",
    ")",
    ",",
    "and",
    "not",
    "between",
    "<",
    "-",
    "/",
]
PIECES += ["len(", "isnull(", "contains(", "true", "`", "'", ".", "e9", "\x00", "é", "\u202e"]


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join)))
def test_whatever_is_typed_is_answered_or_refused(text):
    places = []
    try:
        assert evaluate(text, columns()).shape == (4,)
    except ExpressionError as error:
        places.append(error.at)
    assert all(0 <= place <= len(text) for place in places)
