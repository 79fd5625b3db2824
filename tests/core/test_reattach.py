import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.anchors import Anchors
from curation_core.decisions import ClusterTarget, Decision, MergeTarget, SplitTarget, active
from curation_core.folding import fold
from curation_core.hierarchy import Hierarchy, Level
from curation_core.reattach import reattach
from curation_core.review_log import ReviewLog
from curation_core.tree_edits import pack_parts
from tests.core.test_review_model import as_hierarchy, random_tree, renumbered

IDS = [f"item {number:03d}" for number in range(120)]
TENS = np.arange(120) // 10  # twelve leaves of ten items
TOPS = np.arange(12) // 4  # three clusters of four leaves


def tree(leaf=TENS, top=TOPS):
    levels = []
    for assignment in (np.asarray(leaf), np.asarray(top)):
        k = int(assignment.max()) + 1
        zeros = np.zeros(len(assignment), np.float32)
        levels.append(Level(np.zeros((k, 2), np.float32), assignment.astype(np.int32), zeros))
    return Hierarchy(tuple(levels))


def moved(changes):
    """Leaves where some items lie elsewhere."""
    leaf = TENS.copy()
    for rows, where in changes.items():
        leaf[list(rows)] = where
    return leaf


OLD = Anchors(tree(), "old", IDS)


def says(verdict, cluster, level=1, value="", reviewer="ada", op_id=None, anchors=OLD):
    name = {"op_id": op_id or f"{verdict}-{level}:{cluster}"}
    return Decision(anchors.target(level, cluster), verdict, reviewer, value=value, **name)


def merges(cluster, into, anchors=OLD):
    return Decision(MergeTarget(anchors.target(1, cluster), anchors.target(1, into)), "merge", op_id="merge")


def look(events, new, ids=IDS, key="new"):
    decided = fold(events, new, key, ids)
    return reattach(events, decided, Anchors(decided.tree, key, ids))


def only(events, new, ids=IDS):
    (found,) = look(events, new, ids).found
    return found


def used(events, new, ids=IDS, key="new"):
    """All events once the report is used."""
    return [*events, *look(events, new, ids, key).carried]


def dropped(events, new, ids=IDS, key="new"):
    return {ids[row] for row in np.flatnonzero(~fold(events, new, key, ids).eligible)}


def items(*rows):
    return {IDS[row] for row in rows}


PARTED = tree(moved({range(3, 7): 12, range(7, 10): 13}), [*TOPS, 0, 0])  # the first leaf in three: 3, 4 and 3
SCATTERED = tree(moved({(row,): 1 + row for row in range(10)}))


def test_renumbered_clusters_need_no_report():
    new = tree(11 - TENS, TOPS[::-1])
    assert look([says("drop", 0), says("drop", 2, level=2)], new).found == ()
    assert dropped([says("drop", 0)], new) == items(*range(10))


def test_a_cluster_that_grew_or_shrank_a_little_is_the_same_and_the_overlap_says_how_much():
    new = tree(moved({range(10, 13): 0}))
    grown, shrunk = look([says("drop", 0), says("drop", 1)], new).found
    assert (grown.state, grown.places, grown.overlap) == ("attached", ((1, 0),), pytest.approx(10 / 13))
    assert (shrunk.state, shrunk.places, shrunk.overlap) == ("attached", ((1, 1),), pytest.approx(7 / 10))


def test_a_parted_cluster_is_found_in_its_parts_the_largest_first():
    found = only([says("drop", 0)], PARTED)
    assert (found.state, found.overlap, found.why) == ("split", 1.0, "")
    assert found.places == ((1, 12), (1, 0), (1, 13))
    assert dropped(used([says("drop", 0)], PARTED), PARTED) == items(*range(10))


def test_parts_that_are_mostly_something_else_are_left_out():
    new = tree(moved({range(3, 7): 12, range(7, 10): 11}), [*TOPS, 0])
    found = only([says("drop", 0)], new)
    assert (found.state, found.places, found.overlap) == ("split", ((1, 12), (1, 0)), pytest.approx(0.7))
    assert dropped(used([says("drop", 0)], new), new) == items(*range(7))


def test_a_scattered_cluster_is_lost_and_nothing_of_it_is_used():
    report = look([says("drop", 0)], SCATTERED)
    assert [(one.state, one.why) for one in report.found] == [("lost", "its items lie scattered in this tree")]
    assert report.carried == ()
    assert [report.count(state) for state in ("lost", "attached", "split")] == [1, 0, 0]


def test_a_cluster_may_be_found_on_another_level():
    joined = tree(moved({range(10, 40): 0}), [0, 0, 0, 0, *[1] * 8])
    found = only([says("drop", 0, level=2)], tree(moved({range(10, 39): 0}), [0, 1, 1, *[0] * 9]))
    assert (found.state, found.places, found.overlap) == ("attached", ((1, 0),), pytest.approx(39 / 40))
    assert look([says("drop", 0, level=2)], joined).found == ()  # on its own level it counts by itself


