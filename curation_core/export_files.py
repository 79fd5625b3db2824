"""Put the drawn items' files into an export: byte for byte, or with faces blurred, under names safe on any system."""

import contextlib
import itertools
import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from curation_core.artifacts import explained
from curation_core.blurring import blur_faces
from curation_core.catalog import FAILURE_SCHEMA, Catalog
from curation_core.errors import ConfigError, IngestError, StepMissing
from curation_core.executors import n_cpus
from curation_core.face_model import FaceDetector, detector
from curation_core.images import decode_image
from curation_core.manifest import Copies, ExportContents
from curation_core.progress import Progress, silent
from curation_core.threads import side_by_side
from curation_core.unchanged import Read, read_unchanged

FOLDER = "files"
MAX_THREADS = 4  # each holds one whole picture, decoded
LARGE = 16_000_000  # pixels; larger pictures with faces are blurred one at a time, they take up to 0.5 GB
MAX_NAME = 200  # bytes of one part of a path; file systems take 255
_SUFFIXES = {  # first bytes of a file, for items whose name does not say what they are
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}
_KNOWN = frozenset((*_SUFFIXES.values(), ".jpeg", ".tiff"))
_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>:\"|?*\\]")  # not allowed on Windows, or not on one line of SHA256SUMS
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|\Z)", re.IGNORECASE)  # devices on Windows


def copy_files(contents: ExportContents, read: Read, folder: Path, progress: Progress = silent) -> Copies:
    """Copy the file of every drawn item to ``folder/files``; a picture with faces is blurred first where asked.

    read: uri -> the bytes that were ingested, may raise IngestError. Blurred pictures are stored upright as PNG, so
    that every pixel outside the blurred areas equals the decoded original; all others are copied byte for byte, with
    whatever their metadata says. A file that cannot be read, was changed, or still shows a face after blurring is not
    copied but listed. At most four pictures are in memory at a time, and one large one. Raises ConfigError when the
    items have no files, StepMissing when faces are to be blurred and nobody has searched, IngestError when not one
    file can be copied.
    """
    config, catalog = contents.face_config, contents.catalog
    if catalog.modality != "image":
        raise ConfigError(
            f"items of kind {catalog.modality!r} have no files to copy, their content is in the manifest or the "
            "source; export with files = reference"
        )
    if config.blur and contents.faces is None:
        raise StepMissing("faces are to be blurred, but have not been looked for; run faces, or switch blur off")
    with_faces = _rows_with_faces(contents) if config.blur else frozenset[int]()
    names = safe_names(catalog, contents.drawn, with_faces)
    copying = _Copying(contents, read, folder, with_faces, names, detector() if with_faces else None)
    progress("copy files", 0, len(names))
    copied: dict[int, str] = {}
    refused: list[dict[str, str]] = []
    for done, (row, name, reason) in enumerate(
        side_by_side(copying.copy, list(names), n_threads=min(MAX_THREADS, n_cpus())), start=1
    ):
        if name is None:
            refused.append({"uri": catalog.uri[row], "reason": reason})
        else:
            copied[row] = name
        progress("copy files", done, len(names), not_copied=len(refused))
    if names and not copied:
        first = refused[0]
        raise IngestError(f"none of {len(names)} files can be copied, the first: {first['uri']} {first['reason']}")
    return Copies(copied, with_faces & copied.keys(), pa.Table.from_pylist(refused, FAILURE_SCHEMA))


@dataclass(frozen=True)
class _Copying:
    """All that copying one file needs."""

    contents: ExportContents
    read: Read
    folder: Path
    with_faces: frozenset[int]
    names: dict[int, str]
    detector: FaceDetector | None
    one_large: threading.Lock = field(default_factory=threading.Lock)
    unsearched: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        unsearched = frozenset(self.contents.unsearched) if self.contents.face_config.blur else frozenset[str]()
        object.__setattr__(self, "unsearched", unsearched)

    def copy(self, row: int) -> tuple[int, str | None, str]:
        """Copy one file. Returns its row, its path below the export or None, and why it was not copied."""
        catalog = self.contents.catalog
        try:
            if catalog.uri[row] in self.unsearched:
                raise IngestError("could not be searched for faces; run faces again")
            data = read_unchanged(self.read, catalog, row)
            return row, self._store(row, data), ""
        except IngestError as error:
            return row, None, str(error)

    def _store(self, row: int, data: bytes) -> str:
        name = self.names[row] if row in self.with_faces else with_suffix(self.names[row], data)
        path = self.folder / name
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if row in self.with_faces:
                with self.one_large if self._n_pixels(row) > LARGE else contextlib.nullcontext():
                    self._blurred(row, data, path)
            else:
                path.write_bytes(data)
        return name

    def _n_pixels(self, row: int) -> int:
        items = self.contents.catalog.items
        return int((items["width"][row].as_py() or 0) * (items["height"][row].as_py() or 0))

    def _blurred(self, row: int, data: bytes, path: Path) -> None:
        assert self.contents.faces is not None and self.detector is not None  # noqa: PT018 (both go with with_faces)
        found = self.contents.faces.of(row)
        done = blur_faces(decode_image(data), found, self.contents.face_config, self.detector)
        if not done.held:
            raise IngestError("still shows a face after blurring; check its boxes")
        done.image.save(path, "PNG", compress_level=3)  # half the time of the default for a tenth more bytes


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
    if PurePosixPath(name).suffix.lower() in _KNOWN:
        return name
    return name + next((suffix for start, suffix in _SUFFIXES.items() if data.startswith(start)), "")


def _rows_with_faces(contents: ExportContents) -> frozenset[int]:
    assert contents.faces is not None
    rows = contents.faces.above(contents.face_config.threshold).row
    return frozenset(np.intersect1d(rows, contents.drawn).tolist())


def _candidates(uri: str, item_id: str, as_png: bool) -> Iterator[PurePosixPath]:
    """What an item may be called, best first; the later ones for names that others have, or that others are below."""
    path = _safe_path(uri)
    if as_png:
        path = path.with_suffix(".png") if path.suffix.lower() in _KNOWN else path.with_name(f"{path.name}.png")
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
    suffixes = {""} if path.suffix.lower() in _KNOWN else {"", *_KNOWN}
    return {_key(path) + suffix for suffix in suffixes}


def _key(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", path.as_posix()).casefold()
