"""What a cluster is made of, in a few bytes: enough to find it again in another tree, without the tree it was in.

A fingerprint is a sum of hashes of the members' ids, so the order of members does not matter and that of a merged
cluster is the sum of both. A sketch is the members of lowest hash, a uniform sample that is the same wherever it is
taken (Broder 1997, bottom-k): from it follows which share of the old cluster lies in a new one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.decisions import ClusterTarget
from curation_core.hierarchy import Hierarchy

SKETCH = 64  # members in a sketch: a share is known to about 6 %
_ODD = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)  # constants of splitmix64 (Steele et al. 2014)
_OTHER = 0xD1B54A32D192ED03  # tells the second half of a fingerprint from the first
_HEX = 16


def id_hashes(item_ids: Any) -> np.ndarray:
    """A hash of every id: (n,) uint64, the same on every machine. item_ids: n strings, a list or Arrow.

    Ids of 16 hex digits, as our own are, hash by their value, all at once.
    """
    ids = item_ids if isinstance(item_ids, pa.Array | pa.ChunkedArray) else pa.array(item_ids, pa.string())
    if isinstance(ids, pa.ChunkedArray):
        parts = [id_hashes(chunk) for chunk in ids.chunks]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    found = _hex_values(ids)
    if found is None:
        found = np.fromiter((_hash(one) for one in ids.to_pylist()), np.uint64, len(ids))
    return _mixed(found)


def _hex_values(ids: pa.Array) -> np.ndarray | None:
    """The values of ids that are all of 16 lower-case hex digits, None where one is not."""
    text = ids.cast(pa.large_string()) if not pa.types.is_large_string(ids.type) else ids
    if text.null_count or not len(text):
        return None
    offsets = np.frombuffer(text.buffers()[1], np.int64)[text.offset : text.offset + len(text) + 1]
    if (np.diff(offsets) != _HEX).any():
        return None
    letters = np.frombuffer(text.buffers()[2], np.uint8)[offsets[0] : offsets[-1]].reshape(-1, _HEX)
    digit, letter = (letters >= 48) & (letters <= 57), (letters >= 97) & (letters <= 102)
    if not (digit | letter).all():
        return None
    nibbles = np.where(digit, letters - 48, letters - 87)
    pairs: np.ndarray = np.ascontiguousarray(nibbles[:, 0::2] << 4 | nibbles[:, 1::2])
    return pairs.view(">u8").ravel().astype(np.uint64)


def _hash(text: str) -> int:
    if len(text) == _HEX and all(letter in "0123456789abcdef" for letter in text):
        return int(text, 16)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _mixed(values: np.ndarray) -> np.ndarray:
    """splitmix64 of every value: neighbouring ids become far apart."""
    with np.errstate(over="ignore"):
        mixed = values + np.uint64(_ODD[0])
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_ODD[1])
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_ODD[2])
    found: np.ndarray = mixed ^ (mixed >> np.uint64(31))
    return found


def fingerprint(hashes: np.ndarray) -> str:
    """The fingerprint of a set of items by their hashes: 32 hex digits."""
    halves = (hashes, _mixed(hashes ^ np.uint64(_OTHER)))
    return "".join(f"{int(half.sum(dtype=np.uint64)):016x}" for half in halves)


def fingerprints(hierarchy: Hierarchy, hashes: np.ndarray) -> tuple[np.ndarray, ...]:
    """The halves of all clusters' fingerprints: per level (k_l, 2) uint64; zeros where a cluster is empty."""
    found, below = [], np.stack((hashes, _mixed(hashes ^ np.uint64(_OTHER))), axis=1)
    for level in hierarchy.levels:
        below = _summed(level.assignment, below, level.n_clusters)
        found.append(below)
    return tuple(found)


def as_text(halves: np.ndarray) -> str:
    """One row of `fingerprints` as `fingerprint` writes it."""
    return f"{int(halves[0]):016x}{int(halves[1]):016x}"


