"""The tree in Explore: picture, list and card agree with each other, with the state and with what people said."""

import re
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation_app import loaders, scenes
from curation_app.chart_tree import DEPTH, FEWEST, shown_nodes, tree_figure
from curation_app.columns import item_columns
from curation_app.scene import Found, Scene
from curation_app.state import AppState
from curation_core.hierarchy import Hierarchy, Level
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.node_figures import NodeFigure, of_level
from curation_core.selection import Selection
from curation_core.workspace import Workspace

HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil) **b**"


def page():
    import streamlit as st

    from curation_app import cluster_card, tree_view

    shown = st.session_state["scene"]()
    tree_view.tree_list(shown)
    tree_view.tree_picture(shown, st.session_state["kind"])
    st.caption(" · ".join(cluster_card.cluster_facts(shown)))
    cluster_card.name_form(shown)


@pytest.fixture
def ws(full_folder) -> Workspace:
    return Workspace.open(full_folder / "shapes")


@pytest.fixture
def opened(ws):
    """A function that opens the views for a state; the scene is made anew on every run, as the page does."""

    def scene() -> Scene:
        return scenes.scene(ws)[0]

    def run(kind: str = "icicle", **fields) -> AppTest:
        app = AppTest.from_function(page, default_timeout=60)
        app.session_state["scene"], app.session_state["kind"] = scene, kind
        app.session_state["curation"] = AppState(workspace="shapes", **fields)
        app.run()
        assert not app.exception, app.exception
        return app

    return run


def listed(app):
    return app.dataframe[0].value


def nodes(app):
    return app.dataframe[-1].value


def now(app) -> AppState:
    return app.session_state["curation"]


def call_it(app, name):
    """Type a name for the selected cluster and press the button beside it."""
    next(field for field in app.text_input if field.label == "Name this cluster").set_value(name)
    next(button for button in app.button if button.label == "Name").click().run()
    assert not app.exception


def cluster(level, number):
    return Selection("cluster", level, number)


@pytest.fixture
def tree(ws) -> Hierarchy:
    return ws.hierarchy()


def test_the_list_shows_the_coarsest_level_largest_first(opened, tree):
    table = listed(opened())
    assert table["items"].tolist() == sorted(tree.sizes(2)[tree.sizes(2) > 0].tolist(), reverse=True)
    assert table["drawn"].sum() == 30
    assert table["share"].sum() == pytest.approx(100)


def test_what_is_open_is_listed_by_its_children_and_drawn_from_there(opened, tree):
    largest = int(tree.sizes(2).argmax())
    app = opened(root=(2, largest), selection=cluster(2, largest))
    inside = [int(name.split(" · ")[0]) for name in listed(app)["cluster"]]
    assert sorted(inside) == [c for c in tree.children(2, largest).tolist() if tree.sizes(1)[c]]
    assert nodes(app)["node"].tolist()[0] == f"2:{largest}"
    assert set(nodes(app)["node"].tolist()[1:]) == {f"1:{c}" for c in inside}


def test_the_breadcrumb_walks_back_up(opened, tree):
    largest = int(tree.sizes(2).argmax())
    app = opened(root=(2, largest), selection=cluster(2, largest))
    app.button(key="crumb-root").click().run()
    assert now(app).root is None
    assert now(app).selection == Selection()
    assert nodes(app)["node"].tolist()[0] == "root"


def test_a_cluster_selected_elsewhere_moves_the_list_to_its_level_and_into_view(opened, tree):
    smallest = int(np.where(tree.sizes(1) > 0, tree.sizes(1), 99).argmin())
    app = opened(selection=cluster(1, smallest), list_epoch=3)
    names = listed(app)["cluster"].tolist()
    place = next(i for i, name in enumerate(names) if name.split(" · ")[0] == str(smallest))
    assert place < 8
    assert f"1:{smallest}" in nodes(app)["node"].tolist()


def test_the_selected_row_stays_in_view_when_the_list_is_sorted_anew(opened, tree):
    app = opened(selection=cluster(1, int(np.flatnonzero(tree.sizes(1))[-1])))
    app.segmented_control(key="tree-list-sort").set_value("number").run()
    names = listed(app)["cluster"].tolist()
    assert names[0].split(" · ")[0] == str(now(app).selection.cluster)
    assert names[1].split(" · ")[0] == str(np.flatnonzero(tree.sizes(1))[0])


