"""Points in outlines: the fast answer is the exact one, whatever the outline looks like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.errors import ShapeError
from curation_core.polygons import in_areas, in_polygon
from curation_core.selection import Area


def by_the_rule(xy: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """The even-odd rule as it is written: a ray to the right crosses the outline an odd number of times."""
    x, y = xy.astype(np.float64).T
    odd = np.zeros(len(xy), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 != y2:
            odd ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return odd


def scribble(n_vertices: int, size: float, seed: int) -> np.ndarray:
    """A closed line that crosses itself many times."""
    rng = np.random.default_rng([seed, n_vertices])
    return np.cumsum(rng.normal(0, size, (n_vertices, 2)), axis=0)


POINTS = np.random.default_rng(3).normal(0, 1, (60_000, 2)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    n_vertices=st.integers(3, 220),
    size=st.sampled_from([1e-6, 1e-3, 0.03, 0.3, 3.0, 50.0]),
    seed=st.integers(0, 1_000),
    grid=st.sampled_from([8, 64, 1024]),
)
def test_any_outline_of_any_size_gives_what_the_rule_gives(n_vertices, size, seed, grid):
    outline = scribble(n_vertices, size, seed) + POINTS[seed]
    assert np.array_equal(in_polygon(POINTS, outline, grid), by_the_rule(POINTS, outline))


def test_points_on_whole_numbers_and_edges_along_them_are_no_exception():
    grid = np.stack(np.meshgrid(np.arange(100.0), np.arange(100.0)), axis=-1).reshape(-1, 2)
    for outline in (
        [(10, 10), (50, 10), (50, 50), (10, 50)],
        [(0, 0), (99, 0), (0, 99)],
        [(5, 5), (9, 9), (5, 9), (9, 5)],
    ):
        polygon = np.array(outline, dtype=np.float64)
        assert np.array_equal(in_polygon(grid, polygon), by_the_rule(grid, polygon))
    box = in_polygon(grid, np.array([(10, 10), (50, 10), (50, 50), (10, 50)]))
    assert box.sum() == 1_600  # of two neighbouring boxes, each point on the line between lies in one


def test_what_is_wound_round_twice_is_outside_by_the_even_odd_rule():
    circle = np.array([(np.cos(t), np.sin(t)) for t in np.linspace(0, 2 * np.pi, 60)[:-1]])
    assert in_polygon(POINTS, circle).sum() > 20_000
    assert not in_polygon(POINTS, np.vstack([circle, circle])).any()


def test_fewer_than_three_corners_or_no_area_hold_nothing():
    for polygon in (np.zeros((0, 2)), np.zeros((2, 2)), np.zeros((5, 2)), np.array([(0, 0), (1, 0), (2, 0)])):
        assert not in_polygon(POINTS, polygon).any()


def test_a_point_without_a_place_is_outside():
    xy = POINTS.copy()
    xy[::7] = np.nan
    xy[1::7, 0] = np.inf
    found = in_polygon(xy, np.array([(-9, -9), (9, -9), (9, 9), (-9, 9)]))
    assert not found[::7].any()
    assert not found[1::7].any()
    assert found[2::7].all()


def test_outlines_so_small_or_so_far_off_that_a_raster_cannot_hold_them_are_right_too():
    tiny = np.array([(0.0, 0.0), (5e-324, 0.0), (0.0, 5e-324)])
    assert np.array_equal(in_polygon(POINTS, tiny), by_the_rule(POINTS, tiny))
    huge = np.array([(-1e30, -1e30), (1e30, -1e30), (1e30, 1e30), (-1e30, 1e30)])
    assert in_polygon(POINTS, huge).all()
    far = POINTS.astype(np.float64) * 1e-7 + 1e9
    corner = np.array([(1e9, 1e9), (1e9 + 1e-6, 1e9), (1e9, 1e9 + 1e-6)])
    assert np.array_equal(in_polygon(far, corner), by_the_rule(far, corner))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e31])
def test_corners_that_are_nowhere_are_refused(bad):
    with pytest.raises(ShapeError, match="draw it again"):
        in_polygon(POINTS, np.array([(0, 0), (1, 0), (1, bad)]))
    with pytest.raises(ShapeError, match="expected"):
        in_polygon(POINTS, np.zeros((3, 3)))


def test_areas_are_added_and_taken_out_in_their_order():
    big = Area(((-2, -2), (2, -2), (2, 2), (-2, 2)))
    hole = Area(((-1, -1), (1, -1), (1, 1), (-1, 1)), adds=False)
    dot = Area(((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)))
    far = np.abs(POINTS).max(axis=1)
    assert np.array_equal(in_areas(POINTS, [big, hole, dot]), (far < 2) & ((far > 1) | (far < 0.5)))
    assert np.array_equal(in_areas(POINTS, [hole, big]), far < 2)  # there was nothing yet to take out of
    assert not in_areas(POINTS, []).any()
    assert not in_areas(POINTS, [Area(())]).any()
