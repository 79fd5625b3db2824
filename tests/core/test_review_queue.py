import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.anchors import Anchors
from curation_core.decisions import Decision, ItemTarget, MergeTarget
from curation_core.folding import fold
from curation_core.review_queue import effect, review_queue
from tests.core.test_sampling import random_tree

IDS = [f"{row:016x}" for row in range(80)]


def queue_of(hierarchy, events=(), level=1, priority=None, **options):
    decided = fold(list(events), hierarchy, "T", IDS)
    given_priority = decided.tree.sizes(level).astype(float) if priority is None else np.asarray(priority, float)
    return review_queue(decided, level, given_priority, **options)


def says(hierarchy, cluster, verdict, who="ada", level=1, value=""):
    return Decision(Anchors(hierarchy, "T", IDS).target(level, cluster), verdict, who, value=value)


@pytest.fixture(scope="module")
def hierarchy():
    tree, _ = random_tree(3)
    assert (tree.sizes(1) > 0).sum() >= 4
    return tree


@pytest.fixture(scope="module")
def full(hierarchy):
    """Leaves that hold items, the largest first."""
    sizes = hierarchy.sizes(1)
    return sorted(np.flatnonzero(sizes).tolist(), key=lambda one: (-sizes[one], one))


def test_the_highest_priority_comes_first_then_the_larger_then_the_lower_number(hierarchy, full):
    assert queue_of(hierarchy).order.tolist() == full
    assert queue_of(hierarchy, priority=np.zeros(hierarchy.n_clusters[0])).order.tolist() == full
    priority = np.zeros(hierarchy.n_clusters[0])
    priority[full[-1]] = 1
    assert queue_of(hierarchy, priority=priority).order.tolist() == [full[-1], *full[:-1]]


def test_what_has_no_figure_comes_last(hierarchy, full):
    priority = np.full(hierarchy.n_clusters[0], -np.inf)
    priority[full[0]], priority[full[1]] = np.nan, np.inf
    assert queue_of(hierarchy, priority=priority).order.tolist() == [full[1], *full[2:], full[0]]


def test_a_decided_cluster_does_not_wait_and_a_cleared_one_waits_again(hierarchy, full):
    for verdict, value in (("keep", ""), ("drop", ""), ("cap", "3"), ("weight", "2")):
        found = queue_of(hierarchy, [says(hierarchy, full[1], verdict, value=value)])
        assert found.pending.tolist() == [full[0], *full[2:]]
        assert found.n_decided == 1
        assert found.share_decided == pytest.approx(hierarchy.sizes(1)[full[1]] / 80)
    cleared = [says(hierarchy, full[1], "drop"), says(hierarchy, full[1], "clear")]
    assert queue_of(hierarchy, cleared).pending.tolist() == full


def test_names_notes_and_decisions_on_other_levels_or_items_leave_a_cluster_waiting(hierarchy, full):
    events = [
        says(hierarchy, full[0], "label", value="birds"),
        says(hierarchy, full[0], "note", value="odd"),
        says(hierarchy, int(hierarchy.parents(1)[full[0]]), "drop", level=2),
        Decision(ItemTarget(tuple(IDS)), "drop"),
    ]
    found = queue_of(hierarchy, events)
    assert found.pending.tolist() == full
    assert found.share_decided == 0


def test_a_cluster_that_somebody_put_off_waits_at_the_end_for_them_alone(hierarchy, full):
    events = [says(hierarchy, full[0], "skip", "ada")]
    hers, his = (queue_of(hierarchy, events, reviewer=who) for who in ("ada", "bob"))
    assert (hers.pending.tolist(), hers.skipped.tolist()) == (full[1:], full[:1])
    assert hers.waiting.tolist() == [*full[1:], full[0]]
    assert (his.pending.tolist(), his.skipped.tolist()) == (full, [])
    decided = queue_of(hierarchy, [*events, says(hierarchy, full[0], "keep", "bob")], reviewer="ada")
    assert decided.skipped.tolist() == []
    assert decided.n_decided == 1


def test_what_is_done_may_be_told(hierarchy, full):
    done = np.zeros(hierarchy.n_clusters[0], dtype=bool)
    done[full[2:]] = True
    found = queue_of(hierarchy, [says(hierarchy, full[0], "keep")], done=done)
    assert found.pending.tolist() == full[:2]


def test_a_cluster_that_was_merged_away_is_in_no_queue(hierarchy, full):
    anchors = Anchors(hierarchy, "T", IDS)
    merge = Decision(MergeTarget(anchors.target(1, full[0]), anchors.target(1, full[1])), "merge")
    found = queue_of(hierarchy, [merge])
    assert sorted(found.order.tolist()) == sorted(full[1:])
    assert found.order[0] == full[1]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 3), st.data())
def test_every_cluster_with_items_is_decided_pending_or_put_off_once(seed, level, data):
    tree, _ = random_tree(seed)
    picks = st.tuples(
        st.integers(0, tree.n_clusters[level - 1] - 1), st.sampled_from(["keep", "drop", "skip", "clear"])
    )
    events = [says(tree, cluster, verdict, level=level) for cluster, verdict in data.draw(st.lists(picks, max_size=8))]
    found = queue_of(tree, events, level, reviewer="ada")
    filled = np.flatnonzero(tree.sizes(level)).tolist()
    assert sorted(found.order.tolist()) == filled
    decided = set(np.flatnonzero(fold(events, tree, "T", IDS).decided(level)).tolist()) & set(filled)
    assert sorted([*found.waiting.tolist(), *decided]) == filled
    assert found.n_decided == len(decided)
    assert found.share_decided == pytest.approx(tree.sizes(level)[sorted(decided)].sum() / 80)


def test_effect_is_size_times_the_mean_of_what_is_known():
    sizes = np.array([10, 20, 30, 40])
    doubts = {"loose": np.array([0.5, 1.0, np.nan, np.nan]), "flagged": np.array([0.1, 0.0, 0.2, np.nan])}
    assert effect(sizes, doubts) == pytest.approx([3.0, 10.0, 6.0, 2.0])


def test_without_figures_effect_is_the_size_and_a_flawless_large_cluster_comes_before_a_flawless_small_one():
    sizes = np.array([5, 50])
    assert effect(sizes, {}).tolist() == [5.0, 50.0]
    small, large = effect(sizes, {"flagged": np.zeros(2)})
    assert 0 < small < large
