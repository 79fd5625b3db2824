import multiprocessing
import sqlite3

import numpy as np
import pytest

from curation_core.anchors import Anchors, cluster_target
from curation_core.decisions import Decision, ItemTarget, SplitTarget, UndoTarget, active
from curation_core.errors import ConfigError
from curation_core.folding import fold
from curation_core.hierarchy import Hierarchy, Level
from curation_core.review_log import ReviewLog, ReviewTail
from curation_core.tree_edits import pack_parts


def tree(assignment=(0, 0, 0, 1, 1, 2), parents=(0, 0, 1)):
    leaf = np.array(assignment, dtype=np.int32)
    k = leaf.max() + 1
    top = np.array(parents, dtype=np.int32)
    zeros = [np.zeros(n, dtype=np.float32) for n in (len(leaf), k)]
    return Hierarchy(
        (
            Level(np.zeros((k, 2), np.float32), leaf, zeros[0]),
            Level(np.zeros((top.max() + 1, 2), np.float32), top, zeros[1]),
        )
    )


IDS = ["a", "b", "c", "d", "e", "f"]


def on_cluster(level, cluster, verdict, hierarchy=None, key="T"):
    return Decision(cluster_target(hierarchy or tree(), key, level, cluster, IDS), verdict)


def test_nothing_decided_leaves_everything_eligible():
    state = fold([], tree(), "T", IDS)
    assert state.eligible.all()
    assert state.decided_by.tolist() == [0] * 6


def test_dropping_a_cluster_drops_its_subtree():
    state = fold([on_cluster(2, 0, "drop")], tree(), "T", IDS)
    assert state.eligible.tolist() == [False] * 5 + [True]
    assert state.decided_by.tolist() == [2] * 5 + [0]


def test_finer_wins_over_coarser_and_items_over_clusters():
    events = [Decision(ItemTarget(("a",)), "keep"), on_cluster(1, 1, "keep"), on_cluster(2, 0, "drop")]
    state = fold(events, tree(), "T", IDS)
    assert state.eligible.tolist() == [True, False, False, True, True, True]
    assert state.decided_by.tolist() == [-1, 2, 2, 1, 1, 0]


def test_the_last_verdict_on_one_target_wins():
    state = fold([on_cluster(1, 0, "drop"), on_cluster(1, 0, "keep")], tree(), "T", IDS)
    assert state.eligible.all()
    assert state.verdicts[0].tolist() == [1, 0, 0]


def test_undo_takes_back_and_undoing_the_undo_brings_back():
    drop = on_cluster(1, 0, "drop")
    undo = Decision(UndoTarget(drop.op_id), "undo")
    redo = Decision(UndoTarget(undo.op_id), "undo")
    assert active([drop, undo]) == []
    assert active([drop, undo, redo]) == [drop]


def test_a_decision_follows_its_members_to_another_tree():
    other = tree(assignment=(2, 2, 2, 0, 0, 1), parents=(1, 0, 1))  # same leaves, other numbers
    state = fold([on_cluster(1, 0, "drop")], other, "U", IDS)
    assert state.eligible.tolist() == [False, False, False, True, True, True]
    assert state.lost == ()


def test_a_decision_whose_members_were_split_is_listed_as_lost():
    other = tree(assignment=(0, 0, 1, 1, 1, 2))
    drop = on_cluster(1, 0, "drop")
    state = fold([drop], other, "U", IDS)
    assert state.eligible.all()
    assert state.lost == (drop,)


def test_events_survive_the_file(tmp_path):
    log = ReviewLog(tmp_path / "reviews.sqlite")
    events = [on_cluster(1, 0, "drop"), Decision(ItemTarget(("a", "b")), "keep", "ada")]
    assert log.events() == []
    log.append(events)
    log.append(events)  # a retry of the same operations is harmless
    assert log.events() == events
    assert log.version() == 2


