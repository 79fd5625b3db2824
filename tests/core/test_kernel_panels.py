"""Searching by panels of neighbours finds what a search of all centroids finds, bit by bit, on every path.

Looks in bytes are made in plain C too, so that they are held against float32 where the processor has no such products.
"""

import os

import numpy as np
import pytest

from curation_core.points import Points
from tests.core.test_kernels import problem

if os.environ.get("CI"):
    import curation_kernels as native
else:
    native = pytest.importorskip("curation_kernels", reason="the C kernels were not built here")
panels = native.panels
ALL_PATHS = (*native.PATHS, *native.PATHS_FOR_TESTS)


@pytest.mark.parametrize("path", ALL_PATHS)
@pytest.mark.parametrize("seed", range(20))
def test_a_score_up_to_its_bar_is_found_and_others_stay_above(seed, path):
    vectors, centroids = problem(seed)
    points, rng = Points.of(vectors), np.random.default_rng(seed)
    table = points.table(centroids)
    labels, score = native.nearest(points.x, native.Table.of(table, panels=False))
    kind = rng.integers(0, 5, len(score))
    bar = np.choose(
        kind, [score, np.nextafter(score, -np.inf), score + np.abs(score), np.full_like(score, np.inf), -1e30]
    )
    found = native.nearest(points.x, native.Table.of(table, path, panels=True), bar=bar.astype(np.float32))
    reached = score <= bar.astype(np.float32)
    assert (found[0] == labels)[reached].all()
    assert (found[1] == score)[reached].all()
    assert (found[1] > bar)[~reached].all()
    assert ((found[0] >= 0) & (found[0] < len(table))).all()


@pytest.mark.parametrize("path", ALL_PATHS)
@pytest.mark.parametrize("dim", [1, 3, 4, 17, 64, 130])
def test_numbers_of_any_size_get_the_same_answer_with_panels(dim, path):
    rng = np.random.default_rng(dim)
    x = np.ones((211, dim + 1), np.float32)
    x[:, :-1] = rng.standard_normal((211, dim)) * 10.0 ** rng.integers(
        -44, 38, (211, 1)
    )  # denormal to near the largest
    x[::50, 0] = (np.nan, np.inf, -np.inf, 0, -0.0)
    x[3:5, :-1] = 0
    table = rng.standard_normal((150, dim + 1)) * 10.0 ** rng.integers(-44, 30, (150, 1))
    tables = [table, table * 0, np.abs(table) % 1e14, table[:1], np.repeat(x[5:9], 20, axis=0), table % 1e-30]
    for rows in tables:
        part = rows.astype(np.float32)
        labels, score = native.nearest(x, native.Table.of(part, "avx2", panels=False))
        found = native.nearest(x, native.Table.of(part, path, panels=True))
        assert (found[0] == labels).all()
        assert found[1].tobytes() == score.tobytes()


@pytest.mark.parametrize("path", ALL_PATHS)
def test_points_with_more_candidates_than_fit_are_searched_in_float32(path):
    rng = np.random.default_rng(7)
    centroids = 1 + 1e-4 * rng.standard_normal((500, 24))  # closer to each other than bytes of the points can tell
    vectors = np.concatenate([2 * rng.standard_normal((300, 24)), np.repeat(centroids[:1], 100, axis=0)])
    points = Points.of(vectors.astype(np.float32))
    table = points.table(np.repeat(centroids, 2, axis=0).astype(np.float32))
    labels, score = native.nearest(points.x, native.Table.of(table, "avx2", panels=False))
    packed = native.Table.of(table, path, panels=True)
    found = native.nearest(points.x, packed)
    assert (found[0] == labels).all()
    assert found[1].tobytes() == score.tobytes()
    left = packed.panels.search(path, points.x, None, None, found[0], found[1])[3]
    assert (left > 0) == ("+" in path)


