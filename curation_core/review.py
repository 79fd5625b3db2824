"""Decisions of people: an append-only log of events, and what they add up to.

Nothing is ever updated or deleted: undo is one more event, and the state is the fold of all events. A decision names
items, or a cluster of one tree; finer wins over coarser, items win over clusters, and on one target the last wins.
A cluster decision is anchored to the cluster's members: on another tree it attaches to the cluster of the same level
that has exactly these members, and is listed as lost where there is none. A name that a person gives to a cluster is
an event like the others; it says nothing about what may be drawn.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from curation_core.errors import ConfigError
from curation_core.hierarchy import Hierarchy

Verdict = Literal["keep", "drop", "label", "undo"]
MOST_LABEL = 80  # characters of a cluster's name


@dataclass(frozen=True)
class ClusterTarget:
    """A cluster of one tree: tree is the artefact key, members the fingerprint of its items, size their number."""

    tree: str
    level: int
    cluster: int
    members: str
    size: int


@dataclass(frozen=True)
class ItemTarget:
    """Items by id."""

    item_ids: tuple[str, ...]


@dataclass(frozen=True)
class UndoTarget:
    """An earlier event; undoing an undo brings the event back."""

    op_id: str


Target = ClusterTarget | ItemTarget | UndoTarget
_TARGETS: dict[str, type[Target]] = {"cluster": ClusterTarget, "items": ItemTarget, "undo": UndoTarget}


@dataclass(frozen=True)
class Decision:
    """One event. op_id makes a repeated write harmless; time is UTC, ISO 8601.

    value: the name that verdict "label" gives to a cluster, "" takes it away; "" with every other verdict.
    """

    target: Target
    verdict: Verdict
    reviewer: str = ""
    op_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    value: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in ("keep", "drop", "label", "undo"):
            raise ConfigError(f"verdict is {self.verdict!r}; expected keep, drop, label or undo")
        if (self.verdict == "undo") != isinstance(self.target, UndoTarget):
            raise ConfigError(
                f"verdict {self.verdict!r} does not fit a {type(self.target).__name__}; undo names an event"
            )
        if self.verdict == "label" and not isinstance(self.target, ClusterTarget):
            raise ConfigError(f"a label names a cluster, got a {type(self.target).__name__}; name clusters only")
        if self.value and self.verdict != "label":
            raise ConfigError(f"verdict {self.verdict!r} takes no value, got {self.value[:40]!r}; only a label does")
        if len(self.value) > MOST_LABEL:
            raise ConfigError(f"the name has {len(self.value):,} characters; use at most {MOST_LABEL}")

    def as_json(self) -> str:
        """One line of decisions.jsonl."""
        values = {"op_id": self.op_id, "target": target_values(self.target), "verdict": self.verdict}
        if self.verdict == "label":
            values["value"] = self.value
        return json.dumps({**values, "reviewer": self.reviewer, "time": self.time}, ensure_ascii=False)


@dataclass(frozen=True)
class ReviewDecisions:
    """The folded state on one tree of n items and L levels.

    eligible: (n,) bool, may be drawn. decided_by: (n,) int8, the level whose verdict counts, -1 for an item's own, 0
    for none. verdicts: per level (k_l,) int8, 1 keep, -1 drop, 0 undecided. lost: decisions whose cluster is not in
    this tree. labels: per level the names that people gave, by cluster.
    """

    eligible: np.ndarray
    decided_by: np.ndarray
    verdicts: tuple[np.ndarray, ...]
    item_verdicts: Mapping[str, str]
    lost: tuple[Decision, ...]
    n_events: int
    labels: tuple[Mapping[int, str], ...] = ()

    @property
    def n_dropped(self) -> int:
        """Items that may not be drawn."""
        return int(len(self.eligible) - self.eligible.sum())

    @property
    def fingerprint(self) -> str:
        """Hash of what the sampler sees."""
        return hashlib.sha256(np.packbits(self.eligible).tobytes()).hexdigest()[:16]


def active(events: Sequence[Decision]) -> list[Decision]:
    """The keep, drop and label events that no undo takes back; an undo may itself be undone."""
    undone: set[str] = set()
    standing = []
    for event in reversed(events):
        if event.op_id in undone:
            continue
        if isinstance(event.target, UndoTarget):
            undone.add(event.target.op_id)
        else:
            standing.append(event)
    return standing[::-1]


def cluster_target(hierarchy: Hierarchy, tree: str, level: int, cluster: int, item_ids: Sequence[str]) -> ClusterTarget:
    """The anchor of a cluster. item_ids: id of every item of the tree, (n,)."""
    members = hierarchy.members(level, cluster)
    return ClusterTarget(tree, level, int(cluster), member_fingerprint(item_ids, members), len(members))


def member_fingerprint(item_ids: Sequence[str], members: np.ndarray) -> str:
    """Hash of a set of items, whatever their order."""
    joined = "\n".join(sorted(item_ids[row] for row in members))
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


def fold(events: Sequence[Decision], hierarchy: Hierarchy, tree: str, item_ids: Sequence[str]) -> ReviewDecisions:
    """What all events add up to on a tree whose artefact key is `tree`; item_ids: (n,) ids in the tree's row order."""
    standing = active(events)
    verdicts = tuple(np.zeros(k, dtype=np.int8) for k in hierarchy.n_clusters)
    labels: tuple[dict[int, str], ...] = tuple({} for _ in hierarchy.n_clusters)
    lost = []
    for event in standing:
        if isinstance(event.target, ClusterTarget):
            cluster = _attached(event.target, hierarchy, tree, item_ids)
            if cluster is None:
                lost.append(event)
            else:
                _apply_cluster(event, cluster, verdicts, labels)
    item_verdicts = {
        item_id: event.verdict
        for event in standing
        if isinstance(event.target, ItemTarget)
        for item_id in event.target.item_ids
    }
    eligible, decided_by = _spread(verdicts, hierarchy)
    _apply_items(item_verdicts, item_ids, eligible, decided_by)
    return ReviewDecisions(eligible, decided_by, verdicts, item_verdicts, tuple(lost), len(events), labels)


