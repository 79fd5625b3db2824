"""What makes a cluster worth a look: figures of all clusters of a level, the order they wait in, what is suggested."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from curation_app import loaders
from curation_app.columns import item_columns
from curation_app.pool import Pool
from curation_core import suggestions
from curation_core.agreement import for_two, judgements
from curation_core.anchors import Anchors
from curation_core.hierarchy import Hierarchy
from curation_core.item_columns import ItemColumns
from curation_core.node_figures import NodeFigure, of_level, offered
from curation_core.review import ReviewDecisions
from curation_core.review_queue import EFFECT, SIZE, ReviewQueue, effect, review_queue
from curation_core.suggestions import Suggestion, Votes
from curation_core.workspace import Workspace

TEACHING = "what would teach most"
_DOUBTS = {"cohesion": "loose", "duplicates": "duplicates", "flagged": "flagged", "purity": "mixed"}
_LOW_FIRST = ("cohesion", "purity")  # figures whose small values deserve a look


@dataclass(frozen=True)
class LevelFigures:
    """Figures of a level's clusters. of: figure -> (k,) values; doubts: name -> (k,) in [0, 1]."""

    of: Mapping[NodeFigure, np.ndarray]
    doubts: Mapping[str, np.ndarray]


def level_figures(ws: Workspace, pool: Pool, level: int) -> LevelFigures:
    """All figures of a level that no decision changes."""
    stamp = "-".join(loaders.check(ws, name).key for name in ("quality", "outliers", "duplicates", "faces"))
    stamp += f"-{ws.duplicate_threshold()}-{ws.settings.quality.thresholds}"
    return _figures(str(ws.path), pool.key, level, stamp, pool.hierarchy, _columns(ws, pool))


def orders(ws: Workspace, pool: Pool) -> list[str]:
    """What the queue can be ordered by: the effect on the result first."""
    return [EFFECT, TEACHING, SIZE, *(figure.title for figure in _offered(_columns(ws, pool)))]


def queue(ws: Workspace, pool: Pool, decided: ReviewDecisions, level: int, order: str, reviewer: str) -> ReviewQueue:
    """The queue of a level for a person."""
    sizes = pool.hierarchy.sizes(level)
    figures = level_figures(ws, pool, level)
    if order == SIZE:
        priority = sizes.astype(np.float64)
    elif order == TEACHING:
        taught = suggestions.would_teach(votes(ws, pool, decided, level))
        priority = np.nan_to_num(taught, nan=1.0)
    else:
        chosen = next((figure for figure in figures.of if figure.title == order), None)
        priority = effect(sizes, figures.doubts) if chosen is None else _high_first(chosen, figures.of[chosen])
    return review_queue(decided, level, priority, reviewer=reviewer, done=settled(ws, decided, level, reviewer))


def settled(ws: Workspace, decided: ReviewDecisions, level: int, reviewer: str) -> np.ndarray:
    """Clusters of a level that do not wait for a person: (k,) bool.

    One that two people judge waits for everybody who has not judged it, until two have.
    """
    done = decided.decided(level)
    share = ws.settings.review.double_share
    if not share:
        return done
    said = judgements(loaders.events(ws), decided)
    double = np.flatnonzero(done & for_two(loaders.anchors(ws), level, share))
    waits = [c for c in double.tolist() if len(who := said.get((level, c), {})) < 2 and reviewer not in who]
    done[waits] = False
    return done


def is_blind(ws: Workspace, decided: ReviewDecisions, level: int, cluster: int, reviewer: str) -> bool:
    """Whether a person is to judge a cluster without seeing what another one said."""
    share = ws.settings.review.double_share
    if not share or not _is_double(loaders.anchors(ws), level, cluster, share):
        return False
    who = judgements(loaders.events(ws), decided).get((level, cluster), {})
    return bool(who) and reviewer not in who and len(who) < 2


def votes(ws: Workspace, pool: Pool, decided: ReviewDecisions, level: int) -> Votes:
    """How decided items vote on all clusters of a level."""
    return _votes(str(ws.path), pool.key, level, _said(decided), pool, decided)


