import heapq
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.errors import ConfigError, ShapeError
from curation_core.water_filling import Filling, fill_segments, water_fill

capacities = st.lists(st.integers(0, 39), min_size=1, max_size=11)
WEIGHTS = (0.01, 0.1, 0.3, 1 / 3, 0.5, 1.0, 1.5, 2.0, 3.0, 7.3, 100.0)
clusters = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 8), st.sampled_from(WEIGHTS)), min_size=1, max_size=9
)  # capacity, wanted floor, weight


def bisected(capacity, budget):
    """Quotas by search for the cap, the slow way: the oracle, in ascending order."""
    cap = 0
    while cap < max(capacity) and np.minimum(cap + 1, capacity).sum() <= budget:
        cap += 1
    quota = np.minimum(cap, capacity)
    for child in [child for child, room in enumerate(capacity) if room > cap][: max(0, budget - quota.sum())]:
        quota[child] += 1
    return quota


@settings(deadline=None, max_examples=400)
@given(capacities, st.integers(0, 500))
def test_water_filling_is_the_slow_search(capacity, budget):
    assert sorted(water_fill(capacity, budget)) == sorted(bisected(np.array(capacity), budget))


@settings(deadline=None)
@given(capacities, st.integers(0, 450), st.permutations(range(11)))
def test_a_larger_budget_takes_from_no_cluster(capacity, budget, priority):
    priority = priority[: len(capacity)]
    assert (water_fill(capacity, budget, priority) <= water_fill(capacity, budget + 1, priority)).all()


def test_many_parents_at_once_are_the_same_as_one_by_one():
    rng = np.random.default_rng(0)
    parent = rng.integers(0, 300, 2000)
    capacity = rng.integers(0, 40, 2000)
    budget = rng.integers(0, 200, 310)  # the last ten have no children
    priority = rng.random(2000)
    quota = fill_segments(capacity, parent, budget, priority)
    for number in range(300):
        own = parent == number
        assert quota[own].tolist() == water_fill(capacity[own], int(budget[number]), priority[own]).tolist()


def test_the_remainder_goes_by_priority():
    assert water_fill([5, 5, 5], 4, [2, 0, 1]).tolist() == [1, 2, 1]
    assert water_fill([5, 5, 5], 5).tolist() == [2, 2, 1]


def test_nothing_to_split_over_is_nothing():
    assert water_fill([], 5).tolist() == []
    assert water_fill([0, 0], 5).tolist() == [0, 0]


@pytest.mark.parametrize("budget", [-1, 2.0, True, "3", None])
def test_a_budget_that_is_no_count_is_refused(budget):
    with pytest.raises(ConfigError, match="whole number of items"):
        water_fill([3, 3], budget)


@pytest.mark.parametrize("capacity", [[-1, 2], [0.5, 2.0], [[1, 2]]])
def test_a_capacity_that_is_no_count_is_refused(capacity):
    with pytest.raises(ShapeError, match="capacity"):
        water_fill(capacity, 2)


def test_a_million_clusters_are_filled_within_a_second():
    rng = np.random.default_rng(0)
    capacity, parent = rng.integers(0, 100, 1_000_000), rng.integers(0, 10_000, 1_000_000)
    start = time.process_time()
    quota = fill_segments(capacity, parent, np.full(10_000, 400), rng.random(1_000_000))
    assert time.process_time() - start < 1
    assert quota.sum() == 4_000_000


def poured(room, least, heavy, budget, order):
    """The definition, unit by unit: each goes to the lowest cluster that is not full."""
    quota = list(least)
    heap = [(quota[c] / heavy[c], order[c], c) for c in range(len(room)) if quota[c] < room[c]]
    heapq.heapify(heap)
    for _ in range(budget - sum(least)):
        if not heap:
            break
        _, turn, c = heapq.heappop(heap)
        quota[c] += 1
        if quota[c] < room[c]:
            heapq.heappush(heap, (quota[c] / heavy[c], turn, c))
    return quota


def parted(drawn):
    """Capacities, floors that fit them, weights."""
    room, least, heavy = (list(column) for column in zip(*drawn, strict=True))
    return room, [min(floor, most) for floor, most in zip(least, room, strict=True)], heavy


@settings(deadline=None, max_examples=500)
@given(clusters, st.integers(0, 300), st.permutations(range(9)))
def test_weights_and_floors_pour_unit_by_unit(drawn, budget, order):
    room, least, heavy = parted(drawn)
    quota = water_fill(room, budget, order[: len(room)], floor=least, weight=heavy)
    assert quota.tolist() == poured(room, least, heavy, budget, order)


