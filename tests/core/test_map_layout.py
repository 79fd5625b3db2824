"""The map's own layout: the same bytes however it is computed, honest about previews, and calm about crowds."""

import os
import subprocess
import sys

import numpy as np
import pytest

from curation_core import map_anchors, map_graph, map_layout, projection
from curation_core.config import ProjectConfig
from curation_core.errors import Cancelled, ShapeError
from curation_core.kernels import CHOICE
from curation_core.knn import nearest
from curation_core.map_anchors import Anchors
from curation_core.map_frame import MapFrame
from curation_core.progress import silent
from curation_core.projection import project

layout = pytest.importorskip("curation_kernels.layout")
SMALL = ProjectConfig(n_epochs=10)


def mixture(n=4000, k=40, dim=24):
    rng = np.random.default_rng([3, n])
    labels = rng.integers(k, size=n)
    return (rng.normal(size=(k, dim)) * 3)[labels].astype(np.float32) + rng.normal(size=(n, dim)).astype(np.float32)


@pytest.fixture
def many(monkeypatch):
    """Every few items count as many, so that there are anchors, cells and a preview."""
    monkeypatch.setattr(map_layout, "MANY", 1000)
    monkeypatch.setattr(projection, "MANY", 1000)
    monkeypatch.setattr(projection, "PREVIEW_FROM", 1000)


def places(code, **environment):
    """Bytes of the map that a fresh process makes: (hex digits)."""
    script = f"""
import hashlib, numpy as np
from curation_core import map_layout, projection
from curation_core.config import ProjectConfig
from tests.core.test_map_layout import mixture
{code}
print(hashlib.sha256(projection.project(mixture(), ProjectConfig(n_epochs=10)).xy.tobytes()).hexdigest())
"""
    told = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


