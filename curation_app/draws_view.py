"""What entered, what left, and why: two draws, trees or exports of Runs side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from curation_app import draws, loaders, show, state
from curation_app.boundary import escaped, show_error
from curation_app.chart_changes import NAMES, change_map
from curation_app.chart_map import polygons_of
from curation_app.charts import clipped
from curation_app.components.grid import Cell, Section, grid
from curation_app.draws import Compared
from curation_app.items import cells
from curation_app.nodes_view import nodes
from curation_core.changes import CAUSES, Cause, Change
from curation_core.comparison_report import changes_csv, changes_parquet
from curation_core.errors import CurationError
from curation_core.polygons import in_polygon
from curation_core.workspace import Workspace

SHOWN = 12  # thumbnails of each kind
_A, _B, _MAP = "compare-a", "compare-b", "compare-map"


def view(ws: Workspace) -> None:
    """The Compare tab."""
    offered = draws.choices(ws)
    trees = sum(name.startswith("tree:") for name in offered)
    if len(offered) - trees < 2 and trees < 2:  # a draw and its own tree say the same
        show.empty(
            "Nothing to compare yet",
            "Two draws, trees or exports are held against each other here: which items entered, which left, and why. "
            "Keep a draw in Balance, change something, and keep another one.",
            "Go to Balance",
            key="compare-to-balance",
            page="balance",
            icon=":material/balance:",
        )
        return
    a, b = _choose(offered)
    if a == b:
        st.caption("A and B are the same; choose another one for either.")
        return
    try:
        found = draws.compared(ws, a, b)
    except CurationError as error:  # one of many cannot be read: the others still can
        show_error(error)
        return
    _figures(found)
    _files(found)
    left, right = st.columns(2)
    with left:
        _map(ws, found)
    with right:
        _pictures(ws, found)
    _causes(found)
    nodes(found)


def _choose(offered: dict[str, str]) -> tuple[str, str]:
    """Two selections, the draw before against the present one at first, and a button that swaps them."""
    names = list(offered)
    kept = [name for name in names if name.startswith("draw:")]
    first = {_B: (kept or names)[0], _A: kept[1] if len(kept) > 1 else names[1 if names[0] in kept else 0]}
    for key, name in first.items():
        if state.widget(key) not in names:
            state.set_widget(key, name)

    def swap() -> None:
        a, b = state.widget(_A), state.widget(_B)
        state.set_widget(_A, b)
        state.set_widget(_B, a)

    left, middle, right = st.columns([8, 1, 8], vertical_alignment="bottom")
    a = left.selectbox("A, before", names, format_func=lambda name: offered.get(name, name), key=_A)
    with middle:
        st.button(
            ":material/swap_horiz:",
            key="compare-swap",
            on_click=swap,
            width="stretch",
            help="Swap A and B",
        )
    b = right.selectbox("B, after", names, format_func=lambda name: offered.get(name, name), key=_B)
    return str(a), str(b)


def _figures(shown: Compared) -> None:
    found = shown.found
    counts, trees = found.counts, found.trees
    values = {
        "Stayed": (f"{counts[Change.STAYED]:,}", "Items in both draws."),
        "Entered": (f"{counts[Change.ENTERED]:,}", "Items that only B draws."),
        "Left": (f"{counts[Change.LEFT]:,}", "Items that only A draws."),
        "Overlap": (f"{found.jaccard:.3f}", "Jaccard: items in both over items in either; 1 is the same draw."),
    }
    if not trees.same and trees.finest is not None and trees.coarsest is not None:
        values["Trees, finest level"] = (
            f"{trees.finest.adjusted_mutual_information:.2f}",
            f"Adjusted mutual information over {trees.n:,} common items: 1 is the same clusters, 0 chance. At the "
            f"coarsest level {trees.coarsest.adjusted_mutual_information:.2f}.",
        )
    if found.embedders is not None:
        one = found.embedders
        values["Neighbours shared"] = (
            f"{100 * one.shared:.0f} %",
            f"Of the {one.k} nearest neighbours under the two embedders, at {one.n_queries:,} items; chance gives "
            f"{100 * one.by_chance:.1f} %. Draws of {one.target:,} from both trees overlap by {one.jaccard:.3f}.",
        )
    show.figures(values)


def _files(shown: Compared) -> None:
    found = shown.found
    n = found.counts[Change.ENTERED] + found.counts[Change.LEFT]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{show.count(n, 'change')} as a list:")
        for kind, make in (("CSV", lambda: changes_csv(found)), ("Parquet", lambda: changes_parquet(found))):
            st.download_button(
                kind,
                make,
                f"changes.{kind.lower()}",
                key=f"compare-{kind}",
                icon=":material/download:",
                on_click="ignore",
                disabled=not n,
            )


def _map(ws: Workspace, shown: Compared) -> None:
    """The items of the pool where they lie, those that changed in front."""
    if shown.pool is None or loaders.mapped(ws) is None:
        st.caption("No map of the current pool; lay it out in Cluster to see where the changes are.")
        return
    inside = shown.pool_rows >= 0
    change = np.zeros(shown.pool.hierarchy.n_items, np.int64)
    change[shown.pool_rows[inside]] = shown.found.change[inside]
    made = change_map(loaders.xy(ws), change, "Where items entered and left", captions=shown.pool.captions)
    show.chart(made, _MAP, on_select=lambda: None, modes=("box", "lasso"))


def _lassoed(ws: Workspace, shown: Compared) -> np.ndarray | None:
    """Which of the compared items lie in what was drawn on the map: (u,) bool; None where nothing was."""
    drawn = polygons_of((state.widget(_MAP) or {}).get("selection", {}))
    if not drawn or shown.pool is None or loaders.mapped(ws) is None:
        return None
    xy = loaders.xy(ws)
    within = np.logical_or.reduce([in_polygon(xy, one) for one in drawn])
    found: np.ndarray = (shown.pool_rows >= 0) & within[shown.pool_rows]
    return found


def _pictures(ws: Workspace, shown: Compared) -> None:
    within, found = _lassoed(ws, shown), shown.found
    if within is None and shown.pool is not None and loaders.mapped(ws):
        st.caption("Draw a lasso on the map to see those inside.")
    sections = []
    for change in (Change.ENTERED, Change.LEFT):
        rows = found.rows(change)
        rows = rows if within is None else rows[within[rows]]
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round().astype(np.int64))]
        note = f"{len(rows):,}{' in the outline' if within is not None else ''}"
        if len(chosen) < len(rows):
            note += f", {len(chosen)} shown"
        sections.append(Section(_cells(shown, chosen), NAMES[change].capitalize(), note))
    grid(ws.path.name, sections, key="compare-pictures", mode="none", toolbar=False, height=560)


def _cells(shown: Compared, rows: np.ndarray) -> list[Cell]:
    """Items as pictures where the pool has them, by their paths where it has not, with what made them change."""
    paths, causes = shown.found.paths(rows).to_pylist(), shown.found.cause[rows].tolist()
    made = []
    for row, path, cause in zip(rows.tolist(), paths, causes, strict=True):
        place = int(shown.pool_rows[row])
        cell = (
            cells(shown.pool, [place])[0]
            if shown.pool is not None and place >= 0
            else Cell(str(row), text=clipped(path, 200))
        )
        made.append(Cell(cell.id, cell.caption, CAUSES.get(Cause(cause), ""), cell.hash, cell.text))
    return made


def _causes(shown: Compared) -> None:
    st.subheader("Why", anchor=False)
    told = {change: shown.found.causes(change) for change in (Change.ENTERED, Change.LEFT)}
    causes: Sequence[str] = list(dict.fromkeys([*told[Change.ENTERED], *told[Change.LEFT]]))
    if not causes:
        st.caption("Nothing entered and nothing left: the two draw the same items.")
        return
    columns: dict[str, list[Any]] = {"reason": list(causes)}
    columns |= {NAMES[change]: [counts.get(cause, 0) for cause in causes] for change, counts in told.items()}
    show.table(columns, key="compare-causes", alt="How many items entered and left for which reason.")
    settings = {name: escaped(_told(side)) for name, side in (("A", shown.found.a), ("B", shown.found.b))}
    st.caption(" · ".join(f"**{name}** {text}" for name, text in settings.items()))


def _told(side: Any) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in side.settings.items()) or side.name
