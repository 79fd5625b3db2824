"""The results of a step side by side: settings that differ, figures, small pictures of sizes, deleting what is old."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from curation_app import loaders, show, state
from curation_app.boundary import escaped
from curation_core import leftovers
from curation_core.artifacts import read_array
from curation_core.errors import CurationError
from curation_core.workspace import Workspace

FIGURES = {
    "ingest": ("n_failures", "modality"),
    "embed": ("model", "dim", "n_failures"),
    "prepare": ("dim",),
    "cluster": ("n_clusters",),
    "project": ("method", "refined", "engine"),
    "sample": ("shortfall",),
    "reference": ("gap",),
}
_BARS = 24  # bars of a small picture
_PICTURES = {
    "cluster": "items per cluster of the finest level, largest to smallest",
    "sample": "draws per cluster of the finest level, largest to smallest",
}


def results(ws: Workspace) -> None:
    """The Results part of Runs."""
    _results(ws)
    _unfinished(ws)


def _unfinished(ws: Workspace) -> None:
    """What was begun and is not done: it goes on when its settings come back, and may be deleted."""
    begun = [one for one in ws.store.partials() if leftovers.size_of(one[2])]
    if not begun:
        return
    st.markdown("**Begun and not finished**")
    for step, key, folder in begun:
        size = show.file_size(leftovers.size_of(folder))

        def remove(step: str = step, key: str = key, size: str = size) -> None:
            try:
                ws.store.remove_partial(step, key)
            except CurationError as error:
                state.say(str(error))
            else:
                state.say(f"What was begun of {step} {key} is deleted, {size} freed.")

        show.act(f"Delete what was begun of {step} {key} · frees {size}", f"runs-begun-{step}-{key}", "delete", remove)
    st.caption("A step that was stopped goes on from there when it is run with the same settings.")


def _results(ws: Workspace) -> None:
    steps = [name for name in _NOUNS if ws.store.all_meta(name)]
    if not steps:
        st.caption(
            "Nothing has been made yet. Every result of a step is kept here with its settings; "
            "an earlier one is taken up again when its settings come back."
        )
        return
    step = st.segmented_control("Step", steps, default=steps[0], key="runs-step", required=True)
    found, now = ws.store.all_meta(step), _current(ws, step)
    differing = varying([meta["config"] for meta in found])
    columns: dict[str, Sequence[Any]] = {
        "": ["current" if meta["key"] == now else "" for meta in found],
        "key": [meta["key"] for meta in found],
        "made": [show.ago(meta["finished"]) for meta in found],
        "items": [meta["n_items"] for meta in found],
        "took": [show.duration(meta["seconds"]) for meta in found],
        **{name.replace("_", " "): [shown(meta.get(name)) for meta in found] for name in FIGURES[step]},
        **{name.replace("_", " "): [shown(meta["config"].get(name)) for meta in found] for name in differing},
    }
    config = {}
    if step in _PICTURES:
        columns["sizes"] = [_bars(str(ws.path), step, meta["key"]) for meta in found]
        config["sizes"] = st.column_config.BarChartColumn(help=_PICTURES[step], y_min=0, width="medium")
    show.table(columns, key=f"runs-{step}", column_config=config)
    if len(found) > 1:
        st.caption(f"Settings shown are those that differ: {escaped(', '.join(differing) or 'none')}.")
    _one(ws, step, found)


def varying(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the settings that are not the same in all configurations."""
    names = dict.fromkeys(name for config in configs for name in config)
    return [name for name in names if len({shown(config.get(name)) for config in configs}) > 1]


def shown(value: Any) -> str:
    """A setting or figure as people read it."""
    if isinstance(value, list | tuple):
        return ", ".join(f"{part:,}" if isinstance(part, int) else str(part) for part in value)
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _current(ws: Workspace, step: str) -> str:
    found = loaders.check(ws, step) if step == "reference" else loaders.status(ws)[step]
    return found.key if found.state == "done" else ""


def _one(ws: Workspace, step: str, found: Sequence[Mapping[str, Any]]) -> None:
    with st.expander("All settings of one result, and deleting it", key="runs-settings"):
        key = st.selectbox("Result", [meta["key"] for meta in found], key=f"runs-key-{step}", width=260)
        chosen = next((meta for meta in found if meta["key"] == key), found[0])
        show.table(
            {"setting": list(chosen["config"]), "value": [shown(value) for value in chosen["config"].values()]},
            key="runs-config",
        )
        _delete(ws, step, str(chosen["key"]))


def _delete(ws: Workspace, step: str, key: str) -> None:
    """A button that says what deleting frees, or a sentence that says what needs the result."""
    current = (*loaders.status(ws).values(), *ws.checks())
    reasons = leftovers.needed_by(ws.store, current, step, key)
    size = show.file_size(leftovers.size_of(ws.store.folder(step, key)))
    if reasons:
        st.caption(f"{size}. It cannot be deleted: {escaped('; '.join(reasons))}.")
        return

    def remove() -> None:
        try:
            leftovers.remove(ws.store, current, step, key)
        except CurationError as error:
            state.say(str(error))
        else:
            state.say(f"{step} {key} is deleted, {size} freed.")

    show.act(f"Delete this {_NOUNS[step]} · frees {size}", f"runs-delete-{step}-{key}", "delete", remove)
    st.caption("Nothing that is kept was made from it. It cannot be brought back, only made again from its settings.")


_NOUNS = {
    "cluster": "tree",
    "sample": "draw",
    "embed": "embedding",
    "prepare": "set of prepared vectors",
    "project": "map",
    "ingest": "catalog",
    "reference": "reference set",
}


@st.cache_resource(max_entries=256, show_spinner=False)
def _bars(path: str, step: str, key: str) -> list[int]:
    """Sizes or quotas of the finest level, largest to smallest, at evenly spread ranks."""
    folder = Workspace(path).store.folder(step, key) / "level_1"
    if step == "sample":
        sizes = np.asarray(read_array(folder / "quotas.npy"))
    else:
        sizes = np.bincount(read_array(folder / "assignment.npy"))
    ordered = np.sort(sizes)[::-1]
    ranks = np.unique(np.linspace(0, len(ordered) - 1, min(_BARS, len(ordered))).round().astype(np.int64))
    return [int(size) for size in ordered[ranks]]
