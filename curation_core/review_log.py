"""Where decisions are kept: an append-only table of events in one SQLite file."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from curation_core.artifacts import explained
from curation_core.decisions import Decision, UndoTarget, active, history, read_target, target_values

T = TypeVar("T")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    op_id TEXT NOT NULL UNIQUE,
    target TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    time TEXT NOT NULL,
    value TEXT
)
"""
_READ = "SELECT seq, target, verdict, reviewer, op_id, time, COALESCE(value, '') FROM events WHERE seq > ? ORDER BY seq"


@dataclass(frozen=True)
class ReviewLog:
    """The file reviews.sqlite: one writer at a time, full sync, safe to share between processes of one machine."""

    path: Path

    def append(self, decisions: Iterable[Decision]) -> int:
        """Write events durably, all or none; one whose op_id is there already is left out. Returns how many are new."""
        with self._writing() as connection:
            return _insert(connection, decisions)

    def events(self) -> list[Decision]:
        """All events in the order they were written."""
        return [event for _, event in self.since(0)]

    def since(self, seq: int) -> list[tuple[int, Decision]]:
        """Events written after the one of that number, each with its own number."""
        return self._read(lambda connection: _rows(connection, seq), [])

    def undo(self, reviewer: str | None = None, *, op_id: str = "") -> Decision | None:
        """Take back a person's last decision, of anybody's the last without a name; None when there is none.

        op_id: of the undo itself; a retry with the same one changes nothing. Of a bulk action all is taken back, and
        its last event returned.
        """
        with self._writing() as connection:
            events = [event for _, event in _rows(connection, 0)]
            standing = active(events)
            if reviewer is None:
                meant = standing[-1].batch if standing else ""
            else:
                meant = next(iter(history(events, reviewer).done[::-1]), "")
            return _take_back(connection, events, meant, meant, reviewer or "", op_id)

    def redo(self, reviewer: str = "", *, op_id: str = "") -> Decision | None:
        """Bring back what a person took back last; None when there is nothing, or something was decided since."""
        with self._writing() as connection:
            events = [event for _, event in _rows(connection, 0)]
            undo = next(iter(history(events, reviewer).undone[::-1]), "")
            meant = next((e.target.op_id for e in events if e.op_id == undo and isinstance(e.target, UndoTarget)), "")
            return _take_back(connection, events, undo, meant, reviewer, op_id)

    def version(self) -> int:
        """Number of the last event: changes whenever anybody decides anything."""
        newest = "SELECT COALESCE(MAX(seq), 0) FROM events"
        return self._read(lambda connection: int(connection.execute(newest).fetchone()[0]), 0)

    def _read(self, what: Callable[[sqlite3.Connection], T], absent: T) -> T:
        """Read from the file as it is; one of an older version is brought up to date first."""
        if not self.path.exists():
            return absent
        try:
            with closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as connection:
                return what(connection)
        except sqlite3.OperationalError:  # without the table, or a column of it
            with closing(self._open()) as connection:
                return what(connection)

    def stamp(self) -> tuple[str, int]:
        """Id of the first event and number of the last: tells a file that was made anew under the same name as well."""
        ends = "SELECT COALESCE((SELECT op_id FROM events ORDER BY seq LIMIT 1), ''), COALESCE(MAX(seq), 0) FROM events"
        return self._read(lambda connection: tuple(connection.execute(ends).fetchone()), ("", 0))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with explained(self.path), closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(_SCHEMA)
        _migrate(connection)
        return connection


class ReviewTail:
    """The events of a log, read once and then only what is new; may be shared between threads."""

    def __init__(self, log: ReviewLog) -> None:
        self._log, self._lock = log, threading.Lock()
        self._seq = 0
        self._events: list[Decision] = []
        self._known: set[str] = set()

    def read(self) -> tuple[int, list[Decision]]:
        """Number of the last event, and all events as they are now; the list is the caller's own."""
        with self._lock:
            first, last = self._log.stamp()
            if self._events and (self._events[0].op_id != first or last < self._seq):  # another file by now
                self._seq, self._events, self._known = 0, [], set()
            for seq, event in self._log.since(self._seq):
                self._seq = seq
                self._events.append(event)
                self._known.add(event.op_id)
            return self._seq, list(self._events)

    def knows(self, op_id: str) -> bool:
        """Whether an event of that id is written."""
        self.read()
        with self._lock:
            return op_id in self._known


def _insert(connection: sqlite3.Connection, decisions: Iterable[Decision]) -> int:
    rows = [
        (d.op_id, json.dumps(target_values(d.target)), d.verdict, d.reviewer, d.time, d.value or None)
        for d in decisions
    ]
    before = connection.total_changes
    connection.executemany(
        "INSERT OR IGNORE INTO events (op_id, target, verdict, reviewer, time, value) VALUES (?, ?, ?, ?, ?, ?)", rows
    )
    return connection.total_changes - before


def _rows(connection: sqlite3.Connection, seq: int) -> list[tuple[int, Decision]]:
    found = connection.execute(_READ, (seq,)).fetchall()
    return [(number, Decision(read_target(json.loads(target)), *others)) for number, target, *others in found]


def _take_back(
    connection: sqlite3.Connection, events: list[Decision], op: str, meant: str, reviewer: str, op_id: str
) -> Decision | None:
    """Write the undo of an event; `meant` is the decision that this is about."""
    earlier = next((event for event in events if op_id and event.op_id == op_id), None)
    if earlier is not None:  # a retry: what it did is done
        return _decision_behind(events, earlier)
    if not op:
        return None
    made = Decision(UndoTarget(op), "undo", reviewer, **({"op_id": op_id} if op_id else {}))
    _insert(connection, [made])
    return _of_batch(events, meant)


def _decision_behind(events: list[Decision], event: Decision) -> Decision | None:
    """The decision that an undo, or an undo of an undo, is about."""
    for _ in range(len(events)):
        if not isinstance(event.target, UndoTarget):
            return event
        found = _of_batch(events, event.target.op_id)
        if found is None:
            return None
        event = found
    return None


def _of_batch(events: list[Decision], op: str) -> Decision | None:
    return next((event for event in reversed(events) if op in (event.op_id, event.batch)), None)


def _migrate(connection: sqlite3.Connection) -> None:
    """Give a file of an older version the column it lacks; two processes may try at once."""
    if "value" in {column[1] for column in connection.execute("PRAGMA table_info(events)")}:
        return
    try:
        connection.execute("ALTER TABLE events ADD COLUMN value TEXT")
    except sqlite3.OperationalError as error:
        if "duplicate column" not in str(error):
            raise
