"""The map in the page: what it is coloured by, the fast map or a figure to export, and what gestures on it mean."""

from collections.abc import Sequence

import streamlit as st

from curation_app import jobs_panel, loaders, show, state
from curation_app.chart_map import map_figure, polygons_of, scale_figure
from curation_app.charts import Chart, clipped
from curation_app.colouring import Choice, Colouring, colourings, sizings
from curation_app.components.scatter import scatter
from curation_app.map_scene import (
    LONGEST_NAME,
    colour_name,
    colouring,
    looked_at,
    map_data,
    rounded,
    selecting,
    size_name,
)
from curation_app.pool import Pool
from curation_app.scene import Scene
from curation_core.selection import Area, Selection

GROUPS = {  # what stands behind the name of a column that is not the user's own
    "item": "item",
    "tree": "tree",
    "review": "review",
    "draw": "draw",
    "quality": "quality",
    "duplicates": "duplicates",
    "faces": "faces",
}
FAST, FIGURE = "map", "figure"
EQUAL = "Equal size"  # to size by nothing
_PREVIEW = "Preview: the refined map takes its place when it is done."
_WHAT_A_PREVIEW_IS = (
    "Every item stands between the centroids nearest to it: regions are right, neighbours are not yet. Where no job is "
    "at work on the map, start it again in Cluster."
)
_LOOK_AGAIN = 2.0  # seconds


def map_view(scene: Scene, *, key: str) -> None:
    """The controls of the map and the map itself; says what is missing where there is none."""
    if scene.xy is None:
        show.needs("project", "", key)
        _await_map(scene)
        return
    if scene.preview:
        st.caption(_PREVIEW, help=_WHAT_A_PREVIEW_IS)
        _await_map(scene)
    with st.container(horizontal=True, vertical_alignment="center"):
        kind = map_controls(scene, key=key)
    map_body(scene, key=key, kind=kind)


def _await_map(scene: Scene) -> None:
    """While a job is at work on the map, look now and then whether there is another one to show."""
    if any(job.id.rsplit("-", 1)[-1] in ("project", "run") for job in jobs_panel.running(scene.ws)):
        st.fragment(_look_for_map, run_every=_LOOK_AGAIN)(scene)


def _look_for_map(scene: Scene) -> None:
    mapped = loaders.mapped(scene.ws)
    if (mapped.key if mapped else "") != scene.map_key:
        st.rerun()


def map_controls(scene: Scene, *, key: str) -> str:
    """Colour by, size by, and the fast map or a figure to export; returns FAST or FIGURE. For a row of controls."""
    _choose("Colour by", f"{key}-colour", colour_name(scene), colourings(scene.columns), "colour", ":material/palette:")
    sizes = [Choice("", ""), *sizings(scene.columns)]
    _choose("Size by", f"{key}-size", size_name(scene), sizes, "size", ":material/bubble_chart:")
    as_figure = st.toggle(
        "Figure",
        key=f"{key}-figure",
        help="The map as a plotly chart to export as SVG or PNG; above 50,000 items it shows a sample and says so.",
        width="content",
    )
    return FIGURE if as_figure else FAST


def _choose(label: str, widget: str, now: str, choices: Sequence[Choice], field: str, icon: str) -> None:
    """A list of columns; the one that is chosen goes into a field of the state."""
    known = {choice.name: choice for choice in choices}

    def chosen() -> None:
        state.update(**{field: state.widget(widget)})

    if state.widget(widget) != now:
        state.set_widget(widget, now)
    st.selectbox(
        label,
        list(known),
        key=widget,
        format_func=lambda one: _said(known[one]) if one in known else one,
        on_change=chosen,
        width="stretch",
        label_visibility="collapsed",
        icon=icon,
    )


def map_body(scene: Scene, *, key: str, kind: str = FAST) -> None:
    """The map alone. Scene must have a map."""
    coloured = colouring(scene)
    if kind == FIGURE:
        name = f"{key}-chart-{scene.map_key}-{state.app_state().map_epoch}"
        made = figure(scene, coloured)
        show.chart(made, name, on_select=lambda: _drawn_on(name), modes=("points", "box", "lasso"), height="stretch")
        return
    scatter(
        map_data(scene, coloured),
        key=f"{key}-{scene.map_key}",
        on_area=lambda areas, _mode: state.select_area(areas),
        on_picked=lambda row, add: picked(scene.pool, row, add=add),
        on_label=lambda level, cluster: labelled(scene.pool, level, cluster),
        on_camera=looked_at,
        on_cleared=lambda: state.clear_selection(by="map"),
    )


def figure(scene: Scene, coloured: Colouring) -> Chart:
    """The map as a plotly chart, to export; the title says when it is a sample."""
    assert scene.xy is not None
    lit = scene.in_hand if selecting(scene) else None
    title = f"Map by {clipped(coloured.title, LONGEST_NAME)}"
    if coloured.kind == "scale":
        ends = (coloured.low, coloured.high)
        captions = scene.pool.captions
        return scale_figure(scene.xy, coloured.codes, coloured.colours, ends, title, selected=lit, captions=captions)
    names = [clipped(name, LONGEST_NAME) for name in coloured.names]
    colours = dict(zip(names, coloured.colours, strict=True))
    return map_figure(
        scene.xy, coloured.codes, names, title, selected=lit, colours=colours, captions=scene.pool.captions
    )


def picked(pool: Pool, row: int, *, add: bool) -> None:
    """A point was clicked: it is in hand now, beside the items that were, or out when it was one of them."""
    if row >= pool.hierarchy.n_items:
        return  # of a tree that is no more
    item, now = pool.catalog.item_id[int(pool.rows[row])], state.app_state().selection
    held = now.items if add and now.kind == "items" else ()
    items = tuple(one for one in held if one != item) if item in held else (*held, item)
    state.select(Selection("items", items=items) if items else Selection(), by="map")


def labelled(pool: Pool, level: int, cluster: int) -> None:
    """The name of a cluster was clicked."""
    tree = pool.hierarchy
    if 1 <= level <= tree.n_levels and cluster < tree.n_clusters[level - 1]:
        state.select_cluster(level, cluster, by="map")


def _drawn_on(key: str) -> None:
    chosen = state.widget(key)["selection"]
    areas = polygons_of(chosen)
    if areas or not chosen.get("points"):
        state.select_area(Area(tuple((rounded(x), rounded(y)) for x, y in area.tolist())) for area in areas)


def _said(choice: Choice) -> str:
    if not choice.name:
        return EQUAL
    name = clipped(choice.name, LONGEST_NAME)
    return f"{name} · {GROUPS[choice.group]}" if choice.group in GROUPS else name