def test_undo_takes_back_the_last_standing_decision(tmp_path):
    log = ReviewLog(tmp_path / "reviews.sqlite")
    first, second = on_cluster(1, 0, "drop"), on_cluster(1, 1, "drop")
    log.append([first])
    log.append([second])
    assert log.undo() == second
    assert log.undo() == first
    assert log.undo() is None
    assert active(log.events()) == []


def _write(path, start):
    log = ReviewLog(path)
    for number in range(start, start + 25):
        log.append([Decision(ItemTarget((f"i{number}",)), "drop")])


def test_two_processes_lose_no_decision(tmp_path):
    path = tmp_path / "reviews.sqlite"
    ReviewLog(path).append([])
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, start)) for start in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ids = {event.target.item_ids[0] for event in ReviewLog(path).events()}
    assert ids == {f"i{n}" for start in (0, 100) for n in range(start, start + 25)}


def test_a_verdict_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="expected keep, drop, clear"):
        Decision(ItemTarget(("a",)), "dorp")
    with pytest.raises(ConfigError, match="undo names an event"):
        Decision(ItemTarget(("a",)), "undo")


def labelled(level, cluster, name):
    return Decision(cluster_target(tree(), "T", level, cluster, IDS), "label", value=name)


def test_a_name_is_an_event_and_says_nothing_about_what_may_be_drawn():
    plain = fold([on_cluster(1, 1, "drop")], tree(), "T", IDS)
    state = fold([on_cluster(1, 1, "drop"), labelled(1, 1, "birds"), labelled(2, 0, "animals")], tree(), "T", IDS)
    assert state.labels == ({1: "birds"}, {0: "animals"})
    assert state.fingerprint == plain.fingerprint
    assert [level.tolist() for level in state.verdicts] == [level.tolist() for level in plain.verdicts]


def test_the_last_name_wins_and_an_empty_one_takes_it_away():
    assert fold([labelled(1, 0, "a"), labelled(1, 0, "b")], tree(), "T", IDS).labels[0] == {0: "b"}
    assert fold([labelled(1, 0, "a"), labelled(1, 0, "")], tree(), "T", IDS).labels[0] == {}


def test_undo_takes_a_name_back_and_the_one_before_counts_again(tmp_path):
    log = ReviewLog(tmp_path / "reviews.sqlite")
    log.append([labelled(1, 0, "a")])
    log.append([labelled(1, 0, "b")])
    log.undo()
    assert fold(log.events(), tree(), "T", IDS).labels[0] == {0: "a"}
    log.undo()
    assert fold(log.events(), tree(), "T", IDS).labels[0] == {}


def test_a_name_follows_its_members_to_another_tree_or_is_lost():
    moved = tree(assignment=(2, 2, 2, 0, 0, 1), parents=(1, 0, 1))
    assert fold([labelled(1, 0, "birds")], moved, "U", IDS).labels[0] == {2: "birds"}
    split, event = tree(assignment=(0, 0, 1, 1, 1, 2)), labelled(1, 0, "birds")
    state = fold([event], split, "U", IDS)
    assert state.labels == ({}, {})
    assert state.lost == (event,)


