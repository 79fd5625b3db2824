import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.agreement import (
    Disagreement,
    PairAgreement,
    cohens_kappa,
    disagreements,
    for_two,
    judgements,
    overruled,
    pair_agreements,
)
from curation_core.anchors import Anchors
from curation_core.decisions import Decision, ItemTarget, MergeTarget, UndoTarget
from curation_core.folding import fold
from curation_core.hierarchy import Hierarchy, Level
from tests.core.test_review import IDS, tree
from tests.core.test_sampling import random_tree

VERDICTS = ("keep", "drop", "cap", "weight")
ANCHORS = Anchors(tree(), "T", IDS)


def says(who, level, cluster, verdict, value="", op_id=None):
    name = {"op_id": op_id} if op_id else {}
    return Decision(ANCHORS.target(level, cluster), verdict, who, value=value, **name)


def said(*events):
    return judgements(events, fold(events, tree(), "T", IDS))


def pairs(**counts):
    """Pairs of verdicts, as often as told: keep_drop=3 is three times keep against drop."""
    return [tuple(name.split("_")) for name, n in counts.items() for _ in range(n)]


@pytest.mark.parametrize(
    ("given_pairs", "kappa"),
    [
        (pairs(keep_keep=20, keep_drop=5, drop_keep=10, drop_drop=15), 0.4),  # (0.7 - 0.5) / 0.5
        (pairs(keep_keep=45, keep_drop=15, drop_keep=25, drop_drop=15), 0.06 / 0.46),  # observed 0.6, by chance 0.54
        (pairs(keep_keep=3, drop_drop=3), 1.0),
        (pairs(keep_drop=3, drop_keep=3), -1.0),
        (pairs(keep_keep=1, keep_drop=1, drop_keep=1, drop_drop=1), 0.0),
        (pairs(keep_drop=4), 0.0),
    ],
)
def test_kappa_is_what_one_works_out_by_hand(given_pairs, kappa):
    assert cohens_kappa(given_pairs) == pytest.approx(kappa)


def test_kappa_says_nothing_without_a_pair_or_where_chance_explains_all():
    assert math.isnan(cohens_kappa([]))
    assert math.isnan(cohens_kappa(pairs(keep_keep=9)))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(VERDICTS), st.sampled_from(VERDICTS)), min_size=2, max_size=60))
