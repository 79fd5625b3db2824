"""The distribution of a score with its threshold, as a plotly figure."""

from typing import Literal

import numpy as np

from curation_app.charts import Chart, framed, plain
from curation_app.palette import ACCENT, CONTEXT

_BINS = 60


def score_histogram(
    scores: np.ndarray, threshold: float, title: str, *, flagged: Literal["above", "below"], x: str = "score"
) -> Chart:
    """Counts per bin of a score (n,), on a logarithmic axis; bins on the flagged side of the threshold stand out."""
    import plotly.graph_objects as go

    known = scores[np.isfinite(scores)]
    counts, edges = np.histogram(known, bins=_BINS if len(known) else 1)
    middles = (edges[:-1] + edges[1:]) / 2
    inside = middles >= threshold if flagged == "above" else middles <= threshold
    figure = go.Figure(
        go.Bar(
            x=middles,
            y=counts,
            width=np.diff(edges),
            marker={"color": np.where(inside, ACCENT, CONTEXT).tolist(), "line": {"width": 0}},
            hovertemplate="%{x:.3g}: %{y:,} items<extra></extra>",
        )
    )
    figure.add_vline(x=threshold, line={"color": ACCENT, "width": 2, "dash": "dot"})
    framed(figure, title, x, "items", height=240)
    figure.update_yaxes(type="log" if counts.max(initial=0) > 50 else "linear")
    count = int((known >= threshold).sum() if flagged == "above" else (known <= threshold).sum())
    table = {f"{plain(x)} from": edges[:-1].tolist(), "to": edges[1:].tolist(), "items": counts.tolist()}
    return Chart(
        figure, table, f"{title}: {count:,} of {len(known):,} items lie {flagged} the threshold {threshold:g}."
    )
