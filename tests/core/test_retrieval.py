import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core import retrieval
from curation_core.errors import ShapeError
from curation_core.retrieval import Coverage, Neighborhood, nearest_distance, neighborhood, typical_gap


def brute(pool, reference):
    return np.linalg.norm(reference[:, None].astype(np.float64) - pool[None], axis=2)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 30), st.integers(1, 6), st.integers(1, 12), st.integers(0, 10_000))
def test_search_is_exact_both_ways_whatever_the_blocks(n, m, dim, k, seed):
    rng = np.random.default_rng(seed)
    pool = rng.integers(0, 4, (n, dim)).astype(np.float32)  # small whole numbers: many equal distances, no rounding
    reference = rng.integers(0, 4, (m, dim)).astype(np.float32)
    before = retrieval._REFERENCES, retrieval._VALUES
    retrieval._REFERENCES, retrieval._VALUES = 7, 40
    try:
        found, nearest = neighborhood(pool, reference, k=k), nearest_distance(pool, reference)
    finally:
        retrieval._REFERENCES, retrieval._VALUES = before
    gaps = brute(pool, reference)
    wanted = np.lexsort((np.broadcast_to(np.arange(n), gaps.shape), gaps), axis=1)[:, : min(k, n)]
    assert np.array_equal(found.rows, wanted)
    assert np.allclose(found.distance, np.take_along_axis(gaps, wanted, axis=1))
    assert np.allclose(found.nearest, gaps.min(axis=0))
    assert np.allclose(nearest, gaps.min(axis=1))


def test_neighbours_are_right_far_from_the_origin_and_for_a_single_example():
    rng = np.random.default_rng(0)
    pool = (rng.normal(size=(3000, 16)) * 1e-3 + 50).astype(np.float32)
    reference = (rng.normal(size=(40, 16)) * 1e-3 + 50).astype(np.float32)
    wanted = np.argsort(brute(pool, reference), axis=1, kind="stable")
    assert np.array_equal(neighborhood(pool, reference, k=5).rows, wanted[:, :5])
    assert np.array_equal(neighborhood(pool, reference[:1], k=5).rows, wanted[:1, :5])
    assert np.array_equal(neighborhood(pool, pool[:7], k=1).rows[:, 0], np.arange(7))


def test_retrieval_goes_round_by_round_and_takes_no_item_twice():
    rows = np.array([[0, 1, 2], [0, 3, 1], [5, 4, 0]])
    distance = np.array([[0.1, 0.5, 0.9], [0.2, 0.3, 0.4], [0.15, 0.2, 0.8]], np.float32)
    nearest = np.array([0.1, 0.4, 0.9, 0.3, 0.2, 0.15, 3.0, 2.0], np.float32)
    found = Neighborhood(rows, distance, nearest)
    # round 1: 0 (0.1), 5 (0.15); round 2: 4 (0.2), 3 (0.3), 1 (0.5); round 3: 2 (0.9); then the rest by distance
    assert found.order.tolist() == [0, 5, 4, 3, 1, 2, 7, 6]
    assert found.order[found.ranks].tolist() != found.order.tolist()
    assert np.argsort(found.ranks).tolist() == found.order.tolist()


def test_the_order_does_not_hang_on_the_order_of_the_reference_items():
    rng = np.random.default_rng(0)
    pool, reference = rng.normal(size=(400, 5)).astype("f4"), rng.normal(size=(30, 5)).astype("f4")
    there, back = neighborhood(pool, reference, k=4), neighborhood(pool, reference[::-1].copy(), k=4)
    assert np.array_equal(there.order, back.order)
    assert sorted(there.order.tolist()) == list(range(400))


def test_coverage_counts_reference_items_within_the_radius():
    found = Coverage(np.array([0.0, 0.5, 0.6, np.inf], np.float32), 0.5)
    assert found.covered.tolist() == [True, True, False, False]
    assert found.share == 0.5
    assert np.isinf(nearest_distance(np.empty((0, 2), np.float32), np.zeros((3, 2), np.float32))).all()


def test_the_typical_gap_does_not_count_copies():
    line = np.arange(50, dtype=np.float32)[:, None] * 2
    assert typical_gap(np.concatenate((line, line))) == 2.0
    assert typical_gap(np.ones((30, 3), np.float32)) == 0.0
    assert typical_gap(np.ones((1, 3), np.float32)) == 0.0


def test_vectors_of_another_space_are_refused():
    with pytest.raises(ShapeError, match="same embedder"):
        neighborhood(np.zeros((4, 3), np.float32), np.zeros((2, 5), np.float32))
    with pytest.raises(ShapeError, match="both need some"):
        neighborhood(np.zeros((4, 3), np.float32), np.zeros((0, 3), np.float32))
