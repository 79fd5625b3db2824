"""Does the draw treat groups as it should? Shares of values before and after, warnings, where values live."""

import hashlib

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import chart_bias, loaders, show, state
from curation_app.boundary import escaped
from curation_app.charts import clipped
from curation_app.pool import Pool
from curation_core.attributes import Attribute, attribute_of, groupable
from curation_core.bias import BiasReport, bias_report
from curation_core.config import SampleConfig
from curation_core.errors import ConfigError
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace

MOST_OFFERED = 500  # values that may be marked one by one
ALL = "all values"


def view(ws: Workspace, pool: Pool, config: SampleConfig, plan: SamplingPlan) -> None:  # noqa: ARG001 - as all parts of Balance
    """The bias part of Balance."""
    columns = _columns(str(ws.path), loaders.key_of(ws, "ingest"), pool)
    if not columns:
        st.caption("No column of this data makes groups: their values hardly repeat. Join a table with labels in Data.")
        return
    _warnings(ws, pool, plan)
    left, middle, right = st.columns([2, 4, 1], vertical_alignment="bottom")
    with left:
        key = f"bias-column-{pool.path}"
        kept = state.widget(f"{key}-kept")
        column = str(st.selectbox("Column", columns, index=columns.index(kept) if kept in columns else 0, key=key))
        state.set_widget(f"{key}-kept", column)
    with middle:
        _protect(ws, pool, column)
    with right:
        level = show.level_choice(pool.hierarchy.n_levels, "bias-level")
    report = _report(ws, pool, plan, column, level)
    _figures(report)
    shown = clipped(column, 60)
    chart = chart_bias.bias_bars(report, f"Shares of {shown} before and after")
    show.chart(chart, f"bias-bars-{hashlib.blake2b(column.encode(), digest_size=6).hexdigest()}")
    _lost(report)
    if report.clusters is not None and len(report.clusters.clusters):
        names = [pool.name(level, cluster) for cluster in report.clusters.clusters.tolist()]
        title = f"Which clusters hold which {shown} · the {len(names)} largest of level {level}"
        show.chart(chart_bias.cluster_heat(report, report.clusters, names, title), "bias-heat")


def _warnings(ws: Workspace, pool: Pool, plan: SamplingPlan) -> None:
    """One sentence per column with a protected value that the draw lowers by more than chance."""
    for column in ws.settings.bias.protected:
        try:
            said = _report(ws, pool, plan, column, pool.hierarchy.n_levels).warning
        except (ConfigError, KeyError):  # the data has another column now
            continue
        if said:
            st.warning(escaped(said), icon=":material/warning:")


def _protect(ws: Workspace, pool: Pool, column: str) -> None:
    """Which values must not go down; kept in the workspace, and told in every export."""
    known = ws.settings.bias.protected.get(column)
    names = [name for name in _attribute(pool.path, pool.key, column, pool).names if name][:MOST_OFFERED]
    chosen = [ALL] if known == () else list(known or ())
    key = f"bias-protect-{pool.path}-{column}"

    def keep() -> None:
        values = state.widget(key) or []
        protected = {name: told for name, told in ws.settings.bias.protected.items() if name != column}
        if values:
            protected[column] = () if ALL in values else tuple(values)
        ws.configure(bias={"protected": protected})

    st.multiselect(
        "Protected values",
        list(dict.fromkeys([ALL, *names, *chosen])),
        default=chosen,
        key=key,
        on_change=keep,
        placeholder="Mark values that the draw must not lower",
        help="A warning stands here, in every card and in bias.json where the draw lowers one by more than chance.",
    )


def _figures(report: BiasReport) -> None:
    worst = report.worst
    fell = "none" if worst is None else escaped(f"{clipped(report.groups[worst], 16)} × {report.ratio[worst]:.2f}")
    who = "The value that falls most, by more than chance would explain: its share of the draw over that of the pool."
    table = report.clusters
    show.figures(
        {
            "Entropy": (
                f"{report.entropy[0]:.2f} → {report.entropy[1]:.2f}",
                "How evenly values are spread: 1 is even.",
            ),
            "Lowered most": (fell, who),
            "Values lost": (
                f"{report.n_lost:,} of {report.n_values:,}",
                "Values of the pool that the draw has none of.",
            ),
            "Tied to clusters": (
                "–" if table is None else f"V = {table.association:.2f}",
                "Cramér's V, corrected for small counts: 0 means that clusters tell nothing of the value, 1 that each "
                "cluster is of one value. Balancing over clusters moves a column only as far as the two go together.",
            ),
        }
    )


def _lost(report: BiasReport) -> None:
    parts = []
    if report.n_lost:
        more = f" and {report.n_lost - 5:,} more" if report.n_lost > 5 else ""
        parts.append(f"Not in the draw at all: {', '.join(clipped(name, 40) for name in report.lost[:5])}{more}.")
    if report.missing[0]:
        parts.append(f"Without a value: {report.missing[0]:,} in the pool, {report.missing[2]:,} drawn; in no share.")
    parts.append("Whiskers: what chance alone would explain (95 %). With many values one in forty falls by chance.")
    st.caption(escaped(" ".join(parts)))


def _report(ws: Workspace, pool: Pool, plan: SamplingPlan, column: str, level: int) -> BiasReport:
    protected = ws.settings.bias.protected.get(column)
    made_of = hashlib.blake2b(plan.indices.tobytes(), digest_size=16).hexdigest()
    decided = loaders.decisions(ws)
    key = (column, level, protected, made_of, decided.fingerprint)
    return _made(pool.path, pool.key, key, pool, plan.indices, decided.eligible)


@st.cache_resource(max_entries=8, show_spinner=False)
def _columns(path: str, key: str, _pool: Pool) -> list[str]:  # noqa: ARG001 - path and key are the cache's key
    return groupable(_pool.catalog.metadata)


@st.cache_resource(max_entries=32, show_spinner=False)
def _attribute(path: str, key: str, column: str, _pool: Pool) -> Attribute:  # noqa: ARG001 - path and key are the cache's key
    values = _pool.catalog.metadata.column(column)
    return attribute_of(column, values.take(pa.array(np.asarray(_pool.rows))))


@st.cache_resource(max_entries=64, show_spinner=False)
def _made(
    path: str,
    key: str,
    asked: tuple[str, int, tuple[str, ...] | None, str, str],
    _pool: Pool,
    _drawn: np.ndarray,
    _eligible: np.ndarray,
) -> BiasReport:
    column, level, protected, *_ = asked
    return bias_report(
        _attribute(path, key, column, _pool),
        _drawn,
        reviewed=_eligible,
        protected=protected,
        clusters=_pool.hierarchy.point_assignment(level),
        level=level,
    )
