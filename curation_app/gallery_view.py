"""What is in hand as a gallery of any length: the list is ordered here and published, the browser asks for pages of it.

A rerun sends a token and a few numbers. Orders are kept by the content of what they order, so that a rerun that
changes nothing costs one hash of the list.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from curation_app import state, thumbs
from curation_app.components.gallery import GalleryData, Picks, mount, read_picks
from curation_app.published import publish, published
from curation_app.scene import Scene
from curation_core.footprints import place_columns

SEED = 0
_KEPT = 64  # tokens of lists
_BY_COLUMN = {"up": "lowest first", "down": "highest first"}


@dataclass(frozen=True)
class PublishedList:
    """Tokens of a list that is ready: of its tree rows, and of the numbers beside them, "" for none."""

    token: str
    scores: str


_lock = threading.Lock()
_kept: "OrderedDict[tuple[str, ...], PublishedList]" = OrderedDict()


def gallery(
    scene: Scene, *, key: str, on_like: Callable[[int], None] | None = None, height: int | None = None
) -> np.ndarray:
    """Show what is in hand, or all that matches; returns the tree rows that are picked, (m,) int64, ascending.

    on_like: called with a tree row when a person asks for more like it. height: pixels; None fills what is there.
    """
    shown, chosen = shown_rows(scene), _chosen_order(scene, key)
    members = _members(scene, shown)
    made = published_list(scene, shown, members, chosen)
    data = GalleryData(
        workspace=scene.ws.path.name,
        pool_key=scene.pool.key,
        token=made.token,
        scores=made.scores,
        n=len(shown),
        pool=scene.n,
        members=members,
        version=_version(scene),
        modality=scene.pool.catalog.modality,
        order=chosen,
        orders=orders(scene),
        sheet_version=thumbs.version(scene.ws.path.name),
        is_ranked=_is_ranked(scene),
        has_places=place_columns(scene.pool.catalog) is not None,
        height=height,
    )
    picks = mount(data, key=key, on_like=lambda row: _liked(row, scene.n, on_like))
    return picked_rows(picks, members, shown, scene.n)


def picked_now(scene: Scene, *, key: str) -> np.ndarray:
    """What `gallery` will return in this run, before it is drawn: (m,) int64, ascending."""
    told = state.widget(key)
    picks = read_picks(told.get("picked") if told else None)
    if not (picks.everything or len(picks.rows)):
        return np.zeros(0, dtype=np.int64)
    shown = shown_rows(scene)
    return picked_rows(picks, _members(scene, shown), shown, scene.n)


def shown_rows(scene: Scene) -> np.ndarray:
    """Tree rows of the gallery in the order found: the selection, else what the filters let through, else all."""
    return scene.rows if _is_narrowed(scene) else np.arange(scene.n)


def orders(scene: Scene) -> tuple[tuple[str, str], ...]:
    """Ways to order a scene: (value, words), the default first."""
    centre = "the centre" if scene.selection.kind == "cluster" else "their centres"
    nearest, farthest = ("nearest", f"Nearest to {centre}"), ("farthest", f"Farthest from {centre}")
    found = [("ranked", "Most alike first"), nearest] if _is_ranked(scene) else [nearest]
    found += [farthest, ("random", "Random")]
    for name, column in scene.columns.items():
        if column.kind == "number" and name != "distance":
            found += [(f"{way}:{name}", f"{name}, {words}") for way, words in _BY_COLUMN.items()]
    return tuple(found)


def ordered_rows(scene: Scene, order: str) -> np.ndarray:
    """Tree rows that are shown, in one of `orders`: (m,) int64; what has no number comes last."""
    return _ordered(scene, order, shown_rows(scene))[0]


def picked_rows(picks: Picks, members: str, shown: np.ndarray, n: int) -> np.ndarray:
    """Tree rows that a browser's picks mean, ascending: only such as are shown, and none of an earlier list."""
    if picks.members != members or not (picks.everything or len(picks.rows)):
        return np.zeros(0, dtype=np.int64)
    mask = np.zeros(n, dtype=bool)
    if picks.everything:
        mask[shown] = True
        mask[_within(picks.exceptions, n)] = False
        return np.flatnonzero(mask)
    mask[_within(picks.rows, n)] = True
    is_shown = np.zeros(n, dtype=bool)
    is_shown[shown] = True
    return np.flatnonzero(mask & is_shown)


def _members(scene: Scene, shown: np.ndarray) -> str:
    """Names the set that is shown."""
    return digest(shown) if _is_narrowed(scene) else f"all-{scene.n}"


