"""Names for items' files that are safe on any system and unlike each other."""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np

from curation_core.catalog import Catalog

FOLDER = "files"
MAX_NAME = 200  # bytes of one part of a path; file systems take 255
SUFFIXES = {  # first bytes of a file, for items whose name does not say what they are
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}
KNOWN = frozenset((*SUFFIXES.values(), ".jpeg", ".tiff"))
_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>:\"|?*\\]")  # not allowed on Windows, or not on one line of SHA256SUMS
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|\Z)", re.IGNORECASE)  # devices on Windows


def safe_names(catalog: Catalog, rows: np.ndarray, as_png: frozenset[int] = frozenset()) -> dict[int, str]:
    """Where each item goes below the export: files/<its own path>, made safe and unlike every other on any system.

    Names that differ only in case or in how an accent is written count as the same; the later one gets part of its
    item id. as_png: catalog rows that are stored as PNG. The same rows give the same names.
    """
    taken, folders = set[str](), set[str]()
    names = {}
    for row in rows.tolist():
        wanted = _candidates(catalog.uri[row], catalog.item_id[row], row in as_png)
        path = next(path for path in wanted if _is_free(path, taken, folders))
        folders.update(_key(parent) for parent in path.parents)
        taken.update(_endings(path))
        names[row] = path.as_posix()
    return names


def with_suffix(name: str, data: bytes) -> str:
    """The name, with the ending of what the bytes are where it has none that pictures have."""
    if PurePosixPath(name).suffix.lower() in KNOWN:
        return name
    return name + next((suffix for start, suffix in SUFFIXES.items() if data.startswith(start)), "")


def _candidates(uri: str, item_id: str, as_png: bool) -> Iterator[PurePosixPath]:
    """What an item may be called, best first; the later ones for names that others have, or that others are below."""
    path = _safe_path(uri)
    if as_png:
        path = path.with_suffix(".png") if path.suffix.lower() in KNOWN else path.with_name(f"{path.name}.png")
    yield path
    yield path.with_name(f"{path.stem}~{item_id}{path.suffix}")
    yield PurePosixPath(FOLDER, f"~{item_id}", path.name)
    for number in itertools.count(2):
        yield PurePosixPath(FOLDER, f"~{item_id}~{number}", path.name)


def _safe_path(uri: str) -> PurePosixPath:
    parts = [_safe_part(part) for part in uri.split("/") if part not in ("", ".", "..")]
    return PurePosixPath(FOLDER, *(parts or ["item"]))


def _safe_part(part: str) -> str:
    name = _UNSAFE.sub("_", part).rstrip(" .") or "_"
    if name.startswith(".") or _RESERVED.match(name):
        name = f"_{name}"
    if len(name.encode()) <= MAX_NAME:
        return name
    suffix = PurePosixPath(name).suffix[:10]
    kept = name.encode()[: MAX_NAME - len(suffix.encode())].decode(errors="ignore")
    return kept.rstrip(" .") + suffix


def _is_free(path: PurePosixPath, taken: set[str], folders: set[str]) -> bool:
    ends = _endings(path)
    return not (taken & ends or folders & ends or any(_key(parent) in taken for parent in path.parents))


def _endings(path: PurePosixPath) -> set[str]:
    """What a path may be called in the end: an item that does not say what it is gets its ending when it is read."""
    suffixes = {""} if path.suffix.lower() in KNOWN else {"", *KNOWN}
    return {_key(path) + suffix for suffix in suffixes}


def _key(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", path.as_posix()).casefold()
