import json
import math
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation_core.decisions import (
    MOST_LABEL,
    MOST_NOTE,
    ClusterTarget,
    Decision,
    History,
    ItemTarget,
    MergeTarget,
    SplitTarget,
    UndoTarget,
    active,
    cap_of,
    history,
    read_decision,
    read_target,
    target_values,
    weight_of,
)
from curation_core.errors import ConfigError

BIRDS = ClusterTarget("T", 1, 3, "ab" * 16, 12, ("x", "y"))
FISH = ClusterTarget("T", 1, 4, "cd" * 16, 7)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(0, 2**63 - 1)
clusters = st.builds(
    ClusterTarget, words, st.integers(1, 9), numbers, words, numbers, st.lists(words, max_size=3).map(tuple)
)
names = words.filter(lambda name: name.partition("/")[0] != "")


@st.composite
def decisions(draw):
    """Any event that may be written."""
    items = st.builds(ItemTarget, st.lists(words, max_size=4).map(tuple))
    target, verdict, value = draw(
        st.one_of(
            st.tuples(clusters, st.sampled_from(["keep", "drop", "clear", "skip"]), st.just("")),
            st.tuples(clusters, st.just("cap"), st.sampled_from(["", "0", "120", "10 %", "0.5%"])),
            st.tuples(clusters, st.just("weight"), st.sampled_from(["", "0.01", "2", "100"])),
            st.tuples(clusters | items, st.sampled_from(["label", "note"]), words),
            st.tuples(items, st.sampled_from(["keep", "drop", "clear"]), st.just("")),
            st.tuples(st.builds(MergeTarget, clusters, clusters), st.just("merge"), st.just("")),
            st.tuples(st.builds(SplitTarget, clusters, words), st.just("split"), st.just("")),
            st.tuples(st.builds(UndoTarget, words), st.just("undo"), st.just("")),
        )
    )
    return Decision(target, verdict, draw(words), draw(names), draw(words), value)


@given(decisions())
@example(Decision(BIRDS, "note", value="one\u2028two\x85three\x00"))
def test_every_event_comes_back_from_its_line(event):
    line = event.as_json()
    assert "\n" not in line
    assert read_decision(line) == event


@given(clusters, clusters, words)
def test_every_target_comes_back_from_its_plain_values(one, other, parts):
    for target in (one, ItemTarget(("a", parts)), MergeTarget(one, other), SplitTarget(one, parts), UndoTarget(parts)):
        assert read_target(json.loads(json.dumps(target_values(target)))) == target


ONE_ITEM = {"kind": "items", "item_ids": ["a"]}
CLUSTER = {"kind": "cluster", "tree": "T", "level": 1, "cluster": 0, "members": "m", "size": 3, "sketch": ["a"]}


