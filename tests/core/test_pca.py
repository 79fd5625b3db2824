"""Principal components against the textbook, and the same bytes every time."""

import numpy as np
import pytest

from curation_core import pca
from curation_core.pca import apply_pca, fit_pca


def test_components_are_those_of_the_singular_value_decomposition():
    vectors = np.random.default_rng([0]).normal(size=(200, 6)) * [5, 4, 3, 2, 1, 0.5] + 7
    found = fit_pca(vectors, 3)
    _, _, expected = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    assert np.allclose(np.abs(found.components @ expected[:3].T), np.eye(3), atol=1e-8)
    assert (found.components.max(axis=1) >= -found.components.min(axis=1)).all()
    flat = apply_pca(found, vectors)
    assert np.allclose(flat, (vectors - vectors.mean(axis=0)) @ found.components.T, atol=1e-5)


@pytest.mark.parametrize(("shape", "k"), [((1, 4), 1), ((3, 10), 3), ((10, 2), 2)])
def test_there_are_no_more_components_than_rows_or_dimensions(shape, k):
    vectors = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    assert apply_pca(fit_pca(vectors, 5), vectors).shape == (shape[0], k)


def test_blocks_change_nothing(monkeypatch):
    vectors = np.random.default_rng([2]).normal(size=(100, 5)).astype(np.float32)
    whole = apply_pca(fit_pca(vectors, 2), vectors)
    monkeypatch.setattr(pca, "_BLOCK", 7)
    assert np.allclose(apply_pca(fit_pca(vectors, 2), vectors), whole, atol=1e-5)


def test_many_rows_are_thinned_out_evenly(monkeypatch):
    monkeypatch.setattr(pca, "FIT_ROWS", 50)
    vectors = np.random.default_rng([3]).normal(size=(5000, 4)) * [9, 1, 1, 1]
    found = fit_pca(vectors, 1)
    assert abs(found.components[0, 0]) > 0.95
    assert found.components.tobytes() == fit_pca(vectors, 1).components.tobytes()


def test_equal_rows_come_out_as_zeros():
    vectors = np.full((20, 3), 4.0, dtype=np.float32)
    assert np.abs(apply_pca(fit_pca(vectors, 2), vectors)).max() < 1e-6
