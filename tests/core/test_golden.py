"""Behaviour of the method as published (Vo et al. 2024) and as measured on its experiments: bands, not digits.

About a minute on two cores.
"""

import functools

import numpy as np
import pytest

from curation_core.baselines import flat_draw, random_draw
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig, SampleConfig
from curation_core.errors import ConfigError, ShapeError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.kmeans import kmeans
from curation_core.metrics import balance, kl_to_uniform
from curation_core.sampling import sample
from curation_core.simulated import mixture_2d, power_law_1d, rings
from curation_core.water_filling import fill_segments, water_fill

SEEDS = (0, 1, 2)


# --- uniformity of the centroids in the plane (G1) ---------------------------------------------------------------


@functools.cache
def plane_kl(n_clusters, seed, n_resamples=0, strategy="random", mode="compatible"):
    config = ClusterConfig(
        n_clusters=n_clusters,
        resample_size=(2,) * len(n_clusters),
        n_resamples=n_resamples,
        resample_strategy=strategy,
        mode=mode,
        seed=seed,
    )
    return kl_to_uniform(cluster(mixture_2d(seed), config).levels[-1].centroids)


THREE = (3000, 1000, 300)


@pytest.mark.parametrize("seed", SEEDS)
def test_more_levels_and_resampling_bring_centroids_nearer_to_uniform(seed):
    raw = kl_to_uniform(mixture_2d(seed))
    one, two, three = plane_kl((300,), seed), plane_kl((1500, 300), seed), plane_kl(THREE, seed)
    ours = plane_kl(THREE, seed, n_resamples=10)
    assert 0.92 < raw < 0.98
    assert 0.30 <= one <= 0.40
    assert 0.11 <= two <= 0.16
    assert 0.07 <= three <= 0.12
    assert ours <= 0.055
    assert raw > one > two > three > ours
    assert raw / ours >= 15


def test_keeping_the_closest_members_flattens_as_well_but_less():
    closest = [plane_kl(THREE, seed, n_resamples=10, strategy="closest") for seed in SEEDS]
    assert np.mean(closest) <= 0.06
    assert all(found < plane_kl(THREE, seed) for found, seed in zip(closest, SEEDS, strict=True))


def test_fast_mode_meets_the_bands_of_compatible_mode():
    assert plane_kl(THREE, 0, n_resamples=10, mode="fast") <= 0.055
    assert np.mean([plane_kl(THREE, seed, n_resamples=3, mode="fast") for seed in SEEDS]) <= 0.055


# --- balance of the draw from rings of very different size (G2) --------------------------------------------------


def ring_entropy(seed, indices):
    return balance(np.bincount(rings(seed)[1][indices], minlength=5)).entropy


@functools.cache
def ring_draw(seed, n_resamples, mode="compatible", strategy="closest"):
    points, _ = rings(seed)
    config = ClusterConfig(
        n_clusters=(1000, 300),
        resample_size=(15, 2),
        n_resamples=n_resamples,
        mode=mode,
        resample_strategy=strategy,
        seed=seed,
    )
    return sample(cluster(points, config), SampleConfig(target_size=1000, seed=seed)).indices


def cells(seed, indices):
    return len(np.unique(np.floor(rings(seed)[0][indices] / 0.1), axis=0))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_draw_is_balanced_over_rings_where_simpler_draws_are_not(seed):
    points, _ = rings(seed)
    flat = ring_entropy(seed, flat_draw(points, 300, SampleConfig(target_size=1000, seed=seed)).indices)
    levels, ours = ring_entropy(seed, ring_draw(seed, 0)), ring_entropy(seed, ring_draw(seed, 10))
    assert flat <= 0.80
    assert 0.90 <= levels <= 0.96
    assert ours >= 0.97
    assert cells(seed, ring_draw(seed, 10)) >= 590


def test_a_random_draw_repeats_the_imbalance_of_the_pool():
    entropies = [ring_entropy(0, random_draw(29_700, 1000, seed=seed)) for seed in range(20)]
    assert np.mean(entropies) <= 0.55


