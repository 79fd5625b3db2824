"""All decisions put together, one after the other, on a tree.

Events are applied in the order they were written, each to the tree as it is by then: a split makes clusters that later
events decide on, a merge joins two, and so does giving a cluster the name that another one of its level has. Finer wins
over coarser, items win over clusters, on one target the last wins. A decision on a cluster counts where the cluster has
exactly the members it was made on, on this tree or another; elsewhere it is listed as lost.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.anchors import Anchors, as_text
from curation_core.decisions import ClusterTarget, Decision, ItemTarget, MergeTarget, SplitTarget, active
from curation_core.errors import CurationError
from curation_core.hierarchy import Hierarchy
from curation_core.review import Place, ReviewDecisions, Standing
from curation_core.tree_edits import divided, merged, pack_parts, parts_of, unpack_parts

_SIGN = {"keep": 1, "drop": -1, "clear": 0}


def fold(
    events: Sequence[Decision],
    hierarchy: Hierarchy,
    tree: str,
    item_ids: Any,
    *,
    vectors: np.ndarray | None = None,
    anchors: Anchors | None = None,
) -> ReviewDecisions:
    """What all events add up to on a tree whose artefact key is `tree`.

    item_ids: (n,) ids in the tree's row order, a list or Arrow. vectors: (n, d), those that were clustered: parts of a
    split lie where their members do; without them they stay where the cluster lay. anchors: of the same tree, when they
    are at hand; all of it gives the same result.
    """
    work = _Folding(hierarchy, anchors or Anchors(hierarchy, tree, item_ids), vectors)
    of_items = []
    for event in active(events):
        if isinstance(event.target, ItemTarget):
            of_items.append(event)
        else:
            work.apply(event)
    return work.result(of_items, len(events))


class _Folding:
    """The state in the middle of a fold."""

    def __init__(self, hierarchy: Hierarchy, anchors: Anchors, vectors: np.ndarray | None) -> None:
        self.tree, self.anchors, self.vectors = hierarchy, anchors, vectors
        self.standing: dict[Place, Standing] = {}
        self.labels: list[dict[int, str]] = [{} for _ in hierarchy.levels]
        self.notes: dict[Place, str] = {}
        self.skips: dict[Place, frozenset[str]] = {}
        self.lost: list[Decision] = []
        self.structural: list[str] = []
        self.where: dict[str, Place] = {}

    def apply(self, event: Decision) -> None:
        """One event on a cluster."""
        target = event.target
        assert isinstance(target, ClusterTarget | MergeTarget | SplitTarget)
        place = self._place(target if isinstance(target, ClusterTarget) else target.cluster)
        done = place is not None and self._applied(event, *place)
        if place is None or not done:
            self.lost.append(event)
        else:
            self.where[event.op_id] = place

    def _applied(self, event: Decision, level: int, cluster: int) -> bool:
        target, place = event.target, (level, cluster)
        if isinstance(target, MergeTarget):
            into = self._place(target.into)
            return into is not None and into[0] == level and self._merge(level, cluster, into[1])
        if isinstance(target, SplitTarget):
            return self._split(level, cluster, target.parts)
        match event.verdict:
            case "label":
                return self._label(event, level, cluster)
            case "note":
                _set(self.notes, place, event.value)
            case "skip":
                self.skips[place] = self.skips.get(place, frozenset()) | {event.reviewer}
            case _:
                self._decide(event, place)
        return True

    def _decide(self, event: Decision, place: Place) -> None:
        now = self.standing.pop(place, Standing())
        self.skips.pop(place, None)
        match event.verdict:
            case "cap":
                after = Standing(now.verdict, event.value, now.weight, event)
            case "weight":
                after = Standing(now.verdict, now.cap, event.value, event)
            case "clear":
                after = Standing(by=event)
            case verdict:
                after = Standing(_SIGN[verdict], now.cap, now.weight, event)
        self.standing[place] = after

    def _label(self, event: Decision, level: int, cluster: int) -> bool:
        names = self.labels[level - 1]
        same = namesake(names, cluster, event.value)
        if same is not None:
            return self._merge(level, cluster, same)
        _set(names, cluster, event.value if event.value.strip() else "")
        return True

    def _merge(self, level: int, cluster: int, into: int) -> bool:
        if cluster == into:
            return False
        self.anchors = joined(self.anchors, level, cluster, into)
        self.tree = self.anchors.hierarchy
        for kept in (self.standing, self.notes, self.skips):
            kept.pop((level, cluster), None)
        self.labels[level - 1].pop(cluster, None)
        self.structural.append(f"{level}:{cluster}>{into}")
        return True

    def _split(self, level: int, cluster: int, packed: str) -> bool:
        members = np.flatnonzero(self.tree.point_assignment(level) == cluster)
        told = unpack_parts(packed, len(members))
        if told is None:
            return False
        of_item = np.empty(len(members), np.int64)
        of_item[self.anchors.by_id(members)] = told
        try:
            part = self._part_of_children(level, cluster, members, of_item)
            after = divided(self.tree, level, cluster, part, self._points(level, cluster))
        except CurationError:
            return False
        before = self.tree.n_clusters[level - 1]
        numbers = [cluster, *range(before, after.n_clusters[level - 1])]
        owner = after.point_assignment(level)[members]
        halves = {number: self.anchors.halves(members[owner == number]) for number in numbers}
        self.tree, self.anchors = after, self.anchors.after(after, level, halves)
        if (level, cluster) in self.standing:
            self.standing |= {(level, number): self.standing[level, cluster] for number in numbers[1:]}
        self.structural.append(f"{level}:{cluster}/{hashlib.sha256(packed.encode()).hexdigest()[:12]}")
        return True

    def _part_of_children(self, level: int, cluster: int, members: np.ndarray, of_item: np.ndarray) -> np.ndarray:
        """The part of every child: an item's own, of a cluster the one that most of its items have."""
        if level == 1:
            return of_item
        children = self.tree.children(level, cluster)
        below = np.searchsorted(children, self.tree.point_assignment(level - 1)[members])
        n_parts = int(of_item.max()) + 1
        table = np.bincount(below * n_parts + of_item, minlength=len(children) * n_parts).reshape(-1, n_parts)
        found: np.ndarray = table.argmax(axis=1)  # an empty child goes to the first part
        return found

    def _points(self, level: int, cluster: int) -> np.ndarray | None:
        children = self.tree.children(level, cluster)
        if level > 1:
            below: np.ndarray = self.tree.levels[level - 2].centroids[children]
            return below
        if self.vectors is None:
            return None
        found: np.ndarray = np.asarray(self.vectors[children], dtype=np.float32)
        return found

    def _place(self, target: ClusterTarget) -> Place | None:
        """The cluster that a target means by now, None where there is none with its members."""
        level, cluster = target.level, target.cluster
        if not 1 <= level <= self.tree.n_levels:
            return None
        there = target.tree == self.anchors.tree and cluster < self.tree.n_clusters[level - 1]
        if there and as_text(self.anchors.prints[level - 1][cluster]) == target.members:
            return level, cluster
        # also on the same tree: parts of a split are numbered otherwise once an earlier split is taken back
        found = self.anchors.lookup(level).get(target.members)
        return None if found is None else (level, found)

    def result(self, of_items: Sequence[Decision], n_events: int) -> ReviewDecisions:
        """The whole state, with what was said of single items."""
        verdicts = tuple(np.zeros(k, dtype=np.int8) for k in self.tree.n_clusters)
        for (level, cluster), one in self.standing.items():
            verdicts[level - 1][cluster] = one.verdict
        eligible, decided_by = _spread(verdicts, self.tree)
        kept = _apply_items(of_items, self.anchors.ids, eligible, decided_by)
        return ReviewDecisions(
            tree=self.tree,
            eligible=eligible,
            kept=kept,
            decided_by=decided_by,
            verdicts=verdicts,
            standing=self.standing,
            lost=tuple(self.lost),
            n_events=n_events,
            labels=tuple(self.labels),
            notes=self.notes,
            skips=self.skips,
            item_labels=_last_values(of_items, "label"),
            item_notes=_last_values(of_items, "note"),
            structure=hashlib.sha256("\n".join(self.structural).encode()).hexdigest()[:12] if self.structural else "",
            where=self.where,
        )


