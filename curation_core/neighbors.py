"""Near-duplicates: items that are the same or nearly so, in groups of which one item may stand for all.

`near_duplicates` compares vectors. The step of a workspace, `find`, compares what tells copies apart best: signatures
of how pictures look, the runs of characters of texts, the vectors themselves where the items are vectors. Embeddings
of pictures do worse there (docs/duplicates.md): they change with size and encoder, and are alike for what is of a kind.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation_core.appearance import cosine_of, image_looks, likeness, mirrored, text_looks
from curation_core.artifacts import read_array, write_array, write_json
from curation_core.catalog import Catalog
from curation_core.config import DuplicatesConfig, Modality
from curation_core.embed import Embeddings
from curation_core.errors import ConfigError, IngestError, ShapeError, StaleArtifact
from curation_core.grouping import NearDuplicates
from curation_core.pairs import cosines, search, unit_rows
from curation_core.points import parts
from curation_core.progress import Progress, silent

SHARD = 1024  # items whose signatures are kept together: what a killed run does not have to do again
_BATCH = 32
_DEFAULTS: dict[Modality, tuple[float, float]] = {"image": (0.8, 0.94), "text": (0.6, 0.8), "vector": (0.9, 0.95)}

Fetch = Callable[[Sequence[int]], list[Any]]


def default_threshold(modality: Modality) -> float:
    """Similarity from which items are one group, unless a person says otherwise; chosen in docs/duplicates.md."""
    return _DEFAULTS[modality][1]


def default_floor(modality: Modality) -> float:
    """Lowest similarity of pairs that are looked for, unless a person says otherwise."""
    return _DEFAULTS[modality][0]


def find(
    catalog: Catalog,
    embeddings: Embeddings,
    fetch: Fetch,
    config: DuplicatesConfig,
    folder: Path,
    progress: Progress = silent,
    *,
    mirror: bool = False,
) -> NearDuplicates:
    """Find the near-duplicates among the items that have a vector, at the floor; `.at(threshold)` gives the groups.

    Rows count in the embeddings. fetch: rows of the catalog -> RGB images (thumbnails do), strings, or nothing that is
    used for vectors; may raise IngestError. mirror: whether mirror images are copies. Writes looks.npy (per shard until
    all are there, so that a killed run goes on), pairs.npy, similarity.npy, group.npy and found.json to `folder`.
    """
    floor = default_floor(catalog.modality) if config.floor is None else config.floor
    content = [catalog.content_hash[row] for row in embeddings.rows]
    if catalog.modality == "vector":
        found = near_duplicates(embeddings.vectors, floor, content=content, progress=progress)
    else:
        looks = _looks(catalog, embeddings.rows, fetch, folder, progress)
        lowest = cosine_of(floor) if catalog.modality == "image" else floor
        flipped = mirrored(looks) if mirror and catalog.modality == "image" else None
        found = near_duplicates(looks, lowest, content=content, flipped=flipped, progress=progress)
    if catalog.modality == "image":
        similarity = np.where(found.similarity < 1.0, likeness(found.similarity), np.float32(1.0))
        found = NearDuplicates.of(len(found), found.pairs, np.maximum(similarity, np.float32(floor)), floor)
    write_array(folder / "pairs.npy", found.pairs)
    write_array(folder / "similarity.npy", found.similarity)
    write_array(folder / "group.npy", found.group)
    write_json(folder / "found.json", {"floor": floor, "n_items": len(found)})
    return found


def read_duplicates(folder: Path, meta: Mapping[str, Any] | None = None) -> NearDuplicates:
    """What find wrote, at the floor; raises StaleArtifact when a file is missing, torn, or not what meta counts."""
    try:
        found = json.loads((folder / "found.json").read_text())
    except (OSError, ValueError) as error:
        raise StaleArtifact(f"found.json cannot be read ({error}); run the step duplicates again") from None
    group, pairs, similarity = (read_array(folder / f"{name}.npy") for name in ("group", "pairs", "similarity"))
    if len(group) != (meta or {}).get("n_items", found["n_items"]):
        raise StaleArtifact(f"duplicates hold {len(group)} items, expected {(meta or found)['n_items']}; run it again")
    return NearDuplicates(group, pairs, similarity, found["floor"])


def near_duplicates(
    vectors: np.ndarray,
    threshold: float = 0.95,
    *,
    content: Sequence[str] | None = None,
    looks: np.ndarray | None = None,
    flipped: np.ndarray | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> NearDuplicates:
    """Find items whose vectors, and looks where given, are nearly the same.

    vectors: (n, d) of any real dtype, memory maps welcome, compared by cosine. threshold: 0.5 to 1. content: n content
    hashes; equal ones are exact duplicates. looks: (n, p) signatures (see `appearance`), compared by cosine too; the
    similarity of a pair is then the lower of both cosines. flipped: (n, d), the items' vectors as seen in a mirror; a
    pair's cosine is then the higher of both views. Up to 20,000 items all pairs are compared, beyond that those in
    neighbouring k-means cells. Raises ConfigError or ShapeError for what does not fit. After SemDeDup (Abbas et al.
    2023), with cells searched across their borders and groups that do not chain.
    """
    if not 0.5 <= threshold <= 1.0:
        raise ConfigError(f"threshold is {threshold}; choose a similarity between 0.5 and 1")
    unit = unit_rows(_checked("vectors", vectors, len(vectors)))
    signed = None if looks is None else unit_rows(_checked("looks", looks, len(unit)))
    turned = None if flipped is None else unit_rows(_checked("flipped", flipped, len(unit)))
    first = _first_identical(unit, signed, content)
    rows = np.flatnonzero(first == np.arange(len(unit)))
    pairs, similarity = _similar(unit, turned, rows, threshold, seed, progress)
    if signed is not None:
        similarity = np.minimum(similarity, cosines(signed, pairs))
        pairs, similarity = pairs[similarity >= threshold], similarity[similarity >= threshold]
    copies = np.flatnonzero(first != np.arange(len(unit)))
    pairs = np.concatenate([pairs, np.stack([first[copies], copies], axis=1)])
    similarity = np.concatenate([similarity, np.ones(len(copies), np.float32)])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return NearDuplicates.of(len(unit), pairs[order], similarity[order], threshold)


def _similar(
    unit: np.ndarray, turned: np.ndarray | None, rows: np.ndarray, threshold: float, seed: int, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of the given rows, ascending, and their cosines, the higher one where there are mirrored vectors too."""
    if turned is None:
        distinct = unit if len(rows) == len(unit) else unit[rows]
        pairs = rows[search(distinct, threshold, seed=seed, progress=progress)]
        return pairs, cosines(unit, pairs)
    both = np.concatenate([unit[rows], turned[rows]])
    found = search(both, threshold, seed=seed, progress=progress)
    found = found[found[:, 0] < len(rows)]  # a pair of two mirrored items says what the pair itself says
    similarity = cosines(both, found)
    found = np.sort(found % len(rows), axis=1)
    other = found[:, 0] < found[:, 1]  # not an item and its own mirror image
    order = np.lexsort((-similarity[other], found[other, 1], found[other, 0]))
    pairs, similarity = found[other][order], similarity[other][order]
    best = np.r_[True, (np.diff(pairs, axis=0) != 0).any(axis=1)][: len(pairs)]
    return rows[pairs[best]], similarity[best]


