"""Where the names of clusters stand on the map."""

import numpy as np
import pytest

from curation_app.map_labels import densest_members, label_places, names_of
from curation_core.hierarchy import Hierarchy, Level


def level(assignment: np.ndarray, k: int) -> Level:
    assignment = np.asarray(assignment, dtype=np.int32)
    return Level(np.zeros((k, 2), np.float32), assignment, np.zeros(len(assignment), np.float32))


def tree_of(n: int, fine: int, coarse: int) -> Hierarchy:
    below = np.random.default_rng(n).integers(0, fine, n)
    return Hierarchy((level(below, fine), level(np.arange(fine) % coarse, coarse)))


def test_a_cluster_in_two_parts_is_named_on_the_larger_part_and_not_between_them():
    rng = np.random.default_rng(0)
    xy = np.vstack([rng.normal((0, 0), 0.1, (60, 2)), rng.normal((10, 0), 0.1, (40, 2))]).astype(np.float32)
    places = label_places(Hierarchy((level(np.zeros(100), 1),)), xy)
    assert np.linalg.norm(places.xy[0]) < 0.3


def test_a_name_stands_on_a_member_of_its_own_cluster():
    xy = np.random.default_rng(1).normal(size=(5_000, 2)).astype(np.float32)
    tree = tree_of(5_000, 60, 5)
    places = label_places(tree, xy)
    assert len(places) == 65
    for at, number, cluster in zip(places.xy, places.level, places.cluster, strict=True):
        rows = np.flatnonzero((xy == at).all(axis=1))
        assert cluster in tree.point_assignment(int(number))[rows]


def test_names_come_coarse_to_fine_and_large_to_small_and_are_never_too_many():
    xy = np.random.default_rng(2).normal(size=(20_000, 2)).astype(np.float32)
    tree = tree_of(20_000, 2_000, 300)
    places = label_places(tree, xy, most=100)
    assert len(places) == 100
    assert places.level.tolist() == [2] * 50 + [1] * 50
    for number in (1, 2):
        sizes = places.size[places.level == number]
        assert (np.diff(sizes) <= 0).all()
        assert sizes[0] == tree.sizes(number).max()


def test_what_the_coarse_levels_do_not_need_goes_to_the_fine_ones():
    xy = np.random.default_rng(3).normal(size=(5_000, 2)).astype(np.float32)
    assert np.bincount(label_places(tree_of(5_000, 500, 4), xy, most=100).level).tolist() == [0, 96, 4]


def test_clusters_without_a_place_have_no_name_on_the_map():
    xy = np.random.default_rng(4).normal(size=(100, 2)).astype(np.float32)
    xy[:50] = np.nan
    places = label_places(Hierarchy((level(np.repeat([0, 1], 50), 2),)), xy)
    assert places.cluster.tolist() == [1]
    assert densest_members(np.zeros((3, 2)), np.array([0, 0, 2]), np.array([1, 2])).tolist() == [-1, 2]
    assert not len(label_places(Hierarchy((level(np.zeros(4), 1),)), np.full((4, 2), np.nan, np.float32)))


def test_of_very_many_items_a_fair_sample_is_enough():
    rng = np.random.default_rng(5)
    middles, which = rng.normal(0, 50, (40, 2)), rng.integers(0, 40, 50_000)
    xy = (middles[which] + rng.normal(0, 1, (50_000, 2))).astype(np.float32)
    tree = Hierarchy((level(which, 40),))
    places = label_places(tree, xy, among=rng.permutation(50_000)[:5_000])
    assert sorted(places.cluster.tolist()) == list(range(40))
    assert np.linalg.norm(places.xy - middles[places.cluster], axis=1).max() < 3
    assert places.size.tolist() == np.sort(tree.sizes(1))[::-1].tolist()


@pytest.mark.parametrize("text", ["<b>x</b>", "![](http://a)"])
def test_names_are_cut_but_never_changed(text):
    places = label_places(Hierarchy((level(np.zeros(3), 1),)), np.zeros((3, 2), np.float32))
    assert names_of(places, lambda *_: [text]) == [text]
    assert names_of(places, lambda *_: ["y" * 100]) == ["y" * 47 + "…"]