def test_of_two_levels_that_fit_alike_its_own_is_taken():
    alone = [0, *[1] * 11]  # the first leaf is all of its coarse cluster
    events = [says("drop", 0, level, anchors=Anchors(tree(TENS, alone), "old", IDS)) for level in (1, 2)]
    found = look(events, tree(moved({(10,): 0}), alone)).found
    assert [one.places for one in found] == [((1, 0),), ((2, 0),)]


def test_one_item_alone_in_a_cluster_is_no_part():
    found = only([says("drop", 0)], tree(moved({range(3, 6): 12, range(6, 9): 13, (9,): 14}), [*TOPS, 0, 0, 0]))
    assert (found.state, found.overlap) == ("split", pytest.approx(0.9))
    assert set(found.places) == {(1, 0), (1, 12), (1, 13)}


def test_large_clusters_are_measured_by_a_sample_of_them():
    ids = [f"{number:016x}" for number in range(3_000)]
    halves = np.arange(3_000) // 1_000
    old = Anchors(tree(halves, [0, 0, 1]), "old", ids)
    new = halves.copy()
    new[:300] = 1
    found = only([says("drop", 0, anchors=old)], tree(new, [0, 0, 1]), ids)
    assert found.state == "attached"
    assert found.overlap == pytest.approx(0.7, abs=0.15)


def test_looking_changes_nothing_and_using_makes_the_same_items_dropped():
    new, events = tree(moved({range(10, 12): 0})), [says("drop", 0), says("drop", 5)]
    before = dropped(events, new)
    report = look(events, new)
    assert dropped(events, new) == before == items(*range(50, 60))
    assert dropped([*events, *report.carried], new) == items(*range(12), *range(50, 60))


def test_using_twice_adds_nothing():
    new = tree(moved({range(10, 12): 0}))
    events = used([says("drop", 0), says("cap", 1, value="10 %")], new)
    assert len(events) == 4
    assert look(events, new) == look([], new)


def test_use_is_undone_as_one_action_and_may_be_repeated(tmp_path):
    new, log = tree(moved({range(10, 12): 0, range(20, 22): 3})), ReviewLog(tmp_path / "reviews.sqlite")
    log.append([says("drop", 0), says("drop", 3, reviewer="bob"), says("drop", 2)])
    for _ in range(2):
        carried = look(log.events(), new).carried
        assert len({one.batch for one in carried}) == 1
        assert log.append(carried) == 3
        assert dropped(log.events(), new) == items(*range(12), *range(20, 40))
        log.undo()
        assert dropped(log.events(), new) == set()
        assert len(active(log.events())) == 3


def test_reviewer_and_value_are_carried_along():
    new = tree(moved({range(10, 12): 0}))
    (carried,) = look([says("cap", 0, value="25 %", reviewer="bob")], new).carried
    assert (carried.reviewer, carried.verdict, carried.value) == ("bob", "cap", "25 %")
    assert carried.target == Anchors(new, "new", IDS).target(1, 0)


def test_a_merge_is_found_only_when_both_clusters_are():
    both = tree(moved({range(10, 12): 0}))
    found = only([merges(0, 1)], both)
    assert (found.state, found.places) == ("attached", ((1, 0), (1, 1)))
    assert found.overlap == pytest.approx(min(10 / 12, 8 / 10))
    sizes = fold(used([merges(0, 1)], both), both, "new", IDS).tree.sizes(1)
    assert sizes[:2].tolist() == [0, 20]
    found = only([merges(0, 1)], PARTED)
    assert (found.state, found.why) == ("lost", "one of the two clusters is not in this tree")


def test_what_was_said_of_merged_clusters_is_found_once_the_merge_is():
    new = tree(moved({range(20, 22): 0}))
    old = fold([merges(0, 1)], OLD.hierarchy, "old", IDS)
    anchors = Anchors(old.tree, "old", IDS)
    events = [merges(0, 1), says("drop", 1, anchors=anchors), says("cap", 1, value="5", anchors=anchors)]
    report = look(events, new)
    assert [(one.state, one.places[-1]) for one in report.found] == [("attached", (1, 1))] * 3
    after = fold([*events, *report.carried], new, "new", IDS)
    assert not {event.op_id for event in report.carried} & {event.op_id for event in after.lost}
    assert dropped([*events, *report.carried], new) == items(*range(22))
    assert after.rules.caps[0][1] == 5


def test_clusters_of_one_name_become_one_again():
    new = tree(moved({range(20, 22): 0, range(30, 32): 1}))
    named = [says("label", 0, value="birds"), says("label", 1, value=" BIRDS")]
    old = fold(named, OLD.hierarchy, "old", IDS)
    events = [*named, says("drop", 0, anchors=Anchors(old.tree, "old", IDS))]
    assert dropped(events, OLD.hierarchy, key="old") == items(*range(20))
    report = look(events, new)
    after = fold([*events, *report.carried], new, "new", IDS)
    assert after.labels[0] == {0: "birds"}
    assert dropped([*events, *report.carried], new) == items(*range(22), 30, 31)


