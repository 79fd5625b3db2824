"""Filters let through what they say, and facets count what could be chosen."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation_core.errors import ConfigError
from curation_core.facets import BINS, class_facet, flag_facet, number_facet
from curation_core.filters import fitting, matching
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.selection import Filter

NAN = float("nan")


def columns():
    return ItemColumns.of(
        5,
        [
            ItemColumn("shape", "class", "yours", lambda: (np.array([0, 1, 2, 1, 0]), ["cat", "dog", ""])),
            ItemColumn("width", "number", "item", lambda: np.array([10.0, 20.0, NAN, 40.0, 20.0])),
            ItemColumn("year", "number", "yours", lambda: np.array([2019, 2020, NAN, 2020, -0.5]), classes=True),
            ItemColumn("drawn", "flag", "draw", lambda: np.array([True, False, True, False, False])),
            ItemColumn("caption", "text", "yours", lambda: pa.array(["A cat", "über.*", None, "ÜBER", "(x)"])),
        ],
    )


def rows(*filters):
    return np.flatnonzero(matching(filters, columns())).tolist()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Filter("one_of", "shape", values=("dog",)), [1, 3]),
        (Filter("one_of", "shape", values=("dog", "")), [1, 2, 3]),
        (Filter("one_of", "shape", values=("fox",)), []),
        (Filter("one_of", "shape", values=()), []),
        (Filter("one_of", "drawn", values=("drawn",)), [0, 2]),
        (Filter("one_of", "drawn", values=("not drawn",)), [1, 3, 4]),
        (Filter("one_of", "year", values=("2020", "-0.5")), [1, 3, 4]),
        (Filter("one_of", "year", values=("",)), [2]),
        (Filter("between", "width", low=20), [1, 3, 4]),
        (Filter("between", "width", high=20), [0, 1, 4]),
        (Filter("between", "width", low=20, high=20), [1, 4]),
        (Filter("between", "width"), [0, 1, 3, 4]),
        (Filter("between", "drawn", low=1), [0, 2]),
        (Filter("contains", "caption", text="Über"), [1, 3]),
        (Filter("contains", "caption", text=".*"), [1]),
        (Filter("contains", "caption", text=""), [0, 1, 3, 4]),
        (Filter("contains", "shape", text="O"), [1, 3]),
        (Filter("contains", "width", text="0"), [0, 1, 3, 4]),
        (Filter("where", text="width > 10 and shape = 'dog'"), [1, 3]),
    ],
)
def test_a_filter_lets_through_what_it_says_and_inverted_the_rest(asked, found):
    assert rows(asked) == found
    turned = Filter(asked.kind, asked.column, asked.values, asked.low, asked.high, asked.text, inverted=True)
    assert rows(turned) == [row for row in range(5) if row not in found]


def test_all_filters_must_let_an_item_through():
    assert rows() == [0, 1, 2, 3, 4]
    assert rows(Filter("between", "width", low=20), Filter("one_of", "shape", values=("cat",))) == [4]


def test_numbers_that_are_classes_have_the_same_names_here_as_everywhere():
    codes, names = columns().codes("year")
    for name in names:
        expected = np.flatnonzero(codes == names.index(name)).tolist()
        assert rows(Filter("one_of", "year", values=(name,))) == expected


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Filter("one_of", "gone", values=("a",)), "there is no column 'gone'"),
        (Filter("one_of", "caption", values=("a",)), "'caption' is text"),
        (Filter("between", "shape", low=1), "'shape' is class"),
        (Filter("where", text="gone > 1"), "there is no column 'gone'"),
        (Filter("contains", "caption", text="a" * 2001), "at most 2,000 characters"),
        (Filter("contains", "caption", text="\ud800"), "at most 2,000 characters of Unicode"),
    ],
)
def test_a_filter_that_does_not_fit_says_why_and_is_left_out(wrong, said):
    good = Filter("one_of", "shape", values=("dog",))
    kept, reasons = fitting([wrong, good], columns())
    assert kept == (good,)
    assert len(reasons) == 1
    assert said in reasons[0]
    with pytest.raises(ConfigError):
        matching([wrong], columns())


def test_whether_filters_fit_is_told_without_reading_a_column():
    read = []
    column = ItemColumn("shape", "class", "yours", lambda: read.append(1) or (np.zeros(2, np.int64), ["a"]))
    few = ItemColumns.of(2, [column])
    assert len(fitting([Filter("one_of", "shape", values=("a",)), Filter("where", text="shape = 'a'")], few)[0]) == 2
    assert not read


def test_classes_are_counted_among_all_and_among_those_that_match_the_commonest_first():
    facet = class_facet("shape", columns(), np.array([True, False, True, True, False]))
    assert facet.names == ("dog", "cat", "") or facet.names == ("cat", "dog", "")
    assert dict(zip(facet.names, facet.matching.tolist(), strict=True)) == {"cat": 1, "dog": 1, "": 1}
    assert dict(zip(facet.names, facet.total.tolist(), strict=True)) == {"cat": 2, "dog": 2, "": 1}


def test_numbers_are_counted_in_equal_parts():
    facet = number_facet("width", columns(), np.array([True, False, True, True, False]))
    assert (facet.low, facet.high, facet.missing) == (10, 40, 1)
    assert facet.total.sum() == 4
    assert facet.matching.sum() == 2
    assert (facet.matching[0], facet.matching[-1]) == (1, 1)
    assert facet.total[BINS // 3] == 2


def test_flags_are_counted():
    assert flag_facet("drawn", columns(), np.array([True, True, False, True, True])) == (1, 3)


@given(st.lists(st.floats(allow_subnormal=True), max_size=20))
def test_any_numbers_can_be_counted(values):
    known = np.array(values, dtype=np.float64)
    some = ItemColumns.of(len(known), [ItemColumn("x", "number", "yours", lambda: known)])
    facet = number_facet("x", some, np.ones(len(known), dtype=bool))
    assert facet.total.sum() + facet.missing == len(known)
    assert facet.total.tolist() == facet.matching.tolist()
