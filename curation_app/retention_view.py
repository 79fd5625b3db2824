"""What balance gains at every size of the draw, beside as many items at random, and whether it pays."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from curation_app import balancing, chart_balance, draw_cache, loaders, show
from curation_app.boundary import escaped
from curation_app.pool import Pool
from curation_core.config import SampleConfig
from curation_core.progress import Progress
from curation_core.retention import MOST_DRAWN, MOST_POOL, Retention, advice, beside, retention
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace

MOST_SEEDS, _MOST_KNOWN = 5, 16
_TITLES = {
    "entropy": "Evenness over the groups",
    "coverage": "Groups with an item",
    "gini": "Inequality of the groups",
    "uncrowding": "How sparse the places are that are drawn from",
    "vendi": "How many different items it amounts to",
    "near-duplicates": "How much of the draw repeats itself",
}


def view(ws: Workspace, pool: Pool, config: SampleConfig, plan: SamplingPlan) -> None:
    """The advice in one sentence, and a curve per figure."""
    groups = balancing.choose_groups(pool)
    found = measured(ws, groups, config)
    at = len(plan.indices)
    said = advice(found, at, groups.title)
    icon = "check" if said.startswith("Balancing pays") else "info"
    st.markdown(f":material/{icon}: {escaped(said)}")
    if more := beside(found, at):
        st.caption(escaped(more))
    names = list(found.drawn)
    for left, right in zip(names[::2], [*names[1::2], *([""] * (len(names) % 2))], strict=True):
        for column, name in zip(st.columns(2), (left, right), strict=True):
            if name:
                title = f"{_TITLES[name]}, {groups.title}" if name in ("entropy", "gini", "coverage") else _TITLES[name]
                with column:
                    show.chart(chart_balance.retention_curve(found, name, title, target=at), f"retention-{name}")
    st.caption(
        f"{len(found.sizes)} sizes, each beside {MOST_SEEDS} random draws of the same size; grey is their range. "
        + (
            f"Crowding is measured on {found.measured_on:,} items of the pool (at most {MOST_POOL:,}), the number of "
            f"different items on at most {MOST_DRAWN:,} of the draw."
            if found.measured_on
            else "Crowding is not measured: there are too few items."
        )
    )


def measured(ws: Workspace, groups: balancing.Groups, config: SampleConfig) -> Retention:
    """The figures of all sizes, worked out once for settings, decisions and groups; progress is shown meanwhile."""
    checked = loaders.check(ws, "duplicates")
    near = checked.key if checked.state == "done" else ""
    named = f"{loaders.made_of(ws, config)}:{groups.level}:{groups.key}:{near}"
    known, place = _known(), st.empty()
    key = f"{named}:{draw_cache.recipe_of(config)}"
    if key not in known:
        duplicates = ws.near_duplicates() if near else None
        made = retention(
            loaders.drawing(ws, config),
            np.asarray(groups.codes),
            vectors=groups.pool.vectors,
            near=duplicates,
            n_seeds=MOST_SEEDS,
            progress=_bar(place),
        )
        while len(known) >= _MOST_KNOWN:
            known.pop(next(iter(known)), None)
        known[key] = made
    place.empty()
    return known[key]


@st.cache_resource(show_spinner=False)
def _known() -> dict[str, Retention]:
    """What was measured, of the whole process: a cached function could not show its progress."""
    return {}


def _bar(place: DeltaGenerator) -> Progress:
    def report(stage: str, done: int, total: int, **figures: float) -> None:  # noqa: ARG001 - as Progress is called
        place.progress(done / max(1, total), f"Measuring draws of many sizes: {done:,} of {total:,}")

    return report
