"""How much is drawn: a slider and a number, in items, as a share, in tokens or in bytes."""

from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from curation_app import draw_cache, loaders, show
from curation_app.boundary import escaped
from curation_app.pool import Pool
from curation_app.state import set_widget, widget
from curation_core.config import SampleConfig
from curation_core.errors import CurationError
from curation_core.item_costs import ItemCosts
from curation_core.workspace import Workspace

_SCALES = ((1e9, "billion", "GB"), (1e6, "million", "MB"), (1e3, "thousand", "kB"), (1.0, "", "bytes"))


@dataclass(frozen=True)
class _Range:
    """What a slider and its number go over. kind: part of their keys. unit: what the number counts."""

    kind: str
    label: str
    unit: str
    low: float
    high: float
    step: float
    about: str


def target(ws: Workspace, pool: Pool, config: SampleConfig) -> SampleConfig:
    """The configuration with the size that is chosen."""
    most, n, name = max(1, loaders.drawing(ws, config).most), pool.hierarchy.n_items, ws.path.name
    before = min(most, max(1, int(widget(f"target-kept-{name}") or config.target_size)))
    units = ["items", "%", *({"text": ("tokens", "bytes"), "image": ("bytes",)}.get(pool.catalog.modality, ()))]
    unit, place, number = st.columns([1, 5, 1.2], vertical_alignment="bottom")
    chosen: Any = unit.selectbox("Target in", units, key=f"target-unit-{name}", help="What the target is told in.")
    if chosen in ("tokens", "bytes"):
        size = _by_budget(ws, pool, config, chosen, before, (place, number))
    elif chosen == "%":
        over = _Range("share-", "Target size, % of the items", "% of the items", 0.1, max(0.2, 100 * most / n), 0.1, "")
        size = round(_pair(name, over, 100 * before / n, (place, number)) / 100 * n)
    else:
        over = _Range("", "Target size, items", "items", 1, max(2, most), 1, f"At most {most:,}: what may be drawn.")
        size = int(_pair(name, over, before, (place, number)))
    size = min(most, max(1, size)) if chosen != "items" else size
    set_widget(f"target-kept-{name}", size)
    return config.model_copy(update={"target_size": size})


def _by_budget(
    ws: Workspace, pool: Pool, config: SampleConfig, unit: Literal["tokens", "bytes"], before: int, places: Any
) -> int:
    """The largest draw that costs at most what is chosen; where costs are not known the size stays."""
    named = (loaders.made_of(ws, config), draw_cache.recipe_of(config))
    try:
        costs = draw_cache.costs(str(ws.path), loaders.key_of(ws, "ingest"), pool.tree, unit)
        whole = costs.total(loaders.draw(ws, config.model_copy(update={"target_size": _most(ws, config)})).indices)
    except CurationError as error:
        st.caption(f":material/info: {escaped(str(error))}")
        return before
    scale, count, size = next(one for one in _SCALES if whole >= 10 * one[0] or one[0] == 1)
    told = " ".join(filter(None, (count, "tokens"))) if unit == "tokens" else size
    over = _Range(f"{unit}-", f"Target, {told}", told, 0.0, max(1.0, round(whole / scale, 2)), 0.01, costs.sentence())
    now = costs.total(loaders.draw(ws, config.model_copy(update={"target_size": before})).indices) / scale
    budget = _pair(ws.path.name, over, now, places) * scale
    found = draw_cache.target_of(*named, unit, budget, loaders.drawing(ws, config), costs)
    st.caption(f"{show.count(found, 'item')}: {_said(costs, ws, config, found)}. Counted: {costs.sentence()}.")
    return found


def _said(costs: ItemCosts, ws: Workspace, config: SampleConfig, size: int) -> str:
    total = costs.total(loaders.draw(ws, config.model_copy(update={"target_size": size})).indices)
    return f"{total:,.0f} tokens" if costs.unit == "tokens" else show.file_size(int(total))


def _most(ws: Workspace, config: SampleConfig) -> int:
    return loaders.drawing(ws, config).most


def _pair(name: str, over: _Range, start: float, places: Any) -> float:
    """A slider and a number that follow each other; what was chosen stays while it is on the page."""
    cast = int if over.step == 1 else float
    low, high, digits = cast(over.low), cast(over.high), 0 if over.step == 1 else 2
    slider, number = f"target-{over.kind}slider-{name}", f"target-{over.kind}number-{name}"
    for key in (slider, number):
        value = widget(key)
        set_widget(key, min(high, max(low, cast(round(start if value is None else value, digits)))))

    def follow(source: str, other: str) -> None:
        set_widget(other, widget(source))

    options: dict[str, Any] = {"step": cast(over.step), "on_change": follow}
    with places[0]:
        st.slider(over.label, low, high, key=slider, args=(slider, number), help=over.about or None, **options)
    with places[1]:
        st.number_input(
            over.unit, low, high, key=number, args=(number, slider), label_visibility="collapsed", **options
        )
    return float(widget(number))
