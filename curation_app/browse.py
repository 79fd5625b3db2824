"""Looking through a mounted folder: one level at a time, hidden entries left out, never out of the root."""

import csv
import itertools
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation_app.upload_names import ARCHIVES, is_taken
from curation_core.errors import CurationError
from curation_core.media import is_image_name
from curation_core.tables import is_table_name, open_table

MOST = 300  # entries listed
_LOOKED_AT = 20_000  # entries of a folder or files below it that are looked at: it has to stay quick
_HEAD = 1 << 16  # bytes of a table's first row


@dataclass(frozen=True)
class Listing:
    """One folder: names of folders, names and bytes of files that may be sources; more: how many are not listed.

    whole: False when the folder has more entries than are looked at, so that `more` is at least so many.
    """

    folders: tuple[str, ...]
    files: tuple[tuple[str, int], ...]
    more: int
    whole: bool


def listing(root: Path, folder: Path) -> Listing:
    """What can be chosen in a folder of a root, by name; links that leave the root are left out."""
    folders, files, n_seen = [], [], 0
    for entry in _entries(folder):
        n_seen += 1
        if not _is_inside(entry, root):
            continue
        if entry.is_dir():
            folders.append(entry.name)
        elif entry.is_file() and is_taken(entry.name):
            files.append((entry.name, entry.stat().st_size))
    shown_folders = tuple(sorted(folders)[:MOST])
    shown_files = tuple(sorted(files)[: MOST - len(shown_folders)])
    more = len(folders) + len(files) - len(shown_folders) - len(shown_files)
    return Listing(shown_folders, shown_files, more, n_seen < _LOOKED_AT)


def holds(path: Path) -> str:
    """What a path holds in a few words, from names and headers alone: "3,374 image files", "a table of 12 columns"."""
    try:
        if path.is_dir():
            return _folder_holds(path)
        name = path.name.lower()
        if name.endswith(".zip"):
            return _zip_holds(path)
        if name.endswith(ARCHIVES):
            return "an archive"
        if name.endswith(".npy"):
            return _matrix_holds(path)
        if is_table_name(name):
            return _table_holds(path)
    except (CurationError, OSError, ValueError, zipfile.BadZipFile) as error:
        return f"cannot be read: {str(error)[:120]}"
    return "one image" if is_image_name(path.name) else "one file"


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from itertools.islice((entry for entry in entries if _is_plain(entry.name)), _LOOKED_AT)
    except OSError:  # no permission to look: an empty folder to us
        return


def _is_plain(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not name.startswith(".")


def _is_inside(entry: os.DirEntry[str], root: Path) -> bool:
    try:
        return not entry.is_symlink() or Path(entry.path).resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def _folder_holds(folder: Path) -> str:
    counts: Counter[str] = Counter()
    waiting, n_seen = [folder], 0
    while waiting and n_seen < _LOOKED_AT:
        for entry in _entries(waiting.pop()):
            n_seen += 1
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            else:
                counts[_noun(entry.name)] += 1
    found = [_counted(counts[noun], noun) for noun in ("image file", "table", "matrix", "archive") if counts[noun]]
    said = ", ".join(found) or "nothing that is read"
    return said if n_seen < _LOOKED_AT else f"more than {said}"


def _noun(name: str) -> str:
    if is_image_name(name):
        return "image file"
    if is_table_name(name):
        return "table"
    lower = name.lower()
    return "matrix" if lower.endswith((".npy", ".npz")) else "archive" if lower.endswith(ARCHIVES) else "other"


def _counted(n: int, noun: str) -> str:
    if noun == "matrix":
        return f"{n:,} {'matrix' if n == 1 else 'matrices'}"
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _zip_holds(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    n_images = sum(map(is_image_name, names))
    return f"a zip of {_counted(n_images, 'image')}" if n_images else f"a zip of {_counted(len(names), 'file')}"


def _matrix_holds(path: Path) -> str:
    import numpy as np

    shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
    return f"{shape[0]:,} vectors of {shape[1]:,} numbers" if len(shape) == 2 else f"an array of shape {shape}"


def _table_holds(path: Path) -> str:
    if path.suffix.lower() == ".parquet":
        table = open_table(path)
        return f"a table of {_counted(table.n_rows, 'row')} and {_counted(len(table.schema), 'column')}"
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        head = file.read(_HEAD).splitlines()
    first = head[0] if head else ""
    names = json.loads(first) if path.suffix.lower() == ".jsonl" else next(csv.reader([first]), [])
    return f"a table of {_counted(len(names), 'column')}"
