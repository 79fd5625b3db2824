import numpy as np
import pytest

from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.errors import Cancelled, ConfigError, ShapeError
from curation_core.flattening import centroid_spread
from curation_core.kmeans import kmeans
from curation_core.resampling import kept_rows

RNG = np.random.default_rng(11)
CLOUD = RNG.standard_normal((400, 3)).astype(np.float32)
TWO_LEVELS = ClusterConfig(n_clusters=(40, 8), resample_size=(3, 2), n_resamples=3)


def test_levels_stand_on_each_other():
    tree = cluster(CLOUD, TWO_LEVELS)
    assert tree.n_clusters == (40, 8)
    assert len(tree.levels[1].assignment) == 40
    assert tree.sizes(1).sum() == tree.sizes(2).sum() == 400


def test_labels_of_every_level_are_the_nearest_centroids():
    tree = cluster(CLOUD, TWO_LEVELS)
    below = CLOUD
    for level in tree.levels:
        exact = np.linalg.norm(below[:, None].astype(float) - level.centroids[None], axis=2)
        assert (level.assignment == exact.argmin(axis=1)).all()
        np.testing.assert_allclose(level.distance, exact.min(axis=1), rtol=1e-4, atol=1e-6)
        below = level.centroids


def test_without_resampling_a_level_is_plain_kmeans_on_the_centroids_below():
    tree = cluster(CLOUD, ClusterConfig(n_clusters=(40, 8), n_resamples=0))
    finest = kmeans(CLOUD, 40, seed=0)
    assert tree.levels[0].distance @ tree.levels[0].distance == pytest.approx(finest.inertia, rel=0.1)
    members = tree.levels[1].assignment
    for number in range(8):  # converged, so centroids are means: unweighted, whatever the sizes below
        below = tree.levels[0].centroids[members == number]
        np.testing.assert_allclose(tree.levels[1].centroids[number], below.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("mode", ["fast", "compatible"])
def test_the_trace_tells_every_run(mode):
    tree = cluster(CLOUD, TWO_LEVELS.model_copy(update={"mode": mode}))
    last = [max(run["step"] for run in tree.trace if run["level"] == level) for level in (1, 2)]
    assert [(run["level"], run["step"]) for run in tree.trace] == [
        (level, step) for level in (1, 2) for step in range(last[level - 1] + 1)
    ]
    assert last == [3, 3] if mode == "compatible" else max(last) <= 3  # a level may end where a step gains nothing
    assert tree.trace[0]["n_points"] == 400
    assert tree.trace[1]["n_points"] <= 3 * 40
    assert all(run["inertia"] > 0 and run["spread"] > 0 and run["n_iter"] >= 1 for run in tree.trace)
    assert not any(run["no_op"] for run in tree.trace)


def test_resampling_that_would_change_nothing_is_told():
    tree = cluster(CLOUD, ClusterConfig(n_clusters=(40, 8), resample_size=(400, 400), n_resamples=5))
    assert [(run["level"], run["step"], run["no_op"]) for run in tree.trace] == [
        (1, 0, 0),
        (1, 1, 1),
        (2, 0, 0),
        (2, 1, 1),
    ]
    plain = cluster(CLOUD, ClusterConfig(n_clusters=(40, 8), n_resamples=0))
    assert tree.levels[1].centroids.tobytes() == plain.levels[1].centroids.tobytes()


@pytest.mark.parametrize("mode", ["fast", "compatible"])
@pytest.mark.parametrize("strategy", ["closest", "random"])
def test_equal_seeds_give_equal_bytes(mode, strategy):
    config = TWO_LEVELS.model_copy(update={"mode": mode, "resample_strategy": strategy})
    first, again = cluster(CLOUD, config), cluster(CLOUD, config)
    other = cluster(CLOUD, config.model_copy(update={"seed": 1}))
    for name, array in first.arrays().items():
        assert array.tobytes() == again.arrays()[name].tobytes()
    assert first.trace == again.trace
    assert first.levels[0].centroids.tobytes() != other.levels[0].centroids.tobytes()


def test_the_closest_members_are_kept():
    result = kmeans(CLOUD, 12, seed=0)
    rows = kept_rows(result, 4, "closest", np.random.default_rng(0))
    for number in range(12):
        members = np.flatnonzero(result.assignment == number)
        nearest = members[np.argsort(result.distance[members])[:4]]
        assert sorted(nearest.tolist()) == np.intersect1d(rows, members).tolist()


def test_random_members_are_kept_in_equal_numbers_and_differ_by_seed():
    result = kmeans(CLOUD, 12, seed=0)
    first, other = (kept_rows(result, 4, "random", np.random.default_rng(seed)) for seed in (0, 1))
    sizes = np.bincount(result.assignment)
    assert np.bincount(result.assignment[first]).tolist() == np.minimum(sizes, 4).tolist()
    assert first.tolist() != other.tolist()


def test_one_item_is_a_tree():
    tree = cluster(np.array([[1.0, 2.0]]), ClusterConfig())
    assert tree.n_clusters == (1,)
    assert tree.members(1, 0).tolist() == [0]


def test_constant_vectors_are_one_cluster():
    assert cluster(np.ones((30, 4)), ClusterConfig()).n_clusters == (1,)


def test_levels_are_chosen_when_none_are_given():
    tree = cluster(RNG.standard_normal((1000, 4)), ClusterConfig())
    assert tree.n_clusters == (300, 50)


def test_chosen_levels_do_not_exceed_the_distinct_vectors():
    tree = cluster(np.tile(RNG.standard_normal((25, 4)), (20, 1)), ClusterConfig())
    assert tree.n_clusters == (25,)
    assert tree.levels[0].distance.max() < 1e-5


def test_as_many_clusters_as_items_is_a_tree():
    tree = cluster(CLOUD[:30], ClusterConfig(n_clusters=(30, 4)))
    assert sorted(tree.levels[0].assignment.tolist()) == list(range(30))


def test_one_top_cluster_is_a_tree():
    assert cluster(CLOUD, ClusterConfig(n_clusters=(20, 1))).sizes(2).tolist() == [400]


def test_empty_clusters_with_one_member_kept_are_topped_up():
    vectors = np.concatenate([np.zeros((50, 1)), np.ones((50, 1)) * 1e-3, np.arange(3, 13)[:, None]])
    tree = cluster(vectors, ClusterConfig(n_clusters=(12,), resample_size=(1,), n_resamples=4, init="random"))
    assert tree.sizes(1).sum() == len(vectors)
    assert np.isfinite(tree.levels[0].centroids).all()


def test_more_clusters_than_distinct_vectors_are_refused():
    with pytest.raises(ConfigError, match="only 10 of the 200 vectors are distinct"):
        cluster(np.tile(np.arange(10.0)[:, None], (20, 1)), ClusterConfig(n_clusters=(30, 12)))


def test_more_clusters_than_items_are_refused():
    with pytest.raises(ConfigError, match="at most 400"):
        cluster(CLOUD, ClusterConfig(n_clusters=(401, 10)))


def test_a_resample_size_without_its_level_is_refused():
    with pytest.raises(ConfigError, match="resample_size"):
        cluster(CLOUD, ClusterConfig(resample_size=(2, 2, 2)))


def test_broken_vectors_are_refused():
    broken = CLOUD.copy()
    broken[5] = np.nan
    with pytest.raises(ShapeError, match="1 of 400 vectors"):
        cluster(broken, ClusterConfig())


def test_progress_counts_up_in_every_level_and_carries_figures():
    seen = []
    cluster(
        CLOUD, TWO_LEVELS, progress=lambda stage, done, total, **figures: seen.append((stage, done, total, figures))
    )
    for stage in ("level 1", "level 2"):
        done = [record[1] for record in seen if record[0] == stage]
        assert done == sorted(done)
        assert (done[0], done[-1]) == (0, 4)
    assert {record[2] for record in seen} == {4}
    assert {"inertia", "spread"} <= set(seen[-1][3])


def test_progress_can_stop_the_run_between_iterations():
    calls = []

    def stop(stage, done, total, **figures):
        calls.append(stage)
        if len(calls) == 5:
            raise Cancelled("stopped by a test")

    with pytest.raises(Cancelled):
        cluster(CLOUD, TWO_LEVELS, progress=stop)
    assert len(calls) == 5


def test_an_even_grid_has_no_spread_and_a_crowd_has_much():
    grid = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    crowd = np.concatenate([grid, RNG.normal(5, 0.01, (100, 2))])
    assert centroid_spread(grid) == pytest.approx(0, abs=1e-6)
    assert centroid_spread(crowd) > 0.9
    assert centroid_spread(grid[:1]) == 0


def test_resampling_lowers_the_spread_of_crowded_data():
    first, last = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        vectors = np.concatenate([rng.normal(0, 0.3, (3000, 2)), rng.uniform(-4, 4, (1500, 2))])
        tree = cluster(vectors, ClusterConfig(n_clusters=(100,), resample_size=(7,), n_resamples=5, seed=seed))
        first.append(tree.trace[0]["spread"])
        last.append(tree.trace[-1]["spread"])
        assert tree.trace[-1]["inertia"] > tree.trace[0]["inertia"]  # flatter is not tighter: that is the point
    assert np.mean(last) < 0.9 * np.mean(first)
