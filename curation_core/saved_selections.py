"""Selections that people keep by name, with their filters, in ``selections.json`` of a workspace.

Written whole or not at all, one writer at a time. What was removed is kept aside, so that it can be brought back.
"""

import contextlib
import fcntl
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curation_core import expression, links
from curation_core.artifacts import explained, write_json
from curation_core.errors import ConfigError, StaleArtifact
from curation_core.selection import Filter, Selection, is_text

FORMAT, MOST_NAME = 1, 80
_MOST_REMOVED = 20
_TREE_COLUMN = re.compile(r"level \d+|distance")


@dataclass(frozen=True)
class Saved:
    """A selection by name.

    tree, map: artefact keys of the tree and the map it was made on, "" where there was none. time: when it was saved,
    UTC, ISO 8601. count: items it meant then.
    """

    name: str
    selection: Selection
    filters: tuple[Filter, ...]
    tree: str
    map: str
    time: str
    count: int


def refusal(saved: Saved, *, tree: str, map: str) -> str:
    """Why a saved selection cannot be opened on a tree and a map (artefact keys), "" when it can.

    Clusters have other numbers in another tree, outlines lie elsewhere on another map; items, words and examples mean
    the same on all of them.
    """
    if saved.tree != tree and _hangs_on_tree(saved):
        return "it names clusters of another tree; their numbers mean something else in this one"
    if saved.map != map and saved.selection.kind == "area":
        return "it was drawn on another map" if map else "it was drawn on a map, and there is none; make one first"
    return ""


class SavedSelections:
    """The saved selections of a workspace folder; every call reads and writes the file."""

    def __init__(self, workspace: Path) -> None:
        self._path = workspace / "selections.json"

    def all(self) -> list[Saved]:
        """All of them, newest first; raises StaleArtifact when the file is damaged or of a newer version."""
        return list(self._read()[0])

    def get(self, name: str) -> Saved:
        """One by name; raises ConfigError when there is none."""
        return _named(self._read()[0], name)

    def save(
        self,
        name: str,
        selection: Selection,
        filters: Sequence[Filter] = (),
        *,
        tree: str,
        map: str = "",
        count: int,
    ) -> Saved:
        """Keep a selection under a new name; raises ConfigError when the name is taken or does not do."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        made = Saved(_checked_name(name), selection, tuple(filters), tree, map, now, count)
        if selection.kind == "none" and not filters:
            raise ConfigError("nothing is selected and no filter is set; there is nothing to save")
        try:
            _saved(_row(made))
        except ValueError:
            raise ConfigError("it holds more values than can be kept; save it as an expression") from None
        with self._writing() as (saved, removed):
            _check_free(saved, made.name)
            saved.insert(0, made)
            self._write(saved, removed)
        return made

    def rename(self, old: str, new: str) -> None:
        """Give it another name; raises ConfigError when that is taken."""
        wanted = _checked_name(new)
        with self._writing() as (saved, removed):
            found = _named(saved, old)
            if wanted != old:
                _check_free(saved, wanted)
            saved[saved.index(found)] = replace(found, name=wanted)
            self._write(saved, removed)

    def remove(self, name: str) -> None:
        """Take it away; `restore` brings it back."""
        with self._writing() as (saved, removed):
            found = _named(saved, name)
            saved.remove(found)
            self._write(saved, [found, *removed][:_MOST_REMOVED])

    def restore(self) -> Saved | None:
        """Bring the last one that was removed back, under a free name; None when none was."""
        with self._writing() as (saved, removed):
            if not removed:
                return None
            found = removed.pop(0)
            found = replace(found, name=_free_name(saved, found.name))
            saved.append(found)
            saved.sort(key=lambda one: one.time, reverse=True)
            self._write(saved, removed)
        return found

    def removed(self) -> str:
        """The name of what `restore` would bring back, "" when there is nothing."""
        gone = self._read()[1]
        return gone[0].name if gone else ""

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[list[Saved], list[Saved]]]:
        lock = self._path.with_name(".selections.lock")
        with explained(lock), lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # taken for milliseconds; released when the file closes
            yield self._read()

    def _read(self) -> tuple[list[Saved], list[Saved]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["format"] > FORMAT:
                raise StaleArtifact(f"selections.json is of format {found['format']}, here {FORMAT}; update to read it")
            return [_saved(row) for row in found["saved"]], [_saved(row) for row in found["removed"]]
        except FileNotFoundError:
            return [], []
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise StaleArtifact(
                f"selections.json cannot be read ({type(error).__name__}); put it right, or move it away to begin anew"
            ) from None

    def _write(self, saved: Sequence[Saved], removed: Sequence[Saved]) -> None:
        rows = {"saved": [_row(one) for one in saved], "removed": [_row(one) for one in removed]}
        write_json(self._path, {"format": FORMAT, **rows})


def _hangs_on_tree(saved: Saved) -> bool:
    if saved.selection.kind == "cluster":
        return True
    names = {one.column for one in saved.filters}
    for one in saved.filters:
        if one.kind == "where":
            with contextlib.suppress(ConfigError):  # what cannot be read is said when it is opened
                names |= expression.column_names(one.text)
    return any(_TREE_COLUMN.fullmatch(name) for name in names)


def _checked_name(name: str) -> str:
    tidy = " ".join(name.split())
    if not tidy or len(tidy) > MOST_NAME or not is_text(tidy) or not tidy.isprintable():
        raise ConfigError(f"a name has 1 to {MOST_NAME} printable characters, got {len(tidy)}; type another")
    return tidy


def _check_free(saved: Sequence[Saved], name: str) -> None:
    if any(one.name == name for one in saved):
        raise ConfigError(f"there is a selection {name!r} already; choose another name, or remove that one")


def _free_name(saved: Sequence[Saved], name: str) -> str:
    taken = {one.name for one in saved}
    return next(tried for number in range(1, len(taken) + 2) if (tried := _numbered(name, number)) not in taken)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name[: MOST_NAME - 8]} ({number})"


def _named(saved: Sequence[Saved], name: str) -> Saved:
    found = next((one for one in saved if one.name == name), None)
    if found is None:
        raise ConfigError(f"there is no selection {name!r} any more; somebody renamed or removed it")
    return found


def _row(one: Saved) -> dict[str, Any]:
    row = {"name": one.name, "tree": one.tree, "map": one.map, "time": one.time, "count": one.count}
    return {**row, "selection": links.write_selection(one.selection), "filters": links.write_filters(one.filters)}


def _saved(row: dict[str, Any]) -> Saved:
    selection, (filters, whole) = links.read_selection(row["selection"]), links.read_filters(row["filters"])
    if selection is None or not whole:
        raise ValueError(row["name"])
    texts = (str(row[name]) for name in ("name", "tree", "map", "time"))
    name, tree, map_key, time = texts
    return Saved(name, selection, filters, tree, map_key, time, int(row["count"]))
