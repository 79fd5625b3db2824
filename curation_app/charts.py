"""Distributions as plotly figures: arrays in, a figure with its table and its description out. No Streamlit here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_app.palette import ACCENT, CATEGORIES, CONTEXT
from curation_core.distributions import MOST_POINTS, lorenz_curve, rank_curve

if TYPE_CHECKING:
    import plotly.graph_objects as go

_TURNING = re.compile("[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_COLOURS = {  # a series that comes and goes keeps its colour
    "pool": CONTEXT,
    "drawn": ACCENT,
    "after decisions": CATEGORIES[1],
    "random": CATEGORIES[2],
    "flat k-means": CATEGORIES[4],
    "no resampling": CATEGORIES[6],
}
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
    title_text = {"text": plain(title), "x": 0, "xanchor": "left", "y": 1, "yanchor": "top", "font": {"size": 14}}
    figure.update_layout(
        {
            "title": {**title_text, "pad": {"t": 8, "l": 2}},
            "height": height,
            "margin": {"l": 8, "r": 8, "t": 66 if legend else 40, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left", "title": None},
            "hovermode": "closest",
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#7d8694", "activecolor": ACCENT},
        },
        overwrite=True,  # merging into what is there takes plotly ten times as long
    )
    figure.update_xaxes(title={"text": plain(x)}, automargin=True, zeroline=False)
    figure.update_yaxes(title={"text": plain(y)}, automargin=True, zeroline=False)
    return figure


def plain(text: object) -> str:
    """Text for plotly, which reads a subset of HTML: names from data must not become tags."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def named(text: object, most: int = 80) -> str:
    """A name from data for plotly: clipped, and no markup."""
    return plain(clipped(text, most))


def clipped(text: object, most: int) -> str:
    """A name from data on one line of at most `most` characters, without marks that turn what follows."""
    kept = str(text)[: 4 * most]  # whatever is taken out below, this is enough, and 10 MB are not searched
    return _short(" ".join(_TURNING.sub(" ", kept).split()), most)


def quiet(xanchor: str, yanchor: str) -> dict[str, Any]:
    """An annotation without an arrow, anchored so."""
    return {"showarrow": False, "xanchor": xanchor, "yanchor": yanchor, "align": "left", "font": {"size": 12}}


def strong(text: str, size: int = 12) -> str:
    """In the page's text colour; the plotly theme's grey misses AA on white."""
    return f"<span style='color:currentColor;font-size:{size}px'>{text}</span>"


def hover_text(text: str, aside: str = "") -> str:
    """A template of what is said beside the pointer. aside: the name of the series."""
    return f"{strong(text)}<extra>{aside}</extra>"


def rank_curves(
    series: Mapping[str, np.ndarray],
    title: str,
    *,
    what: str = "cluster",
    dashed: Sequence[str] = (),
    height: int = 320,
) -> Chart:
    """Counts per group sorted from large to small, one line per series, both axes logarithmic; zeros end a line.

    series: counts (k,) by name. dashed: names drawn as baselines. Of many groups the bends of the lines are drawn, and
    the table has the ranks of the first line's bends.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    n_ranks = max((len(v) for v in series.values()), default=0)
    many = n_ranks > MOST_POINTS
    ranks = rank_curve(next(iter(series.values()))).rank if many else np.arange(1, n_ranks + 1)
    table: dict[str, Sequence[Any]] = {"rank": ranks.tolist()}
    for number, (name, counts) in enumerate(series.items()):
        ordered, (dash, width) = np.sort(np.asarray(counts))[::-1], ("dot", 1.5) if name in dashed else ("solid", 2.5)
        curve = rank_curve(counts, most=max(4, MOST_POINTS // len(series)) if many else MOST_POINTS)
        figure.add_scatter(
            x=curve.rank,
            y=curve.size,
            name=plain(name),
            mode="lines+markers" if curve.n_groups < 12 else "lines",
            line={"dash": dash, "width": width, "color": _colour(name, number)},
            hovertemplate=f"{plain(name)}<br>{what} of rank %{{x}}: %{{y:,}} items<extra></extra>",
        )
        table[name] = [*ordered[ranks[ranks <= len(ordered)] - 1].tolist(), *[None] * int((ranks > len(ordered)).sum())]
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
    of: tuple[int, int] | None = None,
) -> Chart:
    """Share of the largest classes before and after; the table has them all.

    before, after: counts (k,) in the order of names. of: what they are shares of, where some classes are left out.
    """
    import plotly.graph_objects as go

    named = [str(name) or "(empty)" for name in names]
    counts = dict(zip(labels, (np.asarray(before), np.asarray(after)), strict=True))
    whole = dict(zip(labels, of or tuple(count.sum() for count in counts.values()), strict=True))
    shares = {label: 100 * count / max(1, whole[label]) for label, count in counts.items()}
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
            customdata=[r.get("resample_size", 0) for r in records],
            hovertemplate=f"level {level}, step %{{x}}: %{{y:,.4g}}<br>%{{customdata:,}} members kept<extra></extra>",
        )
    framed(chart, title, "resampling step (0 = plain k-means)", y, height=height)
    chart.update_xaxes(dtick=1)
    table = {name: [record.get(name) for record in trace] for name in ("level", "step", "resample_size", figure_name)}
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
        curve = lorenz_curve(counts)
        groups, held = 100 * curve.groups, 100 * curve.held
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
    return _COLOURS.get(name, CATEGORIES[number % 10])


def _largest(counts: np.ndarray) -> np.ndarray:
    """The classes that fit into one chart, largest first."""
    order: np.ndarray = np.argsort(-np.asarray(counts), kind="stable")
    return order[:MOST_ROWS]


def _short(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
