from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.config import SampleConfig
from curation_core.draw_rules import DrawRules
from curation_core.errors import ConfigError, ShapeError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.sampling import sample

STRATEGIES = ("random", "closest", "diverse")


def level(assignment, k, rng):
    assignment = np.asarray(assignment, dtype=np.int32)
    return Level(np.zeros((k, 2), dtype=np.float32), assignment, rng.random(len(assignment)).astype(np.float32))


def random_tree(seed, n=80, n_levels=3):
    """A tree of long-tailed, sometimes empty clusters."""
    rng = np.random.default_rng(seed)
    ks = np.sort(rng.integers(1, 15, n_levels))[::-1]
    levels = [level(np.minimum(rng.geometric(0.3, n) - 1, ks[0] - 1), ks[0], rng)]
    for finer, k in pairwise(ks):
        levels.append(level(rng.integers(0, k, finer), k, rng))
    return Hierarchy(tuple(levels)), rng.standard_normal((n, 3))


def draw(tree, target, **options):
    vectors = options.pop("vectors", None)
    eligible = options.pop("eligible", None)
    return sample(tree, SampleConfig(target_size=target, **options), vectors=vectors, eligible=eligible)


@pytest.mark.parametrize("target", [-1, 2.5, 2.0, True])
def test_a_target_that_is_no_count_is_refused(target):
    with pytest.raises(ConfigError, match="target_size"):
        SampleConfig(target_size=target)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10_000), st.integers(0, 100), st.sampled_from(STRATEGIES), st.integers(1, 3))
def test_quotas_are_exact_and_even_at_every_node(seed, target, strategy, multiplier):
    tree, vectors = random_tree(seed)
    plan = draw(tree, target, strategy=strategy, multiplier=multiplier, vectors=vectors, seed=seed)
    above = np.array([min(target, tree.n_items * multiplier)])
    for number in range(tree.n_levels, 0, -1):
        quota, capacity = plan.quotas[number - 1], plan.capacity[number - 1]
        parent = tree.parents(number)
        assert np.bincount(parent, quota, len(above)).tolist() == above.tolist()
        assert (quota <= capacity).all()
        for node in range(len(above)):
            own, room = quota[parent == node], capacity[parent == node]
            not_full = own[own < room]
            assert not len(not_full) or not_full.max() - not_full.min() <= 1
            assert not len(not_full) or own.max() <= not_full.min() + 1
        above = quota
    counts = np.bincount(plan.indices, minlength=tree.n_items)
    assert np.bincount(tree.levels[0].assignment, counts, tree.n_clusters[0]).tolist() == plan.quotas[0].tolist()
    assert counts.max(initial=0) <= multiplier
    for leaf in range(tree.n_clusters[0]):
        copies = counts[tree.levels[0].assignment == leaf]
        assert not len(copies) or copies.max() - copies.min() <= 1


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10_000), st.sampled_from(STRATEGIES), st.integers(1, 2))
def test_a_larger_target_contains_every_smaller_one(seed, strategy, multiplier):
    tree, vectors = random_tree(seed)
    before = np.zeros(tree.n_items, dtype=int)
    for target in (0, 1, 2, 7, 20, 41, 79, 80, 120, 170):
        plan = draw(tree, target, strategy=strategy, multiplier=multiplier, vectors=vectors, seed=seed)
        counts = np.bincount(plan.indices, minlength=tree.n_items)
        assert (counts >= before).all()
        before = counts


def test_all_or_nothing_can_be_drawn():
    tree, _ = random_tree(1)
    assert draw(tree, 0).indices.tolist() == []
    assert draw(tree, 80).indices.tolist() == list(range(80))
    beyond = draw(tree, 100)
    assert beyond.indices.tolist() == list(range(80))
    assert beyond.shortfall == 20


def test_indices_ascend_and_the_mask_agrees():
    tree, _ = random_tree(2)
    plan = draw(tree, 30, multiplier=2)
    assert plan.indices.dtype == np.int64
    assert (np.diff(plan.indices) >= 0).all()
    assert np.flatnonzero(plan.drawn_mask(80)).tolist() == sorted(set(plan.indices.tolist()))


