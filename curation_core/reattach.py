"""Decisions made on an earlier tree, found again in the present one: a report first, used only when a person says so.

Which share of the old cluster lies where follows from its sketch, 64 of its items chosen by hash; the old tree is not
needed.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.anchors import Anchors
from curation_core.decisions import ClusterTarget, Decision, MergeTarget, SplitTarget, active
from curation_core.folding import joined, namesake
from curation_core.hierarchy import Hierarchy
from curation_core.review import Place, ReviewDecisions, Standing

SAME, INSIDE, COVERED = 0.5, 0.5, 0.5  # overlap from which it is the same cluster; part of the old one; all of it found
_LEAST = 2  # items of a sketch from which a cluster counts at all
_PREFIX = "carry-"
State = Literal["attached", "split", "lost"]


@dataclass(frozen=True)
class Reattached:
    """Where a decision lies now. places: clusters of the present tree, the largest share first.

    overlap: attached, items in both over items in either (Jaccard); split, the share of its items that was found; an
    estimate from the sketch. why: for people, where it cannot be used.
    """

    event: Decision
    state: State
    places: tuple[Place, ...] = ()
    overlap: float = 0.0
    why: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether there is something to take over."""
        return self.state != "lost" and bool(self.places) and not self.why


@dataclass(frozen=True)
class Reattachment:
    """The report, in the order the decisions were made, and the events that take over what can be used."""

    found: tuple[Reattached, ...]
    carried: tuple[Decision, ...]

    def count(self, state: State) -> int:
        """How many decisions are in a state."""
        return sum(one.state == state for one in self.found)


def reattach(events: Sequence[Decision], decided: ReviewDecisions, anchors: Anchors) -> Reattachment:
    """Look for the decisions that `fold` lists as lost. anchors: of decided.tree.

    Each is looked for in the tree that those before it leave: what was said of merged clusters is found once the merge
    is.
    """
    standing = active(events)
    done = {_carried_from(event.op_id) for event in standing}
    waiting = [event for event in decided.lost if event.op_id not in done and event.verdict != "skip"]
    if not waiting:
        return Reattachment((), ())
    search = _Search(anchors, decided, [target for event in waiting for target in _clusters(event)])
    found, targets = [], []
    for event in waiting:
        one = _reattached(event, search, decided)
        found.append(one)
        if one.is_usable:
            targets.append((event, [search.anchors.target(*place) for place in one.places]))
            search.follow(one)
    return Reattachment(tuple(found), tuple(_carried(targets, anchors.tree, [event.op_id for event in events])))


def _reattached(event: Decision, search: "_Search", decided: ReviewDecisions) -> Reattached:
    targets = _clusters(event)
    if any(target.tree == search.anchors.tree for target in targets):
        return Reattached(event, "lost", why="the cluster is no more what it was: a merge or split was taken back")
    if isinstance(event.target, SplitTarget):
        return Reattached(event, "lost", why="a split is kept only where the cluster has the very same items")
    found = [search.find(target) for target in targets]
    if isinstance(event.target, MergeTarget):
        return _of_merge(event, found)
    one = found[0]
    if one.state == "split" and event.verdict == "cap" and not event.value.strip().endswith("%"):
        return Reattached(event, "lost", one.places, one.overlap, "a cap in items cannot be parted; set it again")
    if one.state == "split" and event.verdict in ("label", "note"):
        one = replace(one, places=one.places[:1])  # the same name twice would join them again
    free = tuple(place for place in one.places if not _is_taken(event, place, decided))
    if one.state != "lost" and not free:
        return Reattached(event, "attached", one.places, one.overlap, "decided anew on this tree")
    return replace(one, event=event, places=free)


def _of_merge(event: Decision, found: Sequence[Reattached]) -> Reattached:
    places = tuple(one.places[0] for one in found if one.state == "attached")
    if len(places) < len(found):
        return Reattached(event, "lost", why="one of the two clusters is not in this tree")
    if len({level for level, _ in places}) > 1:
        return Reattached(event, "lost", places, why="the two clusters are on different levels now")
    if places[0] == places[1]:
        return Reattached(event, "attached", places[:1], 1.0, "the two are one cluster in this tree")
    return Reattached(event, "attached", places, min(one.overlap for one in found))


def _is_taken(event: Decision, place: Place, decided: ReviewDecisions) -> bool:
    """Whether the present tree says something of the same kind at a place already."""
    level, cluster = place
    now = decided.standing.get(place, Standing())
    there = {
        "label": cluster in decided.labels[level - 1],
        "note": place in decided.notes,
        "cap": bool(now.cap),
        "weight": bool(now.weight),
    }
    return there.get(event.verdict, bool(now.verdict))