@pytest.mark.parametrize("strategy", ["closest", "random"])
def test_fast_mode_draws_as_evenly_over_rings(strategy):
    assert np.mean([ring_entropy(seed, ring_draw(seed, 3, "fast", strategy)) for seed in SEEDS]) >= 0.97
    assert ring_entropy(0, ring_draw(0, 10, "fast", strategy)) >= 0.97


# --- exponents of the centroid density on a line (G3) ------------------------------------------------------------


def density_exponent(centroids):
    """Slope of log centroid density on log point density, where the latter is 30^x: 20 bins, 3 % trimmed each side."""
    places = np.sort(centroids[:, 0].astype(np.float64))
    places = places[(places > 0.03) & (places < 0.97)]
    edges = np.linspace(0.03, 0.97, 21)
    which = np.digitize((places[1:] + places[:-1]) / 2, edges) - 1
    gap = np.array([np.diff(places)[which == number].mean() for number in range(20)])
    return np.polyfit((edges[1:] + edges[:-1]) / 2 * np.log(30), -np.log(gap), 1)[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_kmeans_flattens_a_line_to_the_cube_root_of_its_density(seed):
    assert density_exponent(kmeans(power_law_1d(seed), 400, seed=seed).centroids) == pytest.approx(1 / 3, abs=0.05)


def test_two_levels_flatten_a_line_twice():
    tree = cluster(power_law_1d(0), ClusterConfig(n_clusters=(2000, 200), n_resamples=0))
    assert density_exponent(tree.levels[0].centroids) == pytest.approx(1 / 3, abs=0.05)
    assert density_exponent(tree.levels[1].centroids) == pytest.approx(1 / 9, abs=0.05)


def test_resampling_on_a_line_flattens_more_with_every_step_but_short_of_the_ideal():
    slopes = []
    for n_resamples in (0, 1, 10):
        config = ClusterConfig(n_clusters=(400,), resample_size=(75,), n_resamples=n_resamples, mode="compatible")
        slopes.append(density_exponent(cluster(power_law_1d(0), config).levels[0].centroids))
    assert slopes[0] > slopes[1] > slopes[2] > 0.1


# --- quotas (G5, G6, G7, G8) -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capacity", "budget", "quotas"),
    [
        ([10, 10, 10], 15, [5, 5, 5]),
        ([1, 5, 100], 20, [1, 5, 14]),
        ([1, 5, 100], 106, [1, 5, 100]),
        ([1, 5, 100], 200, [1, 5, 100]),
        ([3, 3, 3, 3], 2, [1, 1, 0, 0]),
        ([0, 4, 4], 5, [0, 3, 2]),
        ([1000, 10, 1], 500, [489, 10, 1]),
        ([29000, 200, 500], 1000, [400, 200, 400]),
        ([1, 1, 1, 1, 1], 3, [1, 1, 1, 0, 0]),
        ([7], 3, [3]),
    ],
)
def test_water_filling_fixtures(capacity, budget, quotas):
    assert water_fill(capacity, budget).tolist() == quotas


def test_twenty_thousand_random_nodes_violate_nothing():
    rng = np.random.default_rng(0)
    n_nodes = 20_000
    parent = np.repeat(np.arange(n_nodes), rng.integers(1, 12, n_nodes))
    capacity = rng.integers(0, 40, len(parent))
    total = np.bincount(parent, capacity, n_nodes).astype(np.int64)
    budget = np.floor(rng.uniform(0, 1.3, n_nodes) * total).astype(np.int64)
    quota = fill_segments(capacity, parent, budget, rng.random(len(parent)))
    assert ((quota >= 0) & (quota <= capacity)).all()
    assert (np.bincount(parent, quota, n_nodes) == np.minimum(budget, total)).all()
    is_open = quota < capacity
    low, high = np.full(n_nodes, 1000), np.full(n_nodes, -1)
    np.minimum.at(low, parent[is_open], quota[is_open])
    np.maximum.at(high, parent, quota)
    assert is_open.sum() > 20_000
    assert (high[parent[is_open]] - low[parent[is_open]] <= 1).all()


