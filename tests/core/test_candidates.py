import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation_core.candidates import FLAT, TREES, candidates, for_all, levels, predict_seconds
from curation_core.config import ClusterConfig
from curation_core.errors import ConfigError

MODEL = {"preset_of": {"as-is": "none"}, "dims": {"as-is": 32}}


def tried(n, target_size, **options):
    given_ = {"models": ["as-is"], "n_distinct": {"as-is": n}, **MODEL, **options}
    return candidates(n, target_size, **given_)


def test_shapes_are_shares_of_the_target_size():
    assert levels("2B, B/3", 3374, 500) == (1000, 167)
    assert levels("1.6B, B/5, 12", 2025, 300) == (480, 60, 12)
    assert levels("B", 3374, 500) == (500,)


def test_a_shape_too_large_for_the_items_shrinks_in_all_its_levels():
    assert levels("2B, B/3", 1000, 500) == (500, 83)
    assert levels("2B, B/3", 1000, 100, most=60) == (60, 10)


@given(st.sampled_from([*TREES, *FLAT]), st.integers(20, 5000), st.floats(0.001, 0.999), st.integers(2, 5000))
def test_levels_always_fit_the_items(shape, n, share, most):
    found = levels(shape, n, max(1, int(share * n)), most)
    ClusterConfig(n_clusters=found)  # each smaller than the one before
    assert found[0] <= max(1, min(n // 2, most))


@given(st.integers(20, 3000), st.floats(0.001, 0.999), st.booleans())
def test_no_setting_is_tried_twice_and_all_can_be_clustered(n, share, presets):
    found = tried(n, max(1, int(share * n)), presets=presets)
    settings = [(one.n_clusters, one.resample_size, one.n_resamples, one.preset) for one in found]
    assert len(set(settings)) == len(settings)
    assert found[0].kind == "random"
    assert {"flat", "tree"} <= {one.kind for one in found}
    for one in found[1:]:
        assert len(one.resample_size) == len(one.n_clusters)


def test_baselines_come_first_and_titles_tell_settings_apart():
    found = tried(3374, 500)
    titles = [one.title for one in found]
    assert titles[:5] == ["random", "flat k-means, 250", "flat k-means, 500", "flat k-means, 1,000", "(2B, B/3)"]
    assert {"(2B, B/3) · no resampling", "(2B, B/3) · half kept", "(2B, B/3) · l2"} <= set(titles)
    assert len(set(titles)) == len(titles)


def test_a_second_embedder_is_tried_with_its_trees_alone():
    options = {"preset_of": {"a": "none", "b": "none"}, "dims": {"a": 8, "b": 8}, "n_distinct": {"a": 900, "b": 900}}
    found = candidates(900, 100, models=["a", "b"], **options)
    second = [one for one in found if one.model == "b"]
    assert len(second) == len(TREES)
    assert {one.n_resamples for one in second} == {3}


def test_what_was_tried_on_a_part_is_built_on_all_at_full_size():
    part = {one.title: one for one in tried(10_000, 1000)}
    whole = for_all(part["(2B, B/3)"], 10_000, 100_000, 10_000, 10_000)
    assert whole.n_clusters == (20_000, 3333)
    assert whole.resample_size == (2, 2)
    assert for_all(part["flat k-means, 1,000"], 10_000, 100_000, 10_000, 10_000).n_clusters == (10_000,)
    assert for_all(part["(1.6B, B/5, 12)"], 10_000, 100_000, 10_000, 10_000).n_clusters == (16_000, 2000, 12)


def test_more_seeds_take_longer():
    found = tried(2000, 200)
    assert predict_seconds(found, 2000, {"as-is": 32}, 6) == pytest.approx(
        2 * predict_seconds(found, 2000, {"as-is": 32}, 3)
    )


@pytest.mark.parametrize(("n", "target_size"), [(10, 3), (100, 0), (100, 100)])
def test_too_few_items_or_nothing_left_to_choose_is_one_sentence(n, target_size):
    with pytest.raises(ConfigError, match="advice needs at least 20 items and a target below"):
        tried(n, target_size)