def _carried(
    usable: Sequence[tuple[Decision, list[ClusterTarget]]], tree: str, op_ids: Sequence[str]
) -> list[Decision]:
    """One bulk action; its name is new each time, so that it can be used again after it was taken back."""
    earlier = sum(op_id.startswith(_PREFIX) for op_id in op_ids)
    made_of = "\n".join([tree, str(earlier), *(event.op_id for event, _ in usable)])
    batch = _PREFIX + hashlib.sha256(made_of.encode()).hexdigest()[:16]
    made = []
    for event, targets in usable:
        meant: Sequence[ClusterTarget | MergeTarget] = targets
        if isinstance(event.target, MergeTarget):
            meant = [MergeTarget(*targets)]
        for number, target in enumerate(meant):
            op_id = f"{batch}/{number}.{event.op_id}"
            made.append(Decision(target, event.verdict, event.reviewer, op_id=op_id, value=event.value))
    return made


def _carried_from(op_id: str) -> str:
    """The event that an event takes over, "" for any other."""
    return op_id.partition("/")[2].partition(".")[2] if op_id.startswith(_PREFIX) else ""


def _clusters(event: Decision) -> list[ClusterTarget]:
    target = event.target
    if isinstance(target, MergeTarget):
        return [target.cluster, target.into]
    if isinstance(target, SplitTarget):
        return [target.cluster]
    return [target] if isinstance(target, ClusterTarget) else []


class _Search:
    """Where the items of sketches lie in a tree, all looked up at once."""

    def __init__(self, anchors: Anchors, decided: ReviewDecisions, targets: Sequence[ClusterTarget]) -> None:
        self.anchors, self.labels = anchors, [dict(names) for names in decided.labels]
        known = pa.array(sorted({item for target in targets for item in target.sketch}), pa.string())
        place = pc.index_in(anchors.ids, value_set=known)
        rows = np.flatnonzero(np.asarray(place.is_valid()))
        named = known.take(place.drop_null()).to_pylist()
        self.row = dict(zip(named, rows.tolist(), strict=True))

    @property
    def tree(self) -> Hierarchy:
        """The tree as it is by now."""
        return self.anchors.hierarchy

    def follow(self, one: Reattached) -> None:
        """Let later searches see what a decision that can be used does to the tree."""
        (level, cluster), into = one.places[0], None
        if one.event.verdict == "merge":
            into = one.places[1][1]
        elif one.event.verdict == "label":
            into = namesake(self.labels[level - 1], cluster, one.event.value)
            self.labels[level - 1][cluster] = one.event.value
        if into is not None:
            self.labels[level - 1].pop(cluster, None)
            self.anchors = joined(self.anchors, level, cluster, into)

    def find(self, target: ClusterTarget) -> Reattached:
        """The cluster that is the same, else those that lie inside it."""
        nobody = Decision(target, "clear")
        rows = np.array([self.row[item] for item in target.sketch if item in self.row], dtype=np.int64)
        if not len(rows):
            return Reattached(nobody, "lost", why="none of its items is in this tree")
        size = target.size * len(rows) / len(target.sketch)  # of what is still in the pool
        same, _, *place = max(self._same(rows, size, level, target.level) for level in range(1, self.tree.n_levels + 1))
        if same >= SAME:
            return Reattached(nobody, "attached", ((place[0], place[1]),), same)
        levels = range(min(target.level, self.tree.n_levels), 0, -1)
        covered, inside = max((self._inside(rows, size, level) for level in levels), key=lambda found: found[0])
        if covered >= COVERED:
            return Reattached(nobody, "split", inside, covered)
        return Reattached(nobody, "lost", why="its items lie scattered in this tree")

    def _same(self, rows: np.ndarray, size: float, level: int, wanted: int) -> tuple[float, int, int, int]:
        """Jaccard of the cluster of a level that holds most of the sketch, nearness of the level, level, cluster."""
        clusters, counts = np.unique(self.tree.point_assignment(level)[rows], return_counts=True)
        best = int(np.argmax(counts))
        both = size * counts[best] / len(rows)
        there = int(self.tree.sizes(level)[clusters[best]])
        overlap = min(1.0, both / max(1e-9, size + there - both))
        return round(overlap, 9), -abs(level - wanted), level, int(clusters[best])

    def _inside(self, rows: np.ndarray, size: float, level: int) -> tuple[float, tuple[Place, ...]]:
        """How much of the old cluster lies in clusters of a level that lie mostly in it, and which these are."""
        clusters, counts = np.unique(self.tree.point_assignment(level)[rows], return_counts=True)
        inside = size * counts / len(rows) >= INSIDE * self.tree.sizes(level)[clusters]
        inside &= counts >= min(_LEAST, len(rows))
        order = np.argsort(-counts[inside], kind="stable")
        places = tuple((level, int(cluster)) for cluster in clusters[inside][order])
        return float(counts[inside].sum() / len(rows)), places
