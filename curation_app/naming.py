"""Names for people: what an item and a cluster are called, computed from their own columns and words."""

import re
from collections import Counter
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa

from curation_core.catalog import Catalog
from curation_core.hierarchy import Hierarchy

MOST_CLASSES = 1_000
_CAPTION_COLUMNS = ("name", "title", "caption", "label")
_WORD = re.compile(r"[^\W\d_]{3,}")
_DULL = frozenset(
    _WORD.findall(
        "the and for with that this from are was were not but has have had its their his her any all one two who which "
        "used being into some such than when where what you your can may other very something someone usually"
    )
)


def item_captions(catalog: Catalog) -> list[str]:
    """One short line per catalog row: a name column, else the start of the text, else the file's name."""
    column = next((name for name in _CAPTION_COLUMNS if name in {c.lower() for c in catalog.columns}), None)
    if column is not None:
        actual = next(name for name in catalog.columns if name.lower() == column)
        values = catalog.metadata.column(actual).cast(pa.string()).to_pylist()
        return [value or PurePosixPath(uri).stem for value, uri in zip(values, catalog.uri, strict=True)]
    if catalog.modality == "text":
        return [(text or "")[:60] for text in catalog.text]
    return [PurePosixPath(uri).stem if catalog.modality == "image" else uri for uri in catalog.uri]


def is_label(catalog: Catalog, column: str) -> bool:
    """Whether a column's values are classes: at least 2, far fewer than items, and not free text."""
    values = catalog.metadata.column(column)
    if not (
        pa.types.is_string(values.type)
        or pa.types.is_boolean(values.type)
        or pa.types.is_integer(values.type)
        or pa.types.is_dictionary(values.type)
    ):
        return False
    distinct = len(values.unique())
    return 2 <= distinct <= min(MOST_CLASSES, max(2, len(catalog) // 2))


def cluster_names(hierarchy: Hierarchy, catalog: Catalog, rows: np.ndarray) -> tuple[list[str], ...]:
    """Per level the name of every cluster: its number, then its commonest class or its most telling words."""
    telling = _by_words if catalog.modality == "text" else _by_column
    said = telling(hierarchy, catalog, rows)
    return tuple([f"{c} · {word}" if word else str(c) for c, word in enumerate(level)] for level in said)


def _by_column(hierarchy: Hierarchy, catalog: Catalog, rows: np.ndarray) -> list[list[str]]:
    columns = [name for name in catalog.columns if is_label(catalog, name)]
    columns.sort(key=lambda name: -len(catalog.metadata.column(name).unique()))
    named = [[""] * k for k in hierarchy.n_clusters]
    for column in columns:  # finer classes first; a coarser one speaks where no finer one has a majority
        codes, names = catalog.labels(column)
        for level in range(1, hierarchy.n_levels + 1):
            found = _majorities(hierarchy.point_assignment(level), codes[rows], names, hierarchy.n_clusters[level - 1])
            named[level - 1] = [old or new for old, new in zip(named[level - 1], found, strict=True)]
    return named


def _majorities(assignment: np.ndarray, codes: np.ndarray, names: list[str], k: int) -> list[str]:
    pairs, counts = np.unique(assignment.astype(np.int64) * len(names) + codes, return_counts=True)
    clusters, classes = np.divmod(pairs, len(names))
    total = np.bincount(assignment, minlength=k)
    found = [""] * k
    for cluster, label, count in zip(clusters.tolist(), classes.tolist(), counts.tolist(), strict=True):
        if count * 2 >= total[cluster]:
            found[cluster] = names[label]
    return found


def _by_words(hierarchy: Hierarchy, catalog: Catalog, rows: np.ndarray) -> list[list[str]]:
    texts = catalog.text
    words = [set(_WORD.findall((texts[row] or "").lower())) - _DULL for row in rows]
    overall = Counter(word for found in words for word in found)
    return [
        [_telling(words, hierarchy.members(level, c), overall) for c in range(k)]
        for level, k in enumerate(hierarchy.n_clusters, start=1)
    ]


def _telling(words: list[set[str]], members: np.ndarray, overall: Counter[str], most: int = 3) -> str:
    """The words whose share in the cluster exceeds their share in the pool most, weighted by that share."""
    inside = Counter(word for row in members for word in words[row])
    n, total = max(1, len(members)), max(1, len(words))
    scored = {word: (c / n) * np.log((c / n) / (overall[word] / total)) for word, c in inside.items() if c > 1 or n < 3}
    return ", ".join(sorted(scored, key=lambda word: (-scored[word], word))[:most])