def test_equal_seeds_draw_the_same_and_others_do_not():
    tree, _ = random_tree(3)
    first, again, other = (draw(tree, 30, seed=seed).indices.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_strategies_change_items_and_never_quotas():
    tree, vectors = random_tree(4)
    plans = [draw(tree, 25, strategy=strategy, vectors=vectors) for strategy in STRATEGIES]
    assert len({tuple(plan.indices.tolist()) for plan in plans}) == 3
    for plan in plans[1:]:
        assert all((a == b).all() for a, b in zip(plan.quotas, plans[0].quotas, strict=True))


def test_renumbering_clusters_changes_nothing():
    tree, _ = random_tree(5)
    rng = np.random.default_rng(0)
    new = [rng.permutation(k) for k in tree.n_clusters]
    finest = Level(
        tree.levels[0].centroids, new[0][tree.levels[0].assignment].astype(np.int32), tree.levels[0].distance
    )
    levels = [finest]
    for number in (1, 2):
        moved = np.empty(len(new[number - 1]), dtype=np.int32)
        moved[new[number - 1]] = new[number][tree.levels[number].assignment]
        levels.append(Level(tree.levels[number].centroids, moved, np.zeros(len(moved), dtype=np.float32)))
    for target in (5, 17, 40):
        assert draw(Hierarchy(tuple(levels)), target).indices.tolist() == draw(tree, target).indices.tolist()


def test_items_that_are_not_eligible_are_never_drawn():
    tree, vectors = random_tree(6)
    eligible = np.arange(80) % 3 > 0
    for strategy in STRATEGIES:
        plan = draw(tree, 70, eligible=eligible, strategy=strategy, vectors=vectors)
        assert plan.indices.tolist() == np.flatnonzero(eligible).tolist()
        assert (
            draw(tree, 20, eligible=eligible, strategy=strategy, vectors=vectors).drawn_mask(80)[~eligible].sum() == 0
        )
    assert plan.shortfall == 70 - eligible.sum()


def test_no_eligible_item_gives_an_empty_draw():
    tree, vectors = random_tree(6)
    for strategy in STRATEGIES:
        assert len(draw(tree, 10, eligible=np.zeros(80, dtype=bool), strategy=strategy, vectors=vectors)) == 0


def test_the_closest_are_the_nearest_of_every_leaf():
    tree, _ = random_tree(7)
    plan = draw(tree, 30, strategy="closest")
    for leaf, quota in enumerate(plan.quotas[0]):
        expected = tree.members(1, leaf)[:quota]  # members come nearest first
        drawn = plan.indices[tree.levels[0].assignment[plan.indices] == leaf]
        assert sorted(expected.tolist()) == drawn.tolist()


def test_random_draws_take_every_member_equally_often():
    rng = np.random.default_rng(0)
    tree = Hierarchy((level(np.repeat([0, 1], [12, 4]), 2, rng),))
    n_seeds, quota = 2000, 4
    hits = sum(np.bincount(draw(tree, 8, seed=seed).indices, minlength=16) for seed in range(n_seeds))[:12]
    expected = n_seeds * quota / 12
    variance = n_seeds * (quota / 12) * (1 - quota / 12) * 12 / 11  # drawn without replacement, sum fixed
    assert ((hits - expected) ** 2 / variance).sum() < 31.3  # chi square, 11 degrees of freedom, p = 0.001


def test_diverse_takes_the_centre_first_then_the_farthest():
    line = np.array([[0.0], [1.0], [2.0], [3.0], [10.0]])
    distance = np.abs(line[:, 0] - 2.2).astype(np.float32)
    tree = Hierarchy((Level(np.array([[2.2]], dtype=np.float32), np.zeros(5, dtype=np.int32), distance),))
    drawn = [set(draw(tree, target, strategy="diverse", vectors=line).indices.tolist()) for target in (1, 2, 3, 4)]
    assert drawn == [{2}, {2, 4}, {0, 2, 4}, {0, 2, 4, 1}] or drawn == [{2}, {2, 4}, {0, 2, 4}, {0, 2, 4, 3}]


def test_diverse_covers_leaves_better_than_the_other_strategies():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((600, 4))
    tree = Hierarchy((level(rng.integers(0, 6, 600), 6, rng),))
    reach = {}
    for strategy in STRATEGIES:
        drawn = vectors[draw(tree, 60, strategy=strategy, vectors=vectors).indices]
        reach[strategy] = np.linalg.norm(vectors[:, None] - drawn[None], axis=2).min(axis=1).max()
    assert reach["diverse"] < min(reach["random"], reach["closest"])


def test_diverse_manages_exact_duplicates():
    tree, _ = random_tree(8)
    plan = draw(tree, 50, strategy="diverse", vectors=np.ones((80, 2)))
    assert len(set(plan.indices.tolist())) == 50


def test_diverse_without_vectors_is_refused():
    tree, _ = random_tree(9)
    with pytest.raises(ConfigError, match="needs the vectors"):
        draw(tree, 5, strategy="diverse")


def test_arrays_of_another_tree_are_refused():
    tree, vectors = random_tree(9)
    with pytest.raises(ShapeError, match="the tree has 80 items"):
        draw(tree, 5, vectors=vectors[:10])
    for wrong in (np.ones(3, dtype=bool), np.ones(80)):
        with pytest.raises(ShapeError, match="one entry per item"):
            draw(tree, 5, eligible=wrong)


def plain_quotas(tree, budget, capacity, ties):
    """Quotas by the definition, one unit after another: the lowest cluster that is not full, ties by their order."""
    quotas = [np.array([budget])]
    for number in range(tree.n_levels, 0, -1):
        quota, parent = np.zeros(tree.n_clusters[number - 1], int), tree.parents(number)
        for node, units in enumerate(quotas[-1]):
            for _ in range(units):
                open_ones = [c for c in np.flatnonzero(parent == node) if quota[c] < capacity[number - 1][c]]
                quota[min(open_ones, key=lambda c: (quota[c], ties[number - 1][c]))] += 1
        quotas.append(quota)
    return quotas[:0:-1]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(0, 80), st.sampled_from(["random", "closest"]))
