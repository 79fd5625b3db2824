"""How items spread over groups, as plotly figures: sizes by rank, sizes in bins, Lorenz curves.

Every series carries its name beside its line. Colours stand out by 3:1 on light and on dark; what is only there to
compare with is dotted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from curation_app.charts import Chart, framed, hover_text, named, plain, quiet, strong
from curation_app.palette import ACCENT
from curation_core.distributions import LorenzCurve, RankCurve

BEFORE, POOL, DECIDED, DRAWN = "before resampling", "pool", "after decisions", "drawn"
COLOURS = {BEFORE: "#7d8694", POOL: "#7d8694", DECIDED: "#c8641b", DRAWN: ACCENT}
_DOTTED = (BEFORE,)
_MARGIN = 134  # pixels right of the plot for the names of the series
_LOWEST = 330  # pixels of height that the names are set for; charts are as high as there is room


@dataclass(frozen=True)
class Sizes:
    """One series: how many items each of the groups holds. counts: (k,) int64. known: whether the groups have names."""

    name: str
    counts: np.ndarray
    curve: RankCurve
    lorenz: LorenzCurve
    known: bool = True


@dataclass(frozen=True)
class Subject:
    """What is measured. what: the noun of a group. n_items: of the pool. names: of groups by their numbers."""

    title: str
    what: str
    n_items: int
    names: Callable[[Sequence[int]], list[str]]

    @property
    def whats(self) -> str:
        """The noun in the plural."""
        return f"{self.what}es" if self.what.endswith("s") else f"{self.what}s"


def size_curves(series: Sequence[Sizes], subject: Subject, *, log_rank: bool = True, selected: int = -1) -> Chart:
    """Items per group from the largest to the smallest, a line per series. selected: a group to ring."""
    import plotly.graph_objects as go

    figure = go.Figure()
    groups = sorted({group for one in series if one.known for group in one.curve.group.tolist()})
    names = dict(zip(groups, subject.names(groups), strict=True))
    for one in series:
        figure.add_trace(_curve(go, one, subject, names))
    if selected >= 0:
        _ring(figure, series, subject, selected)
    figure.update_layout(clickmode="event+select")
    framed(
        figure, subject.title, f"rank of the {subject.what}, largest first", f"items per {subject.what}", height=None
    )
    figure.update_layout(showlegend=False, margin={"t": 40, "r": _MARGIN})
    low, high = _span([one.curve.size for one in series])
    figure.update_yaxes(type="log", range=[low, high], **_log_ticks(high - low))
    _rank_axis(figure, max((one.curve.n_groups for one in series), default=1), log_rank)
    ends = [np.log10(one.curve.size[-1]) if len(one.curve.size) else low for one in series]
    _name_lines(figure, series, subject, [(end - low) / (high - low) for end in ends])
    return Chart(figure, _curve_table(series, subject, names), _curve_alt(series, subject))


def size_histograms(
    series: Sequence[Sizes], edges: np.ndarray, bins: Mapping[str, np.ndarray], subject: Subject
) -> Chart:
    """How many groups have how many items: a row of bars per series, one above the other, on the same axes.

    edges: (b + 1,) int64. bins: (b,) int64 groups per bin, by the name of the series.
    """
    from plotly.subplots import make_subplots

    labels = [f"{a:,}" if b - a == 1 else f"{a:,}–{b - 1:,}" for a, b in pairwise(edges.tolist())]
    figure = make_subplots(rows=len(series), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for row, one in enumerate(series, start=1):
        hover = hover_text(f"%{{text}} items: %{{y:,}} {subject.whats}", plain(one.name))
        figure.add_bar(
            x=np.arange(len(labels)),
            y=bins[one.name],
            text=labels,
            textposition="none",
            marker={"color": COLOURS[one.name], "line": {"width": 0}, "pattern": _pattern(one.name)},
            hovertemplate=hover,
            unselected={"marker": {"opacity": 1}},
            row=row,
            col=1,
        )
    framed(figure, subject.title, "", "", height=None)
    figure.update_layout(showlegend=False, bargap=0.08, margin={"t": 40, "r": _MARGIN}, clickmode="event+select")
    most = max((int(bins[one.name].max(initial=0)) for one in series), default=1)
    figure.update_yaxes(range=[0, 1.1 * max(1, most)], nticks=4, tickformat=",")
    figure.update_xaxes(tickvals=_bin_ticks(edges), ticktext=[f"{edges[i]:,}" for i in _bin_ticks(edges)])
    figure.update_xaxes(title={"text": f"items in the {subject.what}, bins that grow"}, row=len(series), col=1)
    figure.update_yaxes(title={"text": subject.whats}, row=(len(series) + 1) // 2, col=1)
    for row, one in enumerate(series, start=1):
        axis = "y domain" if row == 1 else f"y{row} domain"
        _name_line(figure, one, subject, 0.5, yref=axis)
    table = {"items": labels, **{f"{one.name}, {subject.whats}": bins[one.name].tolist() for one in series}}
    said = "; ".join(f"{one.name}: {_summary(one, subject)}" for one in series)
    return Chart(figure, table, f"{subject.title}. {subject.whats.capitalize()} by their number of items. {said}.")


def lorenz_curves(series: Sequence[Sizes], subject: Subject) -> Chart:
    """Share of the items that the smallest groups hold; the nearer to the diagonal the more even."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line={"dash": "dot", "color": COLOURS[BEFORE], "width": 1},
        hoverinfo="skip",
    )
    table: dict[str, Sequence[Any]] = {f"smallest {subject.whats}, %": list(range(0, 101, 10))}
    for one in series:
        x, y = 100 * one.lorenz.groups, 100 * one.lorenz.held
        hover = f"the smallest %{{x:.0f}} % of {subject.whats}<br>hold %{{y:.1f}} % of the items"
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line=_line(one.name),
            hovertemplate=hover_text(hover, plain(one.name)),
        )
        table[f"{one.name}, % of items"] = np.interp(np.arange(0, 101, 10), x, y).round(2).tolist()
    framed(figure, subject.title, f"smallest {subject.whats}, % of all", "items they hold, %", height=None)
    figure.update_layout(showlegend=False, margin={"t": 40, "r": 24})
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=[0, 100])
    figure.add_annotation(x=62, y=62, text="even", showarrow=False, yshift=9, xshift=-12, font={"size": 12})
    for place, one in enumerate(sorted(series, key=lambda one: one.lorenz.gini)):  # where no Lorenz curve can run
        text = f"{_dot(one.name)} {strong(f'{plain(one.name)} · Gini {one.lorenz.gini:.2f}')}"
        figure.add_annotation(
            x=0.02, y=0.97, xref="paper", yref="paper", yshift=-20 * place, text=text, **quiet("left", "top")
        )
    said = ", ".join(f"{one.name} has a Gini of {one.lorenz.gini:.2f}" for one in series)
    return Chart(figure, table, f"{subject.title}. {said}; 0 is even, 1 is all in one {subject.what}.")


