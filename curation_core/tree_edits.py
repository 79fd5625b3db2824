"""Changes that people make to a tree: clusters merged, clusters split. Each gives a new tree; the old one stays.

Clusters keep their numbers. One that was merged away is empty from then on; the parts of a split are the cluster's own
number and new ones behind the last. Levels that are not concerned are shared with the old tree.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping

import numpy as np

from curation_core.errors import ConfigError, ShapeError
from curation_core.hierarchy import Hierarchy, Level

MOST_PARTS = 64


def merged(hierarchy: Hierarchy, level: int, cluster: int, into: int) -> Hierarchy:
    """The tree where everything in a cluster belongs to another one of its level, wherever that lies.

    The joint centroid is the mean of both by their children; a child keeps its distance to the centroid that it came
    with. Raises ConfigError unless both exist and differ.
    """
    _require(hierarchy, level, cluster)
    _require(hierarchy, level, into)
    if cluster == into:
        raise ConfigError(f"cluster {level}:{cluster} cannot be merged with itself; choose another cluster")
    old = hierarchy.levels[level - 1]
    assignment = np.where(old.assignment == cluster, np.int32(into), old.assignment)
    centroids = old.centroids.copy()
    n_moved, n_there = (int((old.assignment == one).sum()) for one in (cluster, into))
    if n_moved:
        joint = n_moved * centroids[cluster].astype(np.float64) + n_there * centroids[into].astype(np.float64)
        centroids[into] = (joint / (n_moved + n_there)).astype(centroids.dtype)
    return _replaced(hierarchy, {level: Level(centroids, assignment, old.distance)})


def divided(
    hierarchy: Hierarchy, level: int, cluster: int, part: np.ndarray, points: np.ndarray | None = None
) -> Hierarchy:
    """The tree where a cluster's children are parted.

    part: (m,) in [0, p), of every child in ascending order of its number (`hierarchy.children`); part 0 keeps the
    cluster's number. points: (m, d), the children themselves: items' vectors, or centroids of the level below; without
    them all parts stay where the cluster lay.
    Raises ConfigError when the cluster does not exist or a part is empty, ShapeError when part or points do not fit.
    """
    _require(hierarchy, level, cluster)
    children = hierarchy.children(level, cluster)
    if part.shape != (len(children),) or (points is not None and len(points) != len(children)):
        told = f"part has shape {part.shape}" + ("" if points is None else f" and points {points.shape}")
        raise ShapeError(f"{told}, cluster {level}:{cluster} has {len(children)} children; give one row per child")
    counts = np.bincount(part)
    if len(counts) < 2 or not counts.all():
        raise ConfigError(f"the parts of cluster {level}:{cluster} have {counts.tolist()} children; none may be empty")
    old = hierarchy.levels[level - 1]
    numbers = np.r_[cluster, old.n_clusters + np.arange(len(counts) - 1)]
    assignment, distance = old.assignment.copy(), old.distance.copy()
    assignment[children] = numbers[part]
    if points is None:
        means = np.repeat(old.centroids[cluster][None].astype(np.float64), len(counts), axis=0)
    else:
        means = np.stack([points[part == one].mean(axis=0, dtype=np.float64) for one in range(len(counts))])
        distance[children] = _distances(points, means[part])
    centroids = np.concatenate((old.centroids, means[1:].astype(old.centroids.dtype)))
    centroids[cluster] = means[0]
    levels = {level: Level(centroids, assignment, distance)}
    if level < hierarchy.n_levels:
        levels[level + 1] = _with_children(hierarchy.levels[level], cluster, means)
    return _replaced(hierarchy, levels)


def parts_of(points: np.ndarray, n_parts: int, seed: int) -> np.ndarray:
    """Part of every child by k-means: (m,) int64, all parts filled, part 0 the largest, then by first member.

    Raises ConfigError when the points have fewer distinct rows than parts.
    """
    from curation_core.kmeans import kmeans

    if not 2 <= n_parts <= MOST_PARTS:
        raise ConfigError(f"a cluster is split into 2 to {MOST_PARTS} parts, got {n_parts}; choose a number between")
    if len(points) < n_parts:
        raise ConfigError(f"{len(points)} children cannot be split into {n_parts} parts; choose fewer parts")
    found = kmeans(np.ascontiguousarray(points, dtype=np.float32), n_parts, seed=seed).assignment.astype(np.int64)
    counts = np.bincount(found, minlength=n_parts)
    if not counts.all():
        there = int((counts > 0).sum())
        raise ConfigError(f"k-means finds only {there} parts that differ, not {n_parts}; choose at most {there}")
    first = np.array([int(np.argmax(found == one)) for one in range(n_parts)])
    rank = np.empty(n_parts, dtype=np.int64)
    rank[np.lexsort((first, -counts))] = np.arange(n_parts)
    part: np.ndarray = rank[found]
    return part


def pack_parts(part: np.ndarray) -> str:
    """Parts as text for an event. part: (m,) below MOST_PARTS."""
    return base64.b64encode(zlib.compress(part.astype(np.uint8).tobytes(), 9)).decode()


def unpack_parts(text: str, size: int) -> np.ndarray | None:
    """What `pack_parts` wrote of so many items: (size,) uint8; None when it is something else."""
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    except (binascii.Error, ValueError, zlib.error):
        return None
    found = np.frombuffer(data, np.uint8)
    counts = np.bincount(found) if len(found) else np.zeros(1, np.int64)
    fits = len(found) == size and 2 <= len(counts) <= MOST_PARTS and counts.all()
    return found if fits else None


def _with_children(level: Level, cluster: int, means: np.ndarray) -> Level:
    """The level above a split: the parts belong where the cluster belonged."""
    above = int(level.assignment[cluster])
    assignment = np.concatenate((level.assignment, np.full(len(means) - 1, above, dtype=np.int32)))
    gaps = _distances(means, level.centroids[above])
    distance = np.concatenate((level.distance, gaps[1:]))
    distance[cluster] = gaps[0]
    return Level(level.centroids, assignment, distance)


def _replaced(hierarchy: Hierarchy, levels: Mapping[int, Level]) -> Hierarchy:
    return Hierarchy(
        tuple(levels.get(number, level) for number, level in enumerate(hierarchy.levels, start=1)), hierarchy.trace
    )


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Euclidean distance of row pairs: (m,) float32."""
    gaps: np.ndarray = np.linalg.norm(points.astype(np.float64) - centres, axis=1).astype(np.float32)
    return gaps


def _require(hierarchy: Hierarchy, level: int, cluster: int) -> None:
    if not (1 <= level <= hierarchy.n_levels and 0 <= cluster < hierarchy.n_clusters[level - 1]):
        said = ", ".join(f"level {one}: 0 to {k - 1}" for one, k in enumerate(hierarchy.n_clusters, start=1))
        raise ConfigError(f"cluster {level}:{cluster} does not exist; this tree has {said}")
