"""Which rows a selection means, in the order to show them."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.errors import ConfigError
from curation_core.hierarchy import Hierarchy
from curation_core.polygons import in_areas
from curation_core.presets import unit
from curation_core.search import best_rows, similarity
from curation_core.selection import Selection

_VALUES = 1 << 18  # of vectors at once: 1 MB, which stays in a core's cache
_MEAN_VALUES = 1 << 22

Found = tuple[np.ndarray, np.ndarray | None]


def find(
    selection: Selection,
    *,
    hierarchy: Hierarchy,
    vectors: np.ndarray,
    item_ids: Any,
    xy: np.ndarray | None = None,
    within: np.ndarray | None = None,
    text_scores: Callable[[str], np.ndarray] | None = None,
    image_vector: Callable[[str], np.ndarray] | None = None,
    kept_items: Callable[[str], pa.Array] | None = None,
) -> Found:
    """Rows (m,) int64 in the order to show them, and their score (m,) float32 where they are ranked by one.

    A cluster's members come nearest to its centroid first, what lies in areas by row, items as they are listed, the
    nearest by falling cosine, equals by row. What a selection names and these data do not have is left out.

    vectors: (n, d) as prepared for the tree. item_ids: n strings, a list or a pyarrow array. xy: (n, 2), the map.
    within: (n,) bool, rows that may be found; the n nearest are then the nearest of these. text_scores: words -> (n,)
    cosines; image_vector: digest -> (d,); kept_items: name of a list -> its ids; asked only where the selection needs
    them; where they are not given it raises ConfigError.
    """
    if selection.kind == "nearest":
        scores = scores_of(
            selection,
            vectors=vectors,
            item_ids=item_ids,
            text_scores=text_scores,
            image_vector=image_vector,
            kept_items=kept_items,
        )
        return nearest(scores, selection.n, within)
    rows = np.zeros(0, dtype=np.int64)
    if selection.kind == "cluster" and is_cluster(hierarchy, selection.level, selection.cluster):
        rows = by_distance(hierarchy, vectors, selection.level, selection.cluster)
    elif selection.kind == "area" and xy is not None:
        rows = np.flatnonzero(in_areas(xy, selection.areas))
    elif selection.kind == "items":
        rows = rows_of(_named(selection, kept_items), item_ids)
    return rows if within is None else rows[within[rows]], None


def nearest(scores: np.ndarray, n: int, within: np.ndarray | None = None) -> Found:
    """The n rows of the highest scores (n_items,), of those that may be found, best first, with their scores.

    Where the score is -inf there is nothing to compare with, and nothing is found.
    """
    allowed = np.flatnonzero(scores > -np.inf if within is None else within & (scores > -np.inf))
    rows = allowed[best_rows(scores[allowed], n)]
    return rows, scores[rows]


def scores_of(
    selection: Selection,
    *,
    vectors: np.ndarray,
    item_ids: Any,
    text_scores: Callable[[str], np.ndarray] | None = None,
    image_vector: Callable[[str], np.ndarray] | None = None,
    kept_items: Callable[[str], pa.Array] | None = None,
) -> np.ndarray:
    """Cosine of every item with the examples of a selection of kind "nearest": (n,) float32, -inf without examples."""
    if selection.text:
        if text_scores is None:
            raise ConfigError("these items cannot be searched by words; search by example or by a filter")
        return text_scores(selection.text)
    if selection.image:
        if image_vector is None:
            raise ConfigError("these items cannot be searched by a picture; search by example or by a filter")
        return similarity(vectors, image_vector(selection.image))
    examples = rows_of(_named(selection, kept_items), item_ids)
    if not len(examples):
        return np.full(len(vectors), -np.inf, dtype=np.float32)
    return similarity(vectors, mean_direction(vectors, examples))


def mean_direction(vectors: np.ndarray, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """The mean of some rows at length 1 each: (d,) float32, so that a long vector counts no more than a short one."""
    asked, total = np.asarray(rows), np.zeros(vectors.shape[1])
    step = max(1, _MEAN_VALUES // vectors.shape[1])
    for start in range(0, len(asked), step):
        directions = unit(np.asarray(vectors[asked[start : start + step]], dtype=np.float32))
        total += directions.sum(axis=0, dtype=np.float64)
    mean: np.ndarray = total / len(asked)
    return mean.astype(np.float32)


def by_distance(hierarchy: Hierarchy, vectors: np.ndarray, level: int, cluster: int) -> np.ndarray:
    """Rows of a cluster's members, nearest to its centroid first, equals by row of the tree."""
    members = hierarchy.members(level, cluster)
    if level == 1:
        return members
    centroid, distance = hierarchy.levels[level - 1].centroids[cluster], np.empty(len(members), dtype=np.float32)
    step = max(1, _VALUES // len(centroid))
    for start in range(0, len(members), step):
        gap = np.asarray(vectors[members[start : start + step]], dtype=np.float32) - centroid
        distance[start : start + step] = np.einsum("ij,ij->i", gap, gap)
    return members[np.argsort(distance, kind="stable")]


def is_cluster(hierarchy: Hierarchy, level: int, cluster: int) -> bool:
    """Whether a level and cluster exist in a tree; links may be old."""
    return 1 <= level <= hierarchy.n_levels and 0 <= cluster < hierarchy.n_clusters[level - 1]


def rows_of(wanted: Iterable[str] | pa.Array, item_ids: Any) -> np.ndarray:
    """Rows of items by id, in the order they are listed, each once: (m,) int64; unknown ids are left out."""
    named = wanted if isinstance(wanted, pa.Array) else pa.array(list(wanted), type=pa.string())
    listed = named.unique()
    ids = item_ids if isinstance(item_ids, pa.Array | pa.ChunkedArray) else pa.array(item_ids, type=pa.string())
    rows = np.flatnonzero(np.asarray(pc.is_in(ids, value_set=listed).to_numpy(zero_copy_only=False)))
    place = np.asarray(pc.index_in(ids.take(pa.array(rows)), value_set=listed).to_numpy(zero_copy_only=False))
    return rows[np.argsort(place, kind="stable")].astype(np.int64)


def _named(selection: Selection, kept_items: Callable[[str], pa.Array] | None) -> Iterable[str] | pa.Array:
    """Ids of the items that a selection names one by one."""
    if not selection.kept:
        return selection.items
    if kept_items is None:
        raise ConfigError("lists of picked items are not kept here; pick them again, or select them by a filter")
    return kept_items(selection.kept)


def named_items(words: str, item_ids: Any, uris: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Items that a person typed: their ids in the order typed, and the words that name none.

    words: an id, the start of one (4 characters or more, when only one item begins so) or a uri; several with spaces or
    commas between them, a uri with spaces alone. item_ids, uris: pyarrow string arrays (n,).
    """
    whole = words.strip()
    typed = [whole] if pc.any(pc.equal(uris, whole)).as_py() else list(dict.fromkeys(re.split(r"[\s,;]+", whole)))
    found: list[str] = []
    missing = []
    for word in filter(None, typed):
        fits = pc.or_(pc.equal(item_ids, word), pc.equal(uris, word))
        if len(word) >= 4 and not pc.any(fits).as_py():
            fits = pc.starts_with(item_ids, word)
        ids = item_ids.filter(fits)
        if len(ids) == 1:
            found.append(ids[0].as_py())
        else:
            missing.append(word)
    return tuple(dict.fromkeys(found)), tuple(missing)
