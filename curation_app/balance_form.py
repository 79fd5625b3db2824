"""The settings of a draw but for its size: which members, what comes first, what is balanced, how often, the seed."""

from typing import Any, get_args

import streamlit as st

from curation_app import loaders
from curation_app.pool import Pool
from curation_app.state import set_widget, widget
from curation_core.config import Cover, SampleConfig, Strategy
from curation_core.errors import StepMissing
from curation_core.workspace import Workspace

ALONG = ("Tree", "Column", "Both")
_COVERS = {"none": "nothing", "clusters": "one of every cluster", "items": "every item once"}
_ABOUT = {name: str(info.description) for name, info in SampleConfig.model_fields.items()}


def settings(ws: Workspace, pool: Pool) -> SampleConfig:
    """One widget per setting; what was chosen is kept for this session when the page is left."""
    kept, key = f"draw-chosen-{ws.path.name}", f"sample-{ws.path.name}"
    _follow(ws)
    saved = widget(kept) or loaders.wanted_draw(ws, pool.hierarchy.n_items)
    along = _along(pool, saved, key)
    values = {**along, **_reference(ws, saved, key)}
    strategies = list(get_args(Strategy))
    values["strategy"] = st.selectbox(
        "Members of a cluster",
        strategies,
        strategies.index(saved.strategy),
        key=f"{key}-strategy",
        help=_ABOUT["strategy"],
    )
    covers = list(get_args(Cover))
    values["cover"] = st.selectbox(
        "Before anything is balanced",
        covers,
        covers.index(saved.cover),
        format_func=_COVERS.__getitem__,
        key=f"{key}-cover",
        help=_ABOUT["cover"],
    )
    left, right = st.columns(2)
    mixed = "column" in along or bool(values.get("reference_share"))
    with left:
        often = st.number_input(
            "Each up to",
            1,
            1000,
            saved.multiplier,
            key=f"{key}-multiplier",
            disabled=mixed,
            help=_ABOUT["multiplier"] + (" A mixed draw takes each item once." if mixed else ""),
        )
    with right:
        values["seed"] = st.number_input("Seed", 0, None, saved.seed, key=f"{key}-seed", help=_ABOUT["seed"])
    values["multiplier"] = 1 if mixed else int(often)
    values["one_per_group"] = _one_per_group(ws, saved, key)
    config = SampleConfig(**values, target_size=saved.target_size)
    set_widget(kept, config)
    return config


def chosen(ws: Workspace, config: SampleConfig) -> None:
    """Remember what the page shows, its size included."""
    set_widget(f"draw-now-{ws.path.name}", config)


def _follow(ws: Workspace) -> None:
    """Take over a draw that was kept elsewhere since the last look: by another part, another person, the command."""
    seen, kept = f"draw-seen-{ws.path.name}", ws.settings.sample
    if kept is not None and widget(seen) not in (None, kept) and widget(f"draw-now-{ws.path.name}") != kept:
        use(ws, kept)
    set_widget(seen, kept)


def use(ws: Workspace, config: SampleConfig) -> None:
    """Take settings over, as if a person had chosen each; only before they are drawn."""
    key = f"sample-{ws.path.name}"
    along = "Tree" if not config.along_column else "Column" if config.column_share == 1 else "Both"
    set_widget(f"draw-chosen-{ws.path.name}", config)
    set_widget(f"target-kept-{ws.path.name}", config.target_size)
    told = {
        "along": along,
        "strategy": config.strategy,
        "cover": config.cover,
        "multiplier": config.multiplier,
        "seed": config.seed,
        "one-per-group": config.one_per_group,
        "reference-share": round(100 * config.reference_share),
    }
    if config.along_column:
        told |= {"column": config.column, "column-share": round(100 * config.column_share)}
    for name, value in told.items():
        set_widget(f"{key}-{name}", value)
    for name in ("slider", "number"):
        set_widget(f"target-{name}-{ws.path.name}", config.target_size)
    set_widget(f"target-unit-{ws.path.name}", "items")


def _along(pool: Pool, saved: SampleConfig, key: str) -> dict[str, Any]:
    """What is balanced: the tree, a column, or both by shares."""
    columns = list(pool.label_columns)
    columns += [saved.column] if saved.column in pool.catalog.columns and saved.column not in columns else []
    before = "Tree" if not saved.along_column else "Column" if saved.column_share == 1 else "Both"
    chosen = st.segmented_control(
        "Balance along",
        ALONG if columns else ALONG[:1],
        default=before if columns else "Tree",
        key=f"{key}-along",
        required=True,
        help="The clusters of the tree; the values of a column, in each the tree; or both, a share of the target each.",
    )
    if chosen == "Tree" or not columns:
        return {}
    column = st.selectbox(
        "Column",
        columns,
        columns.index(saved.column) if saved.column in columns else 0,
        key=f"{key}-column",
        help=_ABOUT["column"],
    )
    if chosen == "Column":
        return {"column": column}
    percent = round(100 * saved.column_share) if before == "Both" else 50
    share = st.slider("Along the column, %", 1, 99, percent, key=f"{key}-column-share", help=_ABOUT["column_share"])
    return {"column": column, "column_share": share / 100}


def _reference(ws: Workspace, saved: SampleConfig, key: str) -> dict[str, Any]:
    """The share that comes from the reference set, where there is one."""
    if ws.settings.reference is None:
        return {}
    try:
        ws.plans.meta("reference")
    except StepMissing:
        return {}
    percent = round(100 * saved.reference_share)
    share = st.slider(
        "From the reference set, %", 0, 100, percent, key=f"{key}-reference-share", help=_ABOUT["reference_share"]
    )
    return {"reference_share": share / 100}


def _one_per_group(ws: Workspace, saved: SampleConfig, key: str) -> bool:
    """Whether near-duplicates count once; only where they were looked for."""
    ready = loaders.check(ws, "duplicates").state == "done"
    about = _ABOUT["one_per_group"]
    return st.toggle(
        "One item per group of near-duplicates",
        saved.one_per_group and ready,
        key=f"{key}-one-per-group",
        disabled=not ready,
        help=about if ready else f"{about} Look for near-duplicates first (Data, Duplicates).",
    )
