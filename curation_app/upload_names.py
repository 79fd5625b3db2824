"""Names of uploaded files: kept where they are harmless, made safe where not, refused where they cannot mean a file."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from curation_core.archives import TAR_SUFFIXES
from curation_core.errors import ConfigError
from curation_core.matrices import MATRIX_SUFFIXES
from curation_core.media import IMAGE_SUFFIXES
from curation_core.tables import TABLE_SUFFIXES

ARCHIVES = (".zip", *TAR_SUFFIXES)
_BESIDE = (".json", ".txt", ".cls", ".tfw")  # not read as items, but readers look at them
TAKEN = tuple(sorted({*IMAGE_SUFFIXES, *TABLE_SUFFIXES, *MATRIX_SUFFIXES, *ARCHIVES, *_BESIDE}))
_PART_BYTES, _PATH_BYTES, _DEPTH = 200, 1_000, 32


@dataclass(frozen=True)
class File:
    """One file of an upload: its path with forward slashes, its size in bytes."""

    path: str
    size: int


def arranged(files: Sequence[File]) -> tuple[File, ...]:
    """The files under names that are safe and differ, all below one folder unless there is only one file.

    Raises ConfigError for no file, an empty file, a type that no reader knows, or a path that leads out.
    """
    if not files:
        raise ConfigError("the upload has no file; choose files or a folder")
    for file in files:
        _check(file)
    safe = [(safe_path(file.path), file.size) for file in files]
    if len({path.partition("/")[0] for path, _ in safe}) > 1 or (len(safe) > 1 and "/" not in safe[0][0]):
        safe = [(f"upload/{path}", size) for path, size in safe]
    return tuple(File(path, size) for path, size in _distinct(safe))


def is_taken(path: str) -> bool:
    """Whether a name ends like something that a reader knows."""
    return path.lower().endswith(TAKEN)


def safe_path(path: str) -> str:
    """A relative path whose parts are plain names; raises ConfigError when it leads out or is too deep.

    Letters of every script, spaces and punctuation stay, so that a table which names the files still finds them.
    """
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        raise ConfigError(f"{_short(path)} is no path of a file inside the upload; rename it")
    made = "/".join(map(_safe_part, parts))
    if len(parts) > _DEPTH or len(made.encode()) > _PATH_BYTES:
        raise ConfigError(f"{_short(path)} is too deep or too long; shorten its folders")
    return made


def _check(file: File) -> None:
    if file.size < 1:
        raise ConfigError(f"{_short(file.path)} is empty; leave it out")
    if not is_taken(file.path):
        raise ConfigError(
            f"{_short(file.path)} is of a type that is not read; expected images, tables, .npy, zip or tar"
        )


def _safe_part(part: str) -> str:
    plain = "".join("_" if unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn") else letter for letter in part)
    visible = "_" + plain.lstrip(".") if plain.startswith(".") else plain  # hidden files are not read
    if len(visible.encode()) <= _PART_BYTES:
        return visible
    suffix = PurePosixPath(visible).suffix[-12:]
    stem = visible.encode()[: _PART_BYTES - 40].decode(errors="ignore")
    return f"{stem}~{hashlib.sha256(part.encode(errors='replace')).hexdigest()[:8]}{suffix}"


def _distinct(files: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Files that were made to have the same name get a number; a name cannot be a file and a folder at once."""
    taken: set[str] = set()
    folders = {parent.as_posix() for path, _ in files for parent in PurePosixPath(path).parents}
    found = []
    for path, size in files:
        name, number = PurePosixPath(path), 1
        free = path
        while free in taken or free in folders:
            number += 1
            free = name.with_name(f"{name.stem}~{number}{name.suffix}").as_posix()
        taken.add(free)
        found.append((free, size))
    return found


def _short(path: str) -> str:
    return repr(path if len(path) <= 80 else f"{path[:77]}...")