def test_a_name_goes_to_the_largest_part_only_and_a_cap_in_items_to_none():
    events = [says("label", 0, value="birds"), says("cap", 0, value="5"), says("cap", 0, value="50 %", op_id="share")]
    name, number, share = look(events, PARTED).found
    assert name.places == ((1, 12),)
    assert (number.state, number.why) == ("lost", "a cap in items cannot be parted; set it again")
    after = fold(used(events, PARTED), PARTED, "new", IDS)
    assert after.labels[0] == {12: "birds"}
    assert after.rules.caps[0][[12, 0, 13]].tolist() == [2, 1, 1]
    assert share.state == "split"


def test_items_that_left_the_pool_count_for_nothing():
    stay = [row for row in range(120) if row not in (1, 2, 3, 4)]
    new, ids = tree(TENS[stay]), [IDS[row] for row in stay]
    found = only([says("drop", 0)], new, ids)
    assert (found.state, found.places, found.overlap) == ("attached", ((1, 0),), 1.0)
    found = only([says("drop", 0)], tree(moved({range(10, 14): 0})[stay]), ids)
    assert found.overlap == pytest.approx(6 / 10)
    rest = [row for row in range(120) if row >= 10]
    found = only([says("drop", 0)], tree(TENS[rest] - 1, TOPS[1:]), [IDS[row] for row in rest])
    assert (found.state, found.why) == ("lost", "none of its items is in this tree")


def test_what_was_decided_anew_is_not_overwritten():
    new = tree(moved({range(10, 12): 0}))
    anew = says("keep", 0, op_id="anew", anchors=Anchors(new, "new", IDS))
    for events in ([says("drop", 0), anew], [anew, says("drop", 0)]):
        report = look(events, new)
        assert [(one.state, one.why) for one in report.found] == [("attached", "decided anew on this tree")]
        assert report.carried == ()
    cap = says("cap", 0, value="3")
    assert len(look([cap, anew], new).carried) == 1  # something of another kind


def test_a_split_cluster_decided_anew_in_part_keeps_that_part():
    anew = says("keep", 12, op_id="anew", anchors=Anchors(PARTED, "new", IDS))
    assert dropped(used([says("drop", 0), anew], PARTED), PARTED) == items(0, 1, 2, 7, 8, 9)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Decision(SplitTarget(OLD.target(1, 0), pack_parts(np.arange(10) % 2)), "split"), "the very same items"),
        (Decision(ClusterTarget("old", 1, 0, "ab", 10), "drop"), "none of its items is in this tree"),
        (Decision(ClusterTarget("new", 1, 0, "ab", 10, ("item 001",)), "drop"), "a merge or split was taken back"),
    ],
)
def test_what_cannot_be_found_again_says_why(event, why):
    found = only([event], PARTED)
    assert (found.state, found.places) == ("lost", ())
    assert why in found.why


def test_clusters_that_were_only_put_off_are_not_looked_for():
    assert look([says("skip", 0)], PARTED).found == ()


def test_a_third_tree_takes_over_what_the_second_did_and_the_first_keeps_its_own():
    second, third = tree(moved({range(10, 12): 0})), tree(moved({range(10, 14): 0}))
    events = used(used([says("drop", 0)], second), third, key="third")
    assert len(events) == 3
    assert dropped(events, third, key="third") == items(*range(14))
    assert look(events, OLD.hierarchy, key="old").carried == ()
    assert dropped(events, OLD.hierarchy, key="old") == items(*range(10))


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10_000), st.integers(0, 6), st.booleans())
def test_all_that_is_used_counts_on_the_new_tree(seed, n_moved, with_merges):
    rng, ids = np.random.default_rng(seed), IDS[:40]
    old = random_tree(rng, ids, 2)
    new = as_hierarchy(renumbered(old, rng, n_moved), rng)
    events: list[Decision] = []
    for turn in range(8):
        state = fold(events, as_hierarchy(old, rng), "old", ids)
        anchors, level = Anchors(state.tree, "old", ids), int(rng.integers(1, 3))
        cluster, into = rng.integers(0, old.count[level - 1], 2).tolist()
        verdict = str(rng.choice(["keep", "drop", "cap", "note", "label", "merge"][: 6 if with_merges else 4]))
        target = anchors.target(level, cluster)
        if verdict == "merge":
            target = MergeTarget(target, anchors.target(level, into))
        value = {"cap": "40 %", "note": "odd", "label": "birds"}.get(verdict, "")
        events.append(Decision(target, verdict, op_id=f"e{turn}", value=value))
    report = look(events, new, ids)
    after = fold([*events, *report.carried], new, "new", ids)
    assert not {event.op_id for event in report.carried} & {event.op_id for event in after.lost}
    if not with_merges:
        assert look([*events, *report.carried], new, ids).carried == ()
