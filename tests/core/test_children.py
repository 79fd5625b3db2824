"""What lies below a cluster is found by slices, and is what a search over everything finds."""

import numpy as np
import pytest

from curation_core.children import ancestors, below, children, joined
from curation_core.errors import ShapeError
from curation_core.hierarchy import Hierarchy, Level


def made(seed: int = 0, n: int = 500, sizes: tuple[int, ...] = (60, 12, 3)) -> Hierarchy:
    rng, lower, levels = np.random.default_rng([seed]), n, []
    for k in sizes:
        owner = rng.integers(0, k, lower).astype(np.int32)
        levels.append(Level(np.zeros((k, 2), np.float32), owner, np.zeros(lower, np.float32)))
        lower = k
    return Hierarchy(tuple(levels))


@pytest.mark.parametrize("seed", range(5))
def test_children_are_those_of_a_search_over_all_clusters_largest_first(seed):
    tree = made(seed)
    for level in (2, 3):
        for cluster in range(tree.n_clusters[level - 1]):
            found = children(tree, level).of(cluster)
            assert sorted(found.tolist()) == tree.children(level, cluster).tolist()
            assert (np.diff(tree.sizes(level - 1)[found]) <= 0).all()


def test_the_root_holds_the_top_level():
    tree = made()
    assert sorted(children(tree, 4).of(0).tolist()) == [0, 1, 2]


def test_items_are_no_clusters_below_a_leaf():
    with pytest.raises(ShapeError, match="level 1 has no clusters below it"):
        children(made(), 1)


def test_children_of_several_parents_say_whose_they_are():
    tree = made()
    found, owner = children(tree, 2).of_all(np.array([7, 2]))
    assert found.tolist() == [*children(tree, 2).of(7).tolist(), *children(tree, 2).of(2).tolist()]
    assert (tree.parents(1)[found] == np.array([7, 2])[owner]).all()


def test_all_clusters_of_a_level_inside_another_are_found():
    tree = made()
    inside = [c for c in range(60) if tree.parents(2)[tree.parents(1)[c]] == 1]
    assert sorted(below(tree, (3, 1), 1).tolist()) == inside
    assert below(tree, None, 1).tolist() == list(range(60))
    assert below(tree, (2, 5), 2).tolist() == [5]
    assert below(tree, (1, 5), 2).tolist() == []


def test_the_way_up_names_every_level_above():
    tree = made()
    parent = int(tree.parents(1)[9])
    assert ancestors(tree, 1, 9) == [(3, int(tree.parents(2)[parent])), (2, parent)]
    assert ancestors(tree, 3, 0) == []


def test_slices_are_joined_in_order_with_their_numbers():
    places, owner = joined(np.array([5, 0, 2]), np.array([2, 0, 3]))
    assert places.tolist() == [5, 6, 2, 3, 4]
    assert owner.tolist() == [0, 0, 2, 2, 2]
