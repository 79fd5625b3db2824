"""One more filter: a column, and the control that fits it, with counts; only what is open is computed."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from curation_app import show, state
from curation_app.boundary import escaped
from curation_app.scene import Scene
from curation_core import filters
from curation_core.facets import BINS, NumberFacet, class_facet, flag_facet, number_facet
from curation_core.selection import Filter

MOST_CLASSES = 1_000  # offered in a list; others are a matter for an expression
_HEIGHT = 44  # of the small histogram, pixels
_EITHER = "Either"
_GROUPS = ("yours", "review", "draw", "quality", "duplicates", "faces", "tree", "item")
_KINDS = ("class", "flag", "number", "text")


def filter_menu(scene: Scene, *, key: str) -> None:
    """The button that opens the form."""
    menu = st.popover("Filter", icon=":material/filter_alt:", key=f"{key}-menu", on_change="rerun")
    if not menu.open:
        return
    with menu, st.container(key=f"{key}-form", width=320):
        names = _ordered(scene)
        name = st.selectbox("Column", names, key=f"{key}-column")
        column = scene.columns[name]
        if column.about:
            st.caption(escaped(column.about))
        field = f"{key}-{scene.pool.key}-{names.index(name)}"
        if column.kind == "flag":
            made = _flag(scene, name, field)
        elif column.is_class and not (column.kind == "number" and _by_range(field)):
            made = _classes(scene, name, field)
        elif column.kind == "number":
            made = _number(scene, name, field)
        else:
            made = _text(name, field)
        _add(scene, made, key)


def histogram(facet: NumberFacet, low: float, high: float) -> str:
    """A small histogram as HTML: all items pale, those that match dark, what lies outside [low, high] faint.

    Heights are square roots, so that rare values can be seen. Holds numbers only.
    """
    most = float(np.sqrt(max(1, int(facet.total.max()))))
    edges = np.linspace(facet.low, facet.high, BINS + 1)
    bars = []
    for place, (kept, total) in enumerate(zip(facet.matching.tolist(), facet.total.tolist(), strict=True)):
        faint = edges[place + 1] < low or edges[place] > high
        layers = ((total, 0.16), (kept, 0.25 if faint else 0.75))
        bars.append(
            f'<div style="flex:1;position:relative;height:100%">{"".join(_bar(*one, most) for one in layers)}</div>'
        )
    label = f"{int(facet.matching.sum()):,} of {int(facet.total.sum()):,} items with a number match"
    style = f"display:flex;gap:1px;height:{_HEIGHT}px;border-bottom:1px solid var(--st-border-color,currentColor)"
    return f'<div role="img" aria-label="{label}" style="{style}">{"".join(bars)}</div>'


def _bar(count: int, opacity: float, most: float) -> str:
    height = 100 * np.sqrt(count) / most
    if 0 < height < 3:
        height = 3.0  # a single item can still be seen
    style = f"position:absolute;bottom:0;width:100%;height:{height:.1f}%;background:currentColor;opacity:{opacity}"
    return f'<div style="{style}"></div>'


def _ordered(scene: Scene) -> list[str]:
    """Names of the columns: what people ask for most comes first."""
    columns = scene.columns

    def place(name: str) -> tuple[int, bool, int]:
        column = columns[name]
        return _GROUPS.index(column.group), not column.is_class, _KINDS.index(column.kind)

    return sorted(columns, key=place)


def _add(scene: Scene, made: Filter | None, key: str) -> None:
    if made is not None:
        kept = int((filters.passing(made, scene.columns) & scene.matching).sum())
        st.caption(f"Keeps {kept:,} of {show.count(int(scene.matching.sum()), 'item')}.")
    st.button(
        "Add filter",
        key=f"{key}-add",
        icon=":material/add:",
        disabled=made is None,
        on_click=state.add_filter,
        args=(made,),
        width="stretch",
    )


def _classes(scene: Scene, name: str, field: str) -> Filter | None:
    facet = class_facet(name, scene.columns, scene.matching)
    offered = facet.names[:MOST_CLASSES]
    counts = {
        value: f"{value or 'empty'} · {kept:,} of {total:,}"
        for value, kept, total in zip(offered, facet.matching.tolist(), facet.total.tolist(), strict=False)
    }
    turned = _turned(field)
    chosen: Sequence[str] = st.multiselect(
        "Values",
        offered,
        key=f"{field}-values",
        format_func=lambda value: counts.get(value, value),
        placeholder=f"{len(facet.names):,} values: choose some",
    )
    if len(facet.names) > MOST_CLASSES:
        st.caption(f"The {MOST_CLASSES:,} commonest are listed; write an expression for the others.")
    return Filter("one_of", name, values=tuple(chosen), inverted=turned) if chosen else None


def _flag(scene: Scene, name: str, field: str) -> Filter | None:
    marked, others = flag_facet(name, scene.columns, scene.matching)
    options = {_EITHER: "", f"Yes · {marked:,}": name, f"No · {others:,}": f"not {name}"}
    chosen = st.segmented_control("Value", list(options), default=_EITHER, key=f"{field}-flag-{marked}", required=True)
    value = options.get(str(chosen), "")
    return Filter("one_of", name, values=(value,)) if value else None


def _number(scene: Scene, name: str, field: str) -> Filter | None:
    facet = number_facet(name, scene.columns, scene.matching)
    low_field, high_field, both = f"{field}-low", f"{field}-high", f"{field}-range"
    if not np.isfinite(facet.low):
        st.caption("No item has a number here.")
        return None
    low, high = state.widget(low_field), state.widget(high_field)
    st.html(histogram(facet, -np.inf if low is None else float(low), np.inf if high is None else float(high)))
    if facet.high > facet.low:
        _slider(facet, both, low_field, high_field)
    left, right = st.columns(2)
    step = _step(facet)
    options = {"value": None, "step": step, "format": "%.10g", "on_change": _follow, "args": (facet, both)}
    with left:
        low = st.number_input("At least", key=low_field, placeholder=f"{facet.low:.6g}", **options)  # type: ignore[call-overload]
    with right:
        high = st.number_input("At most", key=high_field, placeholder=f"{facet.high:.6g}", **options)  # type: ignore[call-overload]
    if facet.missing:
        st.caption(f"{show.count(facet.missing, 'item')} without a number never fit.")
    turned = st.checkbox("Outside of this range", key=f"{field}-turned")
    if low is None and high is None:
        return None
    return Filter("between", name, low=low, high=high, inverted=turned)


def _slider(facet: NumberFacet, both: str, low_field: str, high_field: str) -> None:
    def moved() -> None:
        low, high = state.widget(both)
        state.set_widget(low_field, float(low) if low > facet.low else None)
        state.set_widget(high_field, float(high) if high < facet.high else None)

    st.slider(
        "Range",
        min_value=facet.low,
        max_value=facet.high,
        value=(facet.low, facet.high),
        step=_step(facet),
        format="%.4g",
        key=both,
        label_visibility="collapsed",
        on_change=moved,
    )


def _follow(facet: NumberFacet, both: str) -> None:
    """Bring the slider to what was typed."""
    if facet.high > facet.low:
        field = both.removesuffix("-range")
        low, high = state.widget(f"{field}-low"), state.widget(f"{field}-high")
        ends = (facet.low if low is None else low, facet.high if high is None else high)
        first, last = (min(max(float(end), facet.low), facet.high) for end in ends)
        state.set_widget(both, (min(first, last), last))


def _step(facet: NumberFacet) -> float:
    """A hundredth or less of the range, as a power of ten; 1 for a range of whole numbers of some width."""
    span = facet.high - facet.low
    if span >= 20 and float(facet.low).is_integer() and float(facet.high).is_integer():
        return 1.0
    return float(10.0 ** np.floor(np.log10(span / 100))) if np.isfinite(span) and span > 0 else 1.0


def _text(name: str, field: str) -> Filter | None:
    turned = st.segmented_control(
        "Text", ["contains", "does not contain"], default="contains", key=f"{field}-turned", required=True
    )
    part = st.text_input("Text to look for", key=f"{field}-text", max_chars=200, label_visibility="collapsed")
    return Filter("contains", name, text=part, inverted=turned != "contains") if part else None


def _by_range(field: str) -> bool:
    """Numbers of few values, such as years, can be asked for both ways."""
    chosen = st.segmented_control("By", ["values", "range"], default="values", key=f"{field}-by", required=True)
    return bool(chosen == "range")


def _turned(field: str) -> bool:
    chosen = st.segmented_control("Value", ["is", "is not"], default="is", key=f"{field}-turned", required=True)
    return bool(chosen == "is not")