def _curve(go: Any, one: Sizes, subject: Subject, names: Mapping[int, str]) -> Any:
    curve, unknown = one.curve, f"a {subject.what} of the first k-means"
    text = [named(names[group]) if one.known else unknown for group in curve.group.tolist()]
    share = 100 * curve.size / max(1, curve.n_items)
    of = f"%{{customdata:.2~f}} % of {curve.n_items:,}"
    return go.Scatter(
        x=curve.rank,
        y=curve.size,
        mode="lines+markers",
        line=_line(one.name),
        marker={"size": 5 if len(curve.rank) < 60 else 2.5, "color": COLOURS[one.name]},  # clicks need markers
        text=text,
        customdata=share,
        hovertemplate=hover_text(
            f"%{{text}}<br>%{{y:,}} items, {of}<br>rank %{{x:,}} of {curve.n_groups:,}", plain(one.name)
        ),
        unselected={"marker": {"opacity": 1}},
    )


def _ring(figure: Any, series: Sequence[Sizes], subject: Subject, group: int) -> None:
    """Ring a group on every line that has it."""
    x, y = [], []
    for one in series:
        if one.known and group < len(one.counts) and one.counts[group]:
            size = int(one.counts[group])
            ahead = (one.counts > size).sum() + (one.counts[:group] == size).sum()
            x.append(int(ahead) + 1)
            y.append(size)
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"symbol": "circle-open", "size": 13, "color": ACCENT, "line": {"width": 3}},
        cliponaxis=False,
        hoverinfo="skip",
    )
    if x:
        text = strong(f"<b>{named(subject.names([group])[0], 40)}</b>")
        figure.add_annotation(x=x[0], y=y[0], text=text, showarrow=False, yshift=18, xanchor="left")