def _checked(name: str, rows: np.ndarray, n: int) -> np.ndarray:
    rows = np.asarray(rows) if not isinstance(rows, np.ndarray) else rows
    if rows.ndim != 2 or not rows.shape[1] or len(rows) != n or rows.dtype.kind not in "fiub":
        raise ShapeError(f"{name} have shape {rows.shape} and dtype {rows.dtype}, expected ({n}, d) real numbers")
    for part in parts(*rows.shape):
        if not np.isfinite(rows[part]).all():
            bad = part.start + int(np.flatnonzero(~np.isfinite(rows[part]).all(axis=1))[0])
            raise ShapeError(f"{name} hold NaN or infinite values (first: row {bad}); drop these rows or embed again")
    return rows


def _first_identical(unit: np.ndarray, looks: np.ndarray | None, content: Sequence[str] | None) -> np.ndarray:
    """The first row with the same content, or else with the same vector and looks: (n,) int64."""
    first = np.arange(len(unit))
    if content is not None:
        if len(content) != len(unit):
            raise ShapeError(f"content has {len(content)} hashes for {len(unit)} vectors; give one per vector")
        first = _first_of(np.asarray(content, dtype=str))
    rows = np.flatnonzero((first == np.arange(len(unit))) & unit.any(axis=1))  # a vector of zeros says nothing
    digest = _digest(unit) if looks is None else _digest(unit) + _digest(looks)
    same = rows[_first_of(digest[rows])]
    equal = _equal(unit, rows, same)  # a digest may lie
    if looks is not None:
        equal &= _equal(looks, rows, same)
    first[rows[equal]] = same[equal]
    return first[first]


