from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.config import SampleConfig
from curation_core.draw_rules import NO_CAP, DrawRules
from curation_core.errors import ConfigError, ShapeError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.mixing import Part, budgets, mix
from curation_core.product_tree import product_tree
from curation_core.sampling import drawing, sample
from curation_core.water_filling import water_fill

TREES = settings(deadline=None, max_examples=20)
SHARES = st.sampled_from((0.0, 0.2, 0.5, 1.0))


def random_case(seed, n=60, n_levels=2):
    """A tree of long-tailed clusters, a column with gaps, ranks of some items, and rules of every kind."""
    rng = np.random.default_rng(seed)
    ks = np.sort(rng.integers(1, 12, n_levels))[::-1]
    finest = np.minimum(rng.geometric(0.3, n) - 1, ks[0] - 1).astype(np.int32)
    levels = [Level(np.zeros((ks[0], 2), np.float32), finest, rng.random(n).astype(np.float32))]
    for finer, k in pairwise(ks):
        above = rng.integers(0, k, finer).astype(np.int32)
        levels.append(Level(np.zeros((k, 2), np.float32), above, np.zeros(finer, np.float32)))
    tree = Hierarchy(tuple(levels))
    groups = np.minimum(rng.geometric(0.5, n) - 2, 3)
    retrieved = np.where(rng.random(n) < 0.4, rng.permutation(n), -1)
    caps = tuple(np.where(rng.random(k) < 0.3, rng.integers(0, 6, k), NO_CAP) for k in ks)
    weights = tuple(rng.choice([1.0, 1.0, 2.0, 0.5], k) for k in ks)
    rules = DrawRules(rng.random(n) < 0.05, caps, weights)
    return tree, groups, retrieved, rules, rng.random(n) < 0.9, rng.standard_normal((n, 3))


def case(seed, **options):
    tree, groups, retrieved, rules, eligible, vectors = random_case(seed)
    config = SampleConfig(target_size=0, seed=seed, column="c", **options)
    return drawing(
        tree,
        config,
        eligible=eligible,
        rules=rules,
        vectors=vectors,
        groups=groups,
        retrieved=retrieved,
    )


@TREES
@given(
    st.integers(0, 10_000),
    SHARES,
    SHARES,
    st.sampled_from(("none", "clusters", "items")),
    st.sampled_from(("random", "closest", "diverse")),
)
def test_a_mix_is_exact_and_nested_keeps_caps_and_kept_items(seed, share, reference, cover, strategy):
    drawn = case(seed, column_share=share, reference_share=reference, cover=cover, strategy=strategy)
    tree, kept = drawn.order.hierarchy, set(np.flatnonzero(drawn.rules.kept).tolist())
    before: set[int] = set()
    for target in np.cumsum(np.random.default_rng(seed).integers(1, 4, 32)).tolist():
        plan = drawn.plan(target)
        now = set(plan.indices.tolist())
        assert len(plan.indices) == len(now) == max(len(kept), min(target, drawn.most))
        assert before <= now
        assert kept <= now <= set(np.flatnonzero(drawn.allowed).tolist())
        for level, (quota, capacity) in enumerate(zip(plan.quotas, plan.capacity, strict=True), start=1):
            counted = np.bincount(tree.point_assignment(level)[plan.indices], minlength=len(quota))
            assert quota.tolist() == counted.tolist()
            assert (quota <= capacity).all()
        before = now


@TREES
@given(st.integers(0, 10_000), st.integers(0, 60))
def test_along_a_column_alone_its_values_are_filled_evenly(seed, target):
    tree, groups, *_ = random_case(seed)
    plan = sample(tree, SampleConfig(target_size=target, column="c", seed=seed), groups=groups)
    capacity = np.bincount(groups + 1)
    counts = np.bincount(groups[plan.indices] + 1, minlength=len(capacity))
    assert np.sort(counts).tolist() == np.sort(water_fill(capacity, target)).tolist()


@TREES
@given(st.integers(0, 10_000), st.integers(0, 60), st.sampled_from(("random", "closest")))
def test_within_a_value_the_draw_is_the_tree_s(seed, target, strategy):
    tree, groups, *_ = random_case(seed)
    config = SampleConfig(target_size=target, column="c", seed=seed, strategy=strategy)
    plan = sample(tree, config, groups=groups)
    for value in np.unique(groups):
        mine = plan.indices[groups[plan.indices] == value]
        alone = sample(
            tree, config.model_copy(update={"column": None, "target_size": len(mine)}), eligible=groups == value
        )
        found, wanted = (np.bincount(tree.point_assignment(2)[rows], minlength=12) for rows in (mine, alone.indices))
        assert sorted(found) == sorted(wanted)


@TREES
@given(st.integers(0, 10_000), st.integers(0, 60), st.sampled_from((0.3, 0.5)))
def test_a_mix_is_the_union_of_the_tree_s_draw_and_the_column_s(seed, target, share):
    tree, groups, *_ = random_case(seed)
    config = SampleConfig(target_size=target, column="c", column_share=share, seed=seed)
    found = set(sample(tree, config, groups=groups).indices.tolist())

    def draws(**options):
        return [
            set(sample(tree, SampleConfig(target_size=b, seed=seed, **options), groups=groups).indices.tolist())
            for b in range(2 * target + 1)
        ]

    by_tree, by_column = draws(), draws(column="c")
    steps = [(t - int(t * share + 1e-9), int(t * share + 1e-9)) for t in range(2 * target + 1)]
    unions = [by_tree[a] | by_column[b] for a, b in steps]
    assert found == next(one for one in unions if len(one) == len(found))


