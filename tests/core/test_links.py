"""Links hold selections and filters, and whatever stands in one is read or left out, never an error."""

import json
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core import links
from curation_core.selection import Area, Filter, Selection, is_text

IDS = tuple(f"{number:016x}" for number in (0, 1, 2**63, 2**64 - 1))
SELECTIONS = [
    Selection(),
    Selection("cluster", 2, 17),
    Selection("area", areas=(Area(((0, 0), (1.5, 0), (1, 2))), Area(((0, 0), (1, 0), (0.5, -0.25)), adds=False))),
    Selection("items", items=IDS),
    Selection("items", items=("a.png", "ü,:~ b")),
    Selection("nearest", items=IDS[:2], n=25),
    Selection("nearest", text="a red boat: at sea & more"),
    Selection("nearest", image="ab" * 32, n=300),
]
FILTERS = (
    Filter("one_of", "shape", values=("cat", "", "a|b")),
    Filter("one_of", "größe", values=("x",), inverted=True),
    Filter("between", "width", low=0.1, high=None),
    Filter("between", "width", low=None, high=-3.0),
    Filter("contains", "my caption", text='"quoted" & <b>'),
    Filter("where", text="width > 3 and shape in ['a']"),
)


@pytest.mark.parametrize("selection", SELECTIONS, ids=links.write_selection)
def test_a_selection_with_filters_comes_back_as_it_was(selection):
    assert links.read(links.write(selection, FILTERS)) == (selection, FILTERS, "")
    assert links.read_selection(links.write_selection(selection)) == selection


def test_nothing_is_written_for_nothing():
    assert links.write(Selection()) == {}
    assert links.write(Selection("area"), ()) == {}
    assert links.read({}) == (Selection(), (), "")


def test_a_cluster_is_written_as_it_always_was():
    assert links.write(Selection("cluster", 2, 17)) == {"level": "2", "cluster": "17"}


def test_a_lasso_of_200_corners_fits_into_4_kb():
    rng = np.random.default_rng([1])
    corners = rng.normal(size=(200, 2)).astype(np.float32).astype(float)
    selection = Selection("area", areas=(Area(tuple((x, y) for x, y in corners.tolist())),))
    written = links.write(selection, FILTERS)
    assert len(urlencode(written)) < 4_000
    assert links.read(written)[0] == selection


def test_hundreds_of_picked_items_fit():
    picked = Selection("items", items=tuple(f"{number:016x}" for number in range(600)))
    assert links.read(links.write(picked)) == (picked, (), "")


@pytest.mark.parametrize("kind", ["items", "nearest"])
def test_any_number_of_picked_items_fits_by_the_name_of_a_list(kind):
    selection = Selection(kind, kept="1000000-" + "0123456789abcdef" * 2)
    said = links.write(selection)
    assert links.read(said) == (selection, (), "")
    assert len(said["sel"]) < 60
    assert selection.n_items == 1_000_000


@pytest.mark.parametrize(
    "name", ["", "../../x", "0-" + "0" * 32, "5-" + "0" * 31, "5-" + "g" * 32, "5-" + "0" * 32 + "\n", "-5-" + "0" * 32]
)
def test_a_name_that_is_no_list_is_refused(name):
    assert links.read_selection(f"items:@{name}") is None
    assert links.read_selection(f"like:10:@{name}") is None


def test_what_does_not_fit_is_left_out_and_said():
    many = Selection("items", items=tuple(f"{number:016x}" for number in range(5_000)))
    selection, filters, notice = links.read(links.write(many, FILTERS))
    assert (selection, filters) == (Selection(), FILTERS)
    assert "too long" in notice
    long = tuple(Filter("where", text="x" * 1_900 + str(number)) for number in range(10))
    selection, filters, notice = links.read(links.write(SELECTIONS[1], long))
    assert (selection, filters) == (SELECTIONS[1], ())
    assert "too long" in notice
    assert len(urlencode(links.write(many, long))) < links.MOST_CHARACTERS


