"""Seeds: distinct, good, the same for any number of threads, and heard by a tick."""

import importlib
import time

import numpy as np
import pytest

from curation_core import kernels, seeding
from curation_core.config import ClusterConfig
from curation_core.kmeans import fit, run, seeds
from curation_core.points import Points
from curation_core.seeding import quick_init, seed_rows

RNG = np.random.default_rng(0)
BLOBS = np.concatenate([RNG.normal(centre, 0.3, (60, 12)) for centre in RNG.uniform(-9, 9, (40, 12))]).astype(
    np.float32
)


def inertia(points, start):
    return fit(points, start, 0).inertia


@pytest.mark.parametrize("init", ["kmeans++", "kmeans||", "random"])
def test_seeds_are_distinct_rows_and_the_same_for_a_seed(init):
    x = Points.of(BLOBS).x
    first, again, other = (seed_rows(x, 90, init, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert (first == again).all()
    assert (first != other).any()
    assert (len(first), len(set(first.tolist()))) == (90, 90)
    assert (first.min() >= 0) & (first.max() < len(x))


@pytest.mark.parametrize("engine", [kernels.engines()[0], "blas"])
@pytest.mark.parametrize("copies", ["even", "one vector nearly everywhere", "far outliers"])
def test_oversampling_finds_as_many_distinct_rows_as_there_are(engine, copies, monkeypatch):
    monkeypatch.setenv(kernels.CHOICE, engine)
    vectors = np.random.default_rng(1).standard_normal((40, 6))
    if copies == "far outliers":
        vectors[:3] *= 3e4  # hardly another row is ever proposed beside these
    times = np.full(40, 25)
    if copies.startswith("one"):
        times[:] = 1
        times[7] = 2_000
    points = Points.of(np.repeat(vectors, times, axis=0))
    for seed in range(5):
        rows = seed_rows(points.x, 38, "kmeans||", np.random.default_rng(seed))
        assert len(np.unique(points.x[rows], axis=0)) == 38


def test_oversampling_is_nearly_as_good_as_greedy_and_better_than_random():
    points = Points.of(BLOBS)
    found = {
        init: np.mean([inertia(points, seeds(points, 60, init, np.random.default_rng(seed))) for seed in range(6)])
        for init in ("kmeans++", "kmeans||", "random")
    }
    assert found["kmeans||"] < 1.1 * found["kmeans++"]
    assert found["kmeans||"] < 0.5 * found["random"]


def test_candidates_count_for_the_points_nearest_to_them():
    """Weights are what makes few candidates stand for all points: a crowd gets more seeds than one far pair."""
    rng = np.random.default_rng(2)
    vectors = np.concatenate([rng.normal(0, 1, (3_000, 2)), rng.normal(6, 0.01, (30, 2))])
    points = Points.of(vectors)
    rows = seed_rows(points.x, 20, "kmeans||", np.random.default_rng(0))
    assert 1 <= (rows >= 3_000).sum() <= 3


@pytest.mark.parametrize("init", ["kmeans++", "kmeans||"])
def test_the_number_of_threads_changes_no_seed(init, monkeypatch):
    x = Points.of(np.random.default_rng(3).standard_normal((30_000, 24))).x
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(kernels, "n_threads", lambda n=threads: n)
        found.append(seed_rows(x, 200, init, np.random.default_rng(1)).tolist())
    assert found[0] == found[1] == found[2]


def test_a_product_that_is_cut_for_the_tick_gives_the_same_seeds(monkeypatch):
    x = Points.of(BLOBS).x
    expected = {init: seed_rows(x, 90, init, np.random.default_rng(2)).tolist() for init in ("kmeans++", "kmeans||")}
    monkeypatch.setattr(seeding, "_PRODUCTS", 1)
    monkeypatch.setattr(seeding, "_LEAST_ROWS", 16)
    for init, rows in expected.items():
        assert seed_rows(x, 90, init, np.random.default_rng(2)).tolist() == rows


@pytest.mark.parametrize("init", ["kmeans++", "kmeans||"])
def test_seeding_is_heard_often(init):
    x = Points.of(np.random.default_rng(4).standard_normal((60_000, 64))).x
    heard = [time.process_time()]
    seed_rows(x, 400, init, np.random.default_rng(0), tick=lambda: heard.append(time.process_time()))
    assert max(np.diff([*heard, time.process_time()])) < 0.5

    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        seed_rows(x, 400, init, np.random.default_rng(0), tick=stop)


def test_mode_fast_hands_many_clusters_over():
    assert quick_init("kmeans++", 40_000, 2_000) == "kmeans||"
    assert quick_init("kmeans++", 39_999, 2_000) == "kmeans++"
    assert quick_init("kmeans++", 10**6, 1_999) == "kmeans++"
    assert quick_init("random", 10**6, 10_000) == "random"
    assert ClusterConfig(init="kmeans||").init == "kmeans||"


def test_quick_seeds_are_those_of_a_sample_unless_it_has_too_few_distinct_points(monkeypatch):
    looked_at = []
    whole = seeding.seed_rows

    def seen(x, *args, **options):
        looked_at.append(len(x))
        return whole(x, *args, **options)

    monkeypatch.setattr(importlib.import_module("curation_core.kmeans"), "seed_rows", seen)
    crowd = np.concatenate([np.zeros((5_000, 2)), np.random.default_rng(0).standard_normal((6, 2))])
    for vectors, n_rows in ((BLOBS, 32 * 7), (crowd, len(crowd))):
        for sampled in (True, False):
            rng = np.random.default_rng(0)
            found = run(Points.of(vectors), 7, init="kmeans++", rng=rng, max_iter=5, sampled=sampled)
            assert looked_at.pop() == (n_rows if sampled else len(vectors))
            assert len(np.unique(found.assignment)) == 7


def test_an_unknown_way_is_refused():
    with pytest.raises(seeding.ConfigError, match="init is 'best'"):
        seed_rows(Points.of(BLOBS).x, 3, "best", np.random.default_rng(0))
