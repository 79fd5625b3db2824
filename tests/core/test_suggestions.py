import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core import suggestions
from curation_core.anchors import Anchors
from curation_core.decisions import Decision, ItemTarget
from curation_core.folding import fold
from curation_core.suggestions import LEAST, NEIGHBOURS, Suggestion, Votes, suggest, vote, would_teach
from tests.core.test_sampling import random_tree

LEFT, RIGHT, BETWEEN = [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]


def decided(n, dropped=(), kept=()):
    """The state of n items of which some were decided one by one."""
    ids = [str(row) for row in range(n)]
    said = [(dropped, "drop"), (kept, "keep")]
    events = [Decision(ItemTarget(tuple(ids[row] for row in rows)), verdict) for rows, verdict in said]
    return fold(events, random_tree(0, n=n)[0], "T", ids)


def two_heaps(n_left=60, n_right=60):
    """Vectors left and right, of all lengths."""
    lengths = np.linspace(0.1, 9, n_left + n_right)[:, None]
    return (np.array([LEFT] * n_left + [RIGHT] * n_right) * lengths).astype(np.float32)


def test_without_a_decision_nobody_votes():
    votes = vote(two_heaps(), np.array([LEFT, RIGHT]), decided(120))
    assert votes.n == 0
    assert np.isnan(votes.drop).all()
    assert np.isnan(votes.like).all()
    assert suggest([4, 5], votes, np.array([3, 3]), {}) == []
    assert would_teach(votes).tolist() == [1.0, 1.0]


def test_the_nearest_decided_items_vote_whatever_their_length():
    state = decided(120, dropped=range(60), kept=range(60, 120))
    votes = vote(two_heaps(), np.array([[5.0, 0.1], [0.01, 0.5]]), state)
    assert votes.n == NEIGHBOURS
    assert votes.drop.tolist() == [1.0, 0.0]
    assert votes.like == pytest.approx([1.0, 1.0], abs=1e-3)


def test_few_decided_items_all_vote():
    votes = vote(two_heaps(), np.array([LEFT, BETWEEN]), decided(120, dropped=[0, 1], kept=[119]))
    assert votes.n == 3
    assert votes.drop == pytest.approx([2 / 3, 2 / 3])
    assert votes.like == pytest.approx([1.0, np.sqrt(0.5)])


def test_many_of_one_verdict_do_not_outvote_few_of_the_other():
    vectors = np.random.default_rng(0).standard_normal((1_000, 3)).astype(np.float32)
    votes = vote(vectors, np.ones((1, 3)), decided(1_000, dropped=range(900), kept=range(900, 1_000)))
    assert 0.2 < votes.drop[0] < 0.8  # 100 of each vote; it would be 0.9


def test_the_number_of_voters_is_bounded_and_the_choice_is_repeatable(monkeypatch):
    monkeypatch.setattr(suggestions, "REFERENCE", 128)
    vectors = np.random.default_rng(0).standard_normal((1_000, 3)).astype(np.float32)
    state = decided(1_000, dropped=range(500), kept=range(500, 1_000))
    first, again, other = (vote(vectors, vectors[:50], state, seed=seed) for seed in (0, 0, 1))
    assert first.drop.tolist() == again.drop.tolist()
    assert first.drop.tolist() != other.drop.tolist()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1_000), st.integers(1, 60), st.integers(1, 60))
def test_votes_are_those_of_a_plain_count(seed, n_dropped, n_kept):
    rng = np.random.default_rng(seed)
    vectors, asked = rng.standard_normal((130, 4)).astype(np.float32), rng.standard_normal((9, 4)).astype(np.float32)
    order = rng.permutation(130)
    dropped, kept = order[:n_dropped], order[n_dropped : n_dropped + n_kept]
    votes = vote(vectors, asked, decided(130, dropped, kept))
    few = max(min(n_dropped, n_kept), NEIGHBOURS)
    if max(n_dropped, n_kept) > few:
        return  # then some of them, chosen by chance, do not vote
    voters = np.concatenate((dropped, kept))
    for row, centroid in enumerate(asked):
        alike = [float(v @ centroid / np.linalg.norm(v) / np.linalg.norm(centroid)) for v in vectors[voters]]
        nearest = sorted(range(len(voters)), key=lambda one, alike=alike: -alike[one])[:NEIGHBOURS]
        assert votes.drop[row] == pytest.approx(sum(one < n_dropped for one in nearest) / len(nearest))
        assert votes.like[row] == pytest.approx(max(alike), abs=1e-5)


