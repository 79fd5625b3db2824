import numpy as np
import pytest

from curation_core import kernels
from curation_core.advice import advise, resample_sizes
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.errors import ConfigError


def test_two_leaves_per_item_drawn_and_a_third_above():
    advice = advise(3374, 500)
    assert advice.n_clusters == (1000, 167)
    assert advice.resample_size == (2, 2)
    assert (
        advice.reason == "1,000 and 167 clusters for 3,374 items and a target of about 500: two leaves per item drawn."
    )


def test_without_a_target_15_percent_are_assumed():
    assert advise(1000).n_clusters == advise(1000, 150).n_clusters == (300, 50)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 10, 13, 20, 50, 199, 2025, 10_000])
@pytest.mark.parametrize("share", [None, 0.001, 0.4, 1.0, 5.0])
def test_every_advice_is_a_valid_tree(n, share):
    advice = advise(n, None if share is None else max(1, round(share * n)))
    config = ClusterConfig(n_clusters=advice.n_clusters, resample_size=advice.resample_size)
    assert config.n_clusters[0] <= max(1, n // 2)
    assert len(advice.resample_size) == len(advice.n_clusters)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 11])
def test_advice_for_a_handful_of_items_works(n):
    vectors = np.random.default_rng(0).standard_normal((n, 3))
    assert cluster(vectors, ClusterConfig()).sizes(1).sum() == n


def test_a_large_set_is_clamped_to_minutes_and_says_so():
    advice = advise(2_000_000, dim=256)
    assert advice.n_clusters[0] < 600_000
    assert "fewer leaves than the 600,000 that would be best" in advice.reason


def test_a_target_near_everything_is_clamped_and_says_so():
    advice = advise(100, 90)
    assert advice.n_clusters[0] == 50
    assert "at least two items" in advice.reason


@pytest.mark.parametrize(("n", "target"), [(0, None), (-3, None), (2.5, None), (10, 0)])
def test_no_items_get_no_advice(n, target):
    with pytest.raises(ConfigError, match="at least 1 item"):
        advise(n, target)


def test_more_members_are_kept_where_clusters_are_large():
    assert resample_sizes(30_000, (1000, 300)) == (5, 2)
    assert resample_sizes(3000, (900, 150, 30)) == (2, 2, 3)


def test_the_tree_is_the_same_on_every_machine_and_with_every_engine(monkeypatch):
    """Trees are kept and compared; the machine that makes them must not show in them."""
    expected = [advise(n, dim=dim) for n in (5_000, 80_000, 1_000_000) for dim in (16, 768)]
    for choice in kernels.engines():
        monkeypatch.setenv(kernels.CHOICE, choice)
        monkeypatch.setattr(kernels, "n_threads", lambda: 64)
        assert [advise(n, dim=dim) for n in (5_000, 80_000, 1_000_000) for dim in (16, 768)] == expected
    assert advise(100_000, dim=128).n_clusters == (24300, 4050)
