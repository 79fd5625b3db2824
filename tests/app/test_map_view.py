"""The map of a scene: what is sent, that equal scenes send equal data, and what gestures do to the state."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation_app import loaders, map_scene, map_view, state
from curation_app.columns import item_columns
from curation_app.components.scatter import scatter_data
from curation_app.published import published
from curation_app.scene import Found, Scene
from curation_core import finding
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.selection import Area, Selection
from curation_core.workspace import Workspace

EVERYTHING = Area(((-1e3, -1e3), (1e3, -1e3), (1e3, 1e3), (-1e3, 1e3)))


@pytest.fixture
def tab(monkeypatch) -> dict:
    """The session of a tab that looks at the workspace."""
    held = {state._KEY: state.AppState(workspace="shapes")}
    monkeypatch.setattr(state.st, "session_state", held)
    return held


@pytest.fixture
def ws(full_folder, tab) -> Workspace:
    return Workspace(full_folder / "shapes")


def scene_of(ws: Workspace, matching: np.ndarray | None = None) -> Scene:
    pool, decided, plan = loaders.pool(ws), loaders.decisions(ws), loaders.current_draw(ws)
    drawn, xy, chosen = loaders.drawn_mask(pool, plan), loaders.xy(ws), state.app_state().selection
    matching = np.ones(len(xy), dtype=bool) if matching is None else matching
    rows, score = finding.find(
        chosen, hierarchy=pool.hierarchy, vectors=pool.vectors, item_ids=pool.item_ids, xy=xy, within=matching
    )
    columns, key = item_columns(ws, pool, decided, drawn), loaders.mapped(ws).key
    return Scene(ws, pool, xy, key, decided, plan, drawn, columns, chosen, (), matching, Found(rows, score))


def data_of(scene: Scene) -> dict:
    return scatter_data(map_scene.map_data(scene, map_scene.colouring(scene)))


def labels_of(data: dict) -> dict[str, list]:
    """The labels as the browser fetches them."""
    return json.loads(published("shapes", data["labels"].rsplit("/", 1)[1]))


def bits(ws: Workspace, scene: Scene, url: str) -> np.ndarray:
    """A published mask in rows of the tree."""
    data = published("shapes", url.rsplit("/", 1)[1])
    points = map_scene.map_points(ws.path, scene.map_key)
    found = np.zeros(points.n, dtype=bool)
    found[points.order] = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: len(points)]
    return found


def test_the_same_scene_sends_the_same_data_byte_for_byte(ws):
    first, again = data_of(scene_of(ws)), data_of(scene_of(ws))
    assert json.dumps(first) == json.dumps(again)
    assert len(json.dumps(first)) < 4_000


def test_a_selection_changes_masks_and_counts_and_leaves_points_and_colours_alone(ws):
    before = data_of(scene_of(ws))
    state.select_cluster(2, 1)
    scene = scene_of(ws)
    after = data_of(scene)
    for name in ("n", "positions", "order", "box", "labels"):
        assert after[name] == before[name]
    assert after["colour"]["url"] == before["colour"]["url"]
    members = scene.pool.hierarchy.members(2, 1)
    assert np.flatnonzero(bits(ws, scene, after["masks"]["selected"])).tolist() == sorted(members.tolist())
    assert sum(after["colour"]["classes"]["selected"]) == len(members)
    assert sum(after["colour"]["classes"]["total"]) == scene.n


def test_masks_say_what_matches_what_is_drawn_and_what_people_decided(ws):
    assert data_of(scene_of(ws))["masks"] | {"drawn": ""} == dict.fromkeys(
        ("selected", "matching", "dropped", "drawn", "kept"), ""
    )
    ws.decide_cluster(2, 0, "drop")
    ws.decide_cluster(2, 1, "keep")
    half = np.arange(scene_of(ws).n) % 2 == 0
    scene = scene_of(ws, half)
    masks, tree = data_of(scene)["masks"], scene.pool.hierarchy
    assert np.array_equal(bits(ws, scene, masks["matching"]), half)
    assert np.array_equal(bits(ws, scene, masks["dropped"]), tree.point_assignment(2) == 0)
    assert np.array_equal(bits(ws, scene, masks["kept"]), tree.point_assignment(2) == 1)
    assert np.array_equal(bits(ws, scene, masks["drawn"]), scene.drawn)


def test_a_selection_of_nothing_is_a_mask_of_nothing_and_no_selection_is_none(ws):
    state.select(Selection("items", items=("gone",)))
    scene = scene_of(ws)
    assert not bits(ws, scene, data_of(scene)["masks"]["selected"]).any()


def test_areas_and_camera_come_back_from_the_state(ws):
    state.select_area([EVERYTHING])
    state.update(camera=(1.0, 2.0, 3.0))
    data = data_of(scene_of(ws))
    assert data["areas"] == [{"polygon": [list(point) for point in EVERYTHING.polygon], "adds": True}]
    assert data["camera"] == [1.0, 2.0, 3.0]


def test_labels_have_an_address_that_stays_while_they_do(ws):
    first = data_of(scene_of(ws))
    state.select_cluster(2, 1)
    state.update(colour="width", size="distance")
    again = data_of(scene_of(ws))
    assert again["labels"] == first["labels"]
    assert sorted(labels_of(again)["id"][:6]) == [f"2:{cluster}" for cluster in range(6)]
    assert len(labels_of(again)["text"]) == len(labels_of(again)["x"]) == 30


def test_where_the_map_was_moved_to_is_not_sent_back_to_it(ws):
    state.update(camera=(1.0, 2.0, 3.0))  # as a link says
    first = data_of(scene_of(ws))
    map_scene.looked_at((4.0, 5.0, 6.0))
    assert state.app_state().camera == (4.0, 5.0, 6.0)
    assert data_of(scene_of(ws)) == first
    map_scene.looked_at(())
    assert data_of(scene_of(ws)) == first
    state.update(camera=(7.0, 8.0, 9.0))  # by something else than the map
    assert data_of(scene_of(ws))["camera"] == [7.0, 8.0, 9.0]


def test_a_new_tab_is_told_where_the_link_looks_whatever_another_tab_did(ws, tab):
    map_scene.looked_at((4.0, 5.0, 6.0))
    assert data_of(scene_of(ws))["camera"] == []
    tab.clear()
    tab[state._KEY] = state.AppState(workspace="shapes", camera=(4.0, 5.0, 6.0))
    assert data_of(scene_of(ws))["camera"] == [4.0, 5.0, 6.0]


def test_points_have_sizes_only_when_a_column_is_chosen_and_there(ws):
    assert "size" not in data_of(scene_of(ws))
    for wrong in ("a column of another workspace", "shape"):
        state.update(size=wrong)
        assert "size" not in data_of(scene_of(ws))
    before = data_of(scene_of(ws))
    state.update(size="distance")
    scene = scene_of(ws)
    data = data_of(scene)
    assert {name: value for name, value in data.items() if name != "size"} == before
    assert (data["size"]["title"], data["size"]["low"], data["size"]["high"][:2]) == ("distance", "0", "≥ ")
    codes = np.frombuffer(published("shapes", data["size"]["url"].rsplit("/", 1)[1]), np.uint8)
    order = map_scene.map_points(ws.path, scene.map_key).order
    far = np.asarray(scene.columns.numbers("distance"))[order]
    assert len(codes) == scene.n
    assert codes[far.argmin()] == 0
    assert codes[far.argmax()] == 255
    assert map_scene.sizing(scene_of(ws)) is map_scene.sizing(scene)


def test_a_colour_that_is_no_more_falls_back_to_the_default(ws):
    state.update(colour="a column of another workspace")
    assert map_scene.colouring(scene_of(ws)).title == "shape"


def test_a_number_has_ends_and_a_scale_and_what_has_none_is_the_last_of_the_palette(ws):
    state.update(colour="distance")
    colour = data_of(scene_of(ws))["colour"]
    assert colour["kind"] == "scale"
    assert colour["classes"] == {"name": [], "total": [], "selected": []}
    assert (colour["low"], colour["high"][:2]) == ("0", "≥ ")
    codes = published("shapes", colour["url"].rsplit("/", 1)[1])
    assert max(codes) < len(colour["palette"])


def test_what_did_not_change_is_not_coloured_again(ws):
    state.update(colour="width")
    first = map_scene.colouring(scene_of(ws))
    assert map_scene.colouring(scene_of(ws)) is first
    state.update(colour="distance")
    assert map_scene.colouring(scene_of(ws)) is map_scene.colouring(scene_of(ws))
    state.update(colour="level 1", root=(2, 0))
    assert map_scene.colouring(scene_of(ws)).title.startswith("level 1 in ")


def test_decisions_are_coloured_as_they_are_now(ws):
    state.update(colour="decision")
    assert map_scene.colouring(scene_of(ws)).totals.tolist()[2] == 0
    ws.decide_cluster(2, 0, "drop")
    scene = scene_of(ws)
    assert map_scene.colouring(scene).totals.tolist()[2] == scene.pool.hierarchy.sizes(2)[0]


def test_the_name_that_a_person_gave_is_on_the_map_and_in_the_legend(ws):
    state.update(colour="level 2")
    before = scene_of(ws)
    address = data_of(before)["labels"]
    assert not any("mine" in text for text in labels_of(data_of(before))["text"])
    given = ({}, {0: "<b>mine</b>"})
    before.pool.names.given = given
    data = data_of(replace(before, decided=replace(before.decided, labels=given)))
    labels = labels_of(data)
    assert data["labels"] != address
    assert labels["text"][labels["id"].index("2:0")] == "0 · <b>mine</b>"
    assert "0 · <b>mine</b>" in data["colour"]["classes"]["name"]


def test_names_from_data_are_cut_and_stay_text(ws):
    said = ["<img src=x onerror=alert(1)>", "x" * 10_000_000, "\u202eturned"]
    n = scene_of(ws).n
    column = ItemColumn("![](http://a/b.png)", "class", "yours", lambda: (np.arange(n) % 3, said))
    scene = replace(scene_of(ws), columns=ItemColumns.of(n, [column]))
    colour = data_of(scene)["colour"]
    assert colour["title"] == "![](http://a/b.png)"
    assert set(colour["classes"]["name"]) == {said[0], "x" * 79 + "…", "turned"}
    made = map_view.figure(scene, map_scene.colouring(scene)).figure.to_json()
    assert "<img" not in made
    assert len(made) < 200_000


def test_items_picked_one_by_one_are_lit_without_a_selection(ws):
    scene = replace(scene_of(ws), found=Found(np.array([4, 7])))
    assert np.flatnonzero(bits(ws, scene, data_of(scene)["masks"]["selected"])).tolist() == [4, 7]


def test_a_click_takes_an_item_in_hand_with_shift_beside_others_and_again_out(ws):
    pool = loaders.pool(ws)
    map_view.picked(pool, 3, add=False)
    assert state.app_state().selection == Selection("items", items=(pool.item_ids[3],))
    map_view.picked(pool, 5, add=True)
    assert state.app_state().selection.items == (pool.item_ids[3], pool.item_ids[5])
    map_view.picked(pool, 3, add=True)
    assert state.app_state().selection.items == (pool.item_ids[5],)
    map_view.picked(pool, 5, add=True)
    assert state.app_state().selection == Selection()
    map_view.picked(pool, 10**9, add=False)
    assert state.app_state().selection == Selection()


def test_a_click_on_a_name_selects_its_cluster_if_there_is_one(ws):
    pool = loaders.pool(ws)
    map_view.labelled(pool, 2, 3)
    assert state.app_state().selection == Selection("cluster", 2, 3)
    for level, cluster in ((0, 0), (3, 0), (2, 6), (1, 999)):
        map_view.labelled(pool, level, cluster)
        assert state.app_state().selection == Selection("cluster", 2, 3)


@pytest.mark.parametrize("colour", ["level 1", "distance", "decision", "drawn"])
def test_the_figure_shows_the_same_colours_and_what_is_selected(ws, colour):
    state.select_cluster(2, 1)
    state.update(colour=colour)
    scene = scene_of(ws)
    made = map_view.figure(scene, map_scene.colouring(scene))
    faded = sum(len(trace.x) for trace in made.figure.data if trace.marker.opacity < 0.5)
    lit = sum(len(trace.x) for trace in made.figure.data if trace.marker.opacity == pytest.approx(1, abs=0.11))
    assert (faded, lit) == (scene.n, len(scene.found))
    assert colour in made.alt


def page() -> None:
    """A page that shows nothing but the map of the only workspace."""
    from curation_app import loaders, map_view, places, state
    from tests.app.test_map_view import scene_of

    state.use_workspace(places.workspace_names()[0])
    map_view.map_view(scene_of(loaders.current()), key="map")


def test_the_page_offers_colours_and_keeps_the_choice_and_turns_into_a_figure(full_folder):
    app = AppTest.from_function(page, default_timeout=60).run()
    assert not app.exception
    colours = next(one for one in app.selectbox if one.label == "Colour by")
    assert colours.value == "shape"
    assert "level 1 · tree" in colours.options
    assert "shape" in colours.options  # one's own columns by their names alone
    colours.select("width").run()
    assert not app.exception
    assert next(one for one in app.selectbox if one.label == "Colour by").value == "width"
    sizes = next(one for one in app.selectbox if one.label == "Size by")
    assert (sizes.value, sizes.options[0]) == ("", "Equal size")
    assert "distance · tree" in sizes.options
    assert "level 1 · tree" not in sizes.options
    sizes.select("distance").run()
    assert not app.exception
    assert next(one for one in app.selectbox if one.label == "Size by").value == "distance"
    assert not app.get("plotly_chart")
    next(one for one in app.toggle if one.label == "Figure").set_value(True).run()
    assert not app.exception
    assert app.get("plotly_chart")


@pytest.fixture
def early(full_folder):
    """The workspace while its map is refined: only the preview is there."""
    ws = Workspace(full_folder / "shapes")
    made, preview = ws.plans.folder("project"), ws.plans.preview()
    meta = json.loads((made / "meta.json").read_text()) | {"refined": False, "key": preview.key}
    meta["config"] = dict(preview.config)
    shutil.move(made, made.with_name(preview.key))
    (made.with_name(preview.key) / "meta.json").write_text(json.dumps(meta))
    return ws


def test_a_preview_is_shown_and_said_to_be_one_until_the_refined_map_is_there(early, open_page):
    job = early.path / "jobs" / "20260101-000000-000000-project"
    job.mkdir(parents=True)
    (job / "spec.json").write_text('{"verb": "project", "options": {}, "submitted": ""}')  # a worker comes up
    app = open_page("explore", ws="shapes")
    assert not app.exception
    assert map_view._PREVIEW in [one.value for one in app.caption]
    preview = early.plans.preview().key
    assert loaders.mapped(early).key == preview
    assert loaders.status(early)["project"].reason == "only the preview is there; run project to refine it"
    shutil.rmtree(job)
    early.project()
    app.run()
    assert not app.exception
    assert map_view._PREVIEW not in [one.value for one in app.caption]
    assert loaders.mapped(early).key not in ("", preview)


def test_while_the_map_is_made_the_page_looks_for_it(tab, early, monkeypatch):
    scene, again = scene_of(early), []
    monkeypatch.setattr(map_view.st, "rerun", lambda: again.append(True))
    map_view._look_for_map(scene)
    assert not again
    early.project()
    map_view._look_for_map(scene)
    assert again


def test_without_a_map_the_page_says_what_to_do(ws, monkeypatch):
    said = []
    monkeypatch.setattr(map_view.show, "needs", lambda step, *_: said.append(step))
    map_view.map_view(replace(scene_of(ws), xy=None), key="map")
    assert said == ["project"]