def joined(anchors: Anchors, level: int, cluster: int, into: int) -> Anchors:
    """The anchors of the tree where a cluster is merged into another one of its level."""
    prints = anchors.prints[level - 1]
    with np.errstate(over="ignore"):
        both: np.ndarray = prints[cluster] + prints[into]
    return anchors.after(merged(anchors.hierarchy, level, cluster, into), level, {cluster: None, into: both})


def namesake(names: Mapping[int, str], cluster: int, name: str) -> int | None:
    """Another cluster of that name, by which the two become one; names: those of a level."""
    wanted = _folded(name)
    return next((one for one, told in names.items() if wanted and one != cluster and _folded(told) == wanted), None)


def _set(values: dict[Any, str], key: Any, value: str) -> None:
    values.pop(key, None)
    if value:
        values[key] = value


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _spread(verdicts: tuple[np.ndarray, ...], hierarchy: Hierarchy) -> tuple[np.ndarray, np.ndarray]:
    eligible = np.ones(hierarchy.n_items, dtype=bool)
    decided_by = np.zeros(hierarchy.n_items, dtype=np.int8)
    for level in range(hierarchy.n_levels, 0, -1):  # finer verdicts are applied later, so they win
        if not verdicts[level - 1].any():
            continue
        verdict = verdicts[level - 1][hierarchy.point_assignment(level)]  # (n,)
        said = verdict != 0
        eligible[said] = verdict[said] > 0
        decided_by[said] = level
    return eligible, decided_by