def test_a_selection_outside_of_what_is_open_closes_it(opened, tree):
    outside = int(np.flatnonzero((tree.parents(1) != 0) & (tree.sizes(1) > 0))[0])
    app = opened(root=(2, 0), selection=cluster(1, outside))
    assert nodes(app)["node"].tolist()[0] == "root"
    app.button(key="crumb-root")
    assert app.button(key="crumb-root").disabled


@pytest.mark.parametrize(
    "where", [{"root": (7, 1)}, {"root": (2, 999)}, {"selection": cluster(9, 1)}, {"root": (1, 0)}]
)
def test_old_links_show_the_whole_tree(opened, where):
    assert nodes(opened(**where))["node"].tolist()[0] == "root"


def test_search_looks_at_names_and_sorting_turns_the_list_round(opened):
    app = opened()
    app.text_input(key="list-search").set_value("red").run()
    found = listed(app)["cluster"].tolist()
    assert found
    assert all("red" in name for name in found)
    app.text_input(key="list-search").set_value("").run()
    app.toggle(key="tree-list-up").set_value(True).run()
    sizes = listed(app)["items"].tolist()
    assert sizes == sorted(sizes)
    app.segmented_control(key="tree-list-sort").set_value("name").run()
    app.toggle(key="tree-list-up").set_value(False).run()
    words = [name.partition(" · ")[2] for name in listed(app)["cluster"]]
    assert [w for w in words if w] == sorted(w for w in words if w)


def test_list_and_picture_show_the_same_figure_wherever_it_is_chosen(opened):
    app = opened()
    app.selectbox(key="tree-picture-figure").set_value("purity of shape").run()
    assert app.selectbox(key="tree-list-figure").value == "purity of shape"
    assert "purity of shape" in listed(app)
    app.selectbox(key="tree-list-figure").set_value("cohesion").run()
    assert app.selectbox(key="tree-picture-figure").value == "cohesion"
    assert "cohesion" in nodes(app)


@pytest.mark.parametrize("figure", ["branch of the tree", "decision", "share dropped", "mean of width"])
@pytest.mark.parametrize("kind", ["icicle", "treemap", "sunburst"])
def test_every_figure_colours_every_picture(opened, figure, kind):
    app = opened(kind)
    app.selectbox(key="tree-picture-figure").set_value(figure).run()
    assert not app.exception
    assert nodes(app)["items"][0] == 120


def test_a_name_that_a_person_gives_is_shown_everywhere_and_undone(opened, ws, tree):
    app = opened(selection=cluster(2, 1))
    call_it(app, "  my \n shapes ")
    assert ws.decisions().labels[1] == {1: "my shapes"}
    assert ws.decisions().eligible.all()
    assert "1 · my shapes" in listed(app)["cluster"].tolist()
    assert "1 · my shapes" in nodes(app)["name"].tolist()
    ws.reviews.undo()
    app.run()
    assert "1 · my shapes" not in listed(app)["cluster"].tolist()


def test_an_empty_name_takes_the_name_away_and_the_same_name_is_no_event(opened, ws):
    app = opened(selection=cluster(2, 1))
    call_it(app, "shapes")
    assert ws.reviews.version() == 1
    call_it(app, "shapes")
    assert ws.reviews.version() == 1
    call_it(app, "")
    assert ws.decisions().labels[1] == {}


def test_hostile_names_stay_text(opened, ws):
    app = opened(selection=cluster(2, 1))
    call_it(app, HOSTILE)
    app.session_state["curation"] = replace(now(app), root=(2, 1))
    app.run()
    spec = app.get("plotly_chart")[0].proto.spec
    assert "<img" not in spec.replace("&lt;img", "")
    said = [*(element.value for element in app.markdown), *(element.value for element in app.caption)]
    said += [button.label for button in app.button]
    bare = [re.sub(r"\\.", "", text) for text in said]  # what Markdown still obeys
    assert not any("![" in text or "**b" in text or "<img" in text for text in bare)
    assert any("onerror" in text for text in bare)
    assert f"1 · {HOSTILE}" in nodes(app)["name"].tolist()


