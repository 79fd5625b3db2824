"""Selections kept by name: save, open, rename, remove, and undo of the last removal."""

from collections.abc import Callable

import streamlit as st

from curation_app import show, state
from curation_app.boundary import escaped
from curation_app.scene import Scene
from curation_core.errors import CurationError
from curation_core.saved_selections import MOST_NAME, Saved, SavedSelections, refusal


def saved_menu(scene: Scene, *, key: str) -> None:
    """The button that opens the list of saved selections."""
    menu = st.popover("Saved", icon=":material/bookmark:", key=f"{key}-menu", on_change="rerun")
    if not menu.open:
        return
    store = SavedSelections(scene.ws.path)
    with menu, st.container(key=f"{key}-list", width=360):
        st.html(f"<style>{_style(key)}</style>")
        try:
            saved, gone = store.all(), store.removed()
        except CurationError as error:
            st.error(escaped(_sentence(error)), icon=":material/error:")
            return
        if not saved:
            st.caption("Give a selection or filters a name, and open them again from here, on any day.")
        with st.container(height=300 if len(saved) > 6 else "content", border=False):
            for number, one in enumerate(saved):
                _row(scene, store, one, f"{key}-{number}")
        if gone and state.widget(f"{key}-gone") == gone:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f"Removed {escaped(gone)}.")
                st.button("Undo", key=f"{key}-undo", type="tertiary", on_click=_restored, args=(store, key))
        _save_form(scene, store, key)
        said = str(state.widget(f"{key}-said") or "")
        if said:
            st.error(escaped(said), icon=":material/error:")


def _row(scene: Scene, store: SavedSelections, one: Saved, key: str) -> None:
    menu = key.rpartition("-")[0]
    refused = refusal(one, tree=scene.pool.tree, map=scene.map_key)
    with st.container(horizontal=True, vertical_alignment="center", gap=None):
        said = f"Cannot be opened: {refused}." if refused else f"{one.count:,} items when saved, {show.ago(one.time)}"
        label = escaped(one.name)
        options = {"key": f"{key}-open", "disabled": bool(refused), "help": said, "width": "stretch"}
        st.button(label, type="tertiary", on_click=_opened, args=(one,), **options)  # type: ignore[arg-type]
        _icon("edit", f"Rename {label}", f"{key}-icon-edit", _edit, menu, one)
        _icon("delete", f"Remove {label}", f"{key}-icon-remove", _removed, store, one.name, menu)
    if state.widget(f"{menu}-renaming") == one.name:
        field = f"{key}-name"
        st.text_input(
            "New name",
            value=one.name,
            key=field,
            max_chars=MOST_NAME,
            on_change=lambda: _renamed(store, one.name, str(state.widget(field)), menu),
        )


def _icon(name: str, label: str, key: str, on_click: Callable[..., None], *args: object) -> None:
    """A button of which only the icon is seen; its label is heard, and shown when the pointer rests on it."""
    st.button(label, key=key, icon=f":material/{name}:", type="tertiary", help=label, on_click=on_click, args=args)


def _style(key: str) -> str:
    icons = f".st-key-{key}-list [class*=-icon-]"
    return (
        f".st-key-{key}-list [class*=-open] :is(button,button>div){{justify-content:flex-start;text-align:left}}"
        f"{icons} [data-testid=stMarkdownContainer]"
        "{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
        f"{icons} button{{min-width:1.75rem;min-height:1.75rem}}"
    )


def _save_form(scene: Scene, store: SavedSelections, key: str) -> None:
    count = len(scene.rows)
    nothing = scene.selection.kind == "none" and not scene.filters
    field = f"{key}-new"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Save under the name",
            key=field,
            max_chars=MOST_NAME,
            disabled=nothing,
            placeholder="blurred cats",
        )
        st.button(
            f"Save {show.count(count, 'item')}",
            key=f"{key}-save",
            disabled=nothing,
            help="Nothing is selected and no filter is set." if nothing else None,
            on_click=_kept,
            args=(scene, store, field, key),
        )


def _kept(scene: Scene, store: SavedSelections, field: str, key: str) -> None:
    state.set_widget(f"{key}-said", "")
    try:
        store.save(
            str(state.widget(field) or ""),
            scene.selection,
            scene.filters,
            tree=scene.pool.tree,
            map=scene.map_key,
            count=len(scene.rows),
        )
    except CurationError as error:
        state.set_widget(f"{key}-said", _sentence(error))
    else:
        state.set_widget(field, "")


def _opened(one: Saved) -> None:
    state.select(one.selection)
    state.update(filters=one.filters)


def _edit(menu: str, one: Saved) -> None:
    open_now = state.widget(f"{menu}-renaming") == one.name
    state.set_widget(f"{menu}-renaming", "" if open_now else one.name)


def _renamed(store: SavedSelections, old: str, new: str, menu: str) -> None:
    state.set_widget(f"{menu}-said", "")
    try:
        store.rename(old, new)
    except CurationError as error:
        state.set_widget(f"{menu}-said", _sentence(error))
    else:
        state.set_widget(f"{menu}-renaming", "")


def _removed(store: SavedSelections, name: str, menu: str) -> None:
    state.set_widget(f"{menu}-said", "")
    try:
        store.remove(name)
    except CurationError as error:
        state.set_widget(f"{menu}-said", _sentence(error))
    else:
        state.set_widget(f"{menu}-gone", name)


def _restored(store: SavedSelections, menu: str) -> None:
    store.restore()
    state.set_widget(f"{menu}-gone", "")


def _sentence(error: CurationError) -> str:
    return str(error)[:1].upper() + str(error)[1:]
