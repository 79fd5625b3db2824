"""The bar above Explore: one search field, filters, saved selections, and chips of what is set.

Searching by meaning or by a picture selects the nearest items; by id, those items. Searching in texts and expressions
are filters. Whatever is set is a chip with a cross.
"""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from curation_app import dropped, meaning, state
from curation_app.boundary import escaped
from curation_app.chips import chips
from curation_app.filter_form import filter_menu
from curation_app.saved_menu import saved_menu
from curation_app.scene import Scene
from curation_core import expression
from curation_core.errors import ConfigError, CurationError
from curation_core.expression_syntax import quoted_column, quoted_text
from curation_core.filters import MOST_CHARACTERS
from curation_core.finding import named_items
from curation_core.selection import Filter, Selection

_CAPTIONS = ("text", "name", "title", "caption", "label", "uri")


@dataclass(frozen=True)
class _Kind:
    """A way to search. why_not: why it cannot be used here, "" when it can."""

    hint: str
    ask: Callable[[str], None]
    why_not: str = ""


def bar(scene: Scene, *, key: str = "finder") -> None:
    """Draw the bar; what a person does in it changes the tab's selection and filters."""
    kinds = _kinds(scene)
    first = next(name for name, kind in kinds.items() if not kind.why_not)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{key}-row"):
        chosen = st.selectbox(
            "Search by",
            list(kinds),
            index=list(kinds).index(first),
            key=f"{key}-kind",
            label_visibility="collapsed",
            width=130,
        )
        _field(kinds[chosen], f"{key}-words-{chosen}", f"{key}-said")
        if scene.pool.catalog.modality == "image":
            dropped.door(scene, key=f"{key}-picture")
        filter_menu(scene, key=f"{key}-filter")
        saved_menu(scene, key=f"{key}-saved")
    said = str(state.widget(f"{key}-said") or "")
    if said:
        st.error(escaped(said), icon=":material/error:")
    chips(scene, key=key)


def like(items: tuple[str, ...], n: int = 100) -> None:
    """Select what is most like some items (ids); for a button's on_click."""
    state.select(Selection("nearest", items=items, n=n))


def _field(kind: _Kind, field: str, said: str) -> None:
    def entered() -> None:
        words = str(state.widget(field) or "").strip()
        state.set_widget(said, "")
        if not words:
            return
        try:
            kind.ask(words)
        except CurationError as error:
            state.set_widget(said, str(error)[:1].upper() + str(error)[1:])
        else:
            state.set_widget(field, "")

    st.text_input(
        "Search",
        key=field,
        placeholder=kind.why_not or kind.hint,
        disabled=bool(kind.why_not),
        max_chars=MOST_CHARACTERS,
        label_visibility="collapsed",
        icon=":material/search:",
        on_change=entered,
    )


def _kinds(scene: Scene) -> dict[str, _Kind]:
    column = next((name for wanted in _CAPTIONS for name in scene.columns if name.lower() == wanted), "uri")
    return {
        "Meaning": _Kind("What it is about: a few words", _by_meaning, meaning.why_not(scene.ws)),
        "Text": _Kind(f"Words that stand in {column}", lambda words: _by_text(column, words)),
        "Id": _Kind("Ids or paths of items", lambda words: _by_id(scene, words)),
        "Expression": _Kind(_example(scene), lambda words: _by_expression(scene, words)),
    }


def _example(scene: Scene) -> str:
    """An expression over columns that are there."""
    number = next((name for name, column in scene.columns.items() if column.kind == "number"), None)
    columns = scene.columns
    named = next((name for name in columns if columns[name].kind == "class" and columns[name].group == "yours"), None)
    said = [f"{quoted_column(number)} > 2"] if number else []
    if named:
        value = next(filter(None, scene.columns.codes(named)[1]), "")
        said.append(f"{quoted_column(named)} in [{quoted_text(value)}]")
    return " and ".join(said) or "not isnull(item_id)"


def _by_meaning(words: str) -> None:
    state.select(Selection("nearest", text=words))


def _by_text(column: str, words: str) -> None:
    state.add_filter(Filter("contains", column, text=words))


def _by_id(scene: Scene, words: str) -> None:
    found, missing = named_items(words, scene.columns.texts("item_id"), scene.columns.texts("uri"))
    if not found:
        raise ConfigError(f"no item is called {missing[0][:60]!r}; expected an id, its first letters, or a path")
    state.select(Selection("items", items=found))
    if missing:
        state.say(f"{len(missing):,} of {len(found) + len(missing):,} were not found, {missing[0][:40]!r} first.")


def _by_expression(scene: Scene, words: str) -> None:
    expression.check(words, scene.columns)
    state.add_filter(Filter("where", text=words))