def _attached(target: ClusterTarget, hierarchy: Hierarchy, tree: str, item_ids: Sequence[str]) -> int | None:
    """The cluster that a target means on this tree, None where there is none."""
    return target.cluster if target.tree == tree else _same_members(target, hierarchy, item_ids)


def _apply_cluster(
    event: Decision, cluster: int, verdicts: tuple[np.ndarray, ...], labels: tuple[dict[int, str], ...]
) -> None:
    assert isinstance(event.target, ClusterTarget)
    level = event.target.level - 1
    if event.verdict != "label":
        verdicts[level][cluster] = 1 if event.verdict == "keep" else -1
    elif event.value:
        labels[level][cluster] = event.value
    else:
        labels[level].pop(cluster, None)


def _same_members(target: ClusterTarget, hierarchy: Hierarchy, item_ids: Sequence[str]) -> int | None:
    if target.level > hierarchy.n_levels:
        return None
    candidates = np.flatnonzero(hierarchy.sizes(target.level) == target.size).tolist()
    matching = (
        c for c in candidates if member_fingerprint(item_ids, hierarchy.members(target.level, c)) == target.members
    )
    return next(matching, None)


def _spread(verdicts: tuple[np.ndarray, ...], hierarchy: Hierarchy) -> tuple[np.ndarray, np.ndarray]:
    eligible = np.ones(hierarchy.n_items, dtype=bool)
    decided_by = np.zeros(hierarchy.n_items, dtype=np.int8)
    for level in range(hierarchy.n_levels, 0, -1):  # finer verdicts are applied later, so they win
        verdict = verdicts[level - 1][hierarchy.point_assignment(level)]  # (n,)
        eligible = np.where(verdict == 0, eligible, verdict > 0)
        decided_by = np.where(verdict == 0, decided_by, np.int8(level))
    return eligible, decided_by


def _apply_items(
    verdicts: Mapping[str, str], item_ids: Sequence[str], eligible: np.ndarray, decided_by: np.ndarray
) -> None:
    if not verdicts:
        return
    rows = {item_id: row for row, item_id in enumerate(item_ids) if item_id in verdicts}
    for item_id, row in rows.items():
        eligible[row] = verdicts[item_id] == "keep"
        decided_by[row] = -1


def target_values(target: Target) -> dict[str, Any]:
    """A target as plain values, as events keep it."""
    kind = next(name for name, model in _TARGETS.items() if isinstance(target, model))
    return {"kind": kind, **vars(target)}


def read_target(text: str) -> Target:
    """The target that `target_values` wrote, from JSON."""
    values = json.loads(text)
    model = _TARGETS[values.pop("kind")]
    if model is ItemTarget:
        return ItemTarget(tuple(values["item_ids"]))
    return model(**values)
