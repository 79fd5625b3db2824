"""Trials as plotly figures: settings by two of their figures, and what probes learn, both with their spread."""

from collections.abc import Mapping, Sequence
from typing import Any

from curation_app.charts import Chart, framed, hover_text, plain
from curation_app.palette import ACCENT, CONTEXT

Row = Mapping[str, Any]
SHOWN = (("balanced", "balanced accuracy"), ("mean", "accuracy"), ("worst", "worst class"), ("second_worst", "worst"))
DRAWS = {"random": "random", "flat": "flat k-means", "ours": "ours"}
PROBES = {"linear": "linear probe", "knn": "k-NN"}
_COLOURS = {"random": CONTEXT, "flat": "#c8641b", "ours": ACCENT}
_SYMBOLS = {"random": "circle-open", "flat": "diamond-open", "ours": "circle"}


def settings_chart(report: Mapping[str, Any], x: str, y: str, *, height: int = 420) -> Chart:
    """Every setting by two figures, with the spread of its seeds; baselines hollow, the front in the accent.

    x, y: names of figures; settings without one of them are left out. The table has all figures.
    """
    import plotly.graph_objects as go

    figures = {one["name"]: one for one in report["figures"]}
    title = f"Settings by {figures[x]['title']} and {figures[y]['title']}"
    rows = [row for row in report["rows"] if x in row["figures"] and y in row["figures"]]
    figure = go.Figure()
    for name, colour, symbol, chosen in (
        ("random", CONTEXT, "square-open", [row for row in rows if row["kind"] == "random"]),
        ("flat k-means", CONTEXT, "diamond-open", [row for row in rows if row["kind"] == "flat"]),
        ("tree", CONTEXT, "circle", [row for row in rows if row["kind"] == "tree" and not row["front"]]),
        ("tree, on the front", ACCENT, "circle", [row for row in rows if row["kind"] == "tree" and row["front"]]),
    ):
        if chosen:
            _dots(figure, name, colour, symbol, chosen, x, y)
    framed(figure, title, _axis(figures[x]), _axis(figures[y]), height=height)
    return Chart(figure, settings_table(report), f"{title}. {report['sentence']}")


def settings_table(report: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Every row as columns of a table: setting, whether it is on the front, mean and spread of each figure."""
    rows = report["rows"]
    table: dict[str, Sequence[Any]] = {
        "setting": [row["title"] for row in rows],
        "front": ["✓" if row["front"] else "" for row in rows],
        "clusters": [", ".join(f"{k:,}" for k in row["n_clusters"]) for row in rows],
    }
    for one in report["figures"]:
        table[one["title"]] = [spread(row["figures"].get(one["name"])) for row in rows]
    return table


def spread(found: Mapping[str, float] | None) -> str:
    """Mean and spread in as many digits as the spread has to say."""
    if found is None:
        return "–"
    digits = 1 if abs(found["mean"]) >= 10 else 3
    return f"{found['mean']:.{digits}f} ± {found['spread']:.{digits}f}"


def use_chart(report: Mapping[str, Any], *, height: int = 420) -> Chart:
    """What two probes learn from three draws: shares of right answers with their intervals; the table has them all."""
    import plotly.graph_objects as go

    shown = [
        (probe, name, title) for name, title in SHOWN if f"{name}_low" in report["rows"][0] or name == "mean"
        for probe in PROBES
    ]  # fmt: skip
    figure = go.Figure()
    for number, (draw, label) in enumerate(DRAWS.items()):
        rows = {row["probe"]: row for row in report["rows"] if row["draw"] == draw}
        ends = [_ends(rows[probe], name) for probe, name, _ in shown]
        figure.add_scatter(
            x=[100 * mean for mean, _, _ in ends],
            y=[place + 0.22 * (number - 1) for place in range(len(shown))],
            name=label,
            mode="markers",
            marker={
                "color": _COLOURS[draw],
                "symbol": _SYMBOLS[draw],
                "size": 9,
                "line": {"width": 2, "color": _COLOURS[draw]},
            },
            error_x={
                "array": [100 * (high - mean) for mean, _, high in ends],
                "arrayminus": [100 * (mean - low) for mean, low, _ in ends],
                "thickness": 1.5,
                "width": 3,
            },
            text=[f"{PROBES[probe]}, {_figure(report, name, title)}" for probe, name, title in shown],
            hovertemplate=hover_text("%{text}<br>" + label + ": %{x:.1f} %"),
        )
    title = f"Learning {plain(report['column'])} from {report['size']:,} items"
    framed(figure, title, "right answers on tested items, %, with 95 % intervals over seeds", "", height=height)
    ticks = [f"{_figure(report, name, title)} · {PROBES[probe]}" for probe, name, title in shown]
    figure.update_yaxes(autorange="reversed", tickvals=list(range(len(shown))), ticktext=ticks, showgrid=False)
    return Chart(figure, use_table(report), f"{title}. {report['sentence']}")


def use_table(report: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Every row as columns of a table."""
    rows = report["rows"]
    table: dict[str, Sequence[Any]] = {
        "draw": [DRAWS[row["draw"]] for row in rows],
        "probe": [PROBES[row["probe"]] for row in rows],
    }
    for name, title in SHOWN:
        if name not in rows[0]:
            continue
        table[f"{_figure(report, name, title)}, %"] = [_percent(row, name) for row in rows]
        if f"{name}_group" in rows[0]:
            table["worst class" if name == "worst" else "worst group"] = [row[f"{name}_group"] for row in rows]
    return table


def _dots(figure: Any, name: str, colour: str, symbol: str, rows: Sequence[Row], x: str, y: str) -> None:
    hollow = symbol.endswith("open")
    figure.add_scatter(
        x=[row["figures"][x]["mean"] for row in rows],
        y=[row["figures"][y]["mean"] for row in rows],
        name=name,
        mode="markers",
        marker={"color": colour, "symbol": symbol, "size": 10, "line": {"width": 2 if hollow else 0}},
        error_x={"array": [row["figures"][x]["spread"] for row in rows], "thickness": 1, "width": 0},
        error_y={"array": [row["figures"][y]["spread"] for row in rows], "thickness": 1, "width": 0},
        text=[plain(row["title"]) for row in rows],
        hovertemplate=hover_text("%{text}<br>%{x:.4g}, %{y:.4g}"),
    )


def _axis(one: Mapping[str, Any]) -> str:
    return f"{one['title']} ({'higher' if one['higher'] else 'lower'} is better)"


def _ends(row: Row, name: str) -> tuple[float, float, float]:
    before = "" if name == "mean" else f"{name}_"
    return row[name], row[f"{before}low"], row[f"{before}high"]


def _percent(row: Row, name: str) -> str:
    mean, low, high = _ends(row, name)
    return f"{100 * mean:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def _figure(report: Mapping[str, Any], name: str, title: str) -> str:
    return f"{title} of {plain(report['group_column'])}" if name == "second_worst" else title
