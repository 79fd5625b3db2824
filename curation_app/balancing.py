"""The controls and tables of Balance: target, grouping, baselines, quotas."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from curation_app import forms, loaders
from curation_app.pool import Pool
from curation_app.state import set_widget, widget
from curation_app.wording import MARKS
from curation_core.baselines import flat_draw, random_draw
from curation_core.config import SampleConfig
from curation_core.review import ReviewDecisions, Standing
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace

MOST_FLAT = 50_000  # above it a flat k-means is minutes, not a click
NODE_COLUMNS = {
    "quota": st.column_config.NumberColumn(
        help="Its even share, as far as it has that many; the rest goes to its siblings."
    ),
    "short": st.column_config.NumberColumn(
        help="Of clusters that gave all they have: how far below the largest quota of the level they stay."
    ),
}


@dataclass(frozen=True)
class Groups:
    """A way to group items. codes: (n,) int64 in tree rows."""

    title: str
    codes: np.ndarray
    names: list[str]


def settings(ws: Workspace, n_items: int) -> SampleConfig:
    """Target as slider and number, which members, oversampling, seed."""
    saved = loaders.wanted_draw(ws, n_items)
    left, middle, right = st.columns([3, 1, 2], vertical_alignment="bottom")
    multiplier = saved.multiplier
    with right, st.popover("Which members, oversampling, seed", icon=":material/tune:", width="stretch"):
        names = ("strategy", "multiplier", "seed")
        values = forms.fields(SampleConfig, names, saved, key=f"sample-{ws.path.name}")
        values["one_per_group"] = _one_per_group(ws, saved)
    multiplier = int(values["multiplier"])
    most = max(1, int(loaders.eligible(ws, one_per_group=values["one_per_group"]).sum()) * multiplier)
    slider, number = f"target-slider-{ws.path.name}", f"target-number-{ws.path.name}"
    for key in (slider, number):
        set_widget(
            key, min(most, max(1, int(widget(key) or widget("target-kept-" + ws.path.name) or saved.target_size)))
        )

    def follow(source: str, other: str) -> None:
        set_widget(other, widget(source))
        set_widget("target-kept-" + ws.path.name, widget(source))

    with left:
        st.slider(
            "Target size, items",
            1,
            max(2, most),
            key=slider,
            on_change=follow,
            args=(slider, number),
            help=f"At most {most:,}: what may be drawn.",
        )
    with middle:
        st.number_input(
            "items", 1, max(2, most), key=number, on_change=follow, args=(number, slider), label_visibility="collapsed"
        )
    return SampleConfig(**{**values, "target_size": int(widget(number))})


def _one_per_group(ws: Workspace, saved: SampleConfig) -> bool:
    """Whether near-duplicates count once; only where they were looked for."""
    ready = loaders.check(ws, "duplicates").state == "done"
    about = str(SampleConfig.model_fields["one_per_group"].description)
    return st.toggle(
        "One item per group of near-duplicates",
        saved.one_per_group and ready,
        key=f"sample-{ws.path.name}-one-per-group",
        disabled=not ready,
        help=about if ready else f"{about} Look for near-duplicates first (Data, Duplicates).",
    )


def choose_groups(pool: Pool) -> Groups:
    """What to balance along: the clusters of a level, or a column of the data."""
    tree = pool.hierarchy
    choices: dict[str, tuple[str, Any]] = {
        f"clusters of level {level}": ("level", level) for level in range(tree.n_levels, 0, -1)
    }
    choices |= {f"column {name}": ("column", name) for name in pool.label_columns}
    chosen = st.selectbox("Measure balance over", list(choices), key="balance-groups", width=320)
    kind, value = choices[chosen or next(iter(choices))]
    if kind == "level":
        return Groups(
            f"clusters of level {value}",
            tree.point_assignment(value).astype(np.int64),
            [pool.name(value, c) for c in range(tree.n_clusters[value - 1])],
        )
    codes, names = pool.labels(value)
    return Groups(f"values of {value}", codes, names)


def baselines(ws: Workspace, pool: Pool, plan: SamplingPlan, groups: Groups) -> dict[str, np.ndarray]:
    """Counts per group of the same number of items drawn without the tree."""
    n, size = pool.hierarchy.n_items, len(plan.indices)

    def count(rows: np.ndarray) -> np.ndarray:
        return np.bincount(groups.codes[rows], minlength=len(groups.names))

    found = {"random": count(random_draw(n, min(size, n), seed=plan.seed))} if size else {}
    label = "Compare with flat k-means at the same size"
    if (
        size
        and n <= MOST_FLAT
        and st.toggle(
            label,
            key="flat-baseline",
            help="One k-means with as many clusters as the finest level, then the same quotas.",
        )
    ):
        found["flat k-means"] = count(_flat(str(ws.path), pool.key, size, plan.seed, pool))
    return found


@st.cache_resource(max_entries=16, show_spinner="Running a flat k-means for comparison")
def _flat(path: str, key: str, size: int, seed: int, _pool: Pool) -> np.ndarray:  # noqa: ARG001 - path and key are the cache's key
    vectors = np.asarray(_pool.vectors, dtype=np.float32)
    found: np.ndarray = flat_draw(
        vectors, _pool.hierarchy.n_clusters[0], SampleConfig(target_size=size, seed=seed)
    ).indices
    return found


def node_table(pool: Pool, plan: SamplingPlan, decided: ReviewDecisions, level: int) -> dict[str, list[Any]]:
    """Per cluster: items, available, quota, taken, what it was short of an even share, decision."""
    sizes, quota, capacity = pool.hierarchy.sizes(level), plan.quotas[level - 1], plan.capacity[level - 1]
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    taken = np.bincount(pool.hierarchy.point_assignment(level)[plan.indices], minlength=len(sizes))
    short = np.where(quota >= capacity, quota.max(initial=0) - quota, 0)  # only those that gave all they have
    return {
        "cluster": [pool.name(level, c) for c in order.tolist()],
        "items": sizes[order].tolist(),
        "available": capacity[order].tolist(),
        "quota": quota[order].tolist(),
        "taken": taken[order].tolist(),
        "short": short[order].tolist(),
        "decision": [decision(decided, level, c) for c in order.tolist()],
    }


def decision(decided: ReviewDecisions, level: int, cluster: int) -> str:
    """What people decided on a cluster, in short."""
    one = decided.standing.get((level, cluster), Standing())
    verdict = {1: MARKS["keep"], -1: MARKS["drop"]}.get(one.verdict, "")
    bounds = [f"{MARKS[name]} {value}" for name, value in (("cap", one.cap), ("weight", one.weight)) if value]
    return ", ".join([*([verdict] if verdict else []), *bounds])