def two_level_tree():
    """Leaves of 50, 5, 5 | 10, 10 | 3 items under three parents."""
    leaf = np.repeat(np.arange(6), (50, 5, 5, 10, 10, 3)).astype(np.int32)
    finest = Level(np.zeros((6, 1), dtype=np.float32), leaf, np.zeros(len(leaf), dtype=np.float32))
    parent = np.array([0, 0, 0, 1, 1, 2], dtype=np.int32)
    return Hierarchy((finest, Level(np.zeros((3, 1), dtype=np.float32), parent, np.zeros(6, dtype=np.float32))))


@pytest.mark.parametrize(
    ("target", "low", "high"),
    [
        (6, [0, 0, 0, 1, 1, 2], [1, 1, 1, 1, 1, 2]),
        (12, [1, 1, 1, 2, 2, 3], [2, 2, 2, 3, 3, 3]),
        (30, [4, 4, 4, 6, 6, 3], [5, 5, 5, 7, 7, 3]),
        (50, [17, 5, 5, 10, 10, 3], [17, 5, 5, 10, 10, 3]),
        (70, [37, 5, 5, 10, 10, 3], [37, 5, 5, 10, 10, 3]),
        (83, [50, 5, 5, 10, 10, 3], [50, 5, 5, 10, 10, 3]),
        (100, [50, 5, 5, 10, 10, 3], [50, 5, 5, 10, 10, 3]),
    ],
)
def test_two_level_fixture_over_200_seeds(target, low, high):
    tree = two_level_tree()
    quotas = np.array([sample(tree, SampleConfig(target_size=target, seed=seed)).quotas[0] for seed in range(200)])
    assert quotas.min(axis=0).tolist() == low
    assert quotas.max(axis=0).tolist() == high


@pytest.mark.parametrize(
    ("target", "quotas", "copies"),
    [(100, [34, 10, 10, 20, 20, 6], {0: 16, 1: 34, 2: 33}), (150, [84, 10, 10, 20, 20, 6], {1: 16, 2: 67})],
)
def test_oversampling_fixture(target, quotas, copies):
    plan = sample(two_level_tree(), SampleConfig(target_size=target, multiplier=2))
    counts = np.bincount(plan.indices, minlength=83)
    assert plan.quotas[0].tolist() == quotas
    assert dict(zip(*(part.tolist() for part in np.unique(counts, return_counts=True)), strict=True)) == copies
    if target == 100:  # the large leaf: 34 draws from 50 items, none twice
        assert counts[:50].max() == 1


# --- degenerate input (G9) ---------------------------------------------------------------------------------------

CLOUD = np.random.default_rng(0).standard_normal((60, 3))


