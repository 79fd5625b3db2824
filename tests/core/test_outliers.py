"""Outliers: far out in a cluster, or alone in a thin place."""

import numpy as np
import pytest

from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.errors import ShapeError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.kmeans import assign
from curation_core.outliers import outlier_scores
from curation_core.quality import FLAGS, examples, flagged

PLACES = 8.0 * np.random.default_rng([1]).standard_normal((6, 8))
SPREAD = np.array([0.3, 0.5, 0.5, 1.0, 1.0, 2.0])


def pile(n: int = 600) -> np.ndarray:
    """Six round clusters of unequal width."""
    rng = np.random.default_rng([2])
    place = np.arange(n) % 6
    return (PLACES[place] + SPREAD[place, None] * rng.standard_normal((n, 8))).astype(np.float32)


def tree(vectors: np.ndarray) -> Hierarchy:
    """Each vector at its place."""
    assignment, distance = assign(vectors, PLACES.astype(np.float32))
    return Hierarchy((Level(PLACES.astype(np.float32), assignment, distance),))


def test_planted_outliers_have_the_highest_scores_and_carry_the_flags():
    strange = PLACES[[0, 1]] + 4.0 * SPREAD[[0, 1], None] * np.eye(8)[[0, 1]] * np.sqrt(8)
    vectors = np.concatenate([pile(), strange.astype(np.float32)])
    found = outlier_scores(vectors, tree(vectors))
    assert set(np.argsort(-found.distance)[:2]) == {600, 601}
    assert set(np.argsort(-found.density)[:2]) == {600, 601}
    flags = flagged(found.table())
    assert flags["far_from_cluster"][600:].all()
    assert flags["isolated"][600:].all()
    assert flags["far_from_cluster"][:600].mean() < 0.01
    assert flags["isolated"][:600].mean() < 0.01


def test_a_wide_cluster_is_no_crowd_of_outliers():
    vectors = pile()
    found = outlier_scores(vectors, tree(vectors))
    wide = np.arange(600) % 6 == 5
    assert abs(np.median(found.distance[wide])) < 0.3
    assert np.median(found.density[wide]) == pytest.approx(1.0, abs=0.15)


def test_copies_of_one_item_make_nobody_infinitely_far():
    vectors = np.concatenate([pile(60), np.repeat(PLACES[:1], 50, axis=0).astype(np.float32)])
    found = outlier_scores(vectors, tree(vectors))
    assert np.isfinite(found.distance).all()
    assert np.isfinite(found.density).all()
    same = np.ones((5, 8), dtype=np.float32)
    assert outlier_scores(same, tree(same)).density.tolist() == [1, 1, 1, 1, 1]


def test_scores_come_with_a_tree_of_the_usual_making_and_are_always_the_same():
    vectors = pile(300)
    made = cluster(vectors, ClusterConfig(n_clusters=(12, 3), n_resamples=1))
    once, again = outlier_scores(vectors, made), outlier_scores(vectors, made)
    assert once.distance.dtype == once.density.dtype == np.float32
    assert np.array_equal(once.distance, again.distance)
    assert np.array_equal(once.density, again.density)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_items_are_no_outliers(n: int):
    vectors = pile(6)[:n]
    found = outlier_scores(vectors, tree(vectors))
    assert not any(holds.any() for holds in flagged(found.table()).values())


def test_examples_stand_on_both_sides_of_an_outlier_threshold():
    vectors = pile()
    flag = next(flag for flag in FLAGS if flag.name == "isolated")
    table = outlier_scores(vectors, tree(vectors)).table()
    found = examples(table, flag, 1.1, 3)
    scores = table.column("isolation").to_numpy()
    assert (scores[found.inside] > 1.1).all()
    assert (scores[found.outside] <= 1.1).all()


def test_vectors_of_another_tree_are_refused():
    with pytest.raises(ShapeError, match="5 vectors for 6 items; cluster these vectors first"):
        outlier_scores(pile(5), tree(pile(6)))