def _digest(rows: np.ndarray) -> np.ndarray:
    """A number per row that equal rows share: (n,) uint64."""
    weights = np.random.default_rng([rows.shape[1]]).integers(1, 1 << 63, rows.shape[1], dtype=np.uint64)
    found = np.empty(len(rows), dtype=np.uint64)
    for part in parts(*rows.shape):
        block = rows[part] + np.float32(0)  # -0 and 0 are the same place
        found[part] = (block.view(np.uint32) * weights).sum(axis=1, dtype=np.uint64)
    return found


def _equal(rows: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    equal = np.empty(len(one), dtype=bool)
    for part in parts(len(one), rows.shape[1]):
        equal[part] = (rows[one[part]] == rows[other[part]]).all(axis=1)
    return equal


def _first_of(values: np.ndarray) -> np.ndarray:
    _, first, number = np.unique(values, return_index=True, return_inverse=True)
    found: np.ndarray = first[number]
    return found.astype(np.int64)


def _looks(catalog: Catalog, rows: np.ndarray, fetch: Fetch, folder: Path, progress: Progress) -> np.ndarray:
    """Signatures of items: (m, p) float16, memory-mapped; zeros for what cannot be read any more."""
    whole = folder / "looks.npy"
    shards = [folder / f"looks-{number:05d}.npy" for number in range(-(-len(rows) // SHARD))]
    for number, path in enumerate(shards if not whole.is_file() else ()):
        done = number * SHARD
        progress("looks", done, len(rows))
        if not path.is_file():
            write_array(path, _signatures(catalog, rows[done : done + SHARD], fetch, done, len(rows), progress))
    if not whole.is_file():
        write_array(whole, np.concatenate([read_array(path) for path in shards]))
    for path in shards:
        path.unlink(missing_ok=True)
    progress("looks", len(rows), len(rows))
    return read_array(whole)


def _signatures(
    catalog: Catalog, rows: np.ndarray, fetch: Fetch, done: int, total: int, progress: Progress
) -> np.ndarray:
    sign = image_looks if catalog.modality == "image" else text_looks
    found = []
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH].tolist()
        try:
            found.append(sign(fetch(batch)))
        except IngestError:  # one item spoils the batch: take them singly
            found.append(np.concatenate([_signature(sign, fetch, row) for row in batch]))
        progress("looks", done + min(start + _BATCH, len(rows)), total)
    return np.concatenate(found).astype(np.float16)


def _signature(sign: Callable[[list[Any]], np.ndarray], fetch: Fetch, row: int) -> np.ndarray:
    try:
        return sign(fetch([row]))
    except IngestError:
        return np.zeros_like(sign([]), shape=(1, sign([]).shape[1]))