@pytest.mark.parametrize(
    "hostile",
    [
        {"sel": "cluster:1"},
        {"sel": "cluster:-1:5"},
        {"sel": "cluster:1:99999999999999999999"},
        {"level": "2"},
        {"level": "²", "cluster": "1"},
        {"sel": "area:"},
        {"sel": "area:aAAAA"},
        {"sel": "area:x" + "A" * 32},
        {"sel": "area:a" + links._base64(np.full(6, np.nan, "<f4").tobytes())},
        {"sel": "area:a" + links._base64(np.full(6, np.inf, "<f4").tobytes())},
        {"sel": "area:a%%%%"},
        {"sel": "area:" + "a.".join(["A" * 32] * 40)},
        {"sel": "items:"},
        {"sel": "items:~AAA"},
        {"sel": "items:[]"},
        {"sel": "items:[1]"},
        {"sel": "items:" + "[" * 100_000},
        {"sel": 'items:["\\ud800"]'},
        {"sel": "like:0"},
        {"sel": "like:1000000:~AAAAAAAAAAA"},
        {"sel": "like:5:nothing"},
        {"sel": "words:5:  "},
        {"sel": "words:5:" + "a" * 3_000},
        {"sel": "words:x:a"},
        {"sel": "words:5:\ud800"},
        {"sel": "picture:5:../../etc/passwd"},
        {"sel": "picture:5:" + "A" * 64},
        {"sel": "<script>alert(1)</script>"},
        {"filter": "[" * 100_000},
        {"filter": "{}"},
        {"filter": "null"},
        {"filter": '[["one_of",0,"shape","cat"]]'},
        {"filter": '[["one_of",2,"shape",["cat"]]]'},
        {"filter": '[["one_of",0,"shape",[1]]]'},
        {"filter": '[["between",0,"width",NaN,1]]'},
        {"filter": '[["between",0,"width",1e999,1]]'},
        {"filter": '[["between",0,"width",true,1]]'},
        {"filter": '[["between",0,"width","1",null]]'},
        {"filter": '[["contains",0,"a","\\ud800"]]'},
        {"filter": '[["where",0,' + json.dumps("a" * 2_001) + "]]"},
        {"filter": '[["drop table",0,"a"]]'},
        {"filter": "[" + ",".join(['["where",0,"x"]'] * 100) + "]"},
        {"filter": '[["between",0,"width",' + "9" * 5_000 + ",1]]"},
    ],
    ids=lambda params: str(params)[:40],
)
def test_a_damaged_or_hostile_link_is_nothing_and_says_so(hostile):
    selection, filters, notice = links.read(hostile)
    assert (selection, filters) == (Selection(), ())
    assert notice


def test_one_bad_filter_does_not_take_the_others_with_it():
    selection, filters, notice = links.read(
        {"filter": '[["where",0,"x > 1"],["nonsense"]]', "level": "1", "cluster": "2"}
    )
    assert (selection, filters) == (Selection("cluster", 1, 2), (Filter("where", text="x > 1"),))
    assert "damaged" in notice


TEXTS = st.text(max_size=30).filter(is_text)
COORDINATES = st.floats(-1e6, 1e6, width=32)
OUTLINES = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=8).map(tuple)
ANY_FILTER = st.one_of(
    st.builds(Filter, st.just("one_of"), TEXTS, st.lists(TEXTS, max_size=3).map(tuple), inverted=st.booleans()),
    st.builds(
        lambda column, low, high, turned: Filter("between", column, low=low, high=high, inverted=turned),
        TEXTS,
        st.none() | st.floats(-1e300, 1e300),
        st.none() | st.floats(-1e300, 1e300),
        st.booleans(),
    ),
    st.builds(lambda column, text: Filter("contains", column, text=text), TEXTS, TEXTS),
    st.builds(lambda text: Filter("where", text=text), TEXTS),
)
ANY_SELECTION = st.one_of(
    st.builds(lambda level, cluster: Selection("cluster", level, cluster), st.integers(1, 9), st.integers(0, 10**8)),
    st.lists(st.builds(Area, OUTLINES, st.booleans()), min_size=1, max_size=3).map(
        lambda areas: Selection("area", areas=tuple(areas))
    ),
    st.lists(TEXTS, min_size=1, max_size=4).map(lambda items: Selection("items", items=tuple(items))),
    st.builds(lambda text, n: Selection("nearest", text=text, n=n), TEXTS.filter(str.strip), st.integers(1, 10_000)),
)


@settings(max_examples=200)
@given(ANY_SELECTION, st.lists(ANY_FILTER, max_size=4, unique=True).map(tuple))
def test_whatever_is_written_reads_back(selection, filters):
    assert links.read(links.write(selection, filters)) == (selection, filters, "")


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["sel", "filter", "level", "cluster", "cut", "ws"]), st.text(max_size=60)))
def test_whatever_stands_in_a_link_is_read_or_left_out(params):
    selection, filters, notice = links.read(params)
    assert isinstance(selection, Selection)
    assert isinstance(filters, tuple)
    assert isinstance(notice, str)


PREFIXES = ["cluster:", "area:a", "area:", "items:", "items:~", "like:5:", "like:5:~", "words:5:", "picture:5:"]


@settings(max_examples=300)
@given(st.sampled_from(PREFIXES), st.text(st.characters(max_codepoint=0x2FF), max_size=60))
def test_any_rest_of_a_selection_is_read_or_left_out(prefix, rest):
    selection = links.read_selection(prefix + rest)
    assert selection is None or links.read_selection(links.write_selection(selection)) == selection
