"""Presets: what k-means is given."""

import numpy as np
import pytest

from curation_core.errors import ConfigError, ShapeError
from curation_core.presets import default_preset, prepare, resolve_preset


@pytest.fixture
def vectors():
    return np.random.default_rng([4]).gamma(0.5, size=(300, 200)).astype(np.float32)


def test_none_changes_nothing_but_the_type():
    found = prepare(np.array([[1, 2], [3, 4]], dtype=np.float16), "none")
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 2], [3, 4]]


def test_l2_gives_length_one_and_leaves_zeros():
    assert prepare(np.array([[3.0, 4.0], [0.0, 0.0]]), "l2").tolist() == [
        [pytest.approx(0.6), pytest.approx(0.8)],
        [0, 0],
    ]


@pytest.mark.parametrize(("preset", "dim"), [("pca-64", 64), ("sqrt-pca-128", 128)])
def test_principal_components_keep_distances_and_are_not_normalised_again(vectors, preset, dim):
    found = prepare(vectors, preset)
    assert found.shape == (300, dim)
    assert found.dtype == np.float32
    assert np.abs(found.mean(axis=0)).max() < 1e-5
    assert np.ptp(np.linalg.norm(found, axis=1)) > 0.01
    rooted = np.sqrt(vectors) if preset == "sqrt-pca-128" else vectors
    unit = rooted / np.linalg.norm(rooted, axis=1, keepdims=True)
    before, after = (np.linalg.norm(x[:100] - x[100:200], axis=1) for x in (unit, found))
    assert (after <= before + 1e-5).all()
    assert np.corrcoef(before, after)[0, 1] > 0.8


def test_whitened_components_have_the_same_spread_and_noise_stays_small(vectors):
    found = prepare(vectors, "whiten-128")
    assert found.shape == (300, 128)
    assert found.dtype == np.float32
    assert found.std(axis=0) == pytest.approx(np.ones(128), rel=1e-3)
    assert np.abs(np.corrcoef(found.T) - np.eye(128)).max() < 1e-3
    flat = np.repeat([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 5, axis=0)  # one direction only
    assert prepare(flat, "whiten-128").std(axis=0) == pytest.approx([1, 0, 0], abs=1e-6)


@pytest.mark.parametrize("preset", ["none", "l2", "pca-64", "sqrt-pca-128", "whiten-128"])
def test_vectors_stored_in_half_the_space_give_nearly_the_same(vectors, preset):
    half = prepare(vectors.astype(np.float16), preset)
    assert half.dtype == np.float32
    whole = prepare(vectors.astype(np.float16).astype(np.float32), preset)
    assert np.array_equal(half, whole)


def test_negative_features_keep_their_sign_under_the_root():
    found = prepare(np.array([[4.0, 1.0], [-4.0, 1.0]]), "sqrt-pca-128")
    assert np.isfinite(found).all()
    assert np.linalg.norm(found[0] - found[1]) == pytest.approx(4 / np.sqrt(5), rel=1e-5)


@pytest.mark.parametrize("preset", ["none", "l2", "pca-64", "sqrt-pca-128", "whiten-128"])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_very_few_vectors_do_no_harm(preset, n):
    found = prepare(np.ones((n, 5), np.float32), preset)
    assert len(found) == n
    assert np.isfinite(found).all()


@pytest.mark.parametrize("preset", ["none", "l2", "pca-64", "sqrt-pca-128", "whiten-128"])
def test_the_input_is_left_alone_and_the_bytes_repeat(vectors, preset):
    before = vectors.copy()
    vectors.flags.writeable = False
    assert prepare(vectors, preset).tobytes() == prepare(vectors, preset).tobytes()
    assert np.array_equal(vectors, before)


def test_auto_follows_the_embedder():
    assert resolve_preset("auto", "efficientnet-lite0") == "sqrt-pca-128"
    assert resolve_preset("auto", "wordllama") == "l2"
    assert default_preset("someone-elses") == "none"
    assert default_preset("hf:dinov2-small@12345678") == default_preset("st:bge-small@12345678") == "l2"
    assert resolve_preset("pca-64", "wordllama") == "pca-64"


def test_what_is_no_preset_or_no_matrix_is_refused():
    with pytest.raises(ConfigError, match="preset is 'auto'"):
        prepare(np.ones((2, 2)), "auto")
    with pytest.raises(ShapeError, match=r"shape \(3,\)"):
        prepare(np.ones(3), "l2")
