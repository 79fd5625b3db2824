"""A picture of how many points lie where."""

import io

import numpy as np
import pytest
from PIL import Image

from curation_core.density import density_counts, density_levels, density_png
from curation_core.errors import ShapeError

UNIT = (0.0, 0.0, 1.0, 1.0)


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def test_every_point_of_the_box_is_counted_once_and_no_other():
    xy = np.random.default_rng(0).uniform(-1, 2, (300_000, 2)).astype(np.float32)
    counts = density_counts(xy, UNIT, (70, 130))
    assert counts.shape == (70, 130)
    assert counts.sum() == ((xy >= 0) & (xy <= 1)).all(axis=1).sum()


def test_the_top_row_is_the_largest_y_and_the_first_column_the_smallest_x():
    corners = np.array([(0.05, 0.95), (0.95, 0.95), (0.95, 0.95), (0.05, 0.05), (0.05, 0.05), (0.05, 0.05)])
    assert density_counts(corners, UNIT, (2, 2)).tolist() == [[1, 2], [3, 0]]


def test_points_on_the_rim_are_inside_and_points_nowhere_are_not():
    xy = np.array([(0, 0), (1, 1), (0, 1), (1, 0), (np.nan, 0.5), (0.5, np.inf)])
    assert density_counts(xy, UNIT, (4, 4)).sum() == 4


def test_more_points_are_never_drawn_weaker():
    counts = np.arange(100_000, dtype=np.uint32).reshape(100, 1_000)
    levels = density_levels(counts).ravel().astype(int)
    assert levels[0] == 0
    assert levels[1] >= 1
    assert (np.diff(levels) >= 0).all()
    assert levels[-1] == 255


def test_where_points_are_few_one_alone_is_well_seen():
    assert density_levels(np.array([[0, 1]], dtype=np.uint32)).tolist() == [[0, 150]]
    assert not density_levels(np.zeros((3, 3), dtype=np.uint32)).any()


@pytest.mark.parametrize("dark", [False, True])
def test_the_picture_is_clear_where_nothing_lies_and_goes_away_from_the_ground_where_much_does(dark):
    rng = np.random.default_rng(0)
    xy = np.vstack([rng.normal(0.5, 0.05, (400_000, 2)), rng.uniform(0, 1, (4_000, 2))])
    made = picture(density_png(xy, UNIT, (100, 100), dark=dark))
    assert made.shape == (100, 100, 4)
    counts = density_counts(xy, UNIT, (100, 100))
    assert ((made[..., 3] == 0) == (counts == 0)).all()
    light = made[..., :3].mean(axis=2)
    dense, sparse = light[counts > 500].mean(), light[counts == 1].mean()
    assert (dense > sparse + 60) if dark else (dense < sparse - 60)


def test_a_single_item_is_a_dot_of_several_pixels():
    made = picture(density_png(np.array([(0.5, 0.5)]), UNIT, (60, 60)))
    assert 20 < (made[..., 3] > 0).sum() < 60


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ((0, 0, 0, 1), (10, 10)),
        ((0, 1, 1, 0), (10, 10)),
        ((0, 0, np.inf, 1), (10, 10)),
        (UNIT, (0, 10)),
        (UNIT, (10, 5_000)),
    ],
)
def test_a_box_or_a_size_that_holds_nothing_is_refused(box, shape):
    with pytest.raises(ShapeError):
        density_png(np.zeros((1, 2)), box, shape)
