import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.errors import ConfigError, ShapeError
from curation_core.tree_edits import divided, merged, parts_of
from tests.core.test_sampling import random_tree


def flat_tree(seed):
    """A tree whose vectors have as many dimensions as its centroids."""
    tree, vectors = random_tree(seed)
    return tree, vectors[:, :2].astype(np.float32)


def children_points(tree, vectors, level, cluster):
    """What a cluster's children are: items' vectors, or centroids of the level below."""
    rows = tree.children(level, cluster)
    return vectors[rows] if level == 1 else tree.levels[level - 2].centroids[rows]


def filled(tree, level):
    return np.flatnonzero(np.bincount(tree.levels[level - 1].assignment, minlength=tree.n_clusters[level - 1]) >= 2)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(0, 14), st.integers(0, 14))
def test_a_merge_moves_all_members_and_touches_nobody_else(seed, level, cluster, into):
    tree, _ = random_tree(seed)
    k = tree.n_clusters[level - 1]
    cluster, into = cluster % k, into % k
    if cluster == into:
        with pytest.raises(ConfigError, match="itself"):
            merged(tree, level, cluster, into)
        return
    joined = merged(tree, level, cluster, into)
    assert joined.n_clusters == tree.n_clusters
    assert set(joined.members(level, into)) == {*tree.members(level, cluster), *tree.members(level, into)}
    assert not len(joined.members(level, cluster))
    moved = np.isin(np.arange(tree.n_items), tree.members(level, cluster))
    for number in range(1, tree.n_levels + 1):
        before, after = tree.point_assignment(number), joined.point_assignment(number)
        assert (before == after)[~moved].all()
        if number < level:
            assert (before == after).all()
    assert joined.sizes(1).sum() == tree.n_items


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(0, 14), st.integers(2, 4))
def test_a_split_parts_a_cluster_below_its_parent(seed, level, which, n_parts):
    tree, vectors = flat_tree(seed)
    candidates = filled(tree, level)
    if not len(candidates):
        return
    cluster = int(candidates[which % len(candidates)])
    rows = tree.children(level, cluster)
    n_parts = min(n_parts, len(rows))
    part = np.random.default_rng(seed).permutation(np.arange(len(rows)) % n_parts)
    parted = divided(tree, level, cluster, part, children_points(tree, vectors, level, cluster))
    k = tree.n_clusters[level - 1]
    numbers = [cluster, *range(k, k + n_parts - 1)]
    assert parted.n_clusters[level - 1] == k + n_parts - 1
    for one, number in enumerate(numbers):
        assert parted.children(level, number).tolist() == rows[part == one].tolist()
        assert parted.parents(level)[number] == tree.parents(level)[cluster]
    assert np.concatenate([parted.members(level, number) for number in numbers]).size == tree.sizes(level)[cluster]
    outside = tree.point_assignment(level) != cluster
    assert (parted.point_assignment(level) == tree.point_assignment(level))[outside].all()
    for number in range(level + 1, tree.n_levels + 1):
        assert (parted.point_assignment(number) == tree.point_assignment(number)).all()


def test_parts_lie_at_their_mean_and_children_as_far_as_they_lie():
    tree, vectors = flat_tree(2)
    cluster = int(tree.sizes(1).argmax())
    rows = tree.members(1, cluster)
    rows.sort()
    part = parts_of(vectors[rows], 2, seed=0)
    parted = divided(tree, 1, cluster, part, vectors[rows])
    new = tree.n_clusters[0]
    for one, number in enumerate((cluster, new)):
        own = rows[part == one]
        centre = vectors[own].mean(axis=0)
        assert np.allclose(parted.levels[0].centroids[number], centre, atol=1e-6)
        assert np.allclose(parted.levels[0].distance[own], np.linalg.norm(vectors[own] - centre, axis=1), atol=1e-5)


def test_k_means_finds_the_parts_and_the_largest_is_the_first():
    rng = np.random.default_rng(0)
    points = np.concatenate((rng.normal(0, 0.1, (20, 4)), rng.normal(5, 0.1, (50, 4)))).astype(np.float32)
    part = parts_of(points, 2, seed=0)
    assert part.tolist() == [1] * 20 + [0] * 50
    assert part.tolist() == parts_of(points, 2, seed=0).tolist()


@pytest.mark.parametrize(("n_parts", "said"), [(1, "2 to 64"), (65, "2 to 64"), (5, "cannot be split")])
def test_a_number_of_parts_that_does_not_fit_is_refused(n_parts, said):
    with pytest.raises(ConfigError, match=said):
        parts_of(np.eye(4, dtype=np.float32), n_parts, seed=0)


def test_equal_points_cannot_be_parted():
    with pytest.raises(ConfigError, match="distinct"):
        parts_of(np.ones((9, 3), dtype=np.float32), 2, seed=0)


def test_edits_that_do_not_fit_are_refused():
    tree, vectors = flat_tree(4)
    cluster = int(tree.sizes(1).argmax())
    rows = tree.children(1, cluster)
    with pytest.raises(ConfigError, match="does not exist"):
        merged(tree, 4, 0, 1)
    with pytest.raises(ConfigError, match="does not exist"):
        merged(tree, 1, 0, 99)
    with pytest.raises(ShapeError, match="one row per child"):
        divided(tree, 1, cluster, np.zeros(1, dtype=np.int64), vectors[rows])
    with pytest.raises(ConfigError, match="none may be empty"):
        divided(tree, 1, cluster, np.zeros(len(rows), dtype=np.int64), vectors[rows])
