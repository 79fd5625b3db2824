"""Charts are figures with a table and a description; a browser is never sent more than it can draw."""

import numpy as np
import pytest

from curation_app import charts
from curation_app.chart_map import MOST_POINTS, map_figure, polygons_of, shown_rows, top_classes
from curation_app.palette import CATEGORIES, sequential, text_on
from curation_core.polygons import in_polygon


def test_text_on_every_tile_reads_at_four_and_a_half_to_one():
    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ (
            0.2126,
            0.7152,
            0.0722,
        )

    tiles = [*sequential(np.linspace(0, 1, 50)), *CATEGORIES]
    for tile, text in zip(tiles, text_on(tiles), strict=True):
        low, high = sorted((luminance(tile), luminance(text)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (tile, text)


def test_a_map_above_the_limit_draws_a_fair_sample_and_says_so():
    n = MOST_POINTS + 10_000
    xy = np.random.default_rng([0]).normal(size=(n, 2))
    chart = map_figure(xy, np.arange(n) % 3, ["a", "b", "c"], "Map")
    assert sum(len(trace.x) for trace in chart.figure.data) == MOST_POINTS
    assert f"{MOST_POINTS:,} of {n:,} points shown" in chart.figure.layout.title.subtitle.text
    assert sum(chart.table["items"]) == n


def test_shown_rows_are_distinct_and_repeatable():
    rows = shown_rows(1_000, 100)
    assert len(np.unique(rows)) == 100
    assert (rows == shown_rows(1_000, 100)).all()


def test_more_than_ten_classes_become_nine_and_other():
    codes = np.repeat(np.arange(15), np.arange(15, 0, -1))
    new, labels = top_classes(codes, [f"c{i}" for i in range(15)])
    assert labels == [f"c{i}" for i in range(9)] + ["other (6)"]
    assert np.bincount(new).tolist() == [15, 14, 13, 12, 11, 10, 9, 8, 7, 6 + 5 + 4 + 3 + 2 + 1]


def test_a_selection_is_drawn_on_top_and_the_rest_fades():
    xy = np.zeros((10, 2))
    selected = np.arange(10) < 4
    chart = map_figure(xy, np.zeros(10, int), ["a"], "Map", selected=selected)
    assert [len(trace.x) for trace in chart.figure.data] == [10, 4]
    assert chart.figure.data[0].marker.opacity < chart.figure.data[1].marker.opacity


def test_lassos_and_boxes_of_a_selection_become_polygons():
    event = {"lasso": [{"x": [0, 1, 1], "y": [0, 0, 1]}], "box": [{"x": [2, 0], "y": [0, 1]}], "points": []}
    lasso, box = polygons_of(event)
    assert lasso.shape == (3, 2)
    assert in_polygon(np.array([[1.0, 0.5], [3.0, 0.5]]), box).tolist() == [True, False]


def test_names_from_data_cannot_become_markup():
    hostile = "<b onclick=x>"
    chart = charts.share_bars([hostile], np.array([3]), np.array([1]), hostile)
    text = chart.figure.to_json()
    assert "<b onclick" not in text
    assert "&lt;b onclick" in text
    assert chart.table["class"] == [hostile]


def test_rank_curves_sort_and_the_table_holds_every_value():
    chart = charts.rank_curves({"pool": np.array([1, 9, 0, 4]), "drawn": np.array([1, 2, 0, 2])}, "Sizes")
    assert chart.figure.data[0].y.tolist() == [9, 4, 1]
    assert chart.table["pool"] == [9, 4, 1, 0]
    assert chart.figure.layout.yaxis.type == "log"


def test_share_bars_show_the_largest_and_say_of_how_many():
    counts = np.arange(1, 101)
    chart = charts.share_bars([f"c{i}" for i in range(100)], counts, counts[::-1], "Shares")
    assert len(chart.figure.data[0].x) == charts.MOST_ROWS
    assert chart.figure.data[0].x[0] == pytest.approx(100 * 100 / counts.sum())
    assert "16 largest of 100" in chart.figure.layout.title.text
    assert len(chart.table["class"]) == 100


def test_the_size_histogram_counts_every_cluster_that_is_not_empty():
    sizes = np.array([0, 1, 1, 5, 1_000])
    chart = charts.size_histogram(sizes, "Sizes")
    assert sum(chart.table["clusters"]) == 4
    assert "1 empty" in chart.alt


def test_the_lorenz_curve_of_equal_groups_is_the_diagonal():
    chart = charts.lorenz({"even": np.full(10, 7)}, "Balance")
    np.testing.assert_allclose(chart.figure.data[1].x, chart.figure.data[1].y)


def test_convergence_has_a_line_per_level():
    trace = [
        {"level": level, "step": step, "inertia": 9.0 - step, "spread": 0.5} for level in (1, 2) for step in range(3)
    ]
    chart = charts.convergence(trace, "inertia", "Inertia", "inertia")
    assert [line.name for line in chart.figure.data] == ["level 1", "level 2"]
    assert chart.figure.data[0].y == (9.0, 8.0, 7.0)
