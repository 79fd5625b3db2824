import numpy as np
import pytest

from curation_core.errors import ShapeError
from curation_core.metrics import balance, kl_to_uniform, uncrowding, vendi

RNG = np.random.default_rng(5)


def test_equal_counts_are_perfectly_balanced():
    figures = balance([7, 7, 7])
    assert (figures.n, figures.n_groups) == (21, 3)
    assert figures.entropy == pytest.approx(1)
    assert figures.gini == pytest.approx(0)
    assert figures.effective == pytest.approx(3)
    assert figures.coverage == 1
    assert figures.largest_share == pytest.approx(1 / 3)


def test_one_group_taking_all_is_not_balanced():
    figures = balance([10, 0, 0, 0])
    assert (figures.entropy, figures.effective, figures.coverage, figures.largest_share) == (0, 1, 0.25, 1)
    assert figures.gini == pytest.approx(0.75)


def test_figures_are_those_of_a_hand_calculation():
    figures = balance([1, 3])
    nats = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert figures.entropy == pytest.approx(nats / np.log(2))
    assert figures.effective == pytest.approx(np.exp(nats))
    assert figures.gini == pytest.approx(0.25)


def test_groups_that_the_pool_does_not_have_do_not_count():
    assert balance([5, 5, 0, 0], pool=[50, 9, 0, 3]).n_groups == 3
    assert balance([5, 5, 0], pool=[50, 9, 0]).entropy == pytest.approx(1)


def test_an_empty_draw_and_a_single_group_have_figures():
    assert balance([0, 0]).n == 0
    assert balance([]).n_groups == 0
    assert balance([4]).entropy == 1


def test_counts_that_do_not_fit_the_pool_are_refused():
    with pytest.raises(ShapeError, match="groups that the pool does not have"):
        balance([1, 2], pool=[1, 0])
    with pytest.raises(ShapeError, match="at least 0"):
        balance([-1, 2])


def test_uniform_centroids_are_nearer_to_uniform_than_a_crowd():
    uniform = np.mean([kl_to_uniform(np.random.default_rng(seed).uniform(-3, 3, (300, 2))) for seed in range(5)])
    assert 0.03 < uniform < 0.06  # the figure published for 300 uniform points is 0.040 +- 0.007
    assert kl_to_uniform(RNG.normal(0, 0.5, (300, 2))) > 0.8


def test_the_kernel_density_is_that_of_a_direct_sum():
    centroids = RNG.uniform(-2, 2, (7, 2))
    grid = np.arange(-3, 3, 0.5)
    square = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)[:, :, None] - centroids
    density = np.exp(-(square**2).sum(axis=-1) / (2 * 0.5**2)).sum(axis=-1)
    share = density / density.sum()
    assert kl_to_uniform(centroids, step=0.5) == pytest.approx((share * np.log(share * share.size)).sum())


def test_uniformity_is_for_the_plane_only():
    with pytest.raises(ShapeError, match="for the plane only"):
        kl_to_uniform(np.zeros((4, 3)))


def test_a_draw_from_sparse_places_is_less_crowded():
    pool = np.concatenate([RNG.normal(0, 0.1, (200, 3)), RNG.normal(0, 5, (50, 3))])
    assert uncrowding(pool, np.arange(200, 250)) > uncrowding(pool, np.arange(200)) + 1


def test_uncrowding_is_the_mean_log_distance_to_the_fifth_neighbour():
    pool = RNG.standard_normal((60, 4)) + 100
    drawn = np.array([3, 9, 9, 41])
    distances = np.sort(np.linalg.norm(pool[[3, 9, 41], None] - pool[None], axis=2), axis=1)[:, 5]
    assert uncrowding(pool, drawn) == pytest.approx(np.log(distances).mean(), rel=1e-4)


def test_uncrowding_is_finite_among_copies_and_few_items():
    assert np.isfinite(uncrowding(np.ones((20, 2)), np.arange(5)))
    assert uncrowding(np.ones((3, 2)), np.arange(2)) == 0
    copies = np.concatenate([np.zeros((10, 2)), RNG.standard_normal((20, 2))])
    assert np.isfinite(uncrowding(copies, np.arange(30)))


def test_vendi_counts_different_directions():
    assert vendi(np.eye(4)) == pytest.approx(4)
    assert vendi(np.tile([[1.0, 2.0]], (9, 1))) == pytest.approx(1)
    assert vendi(np.repeat(np.eye(3), 5, axis=0)) == pytest.approx(3)
    assert vendi(np.zeros((3, 2))) == 0