def test_the_draw_of_a_seed_is_the_plain_one_byte_for_byte(seed, target, strategy):
    """Exports hang on it: the orders and streams below are those that every saved draw was made with."""
    tree, _ = random_tree(seed)
    n, chance = tree.n_items, np.random.default_rng(seed)
    eligible, kept = chance.random(n) < 0.8, chance.random(n) < 0.1
    priority = np.random.default_rng([seed, 0]).permutation(n)
    ties, capacity = [], []
    for number in range(1, tree.n_levels + 1):
        cluster, numbers = tree.point_assignment(number), np.random.default_rng([seed, number]).random(n)
        first = [
            min(np.flatnonzero(cluster == c), key=lambda i: priority[i], default=-1) for c in range(cluster.max() + 1)
        ]
        ties.append(np.full(tree.n_clusters[number - 1], np.inf))
        ties[-1][: len(first)] = [numbers[i] if i >= 0 else np.inf for i in first]
        capacity.append(np.bincount(cluster[eligible], minlength=tree.n_clusters[number - 1]))
    expected = plain_quotas(tree, min(target, int(eligible.sum())), capacity, ties)
    rank = priority if strategy == "random" else np.lexsort((priority, tree.levels[0].distance)).argsort()
    leaf, rows = tree.point_assignment(1), []
    for cluster, quota in enumerate(expected[0]):
        members = np.flatnonzero((leaf == cluster) & eligible)
        rows += sorted(members, key=lambda item: rank[item])[:quota]
    plan = draw(tree, target, strategy=strategy, seed=seed, eligible=eligible)
    assert [quota.tolist() for quota in plan.quotas] == [quota.tolist() for quota in expected]
    assert plan.indices.tolist() == sorted(rows)
    assert (plan.indices.dtype, plan.quotas[0].dtype) == (np.int64, np.int64)
    with_kept = sample(tree, plan.config, eligible=eligible, rules=replace(DrawRules.none(tree), kept=kept))
    for cluster, quota in enumerate(with_kept.quotas[0]):
        members = np.flatnonzero((leaf == cluster) & (eligible | kept))
        wanted = sorted(members, key=lambda item: (not kept[item], rank[item]))[:quota]
        assert with_kept.indices[leaf[with_kept.indices] == cluster].tolist() == sorted(wanted)