def cluster_target(
    hierarchy: Hierarchy, tree: str, level: int, cluster: int, item_ids: Any, hashes: np.ndarray | None = None
) -> ClusterTarget:
    """The anchor of a cluster. item_ids: id of every item of the tree, (n,), a list or Arrow; hashes: theirs."""
    members = np.flatnonzero(hierarchy.point_assignment(level) == cluster)
    if hashes is None:
        ids = [_at(item_ids, row) for row in members.tolist()]
        own = id_hashes(ids) if ids else np.zeros(0, np.uint64)
    else:
        own = hashes[members]
    lowest = np.argpartition(own, SKETCH)[:SKETCH] if len(own) > SKETCH else np.arange(len(own))
    lowest = lowest[np.argsort(own[lowest], kind="stable")]
    sketch = tuple(_at(item_ids, row) for row in members[lowest].tolist())
    return ClusterTarget(tree, level, int(cluster), fingerprint(own), len(members), sketch)


def _at(item_ids: Sequence[str] | pa.Array, row: int) -> str:
    found = item_ids[row]
    return str(found.as_py()) if isinstance(found, pa.Scalar) else found


@dataclass(frozen=True)
class Anchors:
    """The anchors of all clusters of a tree whose artefact key is `tree`. item_ids: (n,), a list or Arrow."""

    hierarchy: Hierarchy
    tree: str
    item_ids: Any

    @cached_property
    def ids(self) -> pa.Array:
        """The ids as one Arrow array of strings."""
        if isinstance(self.item_ids, pa.ChunkedArray):
            return pa.concat_arrays(self.item_ids.cast(pa.string()).chunks)
        return self.item_ids if isinstance(self.item_ids, pa.Array) else pa.array(self.item_ids, pa.string())

    @cached_property
    def hashes(self) -> np.ndarray:
        """(n,) uint64."""
        return id_hashes(self.ids)

    @cached_property
    def prints(self) -> tuple[np.ndarray, ...]:
        """The halves of all fingerprints, per level (k_l, 2) uint64."""
        return fingerprints(self.hierarchy, self.hashes)

    @cached_property
    def _lookups(self) -> dict[int, dict[str, int]]:
        return {}

    def lookup(self, level: int) -> Mapping[str, int]:
        """Cluster of a level by fingerprint."""
        if level not in self._lookups:
            prints = self.prints[level - 1]
            full = np.flatnonzero(prints.any(axis=1)).tolist()
            self._lookups[level] = {as_text(prints[cluster]): cluster for cluster in full}
        return self._lookups[level]

    def target(self, level: int, cluster: int) -> ClusterTarget:
        """The anchor of one cluster."""
        return cluster_target(self.hierarchy, self.tree, level, cluster, self.ids, self.hashes)

    def halves(self, rows: np.ndarray) -> np.ndarray:
        """The halves of the fingerprint of some items: (2,) uint64."""
        own = self.hashes[rows]
        return np.array([own.sum(dtype=np.uint64), _mixed(own ^ np.uint64(_OTHER)).sum(dtype=np.uint64)])

    def by_id(self, rows: np.ndarray) -> np.ndarray:
        """The order of some rows by id: (m,) int64."""
        return np.asarray(pc.sort_indices(self.ids.take(pa.array(rows)))).astype(np.int64)

    def of(self, hierarchy: Hierarchy) -> "Anchors":
        """The anchors of another tree of the same items."""
        made = Anchors(hierarchy, self.tree, self.item_ids)
        made.__dict__.update(ids=self.ids, hashes=self.hashes)
        return made

    def after(self, hierarchy: Hierarchy, level: int, changed: Mapping[int, np.ndarray | None]) -> "Anchors":
        """The anchors after an edit of some clusters of a level: their new halves, None for one that is empty now."""
        grown = hierarchy.n_clusters[level - 1] - len(self.prints[level - 1])
        sums = np.concatenate((self.prints[level - 1], np.zeros((grown, 2), np.uint64)))
        for cluster, halves in changed.items():
            sums[cluster] = 0 if halves is None else halves
        prints = [*self.prints[: level - 1], sums]
        for above in hierarchy.levels[level:]:
            prints.append(_summed(above.assignment, prints[-1], above.n_clusters))
        made = self.of(hierarchy)
        made.__dict__.update(prints=tuple(prints))
        return made


def _summed(assignment: np.ndarray, below: np.ndarray, k: int) -> np.ndarray:
    """Halves of clusters from those of their members: (k, 2) uint64."""
    sums = np.zeros((k, 2), np.uint64)
    for half in (0, 1):
        np.add.at(sums[:, half], assignment, below[:, half])
    return sums