@pytest.mark.parametrize("code", ["", "map_layout.MANY = 1000"], ids=["all pairs", "cells"])
def test_any_number_of_threads_gives_the_same_bytes(code):
    one = places(code, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    assert one == places(code, OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")


def test_threads_and_paths_of_the_kernels_give_the_same_bytes():
    frame = MapFrame.of(mixture(3000))
    shown, rows = frame.native_frame, np.arange(3000)
    sizes = np.array([1000, 0, 2000])
    probes = np.array([[0, 2]], np.int32).repeat(3000, axis=0)
    found, xy = {}, {}
    for path in layout.PATHS:
        for n_threads in (1, 2, 3):
            cells = layout.Cells.of(shown, rows, sizes, n_threads=n_threads)
            near, _ = layout.search(
                shown, cells, rows, probes, 9, own=rows.astype(np.int32), path=path, n_threads=n_threads
            )
            graph = layout.join(near, layout.measure(shown, rows, near, n_threads=n_threads), n_threads=n_threads)
            start = frame.x[:, :2]
            made = layout.rounds(graph, start, 12, (1.6, 0.9), seed=5, path=path, n_threads=n_threads)
            found[path, n_threads], xy[path, n_threads] = near.tobytes(), made.tobytes()
    assert len(set(found.values())) == 1
    assert len(set(xy.values())) == 1


def test_all_pairs_find_the_true_neighbours_and_lie_in_order():
    vectors = mixture(1500) + 1000  # a common offset costs nothing
    frame = MapFrame.of(vectors)
    rows, probes = np.arange(1500), np.zeros((1500, 1), np.int32)
    cells = layout.Cells.of(frame.native_frame, rows, np.array([1500]))
    found, _ = layout.search(frame.native_frame, cells, rows, probes, 14, own=rows.astype(np.int32))
    distance = layout.measure(frame.native_frame, rows, found) / frame.scale
    exact = np.linalg.norm(vectors[:, None].astype(np.float64) - vectors[None], axis=2)
    np.fill_diagonal(exact, np.inf)
    np.testing.assert_allclose(distance, np.sort(exact, axis=1)[:, :14], rtol=1e-4)
    assert (np.diff(distance, axis=1) >= 0).all()
    assert (found != rows[:, None]).all()


def test_the_graph_is_that_of_the_fuzzy_union():
    umap_ = pytest.importorskip("umap.umap_")
    from scipy.sparse import csr_matrix

    vectors = mixture(600)
    indices, distances = nearest(vectors, 15)
    wanted = umap_.fuzzy_simplicial_set(
        vectors, 15, np.random.RandomState(0), "euclidean", knn_indices=indices, knn_dists=distances
    )[0]
    graph = layout.join(indices[:, 1:].astype(np.int32), np.ascontiguousarray(distances[:, 1:]))
    used = graph.first[-1]
    ours = csr_matrix((graph.weight[:used], graph.other[:used], graph.first), shape=(600, 600))
    assert abs(ours - wanted).max() < 1e-4
    np.testing.assert_allclose(graph.total, np.asarray(wanted.sum(axis=1))[:, 0], rtol=1e-4)


def test_the_curve_is_that_of_umap():
    umap_ = pytest.importorskip("umap.umap_")
    for min_dist in (0.0, 0.1, 0.5, 0.99):
        np.testing.assert_allclose(map_layout.curve(min_dist), umap_.find_ab_params(1.0, min_dist), rtol=1e-4)


def test_cells_find_most_neighbours():
    vectors = mixture(6000)
    frame = MapFrame.of(vectors)
    anchors = Anchors.of(frame, 0, silent)
    rows, sizes, probes = map_graph._dealt(anchors.near[:, :8].copy(), len(anchors.centroids))
    cells = layout.Cells.of(frame.native_frame, rows, sizes)
    found, _ = layout.search(frame.native_frame, cells, rows, probes[rows], 14, own=np.arange(6000, dtype=np.int32))
    true = np.sort(nearest(vectors, 15)[0][:, 1:], axis=1)
    found = np.sort(rows[found], axis=1)
    hits = [len(np.intersect1d(true[row], one)) for row, one in zip(rows.tolist(), found, strict=True)]
    assert np.mean(hits) / 14 > 0.9


def test_a_preview_comes_first_and_the_refined_map_goes_on_from_it(many):
    vectors, seen = mixture(), []
    found = project(vectors, SMALL, preview=seen.append)
    assert [one.refined for one in seen] == [False]
    assert found.refined
    assert found.facts["n_epochs"] == 10
    assert set(found.facts["parts"]) == {"preview", "neighbours", "layout"}
    only = project(vectors, ProjectConfig(n_epochs=10, refine=False))
    assert not only.refined
    assert only.xy.tobytes() == seen[0].xy.tobytes() != found.xy.tobytes()
    assert project(vectors, SMALL).xy.tobytes() == found.xy.tobytes()
    across = np.linalg.norm(found.xy - found.xy.mean(axis=0), axis=1).mean()
    assert np.linalg.norm(found.xy - seen[0].xy, axis=1).mean() < across  # nobody has to find everything anew


def test_few_items_are_refined_whatever_is_asked(monkeypatch):
    found = project(mixture(500), ProjectConfig(n_epochs=5, refine=False), preview=lambda _: pytest.fail("a preview"))
    assert found.refined


def test_without_the_package_umap_learn_lays_out(monkeypatch, many):
    monkeypatch.setenv(CHOICE, "blas")
    found = project(mixture(1200), ProjectConfig(n_epochs=5), preview=lambda _: pytest.fail("a preview"))
    assert (found.method, found.refined, found.facts["engine"]) == ("umap", True, "umap-learn")
    monkeypatch.delenv(CHOICE)
    assert project(mixture(1200), SMALL).facts["engine"] == "curation_kernels"


@pytest.mark.parametrize("stage", ["preview", "neighbours", "layout"])
def test_it_stops_where_it_is_asked_to(many, stage):
    told = []

    def stop(at, done, total, **figures):
        told.append((at, done))
        if at == stage and done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        project(mixture(), ProjectConfig(n_epochs=5000), stop)
    assert told[-1][0] == stage


def test_counts_rise_to_their_total(many):
    seen = {}

    def count(stage, done, total, **figures):
        seen.setdefault(stage, []).append((done, total))

    project(mixture(), SMALL, count)
    assert list(seen) == ["preview", "neighbours", "layout"]
    for counts in seen.values():
        assert counts == sorted(counts)
        assert counts[-1][0] == counts[-1][1]


@pytest.mark.parametrize(
    "vectors",
    [
        np.ones((3000, 5)),
        np.repeat(np.random.default_rng(0).normal(size=(4, 6)), 800, axis=0),
        np.r_[np.zeros((2500, 6)), np.random.default_rng(1).normal(size=(700, 6))],
        np.random.default_rng(2).normal(size=(2000, 3)) * 1e30,
        np.random.default_rng(2).normal(size=(2000, 3)) * 1e-30,
        np.arange(2000.0)[:, None],
    ],
    ids=["all equal", "four places", "a crowd", "huge", "tiny", "one column"],
)
def test_degenerate_data_has_a_finite_map(many, monkeypatch, vectors):
    monkeypatch.setattr(map_graph, "_CROWDED", 200)
    found = project(vectors.astype(np.float32), SMALL)
    assert found.xy.shape == (len(vectors), 2)
    assert np.isfinite(found.xy).all()
    assert len(np.unique(found.xy, axis=0)) > len(vectors) // 2  # equal rows part


def test_a_crowd_is_dealt_out_to_cells(monkeypatch):
    monkeypatch.setattr(map_graph, "_CROWDED", 10)
    near = np.zeros((35, 2), np.int32)
    near[:, 1], near[30:] = 1, [1, 0]
    rows, sizes, probes = map_graph._dealt(near, 3)
    assert sizes.tolist() == [10, 10, 10, 5, 0]
    assert sorted(rows.tolist()) == list(range(35))
    for cell, members in enumerate(np.split(rows, np.cumsum(sizes)[:-1])):
        assert (probes[members, 0] == cell).all()
    assert set(probes[30:, 1].tolist()) == {0, 1, 2}
    assert set(probes[:30, 1].tolist()) == {3}


@pytest.mark.parametrize("n", [8, 9, 15, 16, 17, 33, 50])
def test_few_items_fill_no_vector_register(n):
    vectors = np.random.default_rng([4, n]).normal(size=(n, 7)).astype(np.float32)
    first = project(vectors, SMALL)
    assert np.isfinite(first.xy).all()
    assert first.xy.tobytes() == project(vectors, SMALL).xy.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(many, bad):
    vectors = mixture(1500)
    vectors[1400, 3] = bad
    with pytest.raises(ShapeError, match="NaN"):
        project(vectors, SMALL)


def test_the_kernels_refuse_what_does_not_fit():
    frame = MapFrame.of(mixture(100)).native_frame
    cells = layout.Cells.of(frame, np.arange(100), np.array([100]))
    with pytest.raises(IndexError, match="probes"):
        layout.search(frame, cells, np.arange(100), np.ones((100, 1), np.int32), 3)
    with pytest.raises(ValueError, match="path"):
        layout.search(frame, cells, np.arange(100), np.zeros((100, 1), np.int32), 3, path="none")
    with pytest.raises(IndexError, match="neighbour"):
        layout.join(np.full((4, 2), 9, np.int32), np.ones((4, 2), np.float32))


def test_shares_of_anchors_sum_to_one():
    score = np.array([[-1.0, -1.0, 5.0], [0.0, 1e9, 2e9]], np.float32)
    shares = map_anchors._shares(score, np.ones((2, 1), np.float32))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(shares[1], [1, 0, 0], atol=1e-6)