def test_blocks_of_clusters_give_the_same_as_all_at_once(monkeypatch):
    vectors = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    state = decided(200, dropped=range(60), kept=range(60, 130))
    whole = vote(vectors, vectors, state)
    monkeypatch.setattr(suggestions, "_VALUES", 400)
    parts = vote(vectors, vectors, state)
    assert parts.drop.tolist() == whole.drop.tolist()
    assert parts.like == pytest.approx(whole.like)


def suggested(drop=0.5, n=48, size=100, near=True, **figures):
    votes = Votes(np.array([drop]), np.array([0.5]), np.array([near]), n)
    found = suggest([7], votes, np.array([size]), {name: np.array([value]) for name, value in figures.items()})
    return found[0] if found else None


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"drop": 40 / 48}, Suggestion(7, "drop", "40 of its 48 nearest decided items are dropped")),
        ({"drop": 8 / 48}, Suggestion(7, "keep", "40 of its 48 nearest decided items are kept")),
        ({"flagged": 0.92}, Suggestion(7, "drop", "92 % carry a quality flag")),
        ({"duplicates": 0.9}, Suggestion(7, "cap", "90 % have a near-duplicate; about 10 differ", "10")),
        ({"duplicates": 1.0}, Suggestion(7, "cap", "100 % have a near-duplicate; about 1 differ", "1")),
        (
            {"duplicates": 0.5, "size": 5_000},
            Suggestion(7, "cap", "50 % have a near-duplicate; about 2,500 differ", "2500"),
        ),
    ],
)
def test_a_suggestion_tells_its_reason(figures, expected):
    assert suggested(**figures) == expected


@pytest.mark.parametrize("figures", [{"drop": 0.79}, {"drop": 0.21}, {"flagged": 0.79, "duplicates": 0.49}])
def test_where_nothing_is_clear_nothing_is_suggested(figures):
    assert suggested(**figures) is None


def test_votes_from_afar_are_no_reason():
    assert suggested(drop=1.0, near=False) is None
    assert suggested(drop=1.0, n=LEAST - 1) is None
    assert suggested(drop=1.0, n=LEAST).verdict == "drop"
    assert suggested(drop=1.0, near=False, duplicates=0.9).verdict == "cap"


def test_voters_are_near_when_they_are_as_near_as_decided_items_commonly_are():
    rng = np.random.default_rng(0)
    heap = rng.normal(0, 0.1, (200, 4)) + np.array([*LEFT, 0, 0])
    votes = vote(heap.astype(np.float32), np.array([[1.0, 0, 0, 0], [0, 1.0, 0, 0]]), decided(200, dropped=range(200)))
    assert votes.near.tolist() == [True, False]
    assert votes.drop.tolist() == [1.0, 1.0]


def test_what_is_not_known_is_no_reason():
    assert suggested(drop=np.nan, n=0, flagged=np.nan, duplicates=np.nan) is None


def test_flags_come_before_votes_and_votes_to_drop_before_duplicates_and_these_before_keep():
    assert suggested(drop=0.0, flagged=0.9, duplicates=0.9).verdict == "drop"
    assert suggested(drop=1.0, duplicates=0.9).verdict == "drop"
    assert suggested(drop=0.0, duplicates=0.9).verdict == "cap"


@given(st.floats(0.5, 1), st.integers(1, 10**6))
def test_a_suggested_cap_may_be_set_as_it_is(share, size):
    found = suggested(duplicates=share, size=size)
    assert 1 <= int(found.value) <= max(1, size)
    target = Anchors(random_tree(0)[0], "T", [str(row) for row in range(80)]).target(1, 0)
    assert Decision(target, "cap", value=found.value).value == found.value


def test_split_votes_and_far_decisions_teach_most():
    votes = Votes(np.array([0.5, 1.0, 0.5, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4, dtype=bool), 48)
    assert would_teach(votes).tolist() == [1.0, 0.5, 0.5, 0.0]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-1, 1)), min_size=1))
def test_what_a_decision_would_teach_lies_between_nothing_and_all(drawn):
    drop, like = (np.array(column) for column in zip(*drawn, strict=True))
    taught = would_teach(Votes(drop, like, np.ones(len(drop), dtype=bool), 48))
    assert ((taught >= 0) & (taught <= 1)).all()
