"""Figures of the tree's clusters for the page, worked out once for as long as what they are made of stays the same."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from curation_app import state
from curation_app.scene import Scene
from curation_core.hierarchy import Hierarchy
from curation_core.item_columns import ItemColumns
from curation_core.node_figures import FigureKind, LevelFigure, NodeFigure, of_items, of_level, offered

_CHOSEN = "tree-figure-chosen"  # no widget: it outlives the view whose select set it
BRANCH = "branch of the tree"


def chosen(scene: Scene) -> NodeFigure | None:
    """The figure to colour and list by; None for the branch. First the share drawn, where something is drawn."""
    wanted = state.widget(_CHOSEN)
    figures = {figure.title: figure for figure in offered(scene.columns)}
    return figures.get(wanted) if wanted is not None else figures.get("share drawn")


def choice(scene: Scene, key: str, **options: Any) -> None:
    """The select of figures; list and picture have one each and always agree."""
    now = chosen(scene)
    state.set_widget(key, now.title if now else BRANCH)
    titles = [BRANCH, *(figure.title for figure in offered(scene.columns))]
    about = now.about if now else "A hue per branch, paler with depth."
    st.selectbox(
        "Figure", titles, key=key, on_change=lambda: state.set_widget(_CHOSEN, state.widget(key)), help=about, **options
    )


def of_levels(scene: Scene, figure: NodeFigure) -> list[LevelFigure]:
    """A figure of all clusters, per level."""
    stamp, tree = _stamp(figure, scene.columns), scene.pool.hierarchy
    return [
        _level(scene.pool.key, figure.kind, figure.column, level, stamp, tree, scene.columns)
        for level in range(1, tree.n_levels + 1)
    ]


def drawn_counts(scene: Scene) -> Sequence[np.ndarray]:
    """Items drawn of every cluster, per level (k,) int64."""
    return _counts(scene.pool.key, _digest(np.packbits(scene.drawn)), scene.pool.hierarchy, scene.drawn)


def _stamp(figure: NodeFigure, columns: ItemColumns) -> str:
    """Changes with the values that a figure is made of."""
    if figure.kind == "cohesion":
        return ""
    if figure.kind == "purity":
        return _digest(columns.codes(figure.column)[0])
    if figure.kind == "mean":
        return _digest(columns.numbers(figure.column))
    if figure.kind == "decision":
        return _digest(columns.codes("decision")[0].astype(np.uint8))
    return _digest(np.packbits(of_items(figure, columns)))


def _digest(values: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=12).hexdigest()


@st.cache_resource(max_entries=64, show_spinner=False)
def _level(
    pool: str,  # noqa: ARG001 - it is the cache's key, as the stamps are
    kind: FigureKind,
    column: str,
    level: int,
    stamp: str,  # noqa: ARG001
    _tree: Hierarchy,
    _columns: ItemColumns,
) -> LevelFigure:
    return of_level(NodeFigure(kind, column), _tree, level, _columns)


@st.cache_resource(max_entries=8, show_spinner=False)
def _counts(pool: str, stamp: str, _tree: Hierarchy, _drawn: np.ndarray) -> Sequence[np.ndarray]:  # noqa: ARG001
    pairs = zip(_tree.assignments, _tree.n_clusters, strict=True)
    return [np.bincount(assignment[_drawn], minlength=k) for assignment, k in pairs]
