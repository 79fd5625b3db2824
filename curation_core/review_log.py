"""Where decisions are kept: an append-only table of events in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from curation_core.artifacts import explained
from curation_core.review import Decision, UndoTarget, active, read_target, target_values

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


@dataclass(frozen=True)
class ReviewLog:
    """The file reviews.sqlite: one writer at a time, full sync, safe to share between processes of one machine."""

    path: Path

    def append(self, decisions: Iterable[Decision]) -> None:
        """Write events durably; an op_id that is already there is left as it is."""
        rows = [
            (d.op_id, json.dumps(target_values(d.target)), d.verdict, d.reviewer, d.time, d.value or None)
            for d in decisions
        ]
        names = "op_id, target, verdict, reviewer, time, value"
        statement = f"INSERT OR IGNORE INTO events ({names}) VALUES (?, ?, ?, ?, ?, ?)"
        with explained(self.path), closing(self._open()) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(statement, rows)

    def events(self) -> list[Decision]:
        """All events in the order they were written."""
        if not self.path.exists():
            return []
        with closing(self._open()) as connection:
            rows = connection.execute(
                "SELECT target, verdict, reviewer, op_id, time, COALESCE(value, '') FROM events ORDER BY seq"
            ).fetchall()
        return [Decision(read_target(target), *others) for target, *others in rows]

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
        _migrate(connection)
        return connection


def _migrate(connection: sqlite3.Connection) -> None:
    """Give a file of an older version the column it lacks; two processes may try at once."""
    if "value" in {column[1] for column in connection.execute("PRAGMA table_info(events)")}:
        return
    try:
        connection.execute("ALTER TABLE events ADD COLUMN value TEXT")
    except sqlite3.OperationalError as error:
        if "duplicate column" not in str(error):
            raise
