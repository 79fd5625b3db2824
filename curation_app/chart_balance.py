"""Figures of Balance: sizes of groups by rank, shares before and after, and what balance gains at every size."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from curation_app.chart_sizes import DECIDED, DRAWN, POOL
from curation_app.charts import Chart, clipped, framed, hover_text, plain, rank_curves, share_bars
from curation_app.palette import ACCENT, CONTEXT
from curation_core.retention import FIGURES, Retention

MOST_SHARES = 14  # groups with bars
HEIGHT = 90 + 26 * MOST_SHARES  # pixels; as high as the bars beside it
_TICKS = (1, 2, 5, 10, 20, 50, 100)
_LABELS = {
    "entropy": "entropy, 1 is even",
    "gini": "Gini, 0 is equal",
    "coverage": "share of groups with an item",
    "uncrowding": "mean log distance to neighbours",
    "vendi": "effective number of items",
    "near-duplicates": "share that repeats another item",
}


def curves(
    raw: np.ndarray, reviewed: np.ndarray, drawn: np.ndarray, others: Mapping[str, np.ndarray], title: str
) -> Chart:
    """Items per group by rank, raw, reviewed and drawn; as many items drawn otherwise are dashed."""
    series = {POOL: raw} if reviewed is raw else {POOL: raw, DECIDED: reviewed}
    return rank_curves(
        {**series, DRAWN: drawn, **others},
        f"Items per group, {title}",
        what="group",
        dashed=list(others),
        height=HEIGHT,
    )


def shares(name: Callable[[int], str], before: np.ndarray, after: np.ndarray, title: str) -> Chart:
    """Share of the largest groups before and after; only what is shown is named."""
    order = np.argsort(-before, kind="stable")[:MOST_SHARES]
    names = [name(group) for group in order.tolist()]
    more = f" · {len(order)} of {len(before):,}" if len(order) < len(before) else ""
    return share_bars(names, before[order], after[order], f"Shares, {title}{more}", of=(before.sum(), after.sum()))


def retention_curve(found: Retention, figure: str, title: str, *, target: int, height: int = 320) -> Chart:
    """One figure over the size of the draw, beside as many items at random with the range over seeds."""
    import plotly.graph_objects as go

    share, values, random = 100 * found.sizes / found.n_items, found.drawn[figure], found.random[figure]
    low, high = random.min(axis=0), random.max(axis=0)
    chart = go.Figure()
    chart.add_scatter(
        x=np.r_[share, share[::-1]],
        y=np.r_[high, low[::-1]],
        fill="toself",
        fillcolor="rgba(148,152,160,0.3)",
        line={"width": 0},
        hoverinfo="skip",
        name="random, range over seeds",
        showlegend=False,
    )
    for name, line, colour, dash in (
        ("random", random.mean(axis=0), CONTEXT, "dot"),
        (DRAWN, values, ACCENT, "solid"),
    ):
        chart.add_scatter(
            x=share,
            y=line,
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2.5 if dash == "solid" else 1.5},
            customdata=found.sizes,
            hovertemplate=hover_text("%{customdata:,} items (%{x:.1f} %): %{y:.3f}", plain(name)),
        )
    framed(chart, title, "items drawn, % of what may be drawn", _LABELS[figure], height=height)
    chart.update_xaxes(type="log", tickvals=_TICKS, ticktext=[str(tick) for tick in _TICKS])
    chart.add_vline(x=100 * target / found.n_items, line={"color": ACCENT, "width": 1, "dash": "dash"})
    table: dict[str, Sequence[Any]] = {
        "items": found.sizes.tolist(),
        "drawn": values.round(4).tolist(),
        "random, mean": random.mean(axis=0).round(4).tolist(),
        "random, lowest": low.round(4).tolist(),
        "random, highest": high.round(4).tolist(),
    }
    at = int(np.abs(np.log(found.sizes / max(1, target))).argmin())
    said = f"At {found.sizes[at]:,} items {values[at]:.3f}, at random {low[at]:.3f} to {high[at]:.3f}."
    return Chart(chart, table, f"{title}: {FIGURES[figure]}, over {len(found.sizes)} sizes. {said}")


def plan_curves(plans: Mapping[str, np.ndarray], title: str) -> Chart:
    """Items per group by rank, a line per draw that was kept by name."""
    told = {clipped(name, 40): counts for name, counts in plans.items()}
    return rank_curves(told, f"Items per group of every plan, {title}", what="group", height=340)
