"""The map: every item a point, coloured by what is asked, with what is selected in front."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curation_app.charts import Chart, framed, plain
from curation_app.palette import ACCENT, CATEGORIES, OTHER

MOST_POINTS = 50_000  # what a plotly scatter stays usable with; above it a fair sample of this size is drawn
MOST_CLASSES = 10


def shown_rows(n: int, most: int = MOST_POINTS, *, seed: int = 0) -> np.ndarray:
    """Rows to draw: all, or a random sample without replacement, ascending int64."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, n]).choice(n, most, replace=False))


def top_classes(codes: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """At most ten classes: the nine largest and "other"; codes (n,) are renumbered, largest first."""
    sizes = np.bincount(codes, minlength=len(names))
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    kept = order if len(order) <= MOST_CLASSES else order[: MOST_CLASSES - 1]
    new = np.full(len(names), len(kept), dtype=np.int64)
    new[kept] = np.arange(len(kept))
    labels = [str(names[i]) or "(empty)" for i in kept]
    if len(order) > len(kept):
        labels.append(f"other ({len(order) - len(kept):,})")
    return new[codes], labels


def map_figure(
    xy: np.ndarray,
    codes: np.ndarray,
    names: Sequence[str],
    title: str,
    *,
    selected: np.ndarray | None = None,
    colours: Mapping[str, str] | None = None,
    height: int | None = None,
    captions: Sequence[str] | None = None,
) -> Chart:
    """Points (n, 2) coloured by class codes (n,); above MOST_POINTS a sample is drawn and the title says so.

    selected: (n,) bool, drawn in full while the rest fades. captions: (n,) shown on hover.
    """
    import plotly.graph_objects as go

    rows = shown_rows(len(xy))
    codes, labels = top_classes(np.asarray(codes), names)
    figure = go.Figure()
    faded = selected is not None and bool(selected.any())
    for code, label in sorted(enumerate(labels), key=lambda pair: not pair[1].startswith("other (")):  # others below
        mine = rows[codes[rows] == code]
        marked = mine[selected[mine]] if faded and selected is not None else mine
        colour = (colours or {}).get(label) or (OTHER if label.startswith("other (") else CATEGORIES[code % 10])
        figure.add_trace(_points(go, xy, mine, label, colour, 0.18 if faded else 0.8, captions, show=True))
        if faded:
            figure.add_trace(_points(go, xy, marked, label, colour, 1.0, captions, show=False))
    said = f"{len(rows):,} of {len(xy):,} points shown, a fair sample" if len(rows) < len(xy) else ""
    _arranged(framed(figure, title, height=height), said)
    sizes = np.bincount(codes, minlength=len(labels))
    table = {"class": labels, "items": sizes.tolist(), "share, %": (100 * sizes / max(1, len(codes))).round(2).tolist()}
    about = f"A map of {len(xy):,} items in {len(labels)} classes; near points are alike"
    return Chart(figure, table, ". ".join(filter(None, (title, said, about))) + ".")


def _arranged(figure: Any, said: str) -> None:
    figure.update_layout(
        title_subtitle={"text": said, "font": {"size": 11}},
        dragmode="lasso",
        uirevision="map",
        newselection={"line": {"color": ACCENT, "width": 2}},
        margin={"l": 0, "r": 0, "t": 52, "b": 0},
        legend={"orientation": "h", "y": 0, "yanchor": "top", "x": 0, "xanchor": "left", "itemsizing": "constant"},
    )
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, scaleanchor="x")


def scale_figure(
    xy: np.ndarray,
    codes: np.ndarray,
    colours: Sequence[str],
    ends: tuple[str, str],
    title: str,
    *,
    selected: np.ndarray | None = None,
    captions: Sequence[str] | None = None,
    height: int | None = None,
) -> Chart:
    """Points (n, 2) coloured by the steps of a scale, codes (n,) of colours; ends: what its ends stand for."""
    import plotly.graph_objects as go

    rows, codes = shown_rows(len(xy)), np.asarray(codes)
    faded = selected is not None and bool(selected.any())
    figure = go.Figure()
    parts = [rows] if not faded or selected is None else [rows, rows[selected[rows]]]
    for number, mine in enumerate(parts):
        made = _points(go, xy, mine, title, OTHER, 0.18 if faded and not number else 0.9, captions, show=False)
        made.marker.update(color=codes[mine], cmin=-0.5, cmax=len(colours) - 0.5, colorscale=_steps(colours))
        made.marker.update(showscale=number == 0, colorbar=_bar(ends, len(colours)))
        figure.add_trace(made)
    said = f"{len(rows):,} of {len(xy):,} points shown, a fair sample" if len(rows) < len(xy) else ""
    _arranged(framed(figure, title, height=height), said)
    sizes = np.bincount(codes, minlength=len(colours))
    table = {"step": list(range(1, len(colours) + 1)), "items": sizes.tolist()}
    about = f"A map of {len(xy):,} items on a scale from {ends[0]} to {ends[1]}; near points are alike"
    return Chart(figure, table, ". ".join(filter(None, (title, said, about))) + ".")


def _steps(colours: Sequence[str]) -> list[list[float | str]]:
    """Colours as plotly's scale of equal steps without a passage between them."""
    edges = np.linspace(0, 1, len(colours) + 1).tolist()
    return [[edge, colour] for at, colour in enumerate(colours) for edge in (edges[at], edges[at + 1])]


def _bar(ends: tuple[str, str], n_steps: int) -> dict[str, Any]:
    marks = {"tickmode": "array", "tickvals": [0, n_steps - 1], "ticktext": [plain(end) for end in ends]}
    return {**marks, "orientation": "h", "thickness": 10, "outlinewidth": 0, "len": 0.5, "x": 0.25, "y": -0.06}


def polygons_of(selection: Mapping[str, Any]) -> list[np.ndarray]:
    """The lassos and boxes of a plotly selection as polygons (v, 2); other keys are ignored."""
    found = [np.column_stack([shape["x"], shape["y"]]) for shape in selection.get("lasso", ()) if len(shape["x"]) > 2]
    for shape in selection.get("box", ()):
        (x0, x1), (y0, y1) = sorted(shape["x"])[:: len(shape["x"]) - 1], sorted(shape["y"])[:: len(shape["y"]) - 1]
        found.append(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))
    return found


def _points(
    go: Any,
    xy: np.ndarray,
    rows: np.ndarray,
    label: str,
    colour: str,
    opacity: float,
    captions: Sequence[str] | None,
    *,
    show: bool,
) -> Any:
    size = 3 if len(xy) > 20_000 else 4 if len(xy) > 5_000 else 6
    text = [plain(captions[row])[:80] for row in rows] if captions is not None else None
    return go.Scattergl(
        x=xy[rows, 0].astype(np.float32),
        y=xy[rows, 1].astype(np.float32),
        mode="markers",
        name=plain(label)[:28],
        legendgroup=label,
        showlegend=show,
        legendrank=2_000 if label.startswith("other (") else 1_000,
        marker={"size": size, "color": colour, "opacity": opacity},
        text=text,
        hovertemplate=("%{text}<br>" if captions is not None else "") + f"{plain(label)[:60]}<extra></extra>",
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 0.18}},
    )
