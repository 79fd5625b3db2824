"""What changed between two draws as a plotly map: context in grey, what entered and left in front."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from curation_app.chart_map import shown_rows
from curation_app.charts import Chart, framed, plain
from curation_app.palette import ACCENT, CATEGORIES, OTHER
from curation_core.changes import Change

MOST_POINTS = 50_000
NAMES = {Change.NONE: "in neither", Change.STAYED: "stayed", Change.ENTERED: "entered", Change.LEFT: "left"}
_LOOKS: dict[Change, tuple[str, str, float]] = {  # colour never alone: what left has another sign
    Change.NONE: (OTHER, "circle", 0.25),
    Change.STAYED: (OTHER, "circle", 1.0),
    Change.ENTERED: (ACCENT, "circle", 1.0),
    Change.LEFT: (CATEGORIES[2], "x", 1.0),
}


def change_map(xy: np.ndarray, change: np.ndarray, title: str, *, captions: Sequence[str], height: int = 520) -> Chart:
    """Points (n, 2) by what happened to them, change (n,) of Change.

    Above MOST_POINTS a fair sample is drawn; of what entered and left as much as half of that, so that it is not lost.
    """
    import plotly.graph_objects as go

    rows, figure = _shown(change), go.Figure()
    for one, name in NAMES.items():
        mine = rows[change[rows] == one]
        colour, symbol, opacity = _LOOKS[one]
        figure.add_scattergl(
            x=xy[mine, 0].astype(np.float32),
            y=xy[mine, 1].astype(np.float32),
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": _size(len(rows), one), "opacity": opacity},
            text=[plain(captions[row])[:80] for row in mine.tolist()],
            hovertemplate=f"%{{text}}<br>{name}<extra></extra>",
            selected={"marker": {"opacity": 1.0}},
            unselected={"marker": {"opacity": 0.12}},
        )
    said = f"{len(rows):,} of {len(xy):,} points shown" if len(rows) < len(xy) else ""
    _arrange(framed(figure, title, height=height), said)
    counts = np.bincount(change, minlength=len(NAMES)).tolist()
    table = {"change": list(NAMES.values()), "items": [counts[one] for one in NAMES]}
    told = ", ".join(f"{counts[one]:,} {name}" for one, name in NAMES.items())
    return Chart(figure, table, f"{title}. A map of {len(xy):,} items; near points are alike: {told}.")


def _shown(change: np.ndarray) -> np.ndarray:
    if len(change) <= MOST_POINTS:
        return np.arange(len(change))
    moved, others = (np.flatnonzero(mask) for mask in (change >= Change.ENTERED, change < Change.ENTERED))
    first = moved[shown_rows(len(moved), MOST_POINTS // 2)]
    return np.sort(np.concatenate((first, others[shown_rows(len(others), MOST_POINTS - len(first))])))


def _size(n: int, change: Change) -> int:
    plain_size = 3 if n > 20_000 else 4 if n > 5_000 else 5
    return plain_size + 2 * (change in (Change.ENTERED, Change.LEFT))


def _arrange(figure: Any, said: str) -> None:
    figure.update_layout(
        title_subtitle={"text": said, "font": {"size": 11}},
        dragmode="lasso",
        uirevision="changes",
        newselection={"line": {"color": ACCENT, "width": 2}},
        margin={"l": 0, "r": 0, "t": 52, "b": 0},
        legend={"orientation": "h", "y": 0, "yanchor": "top", "x": 0, "xanchor": "left", "itemsizing": "constant"},
    )
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, scaleanchor="x")
