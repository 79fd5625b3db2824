import numpy as np
import pytest

from curation_core.simulated import (
    RING_CENTRES,
    RING_COUNTS,
    long_tail,
    mixture_1d,
    mixture_2d,
    power_law_1d,
    rings,
)


def test_rings_have_the_published_counts_and_lie_in_their_annuli():
    points, ring = rings(0)
    assert points.shape == (29_700, 2)
    assert points.dtype == np.float32
    assert np.bincount(ring).tolist() == list(RING_COUNTS)
    radius = np.linalg.norm(points - np.asarray(RING_CENTRES)[ring], axis=1)
    assert 0.699 < radius.min() < 0.71
    assert 0.99 < radius.max() < 1.001


def test_rings_fill_their_area_evenly():
    points, ring = rings(0)
    radius = np.linalg.norm(points - np.asarray(RING_CENTRES)[ring], axis=1)
    inner_half = (radius**2 < (0.7**2 + 1) / 2).mean()  # the circle that halves the area of the annulus
    assert inner_half == pytest.approx(0.5, abs=0.01)


def test_rings_occupy_about_820_cells_of_a_tenth():
    points, _ = rings(0)
    assert 780 < len(np.unique(np.floor(points * 10), axis=0)) < 860


def test_the_planar_mixture_is_seven_to_one_to_a_half_on_a_floor():
    points = mixture_2d(0)
    assert points.shape == (9_000, 2)
    assert points.dtype == np.float32
    near = [np.linalg.norm(points - centre, axis=1) < 1 for centre in ((-1, -1), (1, -1), (0, 1))]
    big, middle, small = (int(inside.sum()) for inside in near)
    # a disc of two standard deviations holds 1 - exp(-2) of its normal; floor and neighbours add a few points
    assert big == pytest.approx(7_000 * 0.865, rel=0.05)
    assert middle == pytest.approx(1_000 * 0.865, rel=0.25)
    assert small == pytest.approx(500 * 0.865, rel=0.25)


def test_the_line_mixture_keeps_its_bounds_and_gaps():
    x = mixture_1d(0)
    assert x.shape[1] == 1
    assert len(x) == pytest.approx(243_072, rel=0.005)  # the published count; ours varies with the seed
    assert x.min() >= -14
    assert x.max() <= 23
    assert not ((x > -7) & (x < 0)).any()
    assert not ((x > 12) & (x < 17)).any()


def test_the_power_law_is_as_steep_as_its_base():
    x = power_law_1d(0)[:, 0]
    assert x.shape == (60_000,)
    counts, edges = np.histogram(x, bins=20, range=(0, 1))
    slope = np.polyfit((edges[1:] + edges[:-1]) / 2, np.log(counts), 1)[0]
    assert slope == pytest.approx(np.log(30), rel=0.03)
    assert counts.sum() == 60_000


def test_the_power_law_takes_another_size_and_base():
    assert power_law_1d(0, n=10, base=2).shape == (10, 1)


@pytest.mark.parametrize("make", [lambda seed: rings(seed)[0], mixture_2d, mixture_1d, power_law_1d])
def test_the_same_seed_gives_the_same_points_and_another_seed_others(make):
    first, other = make(3), make(4)
    assert np.array_equal(first, make(3))
    assert not np.array_equal(first[:100], other[:100])


def test_a_long_tail_gives_each_rank_its_share():
    labels = np.repeat(["a", "b", "c"], [1_000, 2_000, 900])
    drawn = long_tail(labels, 550, 1.0, np.random.default_rng(0))
    assert dict(zip(*np.unique(labels[drawn], return_counts=True), strict=True)) == {"b": 300, "a": 150, "c": 100}
    assert len(np.unique(drawn)) == 550
    assert (np.diff(drawn) > 0).all()


def test_a_long_tail_takes_a_short_class_whole_and_forgets_none():
    labels = np.repeat([0, 1, 2], [50, 3, 1])
    drawn = long_tail(labels, 54, 1.0, np.random.default_rng(0))
    assert np.bincount(labels[drawn]).tolist() == [29, 3, 1]
    steep = long_tail(labels, 10, 9.0, np.random.default_rng(0))
    assert np.bincount(labels[steep]).tolist() == [10, 1, 1]


def test_a_long_tail_of_one_seed_is_one_draw():
    labels = np.arange(1_000) % 7
    first, again, other = (long_tail(labels, 100, 1.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
