import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.config import SplitConfig
from curation_core.errors import ConfigError
from curation_core.grouping import NearDuplicates
from curation_core.hierarchy import Hierarchy, Level
from curation_core.splits import assign_splits, leakage

CASES = settings(deadline=None, max_examples=40)


def tree_of(leaf, above):
    leaf, above = np.asarray(leaf, np.int32), np.asarray(above, np.int32)
    finest = Level(np.zeros((len(above), 2), np.float32), leaf, np.zeros(len(leaf), np.float32))
    return Hierarchy(
        (finest, Level(np.zeros((above.max() + 1, 2), np.float32), above, np.zeros(len(above), np.float32)))
    )


def random_case(seed, n=200):
    rng = np.random.default_rng(seed)
    tree = tree_of(np.minimum(rng.geometric(0.2, n) - 1, 11), np.arange(12) // 4)
    first = rng.integers(0, n, 40)
    pairs = np.unique(np.sort(np.column_stack([first, (first + rng.integers(1, 9, 40)) % n]), axis=1), axis=0)
    similarity = rng.uniform(0.8, 1, len(pairs)).astype(np.float32)
    near = NearDuplicates.of(n, pairs, similarity, 0.8)
    indices = np.sort(rng.choice(n, 120, replace=False))
    content = np.where(rng.random(n) < 0.1, 0, np.arange(n))
    return tree, near, indices, content, rng.integers(-1, 3, n)


@CASES
@given(st.integers(0, 10_000), st.sampled_from(({"a": 0.5, "b": 0.5}, {"train": 0.8, "val": 0.1, "test": 0.1})))
def test_what_is_alike_stays_together_and_shares_are_met(seed, shares):
    tree, near, indices, content, groups = random_case(seed)
    tight = near.at(0.9)
    found = assign_splits(
        indices, tree, SplitConfig(shares=shares, seed=seed), near=tight, content=content, groups=groups
    )
    code = found.code
    assert ((code >= 0) == np.isin(np.arange(len(code)), indices)).all()
    drawn = set(indices.tolist())
    both = [pair for pair in tight.pairs.tolist() if drawn >= set(pair)]
    assert all(code[a] == code[b] for a, b in both)
    copies = [row for row in indices if content[row] == 0]
    assert len(set(code[copies].tolist())) <= 1
    assert leakage(found, near, 0.9).pairs == 0
    assert leakage(found, near, 0.9).largest < 0.9
    counts = found.counts(indices)
    largest_part = len(copies) + 2 * len(both)
    assert all(abs(counts[name] - share * 120) < max(1, largest_part) for name, share in shares.items())


@CASES
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_without_likenesses_shares_are_exact_in_the_whole_and_near_in_every_cluster(seed, share):
    tree, _, indices, _, groups = random_case(seed)
    config = SplitConfig(shares={"train": share, "test": 1 - share}, seed=seed)
    for column in (None, groups):
        code = assign_splits(indices, tree, config, groups=column).code
        assert abs((code == 0).sum() - share * len(indices)) < 1
        if column is None:
            for level in (1, 2):
                cluster = tree.point_assignment(level)[indices]
                for number in np.unique(cluster):
                    mine = code[indices][cluster == number]
                    assert abs((mine == 0).sum() - share * len(mine)) < 2
        else:
            for value in np.unique(groups):
                mine = code[indices][groups[indices] == value]
                assert abs((mine == 0).sum() - share * len(mine)) < 2


def test_the_same_seed_parts_the_same_way_and_another_one_otherwise():
    tree, near, indices, content, _ = random_case(5)
    first, again, other = (
        assign_splits(indices, tree, SplitConfig(seed=seed), near=near, content=content).code for seed in (0, 0, 1)
    )
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_an_item_drawn_twice_is_in_one_split_and_counts_twice():
    tree = tree_of([0] * 10, [0])
    found = assign_splits(np.repeat(np.arange(10), 2), tree, SplitConfig(shares={"a": 0.5, "b": 0.5}))
    assert found.counts(np.repeat(np.arange(10), 2)) == {"a": 10, "b": 10}


def test_a_draw_of_nothing_has_empty_splits():
    tree = tree_of([0, 0, 0], [0])
    found = assign_splits(np.empty(0, np.int64), tree, SplitConfig())
    assert found.code.tolist() == [-1, -1, -1]
    assert found.counts(np.empty(0, np.int64)) == {"train": 0, "val": 0, "test": 0}


@pytest.mark.parametrize("shares", [{"a": 1.0}, {"a": 0.5, "b": 0.4}, {"a": 1.2, "b": -0.2}, {"": 0.5, "b": 0.5}])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ConfigError, match=r"share|splits"):
        SplitConfig(shares=shares)