def line(target, verdict="drop", **more):
    return json.dumps({"op_id": "1", "target": target, "verdict": verdict, **more})


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "null",
        "[]",
        "7",
        "{}",
        "[" * 100_000,
        "9" * 5_000,
        '{"op_id": "1"',
        line(None),
        line("items"),
        line({"kind": "items"}),
        line({"kind": "items", "item_ids": "abc"}),
        line({"kind": "items", "item_ids": [1]}),
        line({"kind": "items", "item_ids": ["\ud800"]}),
        line({"kind": ["items"], "item_ids": ["a"]}),
        line({"kind": "nothing"}),
        line(ONE_ITEM, verdict=["drop"]),
        line(ONE_ITEM, verdict={"drop": 1}),
        line(ONE_ITEM, verdict=None),
        line(ONE_ITEM, "cap", value="3"),
        line(ONE_ITEM, "label", value=3),
        line(ONE_ITEM, op_id=3),
        line(ONE_ITEM, op_id=""),
        line(ONE_ITEM, op_id="/0"),
        line(ONE_ITEM, reviewer=["ada"]),
        line(ONE_ITEM, reviewer="\udfff"),
        line({**CLUSTER, "level": 0}),
        line({**CLUSTER, "level": -1}),
        line({**CLUSTER, "level": True}),
        line({**CLUSTER, "cluster": 1.0}),
        line({**CLUSTER, "size": 10**30}),
        line({**CLUSTER, "sketch": "ab"}),
        line({**CLUSTER, "sketch": None}),
        line({**CLUSTER, "members": 5}),
        line(CLUSTER, "merge"),
        line(CLUSTER, "cap", value="many"),
        line(CLUSTER, "weight", value="nan"),
        line({"kind": "merge", "cluster": CLUSTER}, "merge"),
        line({"kind": "merge", "cluster": CLUSTER, "into": 3}, "merge"),
        line({"kind": "split", "cluster": CLUSTER, "parts": [0, 1]}, "split"),
        line({"kind": "undo", "op_id": None}, "undo"),
        line({"kind": "undo", "op_id": "1"}, "keep"),
    ],
    ids=lambda text: text[:60],
)
def test_a_line_that_is_no_decision_is_refused_in_a_sentence(broken):
    with pytest.raises(ConfigError):
        read_decision(broken)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(["items", "drop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS_OF_TARGETS = ("kind", "item_ids", "cluster", "into", "parts", "level", "size", "sketch")
FIELDS = ("op_id", "target", "verdict", "value", "reviewer", "time")


@settings(max_examples=300)
@given(decisions(), st.sampled_from(FIELDS + FIELDS_OF_TARGETS), anything)
def test_a_field_that_holds_anything_is_read_or_refused(event, field, value):
    said = json.loads(event.as_json())
    (said if field in FIELDS else said["target"])[field] = value
    try:
        read = read_decision(json.dumps(said))
    except ConfigError:
        return
    assert read_decision(read.as_json()) == read


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    with pytest.raises(ConfigError):
        read_decision(text)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Decision(BIRDS, "dorp"), "verdict is 'dorp'; expected keep, drop, .* skip or undo"),
        (lambda: Decision(BIRDS, "merge"), "'merge' does not fit a ClusterTarget; it takes keep, drop, .*skip$"),
        (lambda: Decision(BIRDS, "undo"), "'undo' does not fit a ClusterTarget; undo names an event"),
        (lambda: Decision(UndoTarget("1"), "keep"), "'keep' does not fit a UndoTarget; it takes undo"),
        (lambda: Decision(ItemTarget(("a",)), "weight", value="2"), "it takes keep, drop, clear, label, note"),
        (lambda: Decision(BIRDS, "drop", value="all"), "'drop' takes no value, got 'all'; leave it out"),
        (lambda: Decision(BIRDS, "cap", value="ten"), "the cap is 'ten'; give a number of items such as 120, or a sh"),
        (lambda: Decision(BIRDS, "cap", value="101 %"), "the cap is '101 %'"),
        (lambda: Decision(BIRDS, "weight", value="0"), "the weight is '0'; give a number from 0.01 to 100, 1 is plain"),
        (lambda: Decision(BIRDS, "label", value="x" * (MOST_LABEL + 1)), "name has 81 characters; use at most 80"),
        (lambda: Decision(BIRDS, "note", value="x" * (MOST_NOTE + 1)), "note has 2,001 characters; use at most 2,000"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(wrong, said):
    with pytest.raises(ConfigError, match=said):
        wrong()


def test_a_value_of_nothing_takes_back_and_texts_may_be_as_long_as_told():
    for verdict in ("cap", "weight", "label", "note"):
        assert Decision(BIRDS, verdict).value == ""
    assert len(Decision(BIRDS, "label", value="x" * MOST_LABEL).value) == MOST_LABEL
    assert len(Decision(BIRDS, "note", value="x" * MOST_NOTE).value) == MOST_NOTE


@given(st.integers(0, 100 * 10_000), st.integers(0, 4), st.integers(0, 10**10), st.sampled_from(["%", " %"]))
@example(499_070, 4, 638_300_000, " %")  # 318,556,381 exactly; in floats one less
def test_a_share_is_rounded_down_exactly(ten_thousandths, digits, size, sign):
    share = Decimal(ten_thousandths // 10 ** (4 - digits)).scaleb(-digits)
    assert cap_of(f"{share}{sign}", size) == math.floor(share * size / 100)


@given(st.integers(0, 10**12 - 1), st.integers(0, 10**9))
def test_a_number_is_the_cap_whatever_the_size(number, size):
    assert cap_of(f" {number} ", size) == number


@pytest.mark.parametrize("value", ["", " ", "-1", "1.5", "1e3", "%", "100.1 %", "0.00001 %", "1 000", "٣", "10 %%"])
def test_what_is_no_cap_is_refused(value):
    with pytest.raises(ConfigError, match="give a number of items such as 120"):
        cap_of(value, 10)


@given(st.floats(0.01, 100))
def test_a_weight_is_the_number_that_was_given(weight):
    assert weight_of(repr(weight)) == weight


@pytest.mark.parametrize("value", ["", "0", "0.0099", "100.01", "-1", "inf", "nan", "two"])
def test_what_is_no_weight_is_refused(value):
    with pytest.raises(ConfigError, match=r"from 0\.01 to 100"):
        weight_of(value)


def says(op_id, reviewer="ada"):
    return Decision(BIRDS, "drop", reviewer, op_id)


def undoes(op_id, meant, reviewer="ada"):
    return Decision(UndoTarget(meant), "undo", reviewer, op_id)


def test_an_undo_takes_back_and_an_undo_of_it_brings_back_as_often_as_asked():
    events, stands = [says("x")], True
    for number in range(5):
        events.append(undoes(f"u{number}", f"u{number - 1}" if number else "x"))
        stands = not stands
        assert active(events) == ([events[0]] if stands else [])


def test_an_undo_means_only_what_came_before_it():
    later = says("x")
    assert active([undoes("u", "x"), later]) == [later]


def test_a_bulk_action_is_taken_back_by_what_its_names_share_and_one_of_it_by_its_own():
    bulk = [says("batch/0"), says("batch/1"), says("batch/10"), says("batches")]
    assert active([*bulk, undoes("u", "batch")]) == [bulk[3]]
    assert active([*bulk, undoes("u", "batch/1")]) == [bulk[0], bulk[2], bulk[3]]
    assert active([*bulk, undoes("u", "batch"), undoes("v", "u")]) == bulk


def test_history_holds_a_persons_own_steps_and_a_bulk_action_is_one():
    events = [says("a"), says("b", "bob"), says("c/0"), says("c/1"), says("d", "bob")]
    assert history(events, "ada") == History(("a", "c"), ())
    assert history(events, "bob") == History(("b", "d"), ())
    assert history(events, "eve") == History((), ())


def test_what_was_taken_back_last_comes_back_first_and_a_new_decision_forgets_it():
    events = [says("a"), says("b"), undoes("u", "b"), undoes("v", "a")]
    assert history(events, "ada") == History((), ("u", "v"))
    assert history([*events, undoes("w", "v")], "ada") == History(("a",), ("u",))
    assert history([*events, says("c", "bob")], "ada") == History((), ("u", "v"))
    assert history([*events, says("c")], "ada") == History(("c",), ())


def test_what_somebody_else_took_back_is_not_there_to_be_taken_back_again():
    events = [says("a"), says("b"), undoes("u", "b", "bob")]
    assert history(events, "ada") == History(("a",), ())
    assert history([*events, undoes("v", "u", "bob")], "ada") == History(("a", "b"), ())
