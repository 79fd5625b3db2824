import numpy as np
import pytest

from curation_core.errors import ShapeError
from curation_core.hierarchy import Hierarchy, Level


def level(assignment, k, distance=None):
    assignment = np.array(assignment, dtype=np.int32)
    distance = np.zeros(len(assignment)) if distance is None else np.array(distance)
    return Level(np.zeros((k, 2), dtype=np.float32), assignment, distance.astype(np.float32))


#   top:   0          1 (empty)   2
#   leaf:  0  3 (empty)           1  2
TREE = Hierarchy((level([0, 1, 2, 1, 0, 1], 4, [0.2, 0.3, 0, 0.1, 0.1, 0.2]), level([0, 2, 2, 0], 3)))


def test_items_are_counted_at_every_level_and_empty_clusters_count_zero():
    assert TREE.sizes(1).tolist() == [2, 3, 1, 0]
    assert TREE.sizes(2).tolist() == [2, 0, 4]


def test_an_item_belongs_to_the_cluster_of_its_cluster():
    assert TREE.point_assignment(2).tolist() == [0, 2, 2, 2, 0, 2]
    assert TREE.path(3) == (1, 2)


def test_members_of_a_leaf_come_nearest_first():
    assert TREE.members(1, 0).tolist() == [4, 0]
    assert TREE.members(1, 1).tolist() == [3, 5, 1]


def test_members_of_a_cluster_are_those_of_its_leaves():
    assert TREE.members(2, 2).tolist() == [3, 5, 1, 2]
    assert TREE.members(2, 1).tolist() == []
    assert TREE.members(1, 3).tolist() == []


def test_children_and_parents_are_each_others_inverse():
    assert TREE.children(2, 0).tolist() == [0, 3]
    assert TREE.children(2, 1).tolist() == []
    assert TREE.parents(1).tolist() == [0, 2, 2, 0]
    assert TREE.parents(2).tolist() == [0, 0, 0]


def test_arrays_make_the_same_tree_again():
    again = Hierarchy.from_arrays(TREE.arrays(), ({"level": 1},))
    assert again.order.tolist() == TREE.order.tolist()
    assert again.n_clusters == (4, 3)
    assert again.trace == ({"level": 1},)


def test_the_members_of_random_trees_are_one_slice_each():
    rng = np.random.default_rng(3)
    for _ in range(50):
        ks = sorted(rng.integers(1, 12, 3), reverse=True)
        rows = (rng.integers(1, 60), *ks[:-1])
        tree = Hierarchy(tuple(level(rng.integers(0, k, m), k, rng.random(m)) for m, k in zip(rows, ks, strict=True)))
        for number, k in enumerate(ks, start=1):
            for cluster in range(k):
                expected = np.flatnonzero(tree.point_assignment(number) == cluster)
                assert sorted(tree.members(number, cluster).tolist()) == expected.tolist()


def test_levels_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="level 2 has 3 rows, level 1 has 4 clusters; rebuild from level 1"):
        Hierarchy((level([0, 1], 4), level([0, 0, 0], 1)))
    with pytest.raises(ShapeError, match="at least one level"):
        Hierarchy(())
    with pytest.raises(ShapeError, match="distance 1"):
        level([0, 1], 2, [0.5])


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_level_that_does_not_exist_is_refused(number):
    with pytest.raises(ShapeError, match=r"levels 1 \(finest\) to 2"):
        TREE.sizes(number)


def test_arrays_of_a_level_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        TREE.levels[0].assignment[0] = 5
