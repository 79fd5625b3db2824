"""The folder that an export is written in: beside its place until it is whole, and gone on with after an interruption.

Every finished file is noted, with its size and sha256, in a journal beside the folder. The journal is bound to what is
exported and how: another export of the same name begins anew. A kept file is hashed again before it is relied on.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation_core.artifacts import explained, file_hash, write_bytes
from curation_core.errors import ConfigError

SUMS = "SHA256SUMS"
_AT_ONCE = 1 << 20  # bytes that are hashed and written together
_FEW = 500  # files that are synced one by one


@dataclass(frozen=True)
class Entry:
    """A finished file: bytes, sha256 in hex, and what its writer wants to know of it when it goes on."""

    size: int
    sha256: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class OutputFile:
    """A file that is hashed while it is written; it gets its name when it is closed without an error."""

    def __init__(self, folder: "ExportFolder", name: str) -> None:
        self._folder, self._name = folder, name
        self._path = folder.path / name
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = self._path.with_name(f".{self._path.name}.part")
        self._file = self._partial.open("wb", buffering=0)
        self._digest = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._n_waiting = self.size = 0

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._file.closed

    def write(self, data: Any) -> int:
        """Write bytes, or whatever holds them."""
        piece = data if isinstance(data, bytes) else bytes(memoryview(data))
        self._waiting.append(piece)
        self._n_waiting += len(piece)
        self.size += len(piece)
        if self._n_waiting >= _AT_ONCE:
            self._pass_on()
        return len(piece)

    def _pass_on(self) -> None:
        """Hash and write what waits, as one large piece: other threads run meanwhile."""
        piece = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting, self._n_waiting = [], 0
        self._digest.update(piece)
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) :]

    def flush(self) -> None:
        """Nothing: what is written counts when the file is finished."""

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size

    def writable(self) -> bool:
        """Yes."""
        return True

    def finish(self, **facts: Any) -> Entry:
        """Put the file in its place and note it. facts: told again when the export is gone on with.

        It is on the disk for good when the whole export is put in place; what a crash of the machine tore is found out
        by its hash.
        """
        self._pass_on()
        self._file.close()
        self._partial.replace(self._path)
        entry = Entry(self.size, self._digest.hexdigest(), facts)
        self._folder.note(self._name, entry)
        return entry

    def close(self) -> None:
        """Stop without finishing; what was written is given up."""
        if not self._file.closed:
            self._file.close()
            self._partial.unlink(missing_ok=True)


class ExportFolder:
    """The files of an export as far as they are finished, by their names below it."""

    def __init__(self, path: Path, journal: Path, entries: dict[str, Entry]) -> None:
        self.path = path
        self.entries = entries
        self._journal = journal.open("a", encoding="utf-8")
        self._checked: set[str] = set()
        self._lock = threading.Lock()

    def create(self, name: str) -> OutputFile:
        """Open a file for writing."""
        return OutputFile(self, name)

    def write(self, name: str, data: bytes, **facts: Any) -> Entry:
        """Write a file at once."""
        with contextlib.closing(self.create(name)) as file:
            file.write(data)
            return file.finish(**facts)

    def note(self, name: str, entry: Entry) -> None:
        """Remember that a file is finished; safe from several threads."""
        with self._lock:
            self._journal.write(_line(name, entry) + "\n")
            self._journal.flush()
            self.entries[name] = entry
            self._checked.add(name)

    def rename(self, old: str, new: str) -> None:
        """Give a finished file another name."""
        (self.path / old).replace(self.path / new)
        self.note(new, self.entries.pop(old))

    def holds(self, name: str) -> bool:
        """Whether a file is finished and still is what was written."""
        entry, path = self.entries.get(name), self.path / name
        if entry is None:
            return False
        if name not in self._checked:
            if not path.is_file() or path.stat().st_size != entry.size or file_hash(path) != entry.sha256:
                self.entries.pop(name)
                return False
            self._checked.add(name)
        return True

    @property
    def sums(self) -> dict[str, str]:
        """Sha256 of the files written so far, by name."""
        return {name: entry.sha256 for name, entry in self.entries.items()}

    def write_sums(self) -> None:
        """List every file with its sha256, as ``sha256sum --check`` reads it; files of other hands are hashed here."""
        lines = [f"{self._sum(name)}  {name}\n" for name in self._names()]
        write_bytes(self.path / SUMS, "".join(lines).encode())

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def _names(self) -> list[str]:
        return sorted(
            path.relative_to(self.path).as_posix()
            for path in self.path.rglob("*")
            if path.is_file() and path != self.path / SUMS
        )

    def _sum(self, name: str) -> str:
        entry = self.entries.get(name)
        return file_hash(self.path / name) if entry is None else entry.sha256


@contextlib.contextmanager
def writing(folder: Path, fingerprint: str) -> Iterator[ExportFolder]:
    """Give the folder that becomes `folder` once `put_in_place` was called.

    fingerprint: of all that decides the bytes; an interrupted export with the same one goes on. After an error what is
    finished stays, nothing where nothing is. Raises ConfigError while another process writes this export.
    """
    partial = _beside(folder, "partial")
    journal = partial.with_name(f"{partial.name}.journal")
    with explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _restore(folder)
        with journal.open("a", encoding="utf-8") as lock:
            _take(lock, folder.name)
            opened = ExportFolder(partial, journal, _resumed(partial, journal, fingerprint))
            try:
                yield opened
            finally:
                opened.close()
                if not opened.entries or not partial.exists():
                    shutil.rmtree(partial, ignore_errors=True)
                    journal.unlink(missing_ok=True)


def put_in_place(partial: ExportFolder, folder: Path, overwrite: bool, *, varying: str) -> None:
    """Rename a whole export to its name; one that holds the same already is left alone.

    varying: what names begin with whose bytes differ from run to run. Raises ConfigError where the name is taken by
    something else, unless it may be overwritten; the other export stands until this one takes its place.
    """
    if folder.exists():
        if _same(folder / SUMS, partial.path / SUMS, varying):
            shutil.rmtree(partial.path)
            return
        if not overwrite:
            shutil.rmtree(partial.path)
            raise ConfigError(
                f"export {folder.name!r} exists and holds something else; choose another name, or overwrite it"
            )
        folder.rename(_beside(folder, "old"))
    _settle(partial.path)
    partial.path.rename(folder)
    shutil.rmtree(_beside(folder, "old"), ignore_errors=True)


def _settle(folder: Path) -> None:
    """Have everything on the disk for good: file by file, or all at once where that would take milliseconds each."""
    files = [path for path in folder.rglob("*") if not path.is_symlink()]
    if len(files) > _FEW:
        os.sync()
        return
    for path in (*files, folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _same(there: Path, ours: Path, varying: str) -> bool:
    if not there.is_file():
        return False
    found = [
        [line for line in path.read_text(encoding="utf-8").splitlines() if not line[66:].startswith(varying)]
        for path in (there, ours)
    ]
    return found[0] == found[1]


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f".{what}-{folder.name}")


def _restore(folder: Path) -> None:
    """Bring back an export that was put aside by a process that died before the new one took its place."""
    old = _beside(folder, "old")
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _take(lock: Any, name: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(f"export {name!r} is being written by another process; wait for it or cancel it") from None


def _resumed(partial: Path, journal: Path, fingerprint: str) -> dict[str, Entry]:
    """What an earlier try of the same export finished; all else is removed."""
    entries = _read_journal(journal, fingerprint) if partial.is_dir() else None
    if entries is None:
        shutil.rmtree(partial, ignore_errors=True)
    lines = [json.dumps({"fingerprint": fingerprint}), *(_line(name, entry) for name, entry in (entries or {}).items())]
    journal.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    partial.mkdir(exist_ok=True)
    for path in partial.rglob("*"):
        if not path.is_dir() and path.relative_to(partial).as_posix() not in (entries or {}):
            path.unlink()
    return entries or {}


def _line(name: str, entry: Entry) -> str:
    return json.dumps([name, entry.size, entry.sha256, dict(entry.facts)])


def _read_journal(journal: Path, fingerprint: str) -> dict[str, Entry] | None:
    """Entries of a journal; None where it is of another export. A last line that was torn counts for nothing."""
    head, *lines = journal.read_text(encoding="utf-8").split("\n")
    try:
        if json.loads(head) != {"fingerprint": fingerprint}:
            return None
    except ValueError:
        return None
    entries = {}
    for line in lines:
        with contextlib.suppress(ValueError):
            name, size, content, facts = json.loads(line)
            entries[name] = Entry(size, content, facts)
    return entries
