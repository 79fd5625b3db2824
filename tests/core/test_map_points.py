"""Points of the map in an order of which every beginning is a fair sample."""

import numpy as np
import pytest

from curation_core.errors import ShapeError
from curation_core.map_points import CHUNK, MapPoints


def clumps(n: int, seed: int = 0) -> np.ndarray:
    """Points (n, 2) around nine places of very different weight."""
    rng = np.random.default_rng([seed, n])
    middles = np.stack(np.meshgrid([0, 10, 20], [0, 10, 20]), axis=-1).reshape(-1, 2)
    which = rng.choice(9, n, p=np.array([30, 1, 5, 2, 8, 10, 20, 4, 20]) / 100)
    return (middles[which] + rng.normal(0, 1, (n, 2))).astype(np.float32)


def test_every_row_is_there_once_and_lies_where_it_is():
    xy = clumps(150_000)
    points = MapPoints.of(xy)
    assert np.array_equal(np.sort(points.order), np.arange(150_000))
    x0, y0, x1, y1 = points.box
    assert x1 - x0 == pytest.approx(y1 - y0)
    back = points.positions / 65_535 * (x1 - x0) + (x0, y0)
    assert np.abs(back - xy[points.order]).max() <= 0.51 * (x1 - x0) / 65_535
    assert points.positions.min() == 0
    assert points.positions.max() == 65_535
    assert (points.order.dtype, points.positions.dtype) == (np.uint32, np.uint16)


def test_every_whole_number_of_chunks_is_a_fair_sample():
    xy = clumps(4 * CHUNK)
    weight = (xy[:, 0] > 5).mean(), (xy[:, 1] > 15).mean()
    points = MapPoints.of(xy)
    for chunks in (1, 2, 3):
        sample = xy[points.order[: chunks * CHUNK]]
        for axis, bound, share in ((0, 5, weight[0]), (1, 15, weight[1])):
            error = abs((sample[:, axis] > bound).mean() - share)
            assert error < 4 * np.sqrt(share * (1 - share) / len(sample))  # four standard errors


def test_inside_a_chunk_neighbours_lie_close_together():
    points = MapPoints.of(clumps(CHUNK))
    steps = np.abs(np.diff(points.positions.astype(np.int64), axis=0)).sum(axis=1)
    at_random = np.abs(np.diff(np.random.default_rng(0).permutation(points.positions).astype(np.int64), axis=0))
    assert np.median(steps) * 20 < np.median(at_random.sum(axis=1))


def test_the_same_places_and_seed_give_the_same_bytes_and_another_seed_does_not():
    xy = clumps(70_000)
    first, again, other = MapPoints.of(xy), MapPoints.of(xy.copy()), MapPoints.of(xy, seed=1)
    assert first.order.tobytes() == again.order.tobytes()
    assert first.positions.tobytes() == again.positions.tobytes()
    assert first.order.tobytes() != other.order.tobytes()


def test_rows_without_a_place_are_left_out_and_counted():
    xy = clumps(1_000)
    xy[::10] = np.nan
    xy[5, 1] = np.inf
    points = MapPoints.of(xy)
    assert (len(points), points.n, points.n_unplaced) == (899, 1_000, 101)
    assert np.isfinite(xy[points.order]).all()
    assert np.isfinite(points.box).all()


@pytest.mark.parametrize("xy", [np.zeros((5, 2)), np.zeros((1, 2)), np.full((3, 2), np.nan), np.zeros((0, 2))])
def test_points_in_one_place_or_none_at_all_still_have_a_box(xy):
    points = MapPoints.of(xy.astype(np.float32))
    assert points.box[2] - points.box[0] == 1
    assert len(points) + points.n_unplaced == len(xy)


def test_columns_and_masks_follow_the_order():
    points = MapPoints.of(clumps(100))
    column = np.arange(100, dtype=np.uint8)
    assert points.taken(column).tolist() == points.order.tolist()
    mask = column % 3 == 0
    bits = np.unpackbits(np.frombuffer(points.bits(mask), np.uint8), bitorder="little")[:100]
    assert bits.astype(bool).tolist() == mask[points.order].tolist()


def test_a_column_of_another_length_or_a_map_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match="99 rows, the map 100"):
        MapPoints.of(clumps(100)).taken(np.zeros(99))
    with pytest.raises(ShapeError, match=r"expected \(items, 2\)"):
        MapPoints.of(np.zeros((4, 3)))