def test_kappa_is_that_of_scikit_learn(given_pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    first, second = zip(*given_pairs, strict=True)
    found = cohens_kappa(given_pairs)
    if len({*first, *second}) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(metrics.cohen_kappa_score(first, second))
        assert found == pytest.approx(cohens_kappa([(b, a) for a, b in given_pairs]))


def test_the_last_standing_judgement_of_everybody_counts():
    undone = says("ada", 1, 2, "drop", op_id="x")
    found = said(
        says("ada", 1, 0, "keep"),
        says("ada", 1, 0, "drop"),
        says("bob", 1, 0, "keep"),
        says("bob", 2, 0, "weight", "2"),
        undone,
        Decision(UndoTarget("x"), "undo", "ada"),
    )
    assert found == {(1, 0): {"ada": "drop", "bob": "keep"}, (2, 0): {"bob": "weight"}}


def test_what_is_taken_away_is_no_judgement_and_takes_away_nobody_elses():
    assert said(says("ada", 1, 0, "keep"), says("bob", 1, 0, "drop"), says("ada", 1, 0, "clear")) == {
        (1, 0): {"bob": "drop"}
    }
    assert said(says("ada", 1, 0, "cap", "5"), says("ada", 1, 0, "cap", "")) == {}
    assert said(says("ada", 1, 0, "keep"), says("ada", 1, 0, "weight", "")) == {(1, 0): {"ada": "keep"}}


def test_names_notes_merges_and_items_are_no_judgements():
    merge = Decision(MergeTarget(ANCHORS.target(1, 1), ANCHORS.target(1, 2)), "merge", "ada")
    items = Decision(ItemTarget(("a",)), "drop", "ada")
    others = [says("ada", 1, 0, "label", "x"), says("ada", 1, 0, "note", "y"), says("ada", 1, 0, "skip")]
    assert said(*others, items, merge) == {}


def test_judgements_of_clusters_that_are_not_in_the_tree_do_not_count():
    events = [says("ada", 1, 0, "drop"), says("ada", 1, 2, "keep")]
    other = tree(assignment=(0, 0, 1, 1, 1, 2))
    assert judgements(events, fold(events, other, "U", IDS)) == {(1, 2): {"ada": "keep"}}


PLACES = {
    (1, 0): {"ada": "keep", "bob": "keep"},
    (1, 1): {"ada": "keep", "bob": "drop", "eve": "keep"},
    (1, 2): {"ada": "drop", "bob": "drop"},
    (2, 0): {"ada": "drop", "bob": "drop", "eve": "keep"},
    (2, 1): {"max": "keep"},
}


def test_pairs_of_people_are_listed_with_the_clusters_that_both_judged():
    found = pair_agreements(PLACES)
    assert [(pair.first, pair.second, pair.n) for pair in found] == [
        ("ada", "bob", 4),
        ("ada", "eve", 2),
        ("bob", "eve", 2),
    ]
    assert found[0] == PairAgreement("ada", "bob", 4, 0.75, 0.5)  # by chance 2/4 * 1/4 + 2/4 * 3/4 = 0.5
    assert [pair.observed for pair in found[1:]] == [0.5, 0.0]


def test_only_clusters_with_more_than_one_verdict_are_disagreements():
    assert disagreements(PLACES) == [Disagreement((1, 1), PLACES[1, 1]), Disagreement((2, 0), PLACES[2, 0])]
    assert disagreements({}) == []


def test_a_finer_verdict_that_differs_from_the_next_above_overrules_it():
    events = [
        says("ada", 2, 0, "drop"),
        says("ada", 1, 0, "keep"),
        says("ada", 1, 1, "drop"),
        says("ada", 1, 2, "keep"),
    ]
    assert overruled(fold(events, tree(), "T", IDS)) == [((1, 0), (2, 0))]
    assert overruled(fold(events[:1], tree(), "T", IDS)) == []


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_overruled_are_all_that_a_walk_up_the_tree_finds(seed):
    hierarchy, _ = random_tree(seed)
    rng, ids = np.random.default_rng(seed), [f"{one:016x}" for one in range(80)]
    anchors = Anchors(hierarchy, "T", ids)
    verdicts = {}
    for _ in range(12):
        level = int(rng.integers(1, 4))
        verdicts[level, int(rng.integers(hierarchy.n_clusters[level - 1]))] = str(rng.choice(["keep", "drop"]))
    state = fold(
        [Decision(anchors.target(*place), verdict) for place, verdict in verdicts.items()], hierarchy, "T", ids
    )
    expected = set()
    for (level, cluster), verdict in verdicts.items():
        at, above = level, cluster
        while at < hierarchy.n_levels:
            at, above = at + 1, int(hierarchy.parents(at)[above])
            if (at, above) in verdicts:
                if verdicts[at, above] != verdict:
                    expected.add(((level, cluster), (at, above)))
                break
    assert set(overruled(state)) == expected


def many(n):
    """A tree of n clusters of one item each."""
    zeros = np.zeros((n, 2), np.float32)
    return Hierarchy((Level(zeros, np.arange(n, dtype=np.int32), zeros[:, 0].copy()),))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_what_two_people_judge_is_near_the_asked_share(share):
    chosen = for_two(Anchors(many(4_000), "T", [f"{one:016x}" for one in range(4_000)]), 1, share)
    assert chosen.mean() == pytest.approx(share, abs=0.03)


def test_what_two_people_judge_hangs_on_the_members_only_and_grows_with_the_share():
    ids = [f"{one:016x}" for one in range(500)]
    order = np.random.default_rng(0).permutation(500)
    here = for_two(Anchors(many(500), "T", ids), 1, 0.3)
    there = for_two(Anchors(many(500), "U", [ids[row] for row in order]), 1, 0.3)
    assert there.tolist() == here[order].tolist()
    assert (for_two(Anchors(many(500), "T", ids), 1, 0.4) >= here).all()


def test_nobody_judges_an_empty_cluster():
    merge = [Decision(MergeTarget(ANCHORS.target(1, 1), ANCHORS.target(1, 2)), "merge")]
    after = fold(merge, tree(), "T", IDS).tree
    assert for_two(Anchors(after, "T", IDS), 1, 1.0).tolist() == [True, False, True]
