import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation_core.errors import ShapeError
from curation_core.metrics import uncrowding, vendi
from curation_core.scoring import (
    Yardstick,
    copies_share,
    crowding,
    oriented,
    pareto_front,
    shortfall_share,
    spread_cells,
)

numbers = st.sampled_from([0.0, 1.0, 2.0, np.nan])


def beaten_by_hand(table, row):
    """Whether another row has all that this one has, is nowhere lower and somewhere higher."""
    here = [figure for figure in range(table.shape[1]) if not np.isnan(table[row, figure])]
    for other in range(len(table)):
        if all(table[other, f] >= table[row, f] for f in here) and any(table[other, f] > table[row, f] for f in here):
            return True
    return False


@given(st.integers(1, 4).flatmap(lambda f: st.lists(st.lists(numbers, min_size=f, max_size=f), min_size=1, max_size=8)))
def test_the_front_is_what_no_other_row_beats(rows):
    table = np.array(rows)
    assert pareto_front(table).tolist() == [not beaten_by_hand(table, row) for row in range(len(table))]


def test_a_row_with_one_figure_alone_cannot_beat_one_with_all():
    assert pareto_front(np.array([[1.0, 1.0], [np.nan, 9.0]])).tolist() == [True, True]
    assert pareto_front(np.array([[1.0, 9.0], [np.nan, 1.0]])).tolist() == [True, False]


def test_crowding_worked_out_once_gives_the_uncrowding_of_every_draw():
    space = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    drawn = np.random.default_rng(1).choice(300, 40, replace=False)
    assert crowding(space)[drawn].mean() == pytest.approx(uncrowding(space, drawn), abs=1e-5)


def test_a_pool_of_copies_alone_is_crowded_in_no_place():
    assert crowding(np.ones((50, 3), np.float32)).tolist() == [0.0] * 50
    assert crowding(np.eye(3, dtype=np.float32)).tolist() == [0.0] * 3


@given(st.integers(1, 12), st.integers(0, 99))
def test_cells_lie_around_items_picked_farthest_first(n_cells, seed):
    space = np.random.default_rng(seed).normal(size=(30, 3)).astype(np.float32)
    cell = spread_cells(space, n_cells)
    distance = np.linalg.norm(space[:, None] - space[None], axis=2)
    centre = [int(np.linalg.norm(space - space.mean(axis=0), axis=1).argmin())]
    while len(centre) < n_cells:
        centre.append(int(distance[:, centre].min(axis=1).argmax()))
    assert cell.tolist() == distance[:, centre].argmin(axis=1).tolist()


def test_there_are_no_more_cells_than_different_items():
    assert len(set(spread_cells(np.repeat(np.eye(3, dtype=np.float32), 5, axis=0), 10).tolist())) == 3


def test_copies_are_items_whose_group_was_drawn_twice():
    assert copies_share(np.array([0, 0, 1, -1, -1])) == pytest.approx(0.4)
    assert copies_share(np.array([], dtype=np.int64)) == 0.0


def test_one_yardstick_measures_with_labels_and_without():
    rng = np.random.default_rng(0)
    vectors, label = rng.normal(size=(200, 6)).astype(np.float32), np.repeat([0, 1, -1, 2], 50)
    yardstick = Yardstick.of(vectors, np.full(200, -1), label, 20)
    drawn = np.array([0, 1, 50, 51, 100, 150, 151])
    found = yardstick.measure(drawn)
    assert found["entropy"] == pytest.approx(1.0)  # two of each class, and one item without a label
    assert found["vendi"] == pytest.approx(vendi(yardstick.space[drawn]))
    assert found["coverage"] == len(set(yardstick.cell[drawn].tolist())) / 20
    assert set(yardstick.measure(drawn, own_space=False)) == {"copies", "entropy"}
    assert "entropy" not in Yardstick.of(vectors, np.full(200, -1), None, 20).measure(drawn)
    everything = yardstick.measure(np.arange(200))
    assert everything["coverage"] == 1.0


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="label has shape"):
        Yardstick.of(np.zeros((5, 2)), np.full(5, -1), np.zeros(4, np.int64), 3)


def test_fewer_copies_are_better():
    few, many = ({"copies": share} for share in (0.1, 0.4))
    assert pareto_front(np.array([oriented(few), oriented(many)])).tolist() == [True, False]


def test_the_shortfall_is_what_small_clusters_cannot_give_of_an_even_share():
    assert shortfall_share(np.array([10, 10, 10]), 15) == 0.0
    assert shortfall_share(np.array([1, 5, 100, 0]), 30) == pytest.approx((9 + 5) / 30)
    assert shortfall_share(np.array([0, 0]), 5) == 0.0


def test_the_shortfall_is_told_and_judges_nothing():
    few, many = ({"vendi": 1.0, "shortfall": share} for share in (0.0, 0.9))
    assert pareto_front(np.array([oriented(few), oriented(many)])).tolist() == [True, True]
