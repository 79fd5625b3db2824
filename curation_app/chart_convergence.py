"""How a run of the clustering settled, as a plotly figure: spread and inertia over the resampling steps, per level."""

from collections.abc import Mapping, Sequence
from typing import Any

from curation_app.charts import Chart, framed, hover_text
from curation_app.palette import ACCENT


def convergence_panels(trace: Sequence[Mapping[str, Any]], title: str) -> Chart:
    """How each level settled: spread above, inertia below, a column per level, over the resampling steps."""
    from plotly.subplots import make_subplots

    levels = sorted({int(record["level"]) for record in trace}, reverse=True)
    rows = (("spread", "spread"), ("inertia", "inertia, % of step 0"))
    figure = make_subplots(
        rows=2,
        cols=max(1, len(levels)),
        shared_xaxes=True,
        shared_yaxes="rows",
        vertical_spacing=0.08,
        horizontal_spacing=0.03,
        column_titles=[f"level {level}" for level in levels] or None,
    )
    for column, level in enumerate(levels, start=1):
        records = [record for record in trace if int(record["level"]) == level]
        for row, (figure_name, _) in enumerate(rows, start=1):
            _settling(figure, records, figure_name, row, column)
    framed(figure, title, "", "", height=None)
    figure.update_layout(showlegend=False, margin={"t": 60, "r": 28})
    last = max((int(record["step"]) for record in trace), default=0)
    figure.update_xaxes(dtick=max(1, last // 6), range=[-0.05 * max(1, last), 1.05 * max(1, last)])
    figure.update_annotations(selector=lambda note: note.text.startswith("level "), font={"size": 12})
    figure.update_xaxes(title={"text": "resampling step"}, row=2)
    for row, (_, label) in enumerate(rows, start=1):
        most = max((max(line.y) for line in figure.data[row - 1 :: 2]), default=1.0)
        figure.update_yaxes(range=[0, 1.2 * (most or 1.0)], row=row, nticks=5)
        figure.update_yaxes(title={"text": label}, row=row, col=1)
    names = ("level", "step", "spread", "inertia", "n_iter", "n_points", "no_op")
    table = {name: [record.get(name) for record in trace] for name in names}
    return Chart(figure, table, f"{title}. {_settled(trace, levels)}")


def _settling(figure: Any, records: Sequence[Mapping[str, Any]], name: str, row: int, column: int) -> None:
    base = float(records[0]["inertia"]) or 1.0
    values = [100 * (float(r[name]) / base) if name == "inertia" else float(r[name]) for r in records]
    unit = " %" if name == "inertia" else ""
    said = [
        f"step {r['step']}: {name} {value:.3g}{unit}<br>"
        + ("nothing to resample: no cluster is larger" if r.get("no_op") else f"{r['n_iter']} iterations")
        for r, value in zip(records, values, strict=True)
    ]
    marks = ["circle-open" if record.get("no_op") else "circle" for record in records]
    figure.add_scatter(
        x=[record["step"] for record in records],
        y=values,
        mode="lines+markers",
        line={"color": ACCENT, "width": 2},
        marker={"symbol": marks, "size": 6},
        text=said,
        hovertemplate=hover_text("%{text}"),
        row=row,
        col=column,
    )
    for place in sorted({0, len(values) - 1}):
        figure.add_annotation(
            x=records[place]["step"],
            y=values[place],
            text=f"{values[place]:.0f} %" if unit else f"{values[place]:.2f}",
            showarrow=False,
            yshift=12,
            xanchor="left" if place == 0 and len(values) > 1 else "right" if place else "center",
            font={"size": 12},
            row=row,
            col=column,
        )


def _settled(trace: Sequence[Mapping[str, Any]], levels: Sequence[int]) -> str:
    found = []
    for level in levels:
        records = [record for record in trace if int(record["level"]) == level]
        first, last = records[0], records[-1]
        found.append(f"level {level}: spread {first['spread']:.2f} to {last['spread']:.2f} in {last['step']} steps")
    return "; ".join(found) + "."