def test_rows_too_wide_for_sums_of_bytes_are_searched_in_float32():
    rng = np.random.default_rng(1)
    x, table = np.ones((5, 60_002), np.float32), rng.standard_normal((40, 60_002)).astype(np.float32)
    x[:, :-1] = rng.standard_normal((5, 60_001))
    packed = native.Table.of(table, panels=True)
    labels, score = native.nearest(x, packed)
    assert not packed.panels.tame
    assert score.tobytes() == native.own_scores(x, table, labels).tobytes()
    assert (labels == (x.astype(np.float64) @ table.T.astype(np.float64)).argmin(axis=1)).all()


def test_panels_pass_over_most_centroids_where_these_lie_in_heaps():
    rng = np.random.default_rng(5)
    heaps = rng.standard_normal((64, 8))
    centroids = np.repeat(heaps, 50, axis=0) + 0.05 * rng.standard_normal((3200, 8))
    vectors = heaps[rng.integers(0, 64, 200_000)] + 0.05 * rng.standard_normal((200_000, 8))
    points = Points.of(vectors.astype(np.float32))
    table = points.table(centroids.astype(np.float32))
    labels = native.nearest(points.x, native.Table.of(table, panels=False))[0]
    for path in native.PATHS:
        packed = native.Table.of(table, path)
        found, score = native.nearest(points.x, packed)
        assert (found == labels).all()
        assert packed.form == packed.in_float  # in so few columns bytes do not pay
        pairs, looked, _, _ = packed.panels.search(path, points.x, None, None, found, score)
        assert looked < 0.2 * pairs


def test_the_order_of_a_table_holds_every_row_once():
    for seed in range(8):
        _, centroids = problem(seed)
        table = np.concatenate([centroids, np.ones((len(centroids), 1), np.float32)], axis=1)
        order = np.full(len(table), -1, np.int32)
        native._native.order(table, order)
        assert (np.sort(order) == np.arange(len(table))).all()


def test_a_way_on_amx_is_taken_only_where_it_agrees_with_float32(monkeypatch):
    assert panels.agrees_with_float32("avx2+amx")
    assert panels.usable(["avx512+amx", "avx2"], lambda _: True) == ("avx512+amx", "avx2")
    search = panels.Panels.search

    def off_by_a_bit(self, way, x, rows, bar, labels, scores):
        counts = search(self, way, x, rows, bar, labels, scores)
        scores[7] += (way == "avx2+amx") * np.spacing(scores[7])
        return counts

    monkeypatch.setattr(panels.Panels, "search", off_by_a_bit)
    assert not panels.agrees_with_float32("avx2+amx")
    assert panels.usable(["avx2+amx", "avx2"]) == ("avx2",)


def test_very_many_centroids_share_places_so_that_memory_stays_bounded():
    assert native._native.places(125) == 125
    assert native._native.places(313) == 105
    assert native._native.places(31_250) * 1_000_000 * 4 <= 16 << 20
    rng = np.random.default_rng(9)
    table = Points.of(rng.standard_normal((70_000, 3)).astype(np.float32))
    rows = table.table(rng.standard_normal((70_000, 3)))
    labels, score = native.nearest(table.x[:500], native.Table.of(rows, "avx2", panels=False))
    for path in native.PATHS:
        found = native.nearest(table.x[:500], native.Table.of(rows, path, panels=True))
        assert (found[0] == labels).all()
        assert found[1].tobytes() == score.tobytes()


@pytest.mark.parametrize("path", ALL_PATHS)
def test_panels_of_nothing_and_numbers_that_do_not_fit_are_refused(path):
    with pytest.raises(ValueError, match="whether there are"):
        panels.Panels.of(np.empty((0, 4), np.float32), path)
    x, made = np.ones((6, 4), np.float32), panels.Panels.of(np.ones((3, 4), np.float32), path)
    labels, scores = np.empty(6, np.int32), np.empty(6, np.float32)
    for bad in ({"x": x[:, :3].copy()}, {"rows": np.array([6] * 6)}, {"bar": np.ones(5, np.float32)}):
        with pytest.raises((ValueError, IndexError)):
            made.search(path, **{"x": x, "rows": None, "bar": None, "labels": labels, "scores": scores, **bad})
