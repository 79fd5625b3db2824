"""A reference set as plotly figures: how near pool and draws come to it, and what a share of retrieval changes."""

from collections.abc import Mapping, Sequence

import numpy as np

from curation_app.charts import Chart, framed, plain
from curation_app.palette import ACCENT, CATEGORIES, CONTEXT

_POINTS = 200  # of a curve
_COLOURS = {"pool": CONTEXT, "this draw": ACCENT, "random, same size": CATEGORIES[2]}
_DASHES = {"random, same size": "dot"}


def coverage_curves(distances: Mapping[str, np.ndarray], radius: float, title: str, *, height: int = 360) -> Chart:
    """Share of the reference items that have an item of a set within a distance, a line per set.

    distances: (m,) per set, of every reference item to its nearest item. radius: where it counts as covered.
    """
    import plotly.graph_objects as go

    figure, finite = go.Figure(), [values[np.isfinite(values)] for values in distances.values()]
    most = max((float(values.max()) for values in finite if len(values)), default=1.0)
    at = np.linspace(0, max(most, radius) * 1.02, _POINTS)
    table: dict[str, Sequence[float]] = {"within a distance of": np.round(at[::10], 4).tolist()}
    for name, values in distances.items():
        share = 100 * np.searchsorted(np.sort(values), at, side="right") / max(1, len(values))
        figure.add_scatter(
            x=at,
            y=share,
            name=plain(name),
            mode="lines",
            line={"color": _COLOURS.get(name, CATEGORIES[3]), "width": 2.5, "dash": _DASHES.get(name, "solid")},
            hovertemplate=f"{plain(name)}<br>%{{y:.1f}} % within %{{x:.3g}}<extra></extra>",
        )
        table[f"{name}, % covered"] = np.round(share[::10], 2).tolist()
    framed(figure, title, "distance to the nearest item", "examples with an item that near, %", height=height)
    figure.update_yaxes(range=[0, 104])
    figure.add_vline(x=radius, line={"color": CONTEXT, "width": 1, "dash": "dash"})
    figure.add_annotation(
        x=radius, y=1, yref="paper", text="covered", showarrow=False, xanchor="left", yanchor="top", xshift=4
    )
    told = ", ".join(f"{name} {100 * (values <= radius).mean():.1f} %" for name, values in distances.items())
    return Chart(figure, table, f"{title}. Covered within {radius:.3g}: {told}.")


def nearness(nearest: Mapping[str, np.ndarray], title: str, *, height: int = 360) -> Chart:
    """How the distances of items to their nearest reference item spread, a line per set; shares of each set."""
    import plotly.graph_objects as go

    both = np.concatenate([values for values in nearest.values() if len(values)])
    edges = np.linspace(float(both.min()), float(both.max()) + 1e-9, 41)
    middle, figure = (edges[:-1] + edges[1:]) / 2, go.Figure()
    table: dict[str, Sequence[float]] = {"distance to the nearest example": np.round(middle, 4).tolist()}
    for name, values in nearest.items():
        share = 100 * np.histogram(values, edges)[0] / max(1, len(values))
        figure.add_scatter(
            x=middle,
            y=share,
            name=plain(name),
            mode="lines",
            line={"color": _COLOURS.get(name, CATEGORIES[3]), "width": 2.5, "shape": "hvh"},
            hovertemplate=f"{plain(name)}<br>%{{y:.1f}} % of the items at %{{x:.3g}}<extra></extra>",
        )
        table[f"{name}, % of items"] = np.round(share, 2).tolist()
    framed(figure, title, "distance to the nearest example", "share of items, %", height=height)
    told = ", ".join(f"{name} median {np.median(values):.3g}" for name, values in nearest.items() if len(values))
    return Chart(figure, table, f"{title}. {told}.")


def mix_curve(
    shares: Sequence[float], lines: Mapping[str, Sequence[float]], now: float, title: str, *, height: int = 320
) -> Chart:
    """What a share of retrieval changes: figures in per cent over the share in per cent. now: the share that is set."""
    import plotly.graph_objects as go

    figure, at = go.Figure(), [100 * share for share in shares]
    for number, (name, values) in enumerate(lines.items()):
        figure.add_scatter(
            x=at,
            y=values,
            name=plain(name),
            mode="lines+markers",
            line={"color": CATEGORIES[number], "width": 2.5},
            hovertemplate=f"{plain(name)}<br>%{{y:.1f}} % at a share of %{{x:.0f}} %<extra></extra>",
        )
    framed(figure, title, "share of the target taken by retrieval, %", "%", height=height)
    figure.update_yaxes(range=[0, 104])
    figure.add_vline(x=100 * now, line={"color": CONTEXT, "width": 1, "dash": "dash"})
    table = {"share of retrieval, %": at, **{name: np.round(values, 2).tolist() for name, values in lines.items()}}
    ends = ", ".join(f"{name} from {values[0]:.1f} to {values[-1]:.1f} %" for name, values in lines.items())
    return Chart(figure, table, f"{title}. From none to all by retrieval: {ends}.")