def test_the_facts_of_a_cluster_say_where_it_hangs(opened, ws):
    parent = int(ws.hierarchy().parents(1)[3])
    app = opened(selection=cluster(1, 3))
    said = next(element.value for element in app.caption if "level 1" in element.value)
    assert said.startswith(f"in {parent}")


# ---- nodes and figures


def wide(n: int, parents: int) -> Hierarchy:
    """Leaves of one item each, below some parents."""
    leaf, top = np.arange(n, dtype=np.int32), (np.arange(n) % parents).astype(np.int32)
    return Hierarchy(
        tuple(
            Level(np.zeros((k, 2), np.float32), a, np.zeros(len(a), np.float32)) for k, a in ((n, leaf), (parents, top))
        )
    )


def drawn_nowhere(tree: Hierarchy) -> list[np.ndarray]:
    return [np.zeros(k, np.int64) for k in tree.n_clusters]


def numbered(level: int, clusters: np.ndarray) -> list[str]:
    return [f"{level}/{c}" for c in clusters.tolist()]


def test_clusters_too_small_to_see_are_folded_but_the_largest_of_a_level_stay():
    tree = wide(5_000, 2)
    found = shown_nodes(tree, drawn_nowhere(tree), numbered, least=0.01)
    kinds = [node.id.split(":")[0] for node in found]
    assert kinds.count("1") == FEWEST
    assert kinds.count("rest") == 2
    assert sum(node.size for node in found if node.parent == "2:0") == tree.sizes(2)[0]


def test_a_cluster_is_never_folded_alone():
    tree = wide(7, 1)
    found = shown_nodes(tree, drawn_nowhere(tree), numbered, most=9)  # room for 6 of the 7, and a fold
    assert [node.id for node in found if node.id.startswith("rest")] == []
    assert len(found) == 9


def test_no_more_than_three_levels_below_what_is_open_are_sent():
    owners = [np.arange(2, dtype=np.int32)] * 6
    tree = Hierarchy(tuple(Level(np.zeros((2, 2), np.float32), a, np.zeros(2, np.float32)) for a in owners))
    found = shown_nodes(tree, drawn_nowhere(tree), numbered)
    assert {node.id.split(":")[0] for node in found} == {"root", "6", "5", "4"}
    assert DEPTH == 3


def test_names_are_asked_for_shown_clusters_only():
    tree, asked = wide(5_000, 2), []

    def names(level, clusters):
        asked.extend((level, c) for c in clusters.tolist())
        return numbered(level, clusters)

    found = shown_nodes(tree, drawn_nowhere(tree), names, most=50)
    assert len(asked) == sum(not node.id.startswith(("rest", "root")) for node in found)


def test_a_node_says_its_figure_and_a_fold_the_mean_of_what_it_holds():
    tree = wide(100, 2)
    values = np.arange(100, dtype=np.float64)
    columns = ItemColumns.of(100, [ItemColumn("x", "number", "yours", lambda: values)])
    figure = NodeFigure("mean", "x")
    levels = [of_level(figure, tree, level, columns) for level in (1, 2)]
    found = shown_nodes(tree, drawn_nowhere(tree), numbered, figures=levels, root=(2, 1), most=20)
    by_id = {node.id: node for node in found}
    assert by_id["2:1"].value == values[1::2].mean()
    shown = [int(node.id.split(":")[1]) for node in found if node.id.startswith("1:")]
    assert by_id["rest:2:1"].value == pytest.approx(np.mean([v for v in values[1::2] if v not in shown]))
    chart = tree_figure(found, "treemap", "T", n_items=100, figure=figure)
    assert chart.table["mean of x"][0] == "50"
    assert len(set(chart.figure.data[0].marker.colors)) > 5


def test_the_same_nodes_give_the_same_bytes():
    tree = wide(300, 3)
    first, second = (
        tree_figure(shown_nodes(tree, drawn_nowhere(tree), numbered), "sunburst", "T", n_items=300).figure.to_json()
        for _ in range(2)
    )
    assert first == second


