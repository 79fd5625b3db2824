"""Decisions of people: an append-only log of events, and what they add up to.

Nothing is ever updated or deleted: undo is one more event, and the state is the fold of all events. A decision names
items, or a cluster of one tree; finer wins over coarser, items win over clusters, and on one target the last wins.
A cluster decision is anchored to the cluster's members: on another tree it attaches to the cluster of the same level
that has exactly these members, and is listed as lost where there is none.
"""

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from curation_core.artifacts import explained
from curation_core.errors import ConfigError
from curation_core.hierarchy import Hierarchy

Verdict = Literal["keep", "drop", "undo"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    op_id TEXT NOT NULL UNIQUE,
    target TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    time TEXT NOT NULL
)
"""


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
    """One event. op_id makes a repeated write harmless; time is UTC, ISO 8601."""

    target: Target
    verdict: Verdict
    reviewer: str = ""
    op_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    def __post_init__(self) -> None:
        if self.verdict not in ("keep", "drop", "undo"):
            raise ConfigError(f"verdict is {self.verdict!r}; expected keep, drop or undo")
        if (self.verdict == "undo") != isinstance(self.target, UndoTarget):
            raise ConfigError(
                f"verdict {self.verdict!r} does not fit a {type(self.target).__name__}; undo names an event"
            )

    def as_json(self) -> str:
        """One line of decisions.jsonl."""
        values = {"op_id": self.op_id, "target": _target_values(self.target), "verdict": self.verdict}
        return json.dumps({**values, "reviewer": self.reviewer, "time": self.time}, ensure_ascii=False)


@dataclass(frozen=True)
class ReviewDecisions:
    """The folded state on one tree of n items and L levels.

    eligible: (n,) bool, may be drawn. decided_by: (n,) int8, the level whose verdict counts, -1 for an item's own, 0
    for none. verdicts: per level (k_l,) int8, 1 keep, -1 drop, 0 undecided. lost: decisions whose cluster is not in
    this tree.
    """

    eligible: np.ndarray
    decided_by: np.ndarray
    verdicts: tuple[np.ndarray, ...]
    item_verdicts: Mapping[str, str]
    lost: tuple[Decision, ...]
    n_events: int

    @property
    def n_dropped(self) -> int:
        """Items that may not be drawn."""
        return int(len(self.eligible) - self.eligible.sum())

    @property
    def fingerprint(self) -> str:
        """Hash of what the sampler sees."""
        return hashlib.sha256(np.packbits(self.eligible).tobytes()).hexdigest()[:16]


@dataclass(frozen=True)
class ReviewLog:
    """The file reviews.sqlite: one writer at a time, full sync, safe to share between processes of one machine."""

    path: Path

    def append(self, decisions: Iterable[Decision]) -> None:
        """Write events durably; an op_id that is already there is left as it is."""
        rows = [(d.op_id, json.dumps(_target_values(d.target)), d.verdict, d.reviewer, d.time) for d in decisions]
        statement = "INSERT OR IGNORE INTO events (op_id, target, verdict, reviewer, time) VALUES (?, ?, ?, ?, ?)"
        with explained(self.path), closing(self._open()) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(statement, rows)

    def events(self) -> list[Decision]:
        """All events in the order they were written."""
        if not self.path.exists():
            return []
        with closing(self._open()) as connection:
            rows = connection.execute(
                "SELECT op_id, target, verdict, reviewer, time FROM events ORDER BY seq"
            ).fetchall()
        return [Decision(_read_target(target), verdict, who, op_id, time) for op_id, target, verdict, who, time in rows]

    def undo(self, reviewer: str = "") -> Decision | None:
        """Take back the last decision that still counts; returns it, or None when there is none."""
        standing = active(self.events())
        if not standing:
            return None
        self.append([Decision(UndoTarget(standing[-1].op_id), "undo", reviewer)])
        return standing[-1]

    def version(self) -> int:
        """Number of events: changes whenever anybody decides anything."""
        if not self.path.exists():
            return 0
        with closing(self._open()) as connection:
            return int(connection.execute("SELECT COALESCE(MAX(seq), 0) FROM events").fetchone()[0])

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(_SCHEMA)
        return connection


def active(events: Sequence[Decision]) -> list[Decision]:
    """The keep and drop events that no undo takes back; an undo may itself be undone."""
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
    lost = [
        event
        for event in standing
        if isinstance(event.target, ClusterTarget) and not _attach(event, hierarchy, tree, item_ids, verdicts)
    ]
    item_verdicts = {
        item_id: event.verdict
        for event in standing
        if isinstance(event.target, ItemTarget)
        for item_id in event.target.item_ids
    }
    eligible, decided_by = _spread(verdicts, hierarchy)
    _apply_items(item_verdicts, item_ids, eligible, decided_by)
    return ReviewDecisions(eligible, decided_by, verdicts, item_verdicts, tuple(lost), len(events))


def _attach(
    event: Decision, hierarchy: Hierarchy, tree: str, item_ids: Sequence[str], verdicts: tuple[np.ndarray, ...]
) -> bool:
    target = event.target
    assert isinstance(target, ClusterTarget)
    cluster = target.cluster if target.tree == tree else _same_members(target, hierarchy, item_ids)
    if cluster is None:
        return False
    verdicts[target.level - 1][cluster] = 1 if event.verdict == "keep" else -1
    return True


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


def _target_values(target: Target) -> dict[str, Any]:
    kind = next(name for name, model in _TARGETS.items() if isinstance(target, model))
    return {"kind": kind, **vars(target)}


def _read_target(text: str) -> Target:
    values = json.loads(text)
    model = _TARGETS[values.pop("kind")]
    if model is ItemTarget:
        return ItemTarget(tuple(values["item_ids"]))
    return model(**values)
