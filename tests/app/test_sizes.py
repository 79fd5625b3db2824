"""Sizes of clusters and classes: what is drawn, what a click means, and that all of it has a table and reads in both
themes."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation_app import chart_sizes, charts, distributions_view, loaders, show, state
from curation_app.chart_contrast import SIDES, class_bars
from curation_app.chart_convergence import convergence_panels
from curation_app.chart_sizes import BEFORE, COLOURS, DECIDED, DRAWN, POOL, Sizes, Subject
from curation_app.columns import item_columns
from curation_app.scene import Found, Scene
from curation_core.contrast import class_contrast
from curation_core.distributions import binned, log_edges, lorenz_curve, rank_curve
from curation_core.selection import Filter, Selection
from curation_core.workspace import Workspace


def scene_of(ws: Workspace, selection: Selection = Selection()) -> Scene:  # noqa: B008 - it is frozen
    pool, decided, plan = loaders.pool(ws), loaders.decisions(ws), loaders.current_draw(ws)
    drawn = loaders.drawn_mask(pool, plan)
    rows = pool.by_distance(selection.level, selection.cluster) if selection.kind == "cluster" else np.zeros(0, int)
    return Scene(
        ws=ws,
        pool=pool,
        xy=loaders.xy(ws),
        map_key="",
        decided=decided,
        plan=plan,
        drawn=drawn,
        columns=item_columns(ws, pool, decided, drawn),
        selection=selection,
        filters=(),
        matching=np.ones(pool.hierarchy.n_items, dtype=bool),
        found=Found(rows),
    )


@pytest.fixture
def ws(full_folder) -> Workspace:
    return Workspace(full_folder / "shapes")


@pytest.fixture
def told(monkeypatch) -> SimpleNamespace:
    """What the state was told, without a tab."""
    heard = SimpleNamespace(clusters=[], filters=[], said=[])
    monkeypatch.setattr(state, "select_cluster", lambda level, cluster: heard.clusters.append((level, cluster)))
    monkeypatch.setattr(state, "add_filter", heard.filters.append)
    monkeypatch.setattr(state, "say", heard.said.append)
    return heard


def series_of(*counts: np.ndarray, most: int = 300) -> list[Sizes]:
    names = (POOL, DRAWN, DECIDED)
    return [
        Sizes(name, found, rank_curve(found, most=most), lorenz_curve(found, pool=found))
        for name, found in zip(names, counts, strict=False)
    ]


SUBJECT = Subject("Sizes", "cluster", 100, lambda clusters: [f"c{cluster}" for cluster in clusters])


def test_the_series_of_a_level_are_all_stages_of_the_items(ws):
    ws.decide_cluster(2, 0, "drop")
    scene = scene_of(ws)
    series = {one.name: one for one in distributions_view.size_series(scene, "level 2")}
    tree = scene.pool.hierarchy
    assert list(series) == [BEFORE, POOL, DECIDED, DRAWN]
    assert series[POOL].counts.tolist() == tree.sizes(2).tolist()
    assert series[BEFORE].counts.sum() == tree.n_items
    assert series[DECIDED].counts[0] == 0
    assert series[DECIDED].counts.sum() == tree.n_items - tree.sizes(2)[0]
    assert series[DRAWN].counts.sum() == len(scene.plan.indices)
    assert not series[BEFORE].known


def test_a_decision_and_another_draw_change_the_series_at_once(ws):
    assert DECIDED not in {one.name for one in distributions_view.size_series(scene_of(ws), "level 1")}
    ws.decide_cluster(2, 1, "drop")
    again = distributions_view.size_series(scene_of(ws), "level 1")
    assert DECIDED in {one.name for one in again}


def test_classes_of_a_column_are_counted_with_their_names(ws):
    scene = scene_of(ws)
    pool = next(one for one in distributions_view.size_series(scene, "shape") if one.name == POOL)
    subject = distributions_view.subject_of(scene, "shape")
    codes, names = scene.columns.codes("shape")
    assert pool.counts.tolist() == np.bincount(codes).tolist()
    assert subject.names(range(len(names))) == names
    assert subject.whats == "values"


def test_a_click_on_a_cluster_selects_it_and_on_a_class_filters_by_it(ws, told):
    scene = scene_of(ws)
    distributions_view.choose(scene, "level 2", [3])
    distributions_view.choose(scene, "shape", [1])
    distributions_view.choose(scene, "level 1", [4, 5])
    assert told.clusters == [(2, 3)]
    names = scene.columns.codes("shape")[1]
    assert told.filters == [Filter("one_of", "shape", (names[1],)), Filter("one_of", "level 1", ("4", "5"))]


def test_a_bar_of_more_groups_than_a_link_holds_says_so(ws, told):
    distributions_view.choose(scene_of(ws), "level 1", list(range(500)))
    distributions_view.choose(scene_of(ws), "level 1", [])
    assert not told.filters
    assert len(told.said) == 1
    assert "500" in told.said[0]


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ({"selection": {"points": [{"curve_number": 1, "point_index": 7}]}}, (1, 7)),
        ({"selection": {"points": []}}, None),
        ({"selection": {"points": [{"curve_number": "1", "point_index": 7}]}}, None),
        ({"selection": {"points": [{"curve_number": -1, "point_index": 7}]}}, None),
        (None, None),
    ],
)
def test_a_click_is_read_from_the_event_or_is_none(event, place):
    assert distributions_view.clicked(event) == place


def test_a_second_click_on_one_point_means_the_same_point(ws, told, monkeypatch):
    kept: dict[str, object] = {}
    monkeypatch.setattr(state, "widget", kept.get)
    monkeypatch.setattr(state, "set_widget", kept.__setitem__)
    kept["w"] = {"selection": {"points": [{"curve_number": 0, "point_index": 2}]}}
    distributions_view._picked(scene_of(ws), "level 2", "w", lambda curve, point: [point])
    kept["w"] = {"selection": {"points": []}}
    distributions_view._picked(scene_of(ws), "level 2", "w", lambda curve, point: [point])
    assert told.clusters == [(2, 2), (2, 2)]


def test_lines_carry_their_names_and_hover_names_the_node():
    chart = chart_sizes.size_curves(series_of(np.array([5, 90, 0, 5]), np.array([1, 2, 0, 1])), SUBJECT, selected=1)
    pool, _, ring = chart.figure.data
    assert pool.text == ("c1", "c0", "c3")
    assert pool.y.tolist() == [90, 5, 5]
    assert pool.customdata.tolist() == [90.0, 5.0, 5.0]
    assert (ring.x, ring.y) == ((1, 1), (90, 2))
    notes = " ".join(note.text for note in chart.figure.layout.annotations)
    assert "pool" in notes
    assert "drawn" in notes
    assert "c1" in notes
    assert chart.table["cluster"] == ["c1", "c0", "c3"]
    assert chart.table["drawn, items"] == [2, 1, 1]
    assert "largest 90" in chart.alt


def test_a_thousand_thousand_clusters_are_drawn_with_few_points_and_bytes():
    counts = np.random.default_rng([4]).zipf(1.5, 1_000_000) % 3_000
    chart = chart_sizes.size_curves(series_of(counts, counts // 3, most=500), SUBJECT)
    assert sum(len(line.x) for line in chart.figure.data) <= 1_500
    assert len(chart.figure.to_json()) < 200_000
    assert chart.figure.data[0].x[-1] == (counts > 0).sum()
    assert len(chart.table["rank"]) <= 500


def test_labels_beside_the_lines_do_not_overlap():
    same = np.array([9, 8, 7])
    chart = chart_sizes.size_curves(series_of(same, same, same), SUBJECT)
    places = sorted(note.y for note in chart.figure.layout.annotations)
    assert len(places) == 3
    assert np.diff(places).min() * 200 >= 30  # pixels of the plot in the lowest window
    assert 0 <= places[0] <= places[-1] <= 1


@pytest.mark.parametrize("log_rank", [True, False])
def test_ranks_may_be_logarithmic_or_not(log_rank):
    chart = chart_sizes.size_curves(series_of(np.arange(1, 50)), SUBJECT, log_rank=log_rank, selected=3)
    assert chart.figure.layout.xaxis.type == ("log" if log_rank else "linear")
    assert chart.figure.layout.yaxis.type == "log"
    ringed = next(note for note in chart.figure.layout.annotations if "c3" in note.text)
    assert ringed.x == pytest.approx(np.log10(46) if log_rank else 46)


def test_bars_of_every_series_count_all_groups_on_one_axis():
    series = series_of(np.array([1, 1, 5, 120]), np.array([1, 0, 2, 3]))
    edges = log_edges(120)
    chart = chart_sizes.size_histograms(series, edges, {one.name: binned(one.counts, edges) for one in series}, SUBJECT)
    assert [sum(bars.y) for bars in chart.figure.data] == [4, 4]
    assert chart.figure.layout.yaxis.range == chart.figure.layout.yaxis2.range
    assert chart.table["items"][:4] == ["0", "1", "2", "3–4"]


def test_lorenz_curves_say_their_gini():
    chart = chart_sizes.lorenz_curves(series_of(np.array([1, 1, 98]), np.array([4, 4, 4])), SUBJECT)
    notes = [note.text for note in chart.figure.layout.annotations]
    assert any("drawn · Gini 0.00" in note for note in notes)
    assert any("pool · Gini 0.65" in note for note in notes)
    assert chart.table["drawn, % of items"][5] == 50


def test_convergence_has_a_column_per_level_and_marks_where_nothing_was_left_to_do(ws):
    trace = [dict(record) for record in loaders.pool(ws).hierarchy.trace]
    trace[-1]["no_op"] = 1
    chart = convergence_panels(trace, "Run")
    assert len(chart.figure.data) == 4  # spread and inertia of two levels
    inertia = chart.figure.data[1]
    assert inertia.y[0] == 100
    assert any("nothing to resample" in text for line in chart.figure.data for text in line.text)
    assert "level 1: spread" in chart.alt


def test_colours_stand_out_from_both_backgrounds():
    def luminance(colour: str) -> float:
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    for colour in (*COLOURS.values(), *SIDES):
        for background in ("#ffffff", "#12161d"):
            low, high = sorted((luminance(colour), luminance(background)))
            assert (high + 0.05) / (low + 0.05) >= 3, (colour, background)


def test_bars_of_two_sets_show_the_classes_that_differ_most_and_the_table_all():
    codes = np.repeat(np.arange(30), 10)
    found = class_contrast(codes, [f"k{i}" for i in range(30)], np.arange(0, 200), np.arange(100, 300))
    chart = class_bars(found, "Share", ("left", "right"))
    assert len(chart.figure.data[0].x) == 10
    assert "10 that differ most of 30" in chart.figure.layout.title.text
    assert len(chart.table["value"]) == 30


def test_the_curves_of_balance_are_thinned_too():
    counts = np.random.default_rng([6]).zipf(1.5, 200_000) % 900
    curves = charts.rank_curves({"pool": counts, "drawn": counts // 4}, "Sizes")
    assert sum(len(line.x) for line in curves.figure.data) <= 1_500
    ordered = np.sort(counts)[::-1]
    assert curves.table["pool"] == [int(ordered[rank - 1]) for rank in curves.table["rank"]]
    lorenz = charts.lorenz({"pool": counts}, "Balance")
    assert len(lorenz.figure.data[1].x) <= 1_500


def test_a_table_as_csv_is_shown_by_a_spreadsheet_and_not_computed():
    text = show.as_csv({"=name": ["=cmd()", "b,c"], "n": [1]}).decode()
    assert text == "'=name,n\n'=cmd(),1\n\"b,c\",\n"


def script():
    from curation_app import distributions_view, loaders, state
    from tests.app.test_sizes import scene_of

    state.use_workspace("shapes")
    distributions_view.sizes(scene_of(loaders.current()), key="d")


@pytest.mark.parametrize("view", ["Curve", "Histogram", "Lorenz", "Convergence"])
def test_every_view_of_the_sizes_draws(full_folder, view):
    app = AppTest.from_function(script, default_timeout=60).run()
    app.segmented_control(key="d-view").set_value(view).run()
    assert not app.exception
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert spec["data"]
    assert app.caption
    if view != "Convergence":
        app.selectbox(key="d-column").set_value("shape").run()
        assert not app.exception
        assert "shape" in json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["title"]["text"]