def _is_narrowed(scene: Scene) -> bool:
    return scene.selection.kind != "none" or bool(scene.filters)


def _is_ranked(scene: Scene) -> bool:
    return scene.selection.kind != "none" and scene.found.score is not None


def _within(rows: np.ndarray, n: int) -> np.ndarray:
    return rows[(rows >= 0) & (rows < n)]


def _chosen_order(scene: Scene, key: str) -> str:
    """The order a person chose, as far as this scene has it, else the first."""
    known = [value for value, _ in orders(scene)]
    told = (state.widget(key) or {}).get("order")
    chosen = told.get("ranked" if _is_ranked(scene) else "plain") if isinstance(told, Mapping) else None
    return chosen if isinstance(chosen, str) and chosen in known else known[0]


def _ordered(scene: Scene, order: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows in order and, where there is something to show beside each, the numbers they are ordered by."""
    if order == "ranked" and scene.found.score is not None:  # only selections are ranked, and they are what is shown
        return rows, np.asarray(scene.found.score, dtype=np.float32)
    if order == "random":
        return _in_order(rows, _pool_order(scene.pool.key, order, _lots(scene.n))), None
    if order in ("nearest", "farthest"):
        nearest = rows  # a cluster is found nearest first, to its own centre
        if scene.selection.kind != "cluster":
            nearest = _in_order(rows, _pool_order(scene.pool.key, "nearest", scene.columns.numbers("distance")))
        return (nearest if order == "nearest" else nearest[::-1]), None
    way, _, name = order.partition(":")
    values = scene.columns.numbers(name)[rows]
    places = np.argsort(-values if way == "down" else values, kind="stable")  # NaN comes last either way
    return rows[places], values[places].astype(np.float32)


def _in_order(rows: np.ndarray, pool_order: np.ndarray) -> np.ndarray:
    """Some rows in the order of the whole pool (n,): many are picked out of it, which is quicker than to sort them."""
    mask = np.zeros(len(pool_order), dtype=bool)
    mask[rows] = True
    ordered: np.ndarray = pool_order[mask[pool_order]]
    return ordered


@st.cache_resource(max_entries=8, show_spinner=False)
def _pool_order(pool_key: str, order: str, _values: np.ndarray) -> np.ndarray:  # noqa: ARG001 - they are the cache's key
    return np.argsort(_values, kind="stable")


def _lots(n: int) -> np.ndarray:
    """A lot per tree row: an item keeps its place among the others whatever else is shown."""
    return np.random.default_rng([SEED, n]).random(n, dtype=np.float32)


def published_list(scene: Scene, shown: np.ndarray, members: str, order: str) -> PublishedList:
    """Rows in order, ready for the browser; members names the set that `shown`, as `shown_rows` gives it, is of."""
    workspace = scene.ws.path.name
    made_of = (workspace, scene.pool.key, order, members, _ordered_by(scene, order))
    with _lock:
        found = _kept.get(made_of)
    if found is None or _is_gone(workspace, found.token) or _is_gone(workspace, found.scores):
        rows, values = _ordered(scene, order, shown)
        token = publish(workspace, rows.astype("<u4").tobytes())
        found = PublishedList(token, "" if values is None else publish(workspace, values.astype("<f4").tobytes()))
    with _lock:
        _kept[made_of] = found
        _kept.move_to_end(made_of)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return found


def _is_gone(workspace: str, token: str) -> bool:
    return bool(token) and published(workspace, token) is None


def _ordered_by(scene: Scene, order: str) -> str:
    """What tells the numbers of an order from others of the same name."""
    way, _, name = order.partition(":")
    if order == "ranked":
        return digest(scene.found.score) if scene.found.score is not None else ""
    return digest(scene.columns.numbers(name)) if way in _BY_COLUMN else scene.selection.kind


def _version(scene: Scene) -> str:
    """Changes when marks on the cells do: with every decision and every other draw."""
    return f"{scene.decided.n_events}-{digest(np.packbits(scene.drawn))[:8]}"


def digest(values: np.ndarray) -> str:
    """Hash of numbers in their order; whole ones count as uint32."""
    data = np.ascontiguousarray(
        values.astype(np.uint32) if values.dtype.kind in "iu" and values.itemsize > 4 else values
    )
    return hashlib.blake2b(data.view(np.uint8).data, digest_size=8).hexdigest()


def _liked(row: int, n: int, on_like: Callable[[int], None] | None) -> None:
    if on_like is not None and 0 <= row < n:
        on_like(row)
