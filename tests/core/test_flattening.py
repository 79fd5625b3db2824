import numpy as np
import pytest

from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.flattening import Flattening, centroid_spread
from curation_core.metrics import kl_to_uniform
from curation_core.simulated import mixture_2d

RNG = np.random.default_rng(5)


def sizes(spreads, start=12, may_shrink=True, plateau=0.01):
    """The size that each step would keep, and whether it would be the last."""
    told = Flattening(start, may_shrink, plateau)
    found = []
    for spread in spreads:
        told = told.after(spread)
        found.append((told.size, told.ended))
    return found


def test_while_steps_gain_nothing_changes():
    assert sizes([1.0, 0.8, 0.6, 0.5]) == [(12, False)] * 4


def test_a_step_without_gain_halves_what_is_kept_down_to_two_and_then_two_more_end_it():
    assert sizes([1.0, 1.0, 0.995, 1.1, 1.0, 1.0]) == [
        (12, False), (6, False), (3, False), (2, False), (2, False), (2, True)
    ]  # fmt: skip


def test_a_size_that_was_asked_for_stays():
    assert sizes([1.0, 1.0, 1.0], may_shrink=False) == [(12, False), (12, False), (12, True)]


def test_a_later_gain_starts_the_count_again():
    assert [ended for _, ended in sizes([1.0, 1.0, 0.9, 0.9, 0.8, 0.8, 0.8], may_shrink=False)] == [False] * 6 + [True]


def test_without_a_plateau_there_is_always_a_next_step():
    assert sizes([1.0] * 9, plateau=0.0) == [(12, False)] * 9


def test_fast_mode_ends_where_steps_no_longer_flatten_and_compatible_mode_goes_on():
    config = ClusterConfig(n_clusters=(200,), n_resamples=30, resample_size=(4,))
    points = RNG.standard_normal((3000, 2))
    fast = cluster(points, config)
    whole = cluster(points, config.model_copy(update={"mode": "compatible"}))
    assert len(fast.trace) < 20
    assert len(whole.trace) == 31
    best = np.minimum.accumulate([run["spread"] for run in fast.trace])
    assert best[-3] * 0.99 <= best[-1]  # the last two steps gained less than a hundredth each


def test_a_size_of_the_machine_s_choice_flattens_more_than_the_one_it_began_with():
    points = mixture_2d(0)
    config = ClusterConfig(n_clusters=(300,), n_resamples=12)
    began = cluster(points, config).trace[0]["resample_size"]
    chosen = [cluster(points, config.model_copy(update={"seed": seed})) for seed in range(3)]
    fixed = [
        cluster(points, config.model_copy(update={"seed": seed, "resample_size": (began,), "mode": "compatible"}))
        for seed in range(3)
    ]
    assert all(tree.trace[-1]["resample_size"] < began for tree in chosen)
    kl = [np.mean([kl_to_uniform(tree.levels[0].centroids) for tree in trees]) for trees in (chosen, fixed)]
    assert kl[0] < 0.8 * kl[1]


def test_the_spread_of_very_many_is_that_of_some(monkeypatch):
    centroids = np.random.default_rng(0).random((6000, 2))
    whole = centroid_spread(centroids)
    monkeypatch.setattr("curation_core.flattening._LOOKED_AT", 1500)
    assert centroid_spread(centroids) == pytest.approx(whole, rel=0.1)