@settings(deadline=None)
@given(clusters, st.integers(0, 250), st.permutations(range(9)))
def test_with_weights_and_floors_a_larger_budget_takes_from_no_cluster(drawn, budget, order):
    room, least, heavy = parted(drawn)
    smaller, larger = (
        water_fill(room, size, order[: len(room)], floor=least, weight=heavy) for size in (budget, budget + 1)
    )
    assert (smaller <= larger).all()
    assert larger.sum() == min(max(budget + 1, sum(least)), sum(room))


@settings(deadline=None)
@given(capacities, st.integers(0, 300), st.sampled_from(WEIGHTS))
def test_equal_weights_are_no_weights(capacity, budget, weight):
    plain = water_fill(capacity, budget)
    assert water_fill(capacity, budget, weight=[weight] * len(capacity)).tolist() == plain.tolist()
    assert water_fill(capacity, budget, floor=[0] * len(capacity)).tolist() == plain.tolist()


def test_a_cluster_of_twice_the_weight_gets_twice_as_much():
    assert water_fill([100, 100, 100], 80, weight=[1, 2, 1]).tolist() == [20, 40, 20]
    assert water_fill([100, 10, 100], 80, weight=[1, 2, 1]).tolist() == [35, 10, 35]


def test_floors_are_given_first_and_count():
    assert water_fill([10, 10, 10], 9, floor=[6, 0, 0]).tolist() == [6, 2, 1]
    assert water_fill([10, 10, 10], 3, floor=[6, 0, 0]).tolist() == [6, 0, 0]


@pytest.mark.parametrize("floor", [[3, 0], [-1, 0], [0.5, 0.0], [1]])
def test_a_floor_that_does_not_fit_is_refused(floor):
    with pytest.raises(ShapeError, match="floor"):
        water_fill([2, 2], 2, floor=floor)


@pytest.mark.parametrize("weight", [[0, 1], [-1, 1], [float("nan"), 1], [1]])
def test_a_weight_that_is_not_above_nothing_is_refused(weight):
    with pytest.raises(ShapeError, match="weight"):
        water_fill([2, 2], 2, weight=weight)


def test_only_parents_with_wishes_are_poured_anew():
    rng = np.random.default_rng(1)
    parent, capacity = rng.integers(0, 50, 600), rng.integers(0, 40, 600)
    budget, priority = rng.integers(0, 200, 50), rng.random(600)
    weight, floor = np.ones(600), np.zeros(600, np.int64)
    weight[parent == 7] = rng.choice(WEIGHTS, (parent == 7).sum())
    floor[parent == 9] = capacity[parent == 9] // 4
    quota = fill_segments(capacity, parent, budget, priority, floor=floor, weight=weight)
    plain = fill_segments(capacity, parent, budget, priority)
    assert np.array_equal(quota != plain, (quota != plain) & np.isin(parent, (7, 9)))
    for number in (7, 9):
        own = parent == number
        poured_alone = water_fill(
            capacity[own], int(budget[number]), priority[own], floor=floor[own], weight=weight[own]
        )
        assert quota[own].tolist() == poured_alone.tolist()


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000))
def test_a_filling_used_again_divides_every_budget_as_a_new_one(seed):
    rng = np.random.default_rng(seed)
    k, p = int(rng.integers(1, 30)), int(rng.integers(1, 5))
    capacity, parent, priority = rng.integers(0, 20, k), rng.integers(0, p, k), rng.random(k)
    floor = np.where(rng.random(k) < 0.4, rng.integers(0, 20, k) % (capacity + 1), 0)
    least = np.bincount(parent, floor, p).astype(np.int64)
    even = Filling(capacity, parent, priority, p, floor=floor)
    # all but equal weights go the general way, which must come to the same
    weight = 1 + np.where(np.arange(k) % 2, 1e-12, 0)
    for extra in (0, 3, 11, 400):
        budget = least + rng.integers(0, extra + 1, p)
        found = even(budget)
        assert found.tolist() == fill_segments(capacity, parent, budget, priority, floor=floor).tolist()
        assert np.bincount(parent, found, p).tolist() == np.minimum(budget, np.bincount(parent, capacity, p)).tolist()
        tilted = fill_segments(capacity, parent, budget, priority, floor=floor, weight=weight)
        assert np.abs(found - tilted).max() <= 1