@pytest.mark.parametrize(
    ("vectors", "n_clusters"),
    [
        (CLOUD, (60, 60 // 2)),  # as many clusters as items
        (CLOUD, (20, 1)),  # one cluster at the top
        (np.repeat(np.eye(4), 5, axis=0), (4, 2)),  # clusters of equal size
        (np.ones((9, 2)), (1,)),  # nothing varies
        (CLOUD[:1], (1,)),  # one item
        (CLOUD[:, :1], (9, 3)),  # one dimension
        ((CLOUD * 9).astype(np.int8), (9, 3)),
        (CLOUD.astype(np.float16), (9, 3)),
        (np.asfortranarray(CLOUD)[::2], (9, 3)),
        (np.tile(np.arange(10.0)[:, None], (20, 1)), (10, 4)),  # ten distinct places, each twenty times
    ],
)
@pytest.mark.parametrize("mode", ["fast", "compatible"])
def test_degenerate_vectors_still_give_a_tree_and_a_draw(vectors, n_clusters, mode):
    tree = cluster(vectors, ClusterConfig(n_clusters=n_clusters, mode=mode))
    n = len(vectors)
    for target in (0, 1, n // 2, n, n + 5):
        for strategy in ("random", "closest", "diverse"):
            plan = sample(tree, SampleConfig(target_size=target, strategy=strategy), vectors=vectors)
            assert len(set(plan.indices.tolist())) == min(target, n)


@pytest.mark.parametrize(
    ("error", "message", "attempt"),
    [
        (ConfigError, "at most 60", lambda: cluster(CLOUD, ClusterConfig(n_clusters=(61,)))),
        (ConfigError, "fine to coarse", lambda: ClusterConfig(n_clusters=(4, 9))),
        (ConfigError, "distinct", lambda: cluster(np.ones((40, 2)), ClusterConfig(n_clusters=(30, 12)))),
        (ShapeError, "NaN", lambda: cluster(np.where(CLOUD > 2, np.nan, CLOUD), ClusterConfig())),
        (ShapeError, "infinite", lambda: cluster(np.where(CLOUD > 2, np.inf, CLOUD), ClusterConfig())),
        (ConfigError, "strategy", lambda: SampleConfig(target_size=3, strategy="best")),
        (ConfigError, "target_size", lambda: SampleConfig(target_size=-3)),
        (ConfigError, "target_size", lambda: SampleConfig(target_size=3.0)),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(error, message, attempt):
    with pytest.raises(error, match=message):
        attempt()


def test_an_empty_inner_cluster_takes_nothing_and_breaks_nothing():
    leaf = np.array([0, 0, 1, 3], dtype=np.int32)
    finest = Level(np.zeros((4, 1), dtype=np.float32), leaf, np.zeros(4, dtype=np.float32))
    upper = Level(np.zeros((3, 1), dtype=np.float32), np.array([0, 2, 1, 2], dtype=np.int32), np.zeros(4, np.float32))
    plan = sample(Hierarchy((finest, upper)), SampleConfig(target_size=4))
    assert plan.indices.tolist() == [0, 1, 2, 3]
    assert plan.quotas[1].tolist() == [2, 0, 2]


# --- determinism and nesting (G11) -------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_from_vectors_to_draw():
    points, _ = rings(0)
    config = ClusterConfig(n_clusters=(200, 40), seed=3)
    drawn = [sample(cluster(points[::10], config), SampleConfig(target_size=300, seed=3)) for _ in range(2)]
    assert drawn[0].indices.tobytes() == drawn[1].indices.tobytes()


def test_draws_of_a_real_tree_nest_at_every_size():
    points, _ = rings(0)
    points = points[::10]
    tree = cluster(points, ClusterConfig(n_clusters=(300, 60)))
    for strategy in ("random", "closest", "diverse"):
        before: set[int] = set()
        for target in range(0, len(points), 97):
            plan = sample(tree, SampleConfig(target_size=target, strategy=strategy), vectors=points)
            drawn = set(plan.indices.tolist())
            assert before <= drawn
            before = drawn


# --- a long tail of real classes (G12) ---------------------------------------------------------------------------


def test_a_long_tail_of_digits_is_drawn_more_evenly_than_at_random_or_flat():
    datasets = pytest.importorskip("sklearn.datasets")
    images, labels = datasets.load_digits(return_X_y=True)
    entropies = {"random": [], "flat": [], "ours": []}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        sizes = np.maximum(5, 130 * 0.65 ** rng.permutation(10)).astype(int)
        rows = np.concatenate([rng.permutation(np.flatnonzero(labels == digit))[: sizes[digit]] for digit in range(10)])
        vectors, digit = images[rows] / 16, labels[rows]
        config, tree = (
            SampleConfig(target_size=60, seed=seed),
            ClusterConfig(n_clusters=(100, 25), resample_size=(2, 2), n_resamples=10, mode="compatible", seed=seed),
        )
        draws = {
            "random": random_draw(len(rows), 60, seed=seed),
            "flat": flat_draw(vectors, 30, config).indices,
            "ours": sample(cluster(vectors, tree), config).indices,
        }
        for name, drawn in draws.items():
            entropies[name].append(balance(np.bincount(digit[drawn], minlength=10)).entropy)
    means = {name: np.mean(values) for name, values in entropies.items()}
    assert means["ours"] >= 0.90
    assert means["ours"] > means["flat"] + 0.05 > means["random"] + 0.05