@TREES
@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.integers(0, 400))
def test_one_step_more_asks_one_part_for_one_more(shares, step):
    parts = [Part(share, 200 if not number else 40, lambda _: np.ones(1, bool)) for number, share in enumerate(shares)]
    before, after = budgets(parts, step), budgets(parts, step + 1)
    risen = [now - then for then, now in zip(before, after, strict=True)]
    assert sorted(risen) in ([0] * (len(parts) - 1) + [1], [0] * len(parts))
    assert sum(before) == min(step, sum(before)) or before[0] == 200


def test_a_mix_asks_few_times_for_its_parts():
    n, asked = 100_000, []
    rng = np.random.default_rng(0)
    ranks = [rng.permutation(n) for _ in range(2)]

    def part(number):
        def draw(budget):
            asked.append(budget)
            return ranks[number] < budget

        return Part(0.5, n, draw)

    found = mix([part(0), part(1)], 50_000)
    assert found.sum() == 50_000
    assert len(asked) < 30


@TREES
@given(st.integers(0, 10_000), st.integers(0, 60), st.booleans())
def test_cover_gives_every_leaf_one_before_any_is_balanced(seed, target, mixed):
    tree, groups, *_ = random_case(seed)
    config = SampleConfig(target_size=target, cover="clusters", seed=seed, column="c" if mixed else None)
    quota = sample(tree, config, groups=groups).quotas[0]
    held = tree.sizes(1) > 0
    if target >= held.sum():
        assert (quota[held] > 0).all()
    else:
        assert quota.max(initial=0) <= 1
        assert quota.sum() == target


@TREES
@given(st.integers(0, 10_000), st.integers(0, 150), st.integers(2, 3))
def test_cover_takes_every_item_once_before_any_twice(seed, target, multiplier):
    tree, _, _, rules, eligible, _ = random_case(seed)
    config = SampleConfig(target_size=target, cover="items", multiplier=multiplier, seed=seed)
    free = DrawRules(rules.kept, DrawRules.none(tree).caps, rules.weights)
    plan = sample(tree, config, eligible=eligible, rules=free)
    counts = np.bincount(plan.indices, minlength=tree.n_items)[eligible | rules.kept]
    assert counts.sum() == max(rules.kept.sum(), min(target, multiplier * len(counts)))
    assert (counts >= 1).all() if target >= len(counts) else (counts <= 1).all()


@TREES
@given(st.integers(0, 10_000), st.sampled_from(("clusters", "items")), st.integers(1, 3))
def test_covering_draws_are_nested_and_within_caps(seed, cover, multiplier):
    tree, _, _, rules, eligible, _ = random_case(seed)
    config = SampleConfig(target_size=0, cover=cover, multiplier=multiplier, seed=seed)
    drawn = drawing(tree, config, eligible=eligible, rules=rules)
    before = np.zeros(tree.n_items, dtype=np.int64)
    for target in range(drawn.most + 2):
        plan = drawn.plan(target)
        now = np.bincount(plan.indices, minlength=tree.n_items)
        assert (now >= before).all()
        assert now.sum() == max(rules.kept.sum(), min(target, drawn.most))
        assert all((quota <= room).all() for quota, room in zip(plan.quotas, plan.capacity, strict=True))
        assert (now[rules.kept] >= 1).all()
        before = now


@TREES
@given(st.integers(0, 10_000))
def test_a_product_tree_holds_each_value_apart(seed):
    tree, groups, *_ = random_case(seed, n_levels=3)
    found = product_tree(tree, groups)
    _, value = np.unique(groups, return_inverse=True)
    assert found.hierarchy.point_assignment(4).tolist() == value.tolist()
    for level in (1, 2, 3):
        node = found.hierarchy.point_assignment(level)
        assert found.clusters[level - 1][node].tolist() == tree.point_assignment(level).tolist()
        assert len(set(zip(value, tree.point_assignment(level), strict=True))) == len(np.unique(node))
    assert found.hierarchy.sizes(1).min() > 0


def test_oversampling_along_a_column_is_refused_with_a_way_out():
    with pytest.raises(ConfigError, match="set multiplier to 1, or leave column empty"):
        SampleConfig(target_size=5, multiplier=2, column="label")


def test_what_a_mix_needs_is_asked_for():
    tree, groups, retrieved, *_ = random_case(0)
    with pytest.raises(ConfigError, match="groups="):
        sample(tree, SampleConfig(target_size=5, column="c"))
    with pytest.raises(ConfigError, match="retrieved="):
        sample(tree, SampleConfig(target_size=5, reference_share=0.5))
    with pytest.raises(ShapeError, match="one code per item"):
        sample(tree, SampleConfig(target_size=5, column="c"), groups=groups[:-1])
    with pytest.raises(ShapeError, match="one rank per item"):
        sample(tree, SampleConfig(target_size=5, reference_share=0.5), retrieved=retrieved[:-1])


def test_half_of_a_mix_is_what_lies_nearest():
    tree, _, retrieved, *_ = random_case(3)
    plan = sample(tree, SampleConfig(target_size=20, reference_share=0.5), retrieved=retrieved)
    rank = retrieved[plan.indices]
    first = np.sort(retrieved[retrieved >= 0])[:8]
    assert set(first) <= set(rank[rank >= 0])