@pytest.fixture(scope="module")
def uneven() -> Hierarchy:
    rng = np.random.default_rng([1])
    leaves = (rng.zipf(1.3, 5_000) % 400).astype(np.int32)
    levels = [leaves, np.arange(400, dtype=np.int32) % 40, np.arange(40, dtype=np.int32) % 5]
    return Hierarchy(
        tuple(
            Level(np.zeros((k, 2), np.float32), a, np.zeros(len(a), np.float32))
            for a, k in zip(levels, (400, 40, 5), strict=True)
        )
    )


def drawn_of(tree: Hierarchy, items: np.ndarray) -> list[np.ndarray]:
    return [np.bincount(a[items], minlength=k) for a, k in zip(tree.assignments, tree.n_clusters, strict=True)]


@pytest.mark.parametrize("least", [0.0, 0.002])
@pytest.mark.parametrize("most", [20, 100, 1_500])
def test_the_children_of_every_node_sum_to_it_or_are_not_drawn(uneven, most, least):
    drawn = drawn_of(uneven, np.arange(0, 5_000, 7))
    found = shown_nodes(uneven, drawn, numbered, most=most, least=least)
    assert len(found) <= most
    for node in found:
        below = [child for child in found if child.parent == node.id]
        if below:
            assert sum(child.size for child in below) == node.size
            assert sum(child.drawn for child in below) == node.drawn


def test_a_folded_node_says_how_many_clusters_it_holds(uneven):
    found = shown_nodes(uneven, drawn_nowhere(uneven), numbered, most=20)
    folded = [node for node in found if node.id.startswith("rest:")]
    assert folded
    assert all(node.label.startswith("+ ") and node.label.endswith(" smaller") for node in folded)


def test_a_tree_below_a_cluster_holds_only_its_own(uneven):
    found = shown_nodes(uneven, drawn_nowhere(uneven), numbered, root=(2, 3))
    assert found[0].size == uneven.sizes(2)[3]
    assert {node.id for node in found[1:]} == {f"1:{c}" for c in uneven.children(2, 3) if uneven.sizes(1)[c]}


def test_a_tree_below_a_leaf_is_the_leaf(uneven):
    assert [node.id for node in shown_nodes(uneven, drawn_nowhere(uneven), numbered, root=(1, 0))] == ["1:0"]


@pytest.mark.parametrize("kind", ["icicle", "treemap", "sunburst"])
@pytest.mark.parametrize("figure", [None, NodeFigure("drawn")])
def test_a_tree_figure_carries_ids_counts_and_a_table(uneven, kind, figure):
    found = shown_nodes(uneven, drawn_of(uneven, np.arange(100)), numbered)
    chart = tree_figure(found, kind, "Tree", n_items=uneven.n_items, figure=figure, selected="3:1")
    assert list(chart.figure.data[0].ids) == [node.id for node in found]
    assert chart.table["items"][0] == uneven.n_items
    assert f"{len(found):,} nodes" in chart.alt
    assert max(chart.figure.data[0].marker.line.width) == 3
    chart.figure.to_json()


def test_edges_of_thin_tiles_do_not_hide_their_colour_in_an_icicle_alone(uneven):
    found = shown_nodes(uneven, drawn_nowhere(uneven), numbered)
    drawn = {
        kind: tree_figure(found, kind, "Tree", n_items=uneven.n_items).figure.data[0] for kind in ("icicle", "treemap")
    }
    edges, fills = drawn["icicle"].marker.line.color, drawn["icicle"].marker.colors
    has_own = [edge != fill for edge, fill in zip(edges, fills, strict=True)]
    assert has_own == [node.size > 0.012 * uneven.n_items for node in found]
    assert len(set(has_own)) == 2
    assert len(set(drawn["treemap"].marker.line.color)) == 1


def test_a_leaf_of_a_treemap_says_its_number_and_two_words(uneven):
    def worded(_level, clusters):
        return [f"{c} · sea, ice, salt, <b>x</b>" for c in clusters.tolist()]

    found = shown_nodes(uneven, drawn_nowhere(uneven), worded)
    texts = tree_figure(found, "treemap", "Tree", n_items=uneven.n_items).figure.data[0].text
    parents = {node.parent for node in found}
    leaves = [
        text for node, text in zip(found, texts, strict=True) if node.id not in parents and "smaller" not in node.label
    ]
    assert leaves
    assert all(text.split("<br>")[1:] == ["sea", "ice"] for text in leaves)


