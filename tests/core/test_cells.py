import numpy as np
import pytest

from curation_core import cells
from curation_core.cells import n_cells, shared_out
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.errors import Cancelled
from curation_core.points import MEMORY

RNG = np.random.default_rng(2)
PLACES = RNG.standard_normal((60, 8)) * 3
MANY = (PLACES[RNG.zipf(1.5, 20_000) % 60] + RNG.standard_normal((20_000, 8))).astype(np.float32)
SPLIT = ClusterConfig(n_clusters=(300, 40), n_resamples=0, cells=12)


def test_small_levels_are_never_cut_and_large_ones_are_by_themselves():
    assert n_cells(100_000, 10_000, ClusterConfig()) == 0
    assert n_cells(10_000_000, 100_000, ClusterConfig()) == 316
    assert n_cells(10_000_000, 100_000, ClusterConfig(cells=0)) == 0
    assert n_cells(1000, 8, ClusterConfig(cells=50)) == 4  # two clusters a cell at least
    assert n_cells(1000, 2, ClusterConfig(cells=50)) == 0


def test_a_level_in_cells_is_a_level():
    tree = cluster(MANY, SPLIT)
    assert tree.n_clusters == (300, 40)
    assert tree.sizes(1).sum() == len(MANY)
    exact = np.linalg.norm(MANY.astype(float) - tree.levels[0].centroids[tree.levels[0].assignment], axis=1)
    np.testing.assert_allclose(tree.levels[0].distance, exact, rtol=1e-4, atol=1e-5)
    last = tree.trace[0]
    assert last["cells"] == 12
    assert last["inertia"] == pytest.approx((exact**2).sum(), rel=1e-4)
    assert sum(last["sizes"]) == len(MANY)


def test_cells_cost_little_inertia_and_nearly_all_points_have_the_nearest_centroid_of_all():
    whole = cluster(MANY, SPLIT.model_copy(update={"cells": 0}))
    cut = cluster(MANY, SPLIT)
    assert cut.trace[0]["inertia"] < 1.05 * whole.trace[0]["inertia"]
    told = cut.trace[0]["nearest"]
    centroids = cut.levels[0].centroids.astype(float)
    squared = np.square(centroids).sum(axis=1) - 2 * MANY.astype(float) @ centroids.T
    measured = (squared.argmin(axis=1) == cut.levels[0].assignment).mean()
    assert measured > 0.98
    assert told == pytest.approx(measured, abs=0.02)


def test_resampling_works_in_cells():
    flat = cluster(MANY, SPLIT.model_copy(update={"n_resamples": 3}))
    assert flat.trace[-1]["level"] == 2
    first = [run for run in flat.trace if run["level"] == 1]
    assert first[-1]["spread"] < first[0]["spread"]
    assert first[-1]["step"] >= 2


@pytest.mark.parametrize("n_resamples", [0, 2])
def test_memory_and_repetition_change_no_bit(monkeypatch, n_resamples):
    config = SPLIT.model_copy(update={"n_resamples": n_resamples})
    once = cluster(MANY, config)
    monkeypatch.setenv(MEMORY, "1")
    again = cluster(MANY, config)
    for name, array in once.arrays().items():
        assert array.tobytes() == again.arrays()[name].tobytes()
    assert once.trace == again.trace


def test_cells_of_few_distinct_points_hand_their_clusters_on():
    copies = np.concatenate([np.tile(RNG.standard_normal((3, 4)), (2000, 1)), RNG.standard_normal((3000, 4)) + 9])
    tree = cluster(copies, ClusterConfig(n_clusters=(200,), cells=6))
    assert tree.n_clusters == (200,)
    assert tree.sizes(1).sum() == len(copies)
    assert len(np.unique(tree.levels[0].centroids, axis=0)) == 200


def test_a_run_in_cells_can_be_stopped():
    def stop(stage, done, total, **figures):
        if done >= 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        cluster(MANY, SPLIT, progress=stop)


@pytest.mark.parametrize("dim", [1, 2, 256])
def test_clusters_are_shared_out_exactly_by_what_cells_hold(dim):
    count = np.array([0, 1, 5, 1000, 5000])
    inertia = np.array([0.0, 0.0, 1.0, 100.0, 400.0])
    share = shared_out(60, inertia, count, dim)
    assert share.sum() == 60
    assert share[0] == 0
    assert (share <= count).all()
    assert (share[1:] >= 1).all()
    assert share[4] > share[3] > share[2]


def test_shares_never_exceed_the_points_there_are():
    rng = np.random.default_rng(0)
    for _ in range(300):
        count = rng.integers(0, 30, 12)
        count[0] += 1
        k = int(rng.integers((count > 0).sum(), count.sum() + 1))
        share = shared_out(k, rng.random(12) * rng.integers(0, 2, 12), count, 16)
        assert share.sum() == k
        assert (share <= count).all()
        assert (share >= np.minimum(count, 1)).all()


def test_every_point_looks_at_its_own_cell_first():
    near = cells._near(RNG.standard_normal((40, 5)).astype(np.float32))
    assert (near[:, 0] == np.arange(40)).all()
    assert near.shape == (40, 8)
