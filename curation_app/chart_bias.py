"""What a draw does to the values of a column, as plotly figures: shares with intervals, and clusters by value."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from curation_app.charts import Chart, clipped, framed, named, plain, strong
from curation_app.palette import ACCENT, CATEGORIES, CONTEXT
from curation_core.associations import ClusterTable
from curation_core.bias import BiasReport

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_ROWS, MOST_COLUMNS = 20, 12  # bars of a chart; values across a heat table
PROTECTED = "◆"
INTERVAL = CATEGORIES[2]  # seen on the bar, on white and on black
# from next to nothing to full: on a dark page a pale scale would glare
_SHARES = [[0.0, "rgba(66, 105, 208, 0.05)"], [1.0, "rgba(66, 105, 208, 1)"]]


def bias_bars(report: BiasReport, title: str) -> Chart:
    """Share of each value in pool and draw, the draw's with its interval; the table has every group."""
    import plotly.graph_objects as go

    shown = np.arange(min(MOST_ROWS, len(report.groups)))
    names = [_group(report, place, 28) for place in shown.tolist()]
    share, after = 100 * report.share[shown], 100 * report.after[shown]
    figure = go.Figure()
    for label, values, counts, colour in (
        ("pool", share, report.pool[shown], CONTEXT),
        ("drawn", after, report.drawn[shown], ACCENT),
    ):
        figure.add_bar(
            y=shown,
            x=values,
            name=label,
            orientation="h",
            marker_color=colour,
            customdata=counts,
            text=[named(report.groups[place]) for place in shown.tolist()],
            textposition="none",
            hovertemplate=f"%{{text}}<br>{label}: %{{x:.1f}} % (%{{customdata:,}} items)<extra></extra>",
        )
    _with_intervals(figure, report, shown, after)
    n = len(report.groups)
    said = f"{title} · the {len(shown)} largest of {report.n_values:,}" if len(shown) < n else title
    framed(figure, said, "share of items, %", "", height=max(220, 96 + 30 * len(shown)))
    figure.update_yaxes(autorange="reversed", tickvals=shown, ticktext=names)
    figure.update_layout(barmode="group", bargap=0.28, bargroupgap=0.06)
    return Chart(figure, bias_columns(report), f"{said}. {_told(report)}")


def bias_columns(report: BiasReport) -> dict[str, Sequence[object]]:
    """Every group of a report as columns of a table."""
    return {
        "value": [clipped(name, 200) for name in report.groups],
        "pool, items": report.pool.tolist(),
        "after review, items": report.reviewed.tolist(),
        "drawn, items": report.drawn.tolist(),
        "pool, %": (100 * report.share).round(2).tolist(),
        "drawn, %": (100 * report.after).round(2).tolist(),
        "interval from, %": (100 * report.low).round(2).tolist(),
        "to, %": (100 * report.high).round(2).tolist(),
        "ratio": report.ratio.round(3).tolist(),
        "protected": ["yes" if protected else "" for protected in report.protected.tolist()],
    }


def cluster_heat(report: BiasReport, table: ClusterTable, names: Sequence[str], title: str) -> Chart:
    """Share of each cluster's items per value: rows are the largest clusters, columns the commonest values."""
    import plotly.graph_objects as go

    groups = [clipped(name, 40) for name in report.groups[:MOST_COLUMNS]]
    whole = np.maximum(1, table.counts.sum(axis=1, keepdims=True))
    shares = 100 * table.counts[:, :MOST_COLUMNS] / whole
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=np.arange(len(groups)),
            y=np.arange(len(names)),
            customdata=table.counts[:, :MOST_COLUMNS],
            text=[[f"{named(name)}<br>{plain(group)}" for group in groups] for name in names],
            hovertemplate=f"{strong('%{text}')}<br>%{{z:.1f}} % (%{{customdata:,}} items)<extra></extra>",
            colorscale=_SHARES,
            zmin=0,
            zmax=100,
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": "% of the cluster"}, "thickness": 10, "len": 0.6, "outlinewidth": 0},
        )
    )
    framed(figure, title, "", "", height=max(260, 110 + 22 * len(names)))
    figure.update_xaxes(
        showgrid=False,
        tickvals=np.arange(len(groups)),
        ticktext=[plain(clipped(group, 16)) for group in groups],
        side="bottom",
    )
    figure.update_yaxes(
        showgrid=False,
        tickvals=np.arange(len(names)),
        ticktext=[named(name, 34) for name in names],
        autorange="reversed",
    )
    columns: dict[str, Sequence[object]] = {"cluster": list(names), "items": table.counts.sum(axis=1).tolist()}
    columns |= {
        f"{clipped(name, 80)}, items": table.counts[:, place].tolist() for place, name in enumerate(report.groups)
    }
    alt = f"{title}. {len(names)} clusters by {len(groups)} values; association V = {table.association:.2f}."
    return Chart(figure, columns, alt)


def _with_intervals(figure: "go.Figure", report: BiasReport, shown: np.ndarray, after: np.ndarray) -> None:
    figure.data[1].error_x = {
        "type": "data",
        "symmetric": False,
        "array": (100 * report.high[shown] - after).clip(0),
        "arrayminus": (after - 100 * report.low[shown]).clip(0),
        "color": INTERVAL,
        "thickness": 1.75,
        "width": 3,
    }


def _group(report: BiasReport, place: int, most: int) -> str:
    name = named(report.groups[place], most) or "(empty)"
    return f"{PROTECTED} {name}" if report.protected[place] else name


def _told(report: BiasReport) -> str:
    worst = report.worst
    if worst is None:
        return "No value falls by more than chance would explain."
    return (
        f"Lowered most: {clipped(report.groups[worst], 80)}, from {100 * report.share[worst]:.1f} % to "
        f"{100 * report.after[worst]:.1f} %."
    )
