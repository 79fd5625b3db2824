import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.distributions import binned, bins_of, first_sizes, log_edges, lorenz_curve, rank_curve
from curation_core.errors import ConfigError, ShapeError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.metrics import balance
from curation_core.results import read_hierarchy, write_hierarchy

RNG = np.random.default_rng(3)
MANY = RNG.zipf(1.4, 40_000) % 20_000


def test_a_rank_curve_sorts_groups_and_leaves_empty_ones_out():
    curve = rank_curve([3, 0, 9, 3, 1])
    assert curve.size.tolist() == [9, 3, 3, 1]
    assert curve.group.tolist() == [2, 0, 3, 4]  # of two equal ones the lower number first
    assert curve.rank.tolist() == [1, 2, 3, 4]
    assert (curve.n_groups, curve.n_items, curve.is_thinned) == (4, 16, False)


def test_a_rank_curve_of_nothing_is_empty():
    assert len(rank_curve([0, 0]).rank) == len(rank_curve([]).rank) == 0


@pytest.mark.parametrize("most", [100, 375, 1_500])
def test_a_thinned_curve_keeps_first_last_and_shape(most):
    curve = rank_curve(MANY, most=most)
    whole = np.sort(MANY[MANY > 0])[::-1]
    assert curve.is_thinned
    assert len(curve.rank) <= most
    assert (curve.rank[0], curve.rank[-1]) == (1, len(whole))
    assert (whole[curve.rank - 1] == curve.size).all()
    drawn = np.interp(np.arange(1, len(whole) + 1), curve.rank, np.log(curve.size))
    span = np.log(whole[0] / whole[-1])
    assert np.abs(drawn - np.log(whole)).max() <= 7 / most * span


@given(st.lists(st.integers(0, 10**9), max_size=200), st.integers(4, 40))
def test_every_point_of_a_curve_is_a_group_with_its_size(counts, most):
    counts = np.array(counts, dtype=np.int64)
    curve = rank_curve(counts, most=most)
    assert len(curve.rank) <= most
    assert (counts[curve.group] == curve.size).all()
    assert (np.diff(curve.rank) > 0).all()
    assert (np.diff(curve.size) <= 0).all()
    assert curve.n_items == counts.sum()


def test_a_cliff_keeps_both_of_its_edges():
    counts = np.r_[np.full(5_000, 1_000), np.full(5_000, 10)]
    curve = rank_curve(counts, most=50)
    assert {5_000, 5_001} <= set(curve.rank.tolist())


def test_a_curve_needs_points_to_have_a_shape():
    with pytest.raises(ConfigError, match="at least 4"):
        rank_curve(MANY, most=3)


def test_counts_that_are_none_are_refused():
    with pytest.raises(ShapeError, match="whole numbers"):
        rank_curve([0.5])
    with pytest.raises(ShapeError, match="at least 0"):
        binned([-1], log_edges(3))


def test_a_lorenz_curve_goes_from_nothing_to_all_below_the_diagonal():
    curve = lorenz_curve(MANY, pool=MANY)
    assert (curve.groups[0], curve.held[0], curve.groups[-1], curve.held[-1]) == (0, 0, 1, 1)
    assert (curve.held <= curve.groups + 1e-12).all()
    assert curve.gini == balance(MANY, pool=MANY).gini


def test_the_area_below_a_lorenz_curve_is_its_gini():
    curve = lorenz_curve(MANY, pool=MANY)
    assert 1 - 2 * np.trapezoid(curve.held, curve.groups) == pytest.approx(curve.gini, abs=2e-3)


def test_groups_that_the_pool_lacks_are_no_groups_of_a_lorenz_curve():
    assert lorenz_curve([5, 5, 0], pool=[9, 5, 0]).gini == pytest.approx(0)
    assert lorenz_curve([5, 5, 0]).n_groups == 3


@pytest.mark.parametrize("largest", [0, 1, 2, 9, 10, 431, 99_999, 10**7])
def test_bins_hold_every_size_up_to_the_largest_once(largest):
    edges = log_edges(largest)
    assert edges[0] == 0
    assert edges[1] == 1
    assert edges[-2] <= largest < edges[-1]
    sizes = np.unique(np.linspace(0, largest, 2_000).astype(np.int64))
    assert binned(sizes, edges).sum() == len(sizes)
    places = bins_of(sizes, edges)
    assert ((edges[places] <= sizes) & (sizes < edges[places + 1])).all()


def test_bins_are_round_numbers_of_a_readable_count():
    assert log_edges(120).tolist() == [0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150]
    assert len(log_edges(10**7)) < 30


def test_a_size_beyond_the_bins_is_refused():
    with pytest.raises(ShapeError, match="make the edges from the largest size"):
        binned([200], log_edges(100))


CLOUD = RNG.standard_normal((600, 3)).astype(np.float32)
CONFIG = ClusterConfig(n_clusters=(40, 8), resample_size=(3, 2), n_resamples=2)


def test_sizes_before_resampling_are_those_of_the_first_run():
    exact = CONFIG.model_copy(
        update={"mode": "compatible"}
    )  # fast mode does the first run roughly, unless it is the last
    tree = cluster(CLOUD, exact)
    plain = cluster(CLOUD, exact.model_copy(update={"n_resamples": 0}))
    np.testing.assert_array_equal(first_sizes(tree, 1), plain.sizes(1))
    for level in (1, 2):
        assert first_sizes(tree, level).sum() == 600
        assert len(first_sizes(tree, level)) == tree.n_clusters[level - 1]
    assert (first_sizes(plain, 2) == plain.sizes(2)).all()  # nothing was resampled, so before is after


def test_sizes_before_resampling_are_kept_on_disk_and_absent_from_older_folders(tmp_path):
    tree = cluster(CLOUD, CONFIG)
    for level in (1, 2):
        (tmp_path / f"level_{level}").mkdir()
    meta = write_hierarchy(tmp_path, tree)
    assert all("sizes" not in record for record in meta["trace"])
    again = read_hierarchy(tmp_path, meta)
    assert again.trace == tree.trace
    assert (first_sizes(again, 2) == first_sizes(tree, 2)).all()
    for level in (1, 2):
        (tmp_path / f"level_{level}" / "first_sizes.npy").unlink()
    assert first_sizes(read_hierarchy(tmp_path, meta), 1) is None


def test_a_tree_without_a_trace_has_no_sizes_before():
    level = Level(np.zeros((1, 1), np.float32), np.zeros(3, np.int32), np.zeros(3, np.float32))
    assert first_sizes(Hierarchy((level,)), 1) is None