def _rank_axis(figure: Any, n_groups: int, log_rank: bool) -> None:
    if log_rank:
        high = np.log10(max(2, n_groups))
        figure.update_xaxes(type="log", range=[-0.03 * high, high * 1.02], **_log_ticks(high))
    else:
        figure.update_xaxes(type="linear", range=[1 - 0.02 * n_groups, 1 + 1.02 * n_groups], tickformat=",")
    for note in figure.layout.annotations:  # on a logarithmic axis plotly places notes by their logarithm
        if note.xref in (None, "x"):
            note.update(x=float(np.log10(note.x)) if log_rank else note.x, y=float(np.log10(note.y)))


def _log_ticks(decades: float) -> dict[str, Any]:
    return {"dtick": "D2" if decades <= 2.5 else 1, "tickformat": ","}


def _span(sizes: Sequence[np.ndarray]) -> tuple[float, float]:
    """Logarithms of the axis's ends, with room above and below."""
    high = np.log10(max((int(size.max(initial=1)) for size in sizes), default=1))
    low = np.log10(min((int(size.min(initial=10**15)) for size in sizes if len(size)), default=1))
    room = 0.06 * max(high - low, 0.3)
    return float(low - room), float(high + room)


def _name_lines(figure: Any, series: Sequence[Sizes], subject: Subject, places: Sequence[float]) -> None:
    """Name the lines at the right, as near to their ends as they do not overlap."""
    gap = 36 / (_LOWEST - 100)
    order = np.argsort(places, kind="stable")
    at = np.clip(np.asarray(places, dtype=np.float64)[order], gap / 2, 1.0)
    for i in range(1, len(at)):
        at[i] = max(at[i], at[i - 1] + gap)
    at -= max(0.0, float(at[-1]) - 1.0) if len(at) else 0.0
    for place, number in zip(at.tolist(), order.tolist(), strict=True):
        _name_line(figure, series[number], subject, place)


def _name_line(figure: Any, one: Sizes, subject: Subject, place: float, *, yref: str = "paper") -> None:
    text = f"{_dot(one.name)} {strong(plain(one.name))}<br>{strong(_summary(one, subject), 11)}"
    figure.add_annotation(x=1, xref="paper", xshift=10, y=place, yref=yref, text=text, **quiet("left", "middle"))


def _summary(one: Sizes, subject: Subject) -> str:
    held = one.counts[one.counts > 0]
    noun = subject.what if len(held) == 1 else subject.whats
    return f"{len(held):,} {noun}, median {np.median(held):,.0f}" if len(held) else f"no {subject.whats}"


def _dot(name: str) -> str:
    return f"<span style='color:{COLOURS[name]}'>{'┄' if name in _DOTTED else '●'}</span>"


def _line(name: str) -> dict[str, Any]:
    dotted = name in _DOTTED
    return {"color": COLOURS[name], "width": 1.5 if dotted else 2.5, "dash": "dot" if dotted else "solid"}


def _pattern(name: str) -> dict[str, Any]:
    return {"shape": "/", "size": 5, "solidity": 0.35} if name in _DOTTED else {"shape": ""}


def _bin_ticks(edges: np.ndarray) -> list[int]:
    """Bins that start at 0 or at 1, 2 or 5 of a decade: the axis is read like a logarithmic one."""
    return [i for i, edge in enumerate(edges[:-1].tolist()) if str(edge).rstrip("0") in ("", "1", "2", "5")]


def _curve_table(series: Sequence[Sizes], subject: Subject, names: Mapping[int, str]) -> dict[str, Sequence[Any]]:
    lead = next((one for one in series if one.name == POOL), series[0])
    groups = lead.curve.group
    table: dict[str, Sequence[Any]] = {"rank": lead.curve.rank.tolist()}
    table[subject.what] = [names.get(group, "") for group in groups.tolist()]
    for one in series:
        if one.known:
            table[f"{one.name}, items"] = one.counts[groups].tolist()
        else:
            ordered = np.sort(one.counts)[::-1]
            held = np.pad(ordered, (0, max(0, int(lead.curve.rank.max(initial=0)) - len(ordered))))
            table[f"{one.name}, items at that rank"] = held[lead.curve.rank - 1].tolist()
    table["pool, %"] = (100 * lead.curve.size / max(1, subject.n_items)).round(2).tolist()
    return table


def _curve_alt(series: Sequence[Sizes], subject: Subject) -> str:
    said = [f"{one.name}: {_summary(one, subject)}, largest {int(one.counts.max(initial=0)):,}" for one in series]
    return f"{subject.title}. Items per {subject.what}, sorted. {'; '.join(said)}."