def _apply_items(
    events: Iterable[Decision], item_ids: pa.Array, eligible: np.ndarray, decided_by: np.ndarray
) -> np.ndarray:
    """Let what was said of single items win; returns the kept ones, (n,) bool."""
    kept = np.zeros(len(eligible), dtype=bool)
    said = [(event.target.item_ids, _SIGN[event.verdict]) for event in events
            if isinstance(event.target, ItemTarget) and event.verdict in _SIGN]  # fmt: skip
    if not said:
        return kept
    ids = pa.array([one for named, _ in said for one in named], pa.string())
    signs = np.repeat([sign for _, sign in said], [len(named) for named, _ in said])
    known = ids.unique()
    last = np.zeros(len(known), dtype=np.int64)
    last[pc.index_in(ids, value_set=known).to_numpy()] = signs  # of each the last one written
    place = pc.index_in(item_ids, value_set=known)
    rows = np.flatnonzero(np.asarray(place.is_valid()))
    sign = last[place.drop_null().to_numpy(zero_copy_only=False)]
    rows, sign = rows[sign != 0], sign[sign != 0]
    eligible[rows], decided_by[rows], kept[rows] = sign > 0, -1, sign > 0
    return kept


def _last_values(events: Iterable[Decision], verdict: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in events:
        if event.verdict == verdict and isinstance(event.target, ItemTarget):
            found |= dict.fromkeys(event.target.item_ids, event.value)
    return {item: value for item, value in found.items() if value}


def parted(anchors: Anchors, vectors: np.ndarray, level: int, cluster: int, n_parts: int, seed: int = 0) -> SplitTarget:
    """What an event says of a split by k-means over a cluster's children. anchors: of the tree as it is by then.

    vectors: (n, d), those that were clustered. Raises ConfigError where there are fewer parts that differ.
    """
    tree = anchors.hierarchy
    children = tree.children(level, cluster)
    if level > 1:
        children = children[tree.sizes(level - 1)[children] > 0]
    points = vectors if level == 1 else tree.levels[level - 2].centroids
    part = parts_of(np.asarray(points[children], dtype=np.float32), n_parts, seed)
    members = np.flatnonzero(tree.point_assignment(level) == cluster)
    below = members if level == 1 else tree.point_assignment(level - 1)[members]
    of_item = part[np.searchsorted(children, below)]
    return SplitTarget(anchors.target(level, cluster), pack_parts(of_item[anchors.by_id(members)]))
