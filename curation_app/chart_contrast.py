"""Two sets of items as a plotly figure: the classes in which they differ, one bar above the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from curation_app.charts import Chart, framed, hover_text, named, quiet, strong
from curation_app.palette import ACCENT
from curation_core.contrast import ClassContrast

SIDES = (ACCENT, "#c8641b")  # A and B, 3:1 on light and on dark


def class_bars(found: ClassContrast, title: str, names: tuple[str, str], *, most: int = 10) -> Chart:
    """Shares of the classes in which two sets differ most, A above B; the table has all classes."""
    import plotly.graph_objects as go

    shares = 100 * found.counts / np.maximum(1, found.counts.sum(axis=1, keepdims=True))
    order = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")
    shown = order[:most]
    figure = go.Figure()
    for side, letter in enumerate("AB"):
        figure.add_bar(
            y=np.arange(len(shown)),
            x=shares[side][shown],
            orientation="h",
            marker_color=SIDES[side],
            customdata=found.counts[side][shown],
            text=[named(found.names[i] or "(empty)") for i in shown.tolist()],
            textposition="none",
            hovertemplate=hover_text(f"%{{text}}<br>{letter}: %{{x:.1f}} % (%{{customdata:,}} items)"),
        )
    said = f"{title} · the {len(shown)} that differ most of {len(order):,}" if len(shown) < len(order) else title
    framed(figure, said, "share of its items, %", "")
    height = 96 + 30 * len(shown)
    figure.update_layout(height=height, showlegend=False, barmode="group", bargap=0.3, bargroupgap=0.06)
    ticks = [named(found.names[i] or "(empty)", 28) for i in shown.tolist()]
    figure.update_yaxes(autorange="reversed", tickvals=np.arange(len(shown)), ticktext=ticks)
    for side, letter in enumerate("AB"):
        text = f"<span style='color:{SIDES[side]}'>■</span> {strong(f'{letter} {named(names[side], 34)}')}"
        figure.add_annotation(
            x=1, y=0, xref="paper", yref="paper", yshift=4 + 18 * (1 - side), text=text, **quiet("right", "bottom")
        )
    table: dict[str, Sequence[Any]] = {"value": [found.names[i] or "(empty)" for i in order.tolist()]}
    for side, letter in enumerate("AB"):
        table |= {
            f"{letter}, items": found.counts[side][order].tolist(),
            f"{letter}, %": shares[side][order].round(2).tolist(),
        }
    return Chart(figure, table, f"{said}. {100 * found.distance:.0f} % would have to change to be alike.")