def test_names_survive_the_file_and_stand_in_the_list_of_decisions(tmp_path):
    log, event = ReviewLog(tmp_path / "reviews.sqlite"), labelled(1, 0, "vögel <b>")
    log.append([event, on_cluster(1, 0, "keep")])
    assert log.events()[0] == event
    assert '"value": "vögel <b>"' in event.as_json()
    assert '"value"' not in log.events()[1].as_json()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: labelled(1, 0, "x" * 81), "81 characters; use at most 80"),
        (lambda: Decision(ItemTarget(("a",)), "cap", value="3"), "'cap' does not fit a ItemTarget"),
        (lambda: Decision(ItemTarget(("a",)), "keep", value="x"), "'keep' takes no value"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        wrong()


_OLD = """CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, op_id TEXT NOT NULL UNIQUE, target TEXT NOT NULL,
verdict TEXT NOT NULL, reviewer TEXT NOT NULL, time TEXT NOT NULL)"""


def _name(path, number):
    ReviewLog(path).append([Decision(cluster_target(tree(), "T", 1, number, IDS), "label", value=f"n{number}")])


def test_a_file_of_an_older_version_takes_names_and_keeps_its_events(tmp_path):
    path = tmp_path / "reviews.sqlite"
    target = '{"kind": "items", "item_ids": ["a"]}'
    with sqlite3.connect(path) as connection:
        connection.execute(_OLD)
        connection.execute(
            "INSERT INTO events (op_id, target, verdict, reviewer, time) VALUES ('1', ?, 'drop', 'ada', 'then')",
            (target,),
        )
    connection.close()
    assert ReviewLog(path).events() == [Decision(ItemTarget(("a",)), "drop", "ada", "1", "then")]
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_name, args=(path, number)) for number in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    state = fold(ReviewLog(path).events(), tree(), "T", IDS)
    assert state.labels[0] == {0: "n0", 1: "n1"}
    assert state.eligible.tolist() == [False, True, True, True, True, True]


def test_a_tail_reads_what_is_new_and_notices_a_file_made_anew(tmp_path):
    path = tmp_path / "reviews.sqlite"
    log, tail = ReviewLog(path), ReviewTail(ReviewLog(path))
    assert tail.read() == (0, [])
    first, second = on_cluster(1, 0, "drop"), on_cluster(1, 1, "drop")
    log.append([first])
    assert tail.read() == (1, [first])
    log.append([second])
    assert tail.read() == (2, [first, second])
    assert tail.knows(second.op_id)
    for file in tmp_path.iterdir():
        file.unlink()
    third = on_cluster(1, 2, "keep")
    log.append([third])
    assert tail.read() == (1, [third])
    assert not tail.knows(first.op_id)


def splits(hierarchy, level, cluster, parts):
    """Parts of the members in the order of their ids."""
    target = SplitTarget(Anchors(hierarchy, "T", IDS).target(level, cluster), pack_parts(np.array(parts)))
    return Decision(target, "split", "ada")


def test_a_part_keeps_its_decision_when_an_earlier_split_is_taken_back():
    first, second = splits(tree(), 1, 0, [0, 1, 1]), splits(tree(), 1, 1, [0, 1])
    after = fold([first, second], tree(), "T", IDS)
    drop = on_cluster(1, 4, "drop", after.tree)  # the second part of the second split
    assert fold([first, second, drop], tree(), "T", IDS).eligible.tolist() == [True] * 4 + [False, True]
    undone = fold([first, second, drop, Decision(UndoTarget(first.op_id), "undo")], tree(), "T", IDS)
    assert undone.tree.n_clusters[0] == 4
    assert undone.eligible.tolist() == [True] * 4 + [False, True]
    assert undone.lost == ()


def test_a_split_of_coarse_clusters_goes_by_what_most_items_of_each_child_were_told():
    split = splits(tree(), 2, 0, [0, 0, 0, 1, 1])
    assert fold([split], tree(), "T", IDS).tree.point_assignment(2).tolist() == [0, 0, 0, 2, 2, 1]
    other = tree(assignment=(0, 0, 1, 1, 1, 2))  # c lies with d and e, the coarse cluster is the same
    assert fold([split], other, "U", IDS).tree.point_assignment(2).tolist() == [0, 0, 2, 2, 2, 1]
    whole = tree(assignment=(0, 0, 0, 0, 0, 1), parents=(0, 1))
    assert fold([split], whole, "U", IDS).lost == (split,)


def test_a_name_of_blanks_is_none():
    state = fold([labelled(1, 0, "birds"), labelled(1, 0, "  "), labelled(1, 1, " ")], tree(), "T", IDS)
    assert state.labels == ({}, {})
    assert state.tree.sizes(1).tolist() == [3, 2, 1]
