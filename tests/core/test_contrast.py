import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation_core.contrast import (
    class_contrast,
    n_shared,
    number_contrast,
    places,
    sampled,
    telling_words,
)
from curation_core.errors import ShapeError

RNG = np.random.default_rng(8)


def test_few_rows_are_all_used_and_many_are_sampled_whatever_their_order():
    rows = np.array([7, 3, 5])
    assert sampled(rows).tolist() == [3, 5, 7]
    many = RNG.permutation(1_000)
    chosen = sampled(many, exact=500, sample=200)
    assert len(np.unique(chosen)) == 200
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, sampled(np.sort(many), exact=500, sample=200))
    assert (chosen != sampled(many, exact=500, sample=200, seed=1)).any()


def test_items_in_both_sets_are_counted():
    assert n_shared(np.array([1, 2, 3]), np.array([3, 4, 1]), 6) == 2


def test_where_two_sets_lie_is_what_direct_sums_say():
    vectors = RNG.standard_normal((300, 5)).astype(np.float32)
    vectors[200:] += 2
    a, b = np.arange(200), np.arange(150, 300)
    found = places(vectors, a, b, shown=4)
    centre = [vectors[rows].astype(np.float64).mean(axis=0) for rows in (a, b)]
    gaps = [[np.linalg.norm(vectors[rows] - c, axis=1) for c in centre] for rows in (a, b)]
    assert found.between == pytest.approx(np.linalg.norm(centre[0] - centre[1]), rel=1e-6)
    assert found.within == (pytest.approx(gaps[0][0].mean()), pytest.approx(gaps[1][1].mean()))
    assert found.strayed == ((gaps[0][1] < gaps[0][0]).mean(), (gaps[1][0] < gaps[1][1]).mean())
    assert found.nearest[0].tolist() == a[np.argsort(gaps[0][0])[:4]].tolist()
    assert found.nearest[1].tolist() == b[np.argsort(gaps[1][1])[:4]].tolist()
    assert found.toward[0].tolist() == a[np.argsort(gaps[0][1])[:4]].tolist()
    assert found.toward[1].tolist() == b[np.argsort(gaps[1][0])[:4]].tolist()
    assert found.n_used == (200, 150)


def test_the_nearest_pair_is_never_one_item_with_itself():
    vectors = np.array([[0.0], [1.0], [5.0]], dtype=np.float32)
    found = places(vectors, np.array([0, 1]), np.array([1, 2]))
    assert found.pair == (0, 1, 1.0)
    assert places(vectors, np.array([1]), np.array([1])).pair is None


def test_the_order_of_the_rows_changes_nothing():
    vectors = RNG.standard_normal((100, 4)).astype(np.float32)
    a, b = np.arange(60), np.arange(50, 100)
    first, other = places(vectors, a, b), places(vectors, a[::-1], RNG.permutation(b))
    assert (first.between, first.within, first.pair) == (other.between, other.within, other.pair)
    assert first.nearest[0].tolist() == other.nearest[0].tolist()


def test_an_empty_set_lies_nowhere():
    with pytest.raises(ShapeError, match="one of the two sets is empty"):
        places(np.zeros((3, 2), np.float32), np.array([0]), np.array([], dtype=np.int64))


def test_the_distance_of_classes_is_the_share_that_would_have_to_change():
    codes = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    found = class_contrast(codes, ["x", "y", "z", "never"], np.arange(4), np.arange(4, 8))
    assert found.names == ["x", "y", "z"]
    assert found.counts.tolist() == [[3, 1, 0], [0, 1, 3]]
    assert found.distance == pytest.approx(0.75)
    assert class_contrast(codes, ["x", "y", "z", "never"], np.arange(8), np.arange(8)).distance == 0


numbers = st.lists(st.sampled_from([float("nan"), 0.0, 1.0, 1.0, 2.5, -3.0]), min_size=1, max_size=30)


@given(numbers, numbers)
def test_the_share_of_pairs_is_that_of_counting_all_pairs(first, second):
    values = np.array([*first, *second])
    a, b = np.arange(len(first)), np.arange(len(first), len(values))
    found = number_contrast(values, a, b)
    x, y = (part[~np.isnan(part)] for part in (values[a], values[b]))
    assert found.known.tolist() == [len(x), len(y)]
    if not len(x) or not len(y):
        assert np.isnan(found.above)
        return
    pairs = (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])
    assert found.above == pytest.approx(pairs.mean())
    assert found.effect == pytest.approx(2 * pairs.mean() - 1)
    np.testing.assert_allclose(found.quartiles[0], np.quantile(x, (0.25, 0.5, 0.75)))


def test_words_that_only_one_side_says_tell_it_apart():
    texts = pa.array(["a red fox ran", "the red fox slept", "red foxes, a fox", None, "blue whale", "a Blue WHALE"] * 5)
    a, b = np.flatnonzero(np.arange(30) % 6 < 3), np.flatnonzero(np.arange(30) % 6 > 3)
    found = telling_words(texts, a, b)
    said_a, said_b = found.words
    assert found.n_used == found.n == (len(a), len(b))
    assert {word for word, _, _ in said_a} >= {"red", "fox"}
    assert [word for word, _, _ in said_b] == ["blue", "whale"]
    assert said_b[0][1:] == (1.0, 0.0)  # of all its texts, and of none of the other's


def test_a_word_counts_once_a_text_in_any_script_and_however_long_the_text():
    texts = pa.array([f"кошка {'кошка ' * 5}", "кошка", "собака", "собака"] * 6 + ["собака " * 200_000])
    a = np.flatnonzero(np.arange(24) % 4 < 2)
    b = np.flatnonzero(np.arange(24) % 4 > 1)
    said_a, said_b = telling_words(texts, a, np.r_[b, 24]).words
    assert said_a == [("кошка", 1.0, 0.0)]
    assert said_b == [("собака", 1.0, 0.0)]


def test_sets_that_say_the_same_have_no_telling_words():
    texts = pa.chunked_array([["one two three"] * 10, ["one two three"] * 10])
    assert telling_words(texts, np.arange(10), np.arange(10, 20)).words == ([], [])
    assert telling_words(texts, np.arange(10), np.array([], dtype=np.int64)).words == ([], [])


def test_words_of_a_sample_say_how_many_texts_were_read(monkeypatch):
    monkeypatch.setattr("curation_core.contrast.MOST_TEXTS", 50)
    texts = pa.array(["red fox"] * 60 + ["blue whale"] * 40)
    found = telling_words(texts, np.arange(60), np.arange(60, 100))
    assert (found.n_used, found.n) == ((50, 40), (60, 40))
    assert found.words[1] == [("blue", 1.0, 0.0), ("whale", 1.0, 0.0)]


def test_texts_without_a_word_are_no_error():
    assert telling_words(pa.array(["", None, "12 34", "!!"]), np.array([0, 1]), np.array([2, 3])).words == ([], [])
