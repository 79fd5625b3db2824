"""Distributions as plotly figures: arrays in, a figure with its table and its description out. No Streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_app.palette import ACCENT, CATEGORIES, CONTEXT

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_ROWS = 16  # classes in one bar chart; the title says when there are more


@dataclass(frozen=True)
class Chart:
    """A figure, the same data as columns of a table, and one sentence for those who cannot see it."""

    figure: "go.Figure"
    table: Mapping[str, Sequence[Any]]
    alt: str


def framed(figure: "go.Figure", title: str, x: str = "", y: str = "", *, height: int | None = 300) -> "go.Figure":
    """Put a title, axis names and quiet margins on a figure. height: pixels; None leaves it to the page."""
    legend = len(figure.data) > 1
    figure.update_layout(
        title={"text": plain(title), "x": 0, "xanchor": "left", "y": 1, "yanchor": "top", "font": {"size": 14}},
        title_pad={"t": 8, "l": 2},
        height=height,
        margin={"l": 8, "r": 8, "t": 66 if legend else 40, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left", "title": None},
        hovermode="closest",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#7d8694", "activecolor": ACCENT},
    )
    figure.update_xaxes(title={"text": plain(x)}, automargin=True, zeroline=False)
    figure.update_yaxes(title={"text": plain(y)}, automargin=True, zeroline=False)
    return figure


def plain(text: object) -> str:
    """Text for plotly, which reads a subset of HTML: names from data must not become tags."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def rank_curves(
    series: Mapping[str, np.ndarray],
    title: str,
    *,
    what: str = "cluster",
    dashed: Sequence[str] = (),
    height: int = 320,
) -> Chart:
    """Counts per group sorted from large to small, one line per series, both axes logarithmic; zeros end a line.

    series: counts (k,) by name. dashed: names drawn as baselines.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    table: dict[str, Sequence[Any]] = {"rank": list(range(1, max((len(v) for v in series.values()), default=0) + 1))}
    for number, (name, counts) in enumerate(series.items()):
        ordered = np.sort(np.asarray(counts))[::-1]
        positive = ordered[ordered > 0]
        line = {
            "dash": "dot" if name in dashed else "solid",
            "width": 1.5 if name in dashed else 2.5,
            "color": _colour(name, number),
        }
        figure.add_scatter(
            x=np.arange(1, len(positive) + 1),
            y=positive,
            name=plain(name),
            mode="lines+markers" if len(positive) < 12 else "lines",
            line=line,
            hovertemplate=f"{plain(name)}<br>{what} of rank %{{x}}: %{{y:,}} items<extra></extra>",
        )
        table[name] = [*ordered.tolist(), *[None] * (len(table["rank"]) - len(ordered))]
    framed(figure, title, f"rank of the {what}", f"items per {what}", height=height)
    figure.update_xaxes(type="log", dtick="D2")
    figure.update_yaxes(type="log", dtick="D2")
    parts = [f"{name}: {len(v)} {what}s, largest {int(np.max(v, initial=0)):,}" for name, v in series.items()]
    return Chart(figure, table, f"{title}. Items per {what}, sorted. " + "; ".join(parts) + ".")


def size_histogram(sizes: np.ndarray, title: str, *, height: int = 260) -> Chart:
    """How many clusters have how many items; bins grow with size, so that a long tail stays visible."""
    import plotly.graph_objects as go

    sizes = np.asarray(sizes)
    edges = np.unique(np.geomspace(1, max(2, int(sizes.max(initial=1)) + 1), 21).round().astype(np.int64))
    counts, _ = np.histogram(sizes, edges)
    names = [str(a) if b - a == 1 else f"{a:,}–{b - 1:,}" for a, b in pairwise(edges)]
    empty = int((sizes == 0).sum())
    figure = go.Figure(
        go.Bar(x=names, y=counts, marker_color=ACCENT, hovertemplate="%{x} items: %{y:,} clusters<extra></extra>")
    )
    framed(figure, title, "items in the cluster", "clusters", height=height)
    figure.update_xaxes(type="category")
    typical = f"median {np.median(sizes):,.0f} items, largest {int(sizes.max(initial=0)):,}"
    alt = f"{title}. {len(sizes):,} clusters, {empty} empty, {typical}."
    return Chart(figure, {"items in the cluster": names, "clusters": counts.tolist()}, alt)


def share_bars(
    names: Sequence[str],
    before: np.ndarray,
    after: np.ndarray,
    title: str,
    *,
    labels: tuple[str, str] = ("pool", "drawn"),
) -> Chart:
    """Share of the largest classes before and after; the table has them all.

    before, after: counts (k,) in the order of names.
    """
    import plotly.graph_objects as go

    named = [str(name) or "(empty)" for name in names]
    counts = dict(zip(labels, (np.asarray(before), np.asarray(after)), strict=True))
    shares = {label: 100 * count / max(1, count.sum()) for label, count in counts.items()}
    shown = _largest(before)
    figure = go.Figure()
    for label, colour in zip(labels, (CONTEXT, ACCENT), strict=True):
        figure.add_bar(
            y=np.arange(len(shown)),
            x=shares[label][shown],
            name=label,
            orientation="h",
            marker_color=colour,
            customdata=counts[label][shown],
            text=[plain(named[i]) for i in shown],
            textposition="none",
            hovertemplate=f"%{{text}}<br>{label}: %{{x:.1f}} % (%{{customdata:,}} items)<extra></extra>",
        )
    said = f"{title} · the {len(shown)} largest of {len(named):,}" if len(shown) < len(named) else title
    framed(figure, said, "share of items, %", "", height=max(220, 90 + 26 * len(shown)))
    figure.update_yaxes(
        autorange="reversed", tickvals=np.arange(len(shown)), ticktext=[plain(_short(named[i])) for i in shown]
    )
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.05)
    largest = [f"{named[i]} goes from {shares[labels[0]][i]:.1f} % to {shares[labels[1]][i]:.1f} %" for i in shown[:1]]
    about = f"{said}. {len(named)} classes; the largest, {''.join(largest)}."
    return Chart(figure, _share_table(named, counts, shares), about)


def _share_table(
    named: list[str], counts: Mapping[str, np.ndarray], shares: Mapping[str, np.ndarray]
) -> dict[str, Sequence[Any]]:
    table: dict[str, Sequence[Any]] = {"class": named}
    for label, count in counts.items():
        table |= {f"{label}, items": count.tolist(), f"{label}, %": shares[label].round(2).tolist()}
    return table


def convergence(
    trace: Sequence[Mapping[str, Any]], figure_name: str, title: str, y: str, *, height: int = 280
) -> Chart:
    """One figure of the trace per resampling step, a line per level. trace: records with level, step and the figure."""
    import plotly.graph_objects as go

    chart = go.Figure()
    levels = sorted({int(record["level"]) for record in trace})
    for level in levels:
        records = [r for r in trace if int(r["level"]) == level and r.get(figure_name) is not None]
        chart.add_scatter(
            x=[r["step"] for r in records],
            y=[r[figure_name] for r in records],
            name=f"level {level}",
            mode="lines+markers",
            line={"color": CATEGORIES[(level - 1) % 10]},
            hovertemplate=f"level {level}, step %{{x}}: %{{y:,.4g}}<extra></extra>",
        )
    framed(chart, title, "resampling step (0 = plain k-means)", y, height=height)
    chart.update_xaxes(dtick=1)
    table = {name: [record.get(name) for record in trace] for name in ("level", "step", figure_name)}
    return Chart(chart, table, f"{title}. {len(trace)} k-means runs on {len(levels)} levels.")


def lorenz(series: Mapping[str, np.ndarray], title: str, *, height: int = 320) -> Chart:
    """Share of items held by the smallest share of groups; the diagonal is perfect balance. series: counts (k,)."""
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Scatter(
            x=[0, 100],
            y=[0, 100],
            mode="lines",
            name="even",
            line={"dash": "dot", "color": CONTEXT, "width": 1.5},
            hoverinfo="skip",
        )
    )
    table: dict[str, Sequence[Any]] = {}
    for number, (name, counts) in enumerate(series.items()):
        ordered = np.sort(np.asarray(counts, dtype=np.float64))
        groups = np.linspace(0, 100, len(ordered) + 1)
        held = np.r_[0.0, np.cumsum(ordered)] / max(1.0, float(ordered.sum())) * 100
        hover = f"{plain(name)}<br>smallest %{{x:.0f}} % of clusters hold %{{y:.1f}} % of items<extra></extra>"
        figure.add_scatter(
            x=groups,
            y=held,
            mode="lines",
            name=plain(name),
            line={"color": _colour(name, number), "width": 2.5},
            hovertemplate=hover,
        )
        deciles = np.linspace(0, 100, 11)
        table = {
            "smallest % of clusters": deciles.tolist(),
            **table,
            f"{name}, % of items": np.interp(deciles, groups, held).round(2).tolist(),
        }
    framed(figure, title, "smallest clusters, % of all", "items they hold, %", height=height)
    return Chart(figure, table, f"{title}. Lorenz curves of {', '.join(series)}; closer to the diagonal is more even.")


def _colour(name: str, number: int) -> str:
    return {"pool": CONTEXT, "drawn": ACCENT}.get(name, CATEGORIES[number % 10])


def _largest(counts: np.ndarray) -> np.ndarray:
    """The classes that fit into one chart, largest first."""
    order: np.ndarray = np.argsort(-np.asarray(counts), kind="stable")
    return order[:MOST_ROWS]


def _short(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
