"""What balance is measured over, and how many items of each group pool, review, draw and other draws hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import streamlit as st

from curation_app import draw_cache, loaders
from curation_app.pool import Pool
from curation_core.baselines import flat_draw
from curation_core.config import SampleConfig
from curation_core.sampling import SamplingPlan, sample
from curation_core.workspace import Workspace

MOST_FLAT = 50_000  # above it another clustering is minutes, not a click
BASELINES = {
    "flat k-means": "One k-means with as many clusters as the finest level, then the same quotas.",
    "no resampling": "The same tree settings without resampling steps, then the same quotas.",
}


@dataclass(frozen=True)
class Groups:
    """A way to group items: the clusters of a level, or the values of a column.

    key: names it. level: 0 for a column. codes: (n,) int in tree rows. n_groups: groups there are. values: of a column.
    """

    title: str
    key: str
    level: int
    codes: np.ndarray
    n_groups: int
    pool: Pool
    values: Sequence[str] = ()

    def name(self, group: int) -> str:
        """A group's name."""
        if self.level:
            return self.pool.name(self.level, group)
        return self.values[group] or "(empty)"


def choose_groups(pool: Pool) -> Groups:
    """What balance is measured over: the clusters of a level, or a column of the data."""
    tree = pool.hierarchy
    choices: dict[str, tuple[Literal["level", "column"], str]] = {
        f"clusters of level {level}": ("level", str(level)) for level in range(tree.n_levels, 0, -1)
    }
    choices |= {f"column {name}": ("column", name) for name in pool.label_columns}
    chosen = st.selectbox(
        "Measure balance over", list(choices), key="balance-groups", width=260, label_visibility="collapsed"
    )
    kind, value = choices[chosen or next(iter(choices))]
    if kind == "level":
        level = int(value)
        codes = tree.point_assignment(level)
        return Groups(f"clusters of level {level}", value, level, codes, tree.n_clusters[level - 1], pool)
    codes, names = _labels(pool.path, pool.key, value, pool)
    return Groups(f"values of {value}", value, 0, codes, len(names), pool, names)


def counts(ws: Workspace, groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Items per group in the pool and after review: two (g,) int64."""
    decided = loaders.decisions(ws)
    named = f"{groups.pool.path}:{groups.pool.key}:{loaders.key_of(ws, 'ingest')}:{groups.level}:{groups.key}"
    raw = _raw(named, groups)
    return raw, raw if decided.eligible.all() else _reviewed(f"{named}:{decided.fingerprint}", groups, decided.eligible)


def drawn(groups: Groups, plan: SamplingPlan) -> np.ndarray:
    """Draws per group: (g,) int64."""
    if groups.level:
        return plan.quotas[groups.level - 1]
    return np.bincount(groups.codes[plan.indices], minlength=groups.n_groups)


def baselines(ws: Workspace, plan: SamplingPlan, groups: Groups) -> dict[str, np.ndarray]:
    """Counts per group of as many items drawn otherwise; what takes time only where it is asked for."""
    pool, size = groups.pool, len(plan.indices)
    if not size:
        return {}
    n = pool.hierarchy.n_items
    chosen = st.pills(
        "Compare with",
        ["random", *(BASELINES if n <= MOST_FLAT else ())],
        selection_mode="multi",
        default=["random"],
        key="balance-baselines",
        help="As many items drawn at random"
        + ("; ".join(["", *(f"{name}: {about}" for name, about in BASELINES.items())]) if n <= MOST_FLAT else "."),
    )
    found = {}
    for name in chosen:
        if name == "random":
            order = draw_cache.order(pool.path, pool.key, plan.seed, pool.hierarchy)
            rows = np.flatnonzero(order.priority < size)
        elif name == "flat k-means":
            rows = _flat(pool.path, pool.key, min(size, n), plan.seed, pool)
        else:
            rows = _unresampled(pool.path, pool.key, min(size, n), plan.seed, ws)
        found[name] = np.bincount(groups.codes[rows], minlength=groups.n_groups)
    return found


@st.cache_resource(max_entries=8, show_spinner=False)
def _labels(path: str, key: str, column: str, _pool: Pool) -> tuple[np.ndarray, list[str]]:  # noqa: ARG001
    return _pool.labels(column)


@st.cache_resource(max_entries=16, show_spinner=False)
def _raw(named: str, _groups: Groups) -> np.ndarray:  # noqa: ARG001 - it is the cache's key
    return np.bincount(_groups.codes, minlength=_groups.n_groups)


@st.cache_resource(max_entries=16, show_spinner=False)
def _reviewed(named: str, _groups: Groups, _eligible: np.ndarray) -> np.ndarray:  # noqa: ARG001
    return np.bincount(_groups.codes[_eligible], minlength=_groups.n_groups)


@st.cache_resource(max_entries=16, show_spinner="Running a flat k-means for comparison")
def _flat(path: str, key: str, size: int, seed: int, _pool: Pool) -> np.ndarray:  # noqa: ARG001 - path and key are the cache's key
    vectors = np.asarray(_pool.vectors, dtype=np.float32)
    found: np.ndarray = flat_draw(
        vectors, _pool.hierarchy.n_clusters[0], SampleConfig(target_size=size, seed=seed)
    ).indices
    return found


@st.cache_resource(max_entries=16, show_spinner="Drawing from a tree without resampling for comparison")
def _unresampled(path: str, key: str, size: int, seed: int, _ws: Workspace) -> np.ndarray:
    return sample(draw_cache.unresampled(path, key, _ws), SampleConfig(target_size=size, seed=seed)).indices
