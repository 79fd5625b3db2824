"""Put the drawn items' files into an export: as copies, or as links; with faces blurred where asked."""

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation_core.catalog import FAILURE_SCHEMA
from curation_core.config import FilesMode
from curation_core.errors import ConfigError, IngestError
from curation_core.export_folder import Entry, ExportFolder
from curation_core.manifest import Copies, ExportContents
from curation_core.payloads import Payloads
from curation_core.progress import Progress, silent
from curation_core.safe_paths import FOLDER, SUFFIXES, safe_names, with_suffix
from curation_core.threads import side_by_side
from curation_core.unchanged import Originals

_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES)


def put_files(
    payloads: Payloads,
    originals: Originals,
    folder: ExportFolder,
    mode: FilesMode,
    progress: Progress = silent,
    *,
    below: str = FOLDER,
    by_split: bool = False,
) -> Copies:
    """Put the file of every drawn item below ``folder/files``; a picture with faces is blurred first where asked.

    Whatever has a face blurred is a file of its own; all others are copied byte for byte, or linked, with whatever
    their metadata says. A file that cannot be read, was changed, or still shows a face after blurring is left out and
    listed. At most four pictures are in memory at a time, and one large one. below, by_split: for an image folder,
    where files lie in ``below/<split>/files``. Raises IngestError when not one file can be put there,
    ConfigError when links cannot be made: to items in an archive, a table or on the web, or onto another file system.
    """
    contents = payloads.contents
    names = safe_names(contents.catalog, contents.drawn, payloads.with_faces)
    if by_split:
        names = _by_split(contents, names, below)
    if mode in ("hardlink", "symlink") and len(contents.drawn):
        _require_files(contents, originals, mode)
    putting = _Putting(payloads, originals, folder, mode, names)
    progress("copy files", 0, len(names))
    copied: dict[int, str] = {}
    refused: list[dict[str, str]] = []
    for done, (row, name, reason) in enumerate(
        side_by_side(putting.put, list(names), n_threads=payloads.n_threads), start=1
    ):
        if name is None:
            refused.append({"uri": contents.catalog.uri[row], "reason": reason})
        else:
            copied[row] = name
        progress("copy files", done, len(names), not_copied=len(refused))
    if names and not copied:
        first = refused[0]
        raise IngestError(f"none of {len(names)} files can be copied, the first: {first['uri']} {first['reason']}")
    return Copies(copied, payloads.with_faces & copied.keys(), pa.Table.from_pylist(refused, FAILURE_SCHEMA))


@dataclass(frozen=True)
class _Putting:
    """All that putting one file into the export needs."""

    payloads: Payloads
    originals: Originals
    folder: ExportFolder
    mode: FilesMode
    names: dict[int, str]

    def put(self, row: int) -> tuple[int, str | None, str]:
        """Put one file. Returns its row, its path below the export or None, and why it is not there."""
        name = self.names[row]
        for suffix in ("", *SUFFIXES.values()):  # what an earlier try put there
            if self.folder.holds(name + suffix):
                return row, name + suffix, ""
        try:
            data = self.payloads.get(row)
        except IngestError as error:
            return row, None, str(error)
        if row not in self.payloads.with_faces:
            name = with_suffix(name, data)
            if self.mode in _LINKS:
                self._link(row, name, data)
                return row, name, ""
        self._write(row, name, data)
        return row, name, ""

    def _write(self, row: int, name: str, data: bytes) -> None:
        path = self.folder.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{row}.part")
        partial.write_bytes(data)
        partial.replace(path)
        self.folder.note(name, Entry(len(data), hashlib.sha256(data).hexdigest()))

    def _link(self, row: int, name: str, data: bytes) -> None:
        uri, path = self.payloads.contents.catalog.uri[row], self.folder.path / name
        place = self.originals.place(uri)
        if place is None:
            raise ConfigError(f"{uri} is no file that can be linked to; set files to copy")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        try:
            _LINKS[self.mode](place.resolve(), path)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            raise ConfigError(
                f"no {self.mode} can be made from the export to {uri} ({error.strerror}): a hard link needs source and "
                "workspace on one file system; set files to copy"
            ) from None
        self.folder.note(name, Entry(len(data), self.payloads.contents.catalog.content_hash[row]))


_LINKS: dict[str, Callable[[Path, Path], None]] = {"hardlink": os.link, "symlink": os.symlink}


def _require_files(contents: ExportContents, originals: Originals, mode: str) -> None:
    uri = contents.catalog.uri[int(contents.drawn[0])]
    try:
        place = originals.place(uri)
    except IngestError:
        return  # it is listed with its reason
    if place is None:
        raise ConfigError(
            f"files is {mode}, but the items lie in an archive, in a table or on the web, where nothing can be linked "
            "to; set files to copy"
        )


def _by_split(contents: ExportContents, names: dict[int, str], below: str) -> dict[int, str]:
    """Names below the folders of the parts of the dataset."""
    rows = np.asarray(contents.rows)[contents.plan.indices]
    codes = dict(zip(rows.tolist(), contents.split_of(contents.plan.indices).tolist(), strict=True))
    parts = contents.split_names
    return {row: f"{below}/{parts[codes[row]]}/{name}" for row, name in names.items()}