def suggested(ws: Workspace, pool: Pool, decided: ReviewDecisions, level: int) -> dict[int, Suggestion]:
    """What is suggested for clusters of a level that nobody decided on, by cluster."""
    return _suggested(str(ws.path), pool.key, level, _said(decided), ws, pool, decided)


def _said(decided: ReviewDecisions) -> str:
    """Changes with every decision; the sampler's own fingerprint does not when a cluster is kept."""
    return f"{decided.fingerprint}-{decided.n_events}"


def _is_double(anchors: Anchors, level: int, cluster: int, share: float) -> bool:
    return bool(for_two(anchors, level, share)[cluster])


def _high_first(figure: NodeFigure, values: np.ndarray) -> np.ndarray:
    return -values if figure.kind in _LOW_FIRST else values


def _columns(ws: Workspace, pool: Pool) -> ItemColumns:
    undecided = loaders.decisions(ws)
    return item_columns(ws, pool, undecided, np.zeros(pool.hierarchy.n_items, dtype=bool))


def _offered(columns: ItemColumns) -> list[NodeFigure]:
    """Figures that say something of what is in a cluster: neither what was decided nor how large its pictures are."""
    return [
        figure
        for figure in offered(columns)
        if figure.kind not in ("drawn", "decision", "dropped") and not _is_plain(figure, columns)
    ]


def _is_plain(figure: NodeFigure, columns: ItemColumns) -> bool:
    return figure.kind == "mean" and columns.column(figure.column).group == "item"


@st.cache_resource(max_entries=16, show_spinner=False)
def _figures(
    path: str,  # noqa: ARG001 - it is the cache's key, as key and stamp are
    key: str,  # noqa: ARG001
    level: int,
    stamp: str,  # noqa: ARG001
    _tree: Hierarchy,
    _columns: ItemColumns,
) -> LevelFigures:
    found = {figure: of_level(figure, _tree, level, _columns).values for figure in _offered(_columns)}
    doubts: dict[str, np.ndarray] = {}
    for figure, values in found.items():
        if figure.kind in _DOUBTS and _DOUBTS[figure.kind] not in doubts:  # of several labels the first
            doubts[_DOUBTS[figure.kind]] = 1 - values if figure.kind in _LOW_FIRST else values
    outlying = next(
        (values for figure, values in found.items() if figure.kind == "mean" and figure.column == "isolation"), None
    )
    if outlying is not None:
        doubts["outlying"] = _ranked(outlying)
    return LevelFigures(found, doubts)


def _ranked(values: np.ndarray) -> np.ndarray:
    """Values as their rank among the known ones, 0 to 1."""
    known = np.isfinite(values)
    found = np.full(len(values), np.nan)
    found[known] = np.argsort(np.argsort(values[known])) / max(1, int(known.sum()) - 1)
    return found


@st.cache_resource(max_entries=8, show_spinner=False)
def _votes(path: str, key: str, level: int, decided: str, _pool: Pool, _decided: ReviewDecisions) -> Votes:  # noqa: ARG001
    return suggestions.vote(_pool.vectors, _pool.hierarchy.levels[level - 1].centroids, _decided)


@st.cache_resource(max_entries=8, show_spinner=False)
def _suggested(
    path: str,  # noqa: ARG001 - it is the cache's key, as key and made_of are
    key: str,  # noqa: ARG001
    level: int,
    made_of: str,  # noqa: ARG001
    _ws: Workspace,
    _pool: Pool,
    _decided: ReviewDecisions,
) -> dict[int, Suggestion]:
    sizes = _pool.hierarchy.sizes(level)
    waiting = np.flatnonzero(~_decided.decided(level) & (sizes > 0))
    told, found = votes(_ws, _pool, _decided, level), level_figures(_ws, _pool, level).doubts
    picked = told.of(waiting)
    shares = {name: found[name][waiting] for name in ("duplicates", "flagged") if name in found}
    made = suggestions.suggest(waiting.tolist(), picked, sizes[waiting], shares)
    return {one.cluster: one for one in made}