# ---- clicks on the picture, as plotly reports them


def clicking():
    import streamlit as st

    from curation_app import tree_view
    from curation_app.chart_tree import shown_nodes

    shown, root = st.session_state["scene"](), st.session_state["curation"].root
    counts, names = tree_view.tree_figures.drawn_counts(shown), shown.pool.names.names
    nodes = shown_nodes(shown.pool.hierarchy, counts, names, root=root, most=st.session_state["most"])
    st.session_state["chart"] = {"selection": {"points": [{"id": name} for name in st.session_state["clicked"]]}}
    tree_view._node_picked("chart", shown, root, nodes)
    st.session_state["sent"] = [node.id for node in nodes]


@pytest.fixture
def click(ws):
    def run(*clicked: str, most: int = 1_500, **fields) -> AppTest:
        app = AppTest.from_function(clicking, default_timeout=60)

        def scene() -> Scene:
            pool, decided = loaders.pool(ws), loaders.decisions(ws)
            drawn = np.zeros(pool.hierarchy.n_items, bool)
            columns = item_columns(ws, pool, decided, drawn)
            chosen = app.session_state["curation"].selection
            return Scene(ws, pool, None, "", decided, None, drawn, columns, chosen, (), ~drawn, Found(np.zeros(0, int)))

        app.session_state["scene"], app.session_state["clicked"], app.session_state["most"] = scene, clicked, most
        app.session_state["curation"] = AppState(workspace="shapes", **fields)
        app.run()
        assert not app.exception, app.exception
        return app

    return run


def test_a_click_on_a_cluster_selects_and_opens_it(click):
    state = now(click("2:1"))
    assert (state.selection, state.root) == (cluster(2, 1), (2, 1))


def test_a_click_on_a_leaf_selects_it_and_leaves_what_is_open(click, tree):
    leaf = int(tree.children(2, 1)[0])
    state = now(click(f"1:{leaf}", root=(2, 1), selection=cluster(2, 1)))
    assert (state.selection, state.root) == (cluster(1, leaf), (2, 1))


def test_a_click_on_what_is_open_goes_one_up(click):
    state = now(click("2:1", root=(2, 1), selection=cluster(2, 1)))
    assert (state.selection, state.root) == (Selection(), None)


def test_a_click_on_a_fold_lists_what_it_holds(click, opened, tree):
    app = click("rest:root", most=5)
    shown = sum(name.startswith("2:") for name in app.session_state["sent"])
    assert 0 < shown < 6
    assert app.session_state["tree-skip"] == (None, shown)
    view = AppTest.from_function(page, default_timeout=60)
    view.session_state["scene"], view.session_state["kind"] = opened().session_state["scene"], "icicle"
    view.session_state["curation"], view.session_state["tree-skip"] = AppState(workspace="shapes"), (None, shown)
    view.run()
    assert listed(view)["items"].tolist() == sorted(tree.sizes(2).tolist(), reverse=True)[shown:]
    view.button(key="tree-all").click().run()
    assert len(listed(view)) == 6


@pytest.mark.parametrize("clicked", [(), ("nonsense",), ("9:1",), ("2:999",), ("1:-3",)])
def test_a_click_on_nothing_changes_nothing(click, clicked):
    before = AppState(workspace="shapes", root=(2, 1), selection=cluster(2, 1))
    assert now(click(*clicked, root=before.root, selection=before.selection)) == before


def test_the_list_says_how_much_of_an_outline_lies_in_each_cluster_most_first(opened, ws):
    ids = ws.item_ids()
    app = opened(selection=Selection("items", items=tuple(ids[:40])))
    listed = app.dataframe[0].value
    owner = ws.hierarchy().point_assignment(2)[:40]
    assert listed["in hand"].sum() == 40
    assert listed["in hand"].iloc[0] == np.bincount(owner).max()
    assert (np.diff(listed["in hand"]) <= 0).all()
