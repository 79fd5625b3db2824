import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.config import SampleConfig
from curation_core.draw_rules import NO_CAP, DrawRules
from curation_core.errors import ShapeError
from curation_core.sampling import sample
from tests.core.test_sampling import STRATEGIES, random_tree

SIZES = (0, 1, 3, 10, 25, 41, 79, 80, 120, 170)


def random_rules(tree, seed):
    """A few kept items, caps and weights."""
    rng = np.random.default_rng([seed, 7])
    caps = [np.where(rng.random(k) < 0.25, rng.integers(0, 12, k), NO_CAP) for k in tree.n_clusters]
    weights = [np.where(rng.random(k) < 0.3, rng.choice([0.1, 0.5, 2.0, 3.0], k), 1.0) for k in tree.n_clusters]
    return DrawRules(rng.random(tree.n_items) < 0.15, tuple(caps), tuple(weights))


def drawn(tree, target, rules, vectors, **options):
    eligible = np.random.default_rng(options.get("seed", 0)).random(tree.n_items) < 0.8
    config = SampleConfig(target_size=target, **options)
    return sample(tree, config, eligible=eligible, rules=rules, vectors=vectors), eligible | rules.kept


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10_000), st.integers(0, 120), st.sampled_from(STRATEGIES), st.integers(1, 2))
def test_kept_are_in_dropped_are_out_caps_hold_and_every_number_adds_up(seed, target, strategy, multiplier):
    tree, vectors = random_tree(seed)
    rules = random_rules(tree, seed)
    plan, may = drawn(tree, target, rules, vectors, strategy=strategy, multiplier=multiplier, seed=seed)
    require_exact(plan, tree, rules, may)


def require_exact(plan, tree, rules, may):
    """What holds of every draw. may: (n,) bool, the items that may be drawn, kept ones included."""
    target, counts = plan.target_size, np.bincount(plan.indices, minlength=tree.n_items)
    assert (counts[rules.kept] >= 1).all()
    assert not counts[~may].any()
    assert len(plan) == min(max(target, rules.kept.sum()), plan.capacity[-1].sum())
    assert plan.shortfall == max(0, target - len(plan))
    above = [len(plan)]
    for level in range(tree.n_levels, 0, -1):
        quota, cap = plan.quotas[level - 1], rules.caps[level - 1]
        assert np.bincount(tree.parents(level), quota, len(above)).tolist() == list(above)
        assert np.bincount(tree.point_assignment(level), counts, len(quota)).tolist() == quota.tolist()
        floor = rules.floors(tree)[level - 1]
        assert (quota >= floor).all()
        assert ((cap == NO_CAP) | (quota <= np.maximum(cap, floor))).all()
        above = quota.tolist()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from(STRATEGIES), st.integers(1, 2))
def test_under_rules_too_a_larger_target_contains_every_smaller_one(seed, strategy, multiplier):
    tree, vectors = random_tree(seed)
    rules, before = random_rules(tree, seed), np.zeros(tree.n_items, dtype=int)
    for target in SIZES:
        plan, _ = drawn(tree, target, rules, vectors, strategy=strategy, multiplier=multiplier, seed=seed)
        counts = np.bincount(plan.indices, minlength=tree.n_items)
        assert (counts >= before).all()
        before = counts


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 100))
def test_at_every_node_nobody_got_a_unit_that_a_lower_one_had_room_for(seed, target):
    tree, vectors = random_tree(seed)
    rules = random_rules(tree, seed)
    plan, _ = drawn(tree, target, rules, vectors, seed=seed)
    for level in range(tree.n_levels, 0, -1):
        quota, room, heavy = plan.quotas[level - 1], plan.capacity[level - 1], rules.weights[level - 1]
        last, following = (quota - 1) / heavy, quota / heavy  # heights at which the last came and the next would come
        given_freely = quota > rules.floors(tree)[level - 1]
        for node in np.unique(tree.parents(level)):
            own = tree.parents(level) == node
            highest = last[own & given_freely].max(initial=-1)
            assert highest <= following[own & (quota < room)].min(initial=np.inf)


def test_without_rules_the_draw_is_as_it_was():
    tree, _ = random_tree(3)
    config = SampleConfig(target_size=30)
    plain, ruled = sample(tree, config), sample(tree, config, rules=DrawRules.none(tree))
    assert plain.indices.tolist() == ruled.indices.tolist()


def test_a_target_below_what_is_kept_gives_what_is_kept():
    tree, _ = random_tree(4)
    kept = np.arange(tree.n_items) < 12
    none = DrawRules.none(tree)
    plan = sample(tree, SampleConfig(target_size=5), rules=DrawRules(kept, none.caps, none.weights))
    assert plan.indices.tolist() == list(range(12))
    assert plan.shortfall == 0


@pytest.mark.parametrize("wrong", ["kept", "caps", "weights", "zero"])
def test_rules_of_another_tree_are_refused(wrong):
    tree, _ = random_tree(5)
    none = DrawRules.none(tree)
    rules = {
        "kept": DrawRules(np.zeros(3, dtype=bool), none.caps, none.weights),
        "caps": DrawRules(none.kept, none.caps[:1], none.weights),
        "weights": DrawRules(none.kept, none.caps, (np.ones(2),) * 3),
        "zero": DrawRules(none.kept, none.caps, tuple(0 * one for one in none.weights)),
    }[wrong]
    with pytest.raises(ShapeError, match={"zero": "weight"}.get(wrong, wrong)):
        sample(tree, SampleConfig(target_size=5), rules=rules)
