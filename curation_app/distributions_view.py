"""How even is the pool? Sizes of clusters and classes, raw and drawn, and how the run got there."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from curation_app import chart_sizes, show, state
from curation_app.boundary import escaped
from curation_app.chart_convergence import convergence_panels
from curation_app.chart_sizes import BEFORE, DECIDED, DRAWN, POOL, Sizes, Subject
from curation_app.charts import clipped
from curation_app.scene import Scene
from curation_core.distributions import MOST_POINTS, binned, first_sizes, log_edges, lorenz_curve, rank_curve
from curation_core.selection import Filter

MOST_VALUES = 100  # classes that a click on a bar may filter by; a filter has to fit into a link
SPREAD = (
    "Spread: how unevenly the centroids are spaced, as the standard deviation of the distance to the nearest other "
    "centroid over its mean. 0 is a grid, about 0.5 is random; falling means that crowded places lose weight. "
    "Inertia rises meanwhile: flatter is not tighter."
)
_VIEWS = ("Curve", "Histogram", "Lorenz", "Convergence")


def sizes(scene: Scene, *, key: str) -> None:
    """Sizes of the groups of one column: by rank, in bins, as Lorenz curves; and the convergence of the run."""
    column, view, log_rank = _controls(scene, key)
    if view == "Convergence":
        _convergence(scene, key)
        return
    series = size_series(scene, column)
    subject = subject_of(scene, column)
    if not series or not len(series[0].curve.rank):
        st.caption(f"No item has a value in {escaped(column)}.")
        return
    if view == "Curve":
        _curves(scene, series, subject, column, log_rank, key)
    elif view == "Histogram":
        _histogram(scene, series, subject, column, key)
    else:
        show.chart(chart_sizes.lorenz_curves(series, subject), f"{key}-lorenz", height="stretch")
        st.caption(f"How much of the items the smaller {escaped(subject.whats)} hold; the diagonal is perfectly even.")


def size_series(scene: Scene, column: str) -> list[Sizes]:
    """What there is to compare for a column: before resampling, pool, after decisions, drawn; each kept as it is."""
    level = level_of(scene, column)
    stages = {BEFORE: ""} if level and first_sizes(scene.pool.hierarchy, level) is not None else {}
    stages[POOL] = ""
    if scene.decided.n_dropped:
        stages[DECIDED] = scene.decided.fingerprint
    drawn = _drawn(scene)
    if len(drawn):
        stages[DRAWN] = hashlib.blake2b(drawn.tobytes(), digest_size=16).hexdigest()
    most, (path, key) = MOST_POINTS // len(stages), (str(scene.ws.path), scene.pool.key)
    return [_stage(path, key, column, name, made_of, most, scene) for name, made_of in stages.items()]


def level_of(scene: Scene, column: str) -> int:
    """The level whose clusters a column holds, 0 for any other column."""
    about = scene.columns[column]
    number = column.removesuffix(" (ours)").removeprefix("level ")
    return int(number) if about.group == "tree" and about.kind == "class" and number.isdecimal() else 0


def subject_of(scene: Scene, column: str) -> Subject:
    """What is measured when a column is chosen."""
    level, n = level_of(scene, column), scene.n
    if level:
        k = scene.pool.hierarchy.n_clusters[level - 1]
        title = f"Cluster sizes at level {level}: {n:,} items in {k:,} clusters"
        return Subject(title, "cluster", n, lambda clusters: scene.pool.names.names(level, clusters))
    names = scene.columns.codes(column)[1]
    return Subject(
        f"Items per value of {clipped(column, 60)}: {n:,} items, {len(names):,} values",
        "value",
        n,
        lambda codes: [clipped(names[code], 200) or "(empty)" for code in codes],
    )


def choose(scene: Scene, column: str, groups: list[int]) -> None:
    """Take up groups that were clicked: one cluster is selected, values become a filter."""
    level = level_of(scene, column)
    if not groups:
        return
    if level and len(groups) == 1:
        state.select_cluster(level, groups[0])
    elif len(groups) > MOST_VALUES:
        state.say(
            f"That bar holds {len(groups):,}; at most {MOST_VALUES} fit into a filter. Pick on the curve instead."
        )
    else:
        names = (
            [str(group) for group in groups] if level else [scene.columns.codes(column)[1][group] for group in groups]
        )
        state.add_filter(Filter("one_of", column, tuple(names)))


def _controls(scene: Scene, key: str) -> tuple[str, str, bool]:
    offered = [name for name, column in scene.columns.items() if column.is_class and column.group in ("tree", "yours")]
    offered.sort(key=lambda name: level_of(scene, name) == 0)  # levels first, else in their own order
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        view = st.segmented_control(
            "View",
            _VIEWS,
            default="Curve",
            key=f"{key}-view",
            required=True,
            label_visibility="collapsed",
        )
        st.space("stretch")
        log_rank = True
        if view == "Curve":
            log_rank = st.toggle("Log ranks", True, key=f"{key}-log")
        column = offered[0]
        if view != "Convergence":
            column = st.selectbox(
                "Sizes of",
                offered,
                key=f"{key}-column",
                width=200,
                label_visibility="collapsed",
                format_func=lambda name: f"clusters of {name}" if level_of(scene, name) else clipped(name, 60),
            )
    return column, view, log_rank


def _curves(scene: Scene, series: list[Sizes], subject: Subject, column: str, log_rank: bool, key: str) -> None:
    chosen, level = scene.selection, level_of(scene, column)
    ringed = chosen.cluster if chosen.kind == "cluster" and chosen.level == level > 0 else -1
    made = chart_sizes.size_curves(series, subject, log_rank=log_rank, selected=ringed)
    widget = f"{key}-curve-{scene.pool.key}-{column}"

    def groups_at(curve: int, point: int) -> list[int]:
        if curve >= len(series) or not series[curve].known:
            return []
        found: list[int] = series[curve].curve.group[point : point + 1].tolist()
        return found

    show.chart(made, widget, on_select=lambda: _picked(scene, column, widget, groups_at), height="stretch")
    st.caption(_curve_caption(series, subject, level))


def _curve_caption(series: list[Sizes], subject: Subject, level: int) -> str:
    said = [f"Click a point to {'select its cluster' if level else 'filter by its value'}."]
    lead = next(one for one in series if one.name == POOL).curve
    if lead.is_thinned:
        said.append(f"{len(lead.rank):,} of {lead.n_groups:,} {subject.whats} are drawn: first, last and every bend.")
    if any(one.name == BEFORE for one in series):
        said.append("Before resampling: the clusters of the level's first k-means, which are not in the tree.")
    elif level:
        said.append("This run did not keep its sizes before resampling; cluster again to see them.")
    return " ".join(said)


def _histogram(scene: Scene, series: list[Sizes], subject: Subject, column: str, key: str) -> None:
    edges = log_edges(max(int(one.counts.max(initial=0)) for one in series))
    bins = {one.name: binned(one.counts, edges) for one in series}
    start = 0 if any(found[0] for found in bins.values()) else 1  # without empty groups there is no bin for 0
    edges, bins = edges[start:], {name: found[start:] for name, found in bins.items()}
    widget = f"{key}-histogram-{scene.pool.key}-{column}"

    def groups_at(curve: int, point: int) -> list[int]:
        if curve >= len(series) or not series[curve].known:
            return []
        counts = series[curve].counts
        return np.flatnonzero((counts >= edges[point]) & (counts < edges[point + 1])).tolist()

    made = chart_sizes.size_histograms(series, edges, bins, subject)
    show.chart(made, widget, on_select=lambda: _picked(scene, column, widget, groups_at), height="stretch")
    st.caption(f"Click a bar to show only the items of its {escaped(subject.whats)}.")


def _convergence(scene: Scene, key: str) -> None:
    trace = scene.pool.hierarchy.trace
    if not trace:
        st.caption("This tree came without a record of its run; cluster again to have one.")
        return
    title = f"How the run settled: {len(trace)} k-means runs on {scene.pool.hierarchy.n_levels} levels"
    show.chart(convergence_panels(trace, title), f"{key}-convergence", height="stretch")
    st.caption(SPREAD)


def _picked(scene: Scene, column: str, widget: str, groups_at: Callable[[int, int], list[int]]) -> None:
    """Take up a click. Plotly reports a second click on one point as nothing picked: then the last one counts."""
    where = clicked(state.widget(widget)) or state.widget(f"{widget}-last")
    state.set_widget(f"{widget}-last", where)
    if where is not None:
        choose(scene, column, groups_at(*where))


def clicked(event: Any) -> tuple[int, int] | None:
    """The line and the point of a plotly selection, None where nothing was picked or the event is not one."""
    points = event["selection"].get("points", []) if event else []
    if not points:
        return None
    curve, point = points[0].get("curve_number"), points[0].get("point_index")
    return (curve, point) if isinstance(curve, int) and isinstance(point, int) and min(curve, point) >= 0 else None


def _drawn(scene: Scene) -> np.ndarray:
    """Rows of the draw, (m,); an item drawn twice stands there twice."""
    return scene.plan.indices if scene.plan is not None else np.flatnonzero(scene.drawn)


@st.cache_resource(max_entries=64, show_spinner=False)
def _stage(path: str, key: str, column: str, name: str, made_of: str, most: int, _scene: Scene) -> Sizes:  # noqa: ARG001
    level, tree = level_of(_scene, column), _scene.pool.hierarchy
    codes = tree.point_assignment(level) if level else _scene.columns.codes(column)[0]
    k = tree.n_clusters[level - 1] if level else len(_scene.columns.codes(column)[1])
    pool = tree.sizes(level) if level else np.bincount(codes, minlength=k)
    if name == POOL:
        counts = pool
    elif name == BEFORE:
        found = first_sizes(tree, level)
        counts = pool if found is None else found
    else:
        counts = np.bincount(codes[_scene.decided.eligible if name == DECIDED else _drawn(_scene)], minlength=k)
    own = counts if name in (BEFORE, DECIDED) else pool  # what is dropped altogether is no group any more
    curve, lorenz = rank_curve(counts, most=most), lorenz_curve(counts, pool=own, most=most)
    return Sizes(name, counts, curve, lorenz, known=name != BEFORE)
