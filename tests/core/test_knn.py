"""Neighbours: faiss and numpy agree with a brute force, each row leads its own list."""

import numpy as np
import pytest

from curation_core import knn
from curation_core.knn import nearest


@pytest.fixture(params=["faiss", "numpy"])
def backend(request, monkeypatch):
    if request.param == "faiss":
        pytest.importorskip("faiss")
    else:
        monkeypatch.setattr(knn.importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(knn, "_BLOCK", 13)


def test_neighbours_are_those_of_a_brute_force(backend):
    vectors = np.random.default_rng([5]).normal(size=(60, 4)).astype(np.float32)
    gaps = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    indices, distances = nearest(vectors, 6)
    assert np.array_equal(indices, np.argsort(gaps, axis=1)[:, :6])
    assert np.allclose(distances, np.sort(gaps, axis=1)[:, :6], atol=1e-3)
    assert (distances[:, 0] == 0).all()


def test_a_row_leads_its_own_list_even_among_duplicates(backend):
    vectors = np.ones((30, 3), np.float32)
    indices, distances = nearest(vectors, 5)
    assert indices[:, 0].tolist() == list(range(30))
    assert all(len(set(row)) == 5 for row in indices.tolist())
    assert np.allclose(distances, 0, atol=1e-3)


def test_there_are_never_more_neighbours_than_rows(backend):
    assert nearest(np.eye(3, dtype=np.float32), 10)[0].shape == (3, 3)


def test_the_inverted_file_finds_nearly_all_neighbours_the_same_every_time(monkeypatch):
    pytest.importorskip("faiss")
    rng = np.random.default_rng([6])
    vectors = (rng.normal(size=(40, 8))[rng.integers(40, size=4000)] * 5 + rng.normal(size=(4000, 8))).astype(
        np.float32
    )
    exact, _ = nearest(vectors, 10)
    monkeypatch.setattr(knn, "EXACT_BELOW", 1000)
    found, distances = nearest(vectors, 10)
    hits = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact.tolist(), found.tolist(), strict=True)])
    assert hits > 0.9
    assert np.isfinite(distances).all()
    again = nearest(vectors, 10)
    assert np.array_equal(found, again[0])
    assert np.array_equal(distances, again[1])
