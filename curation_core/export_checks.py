"""What verify looks at around an export's tables: the files beside them, and a zip that it may have come in."""

import shutil
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from curation_core.errors import ManifestMismatch
from curation_core.export_reading import ReadExport
from curation_core.export_sums import Hashes, all_well
from curation_core.layout_datasets import IMAGES
from curation_core.media import MAX_MEMBERS, MAX_TOTAL_BYTES
from curation_core.safe_paths import FOLDER


def check_files(export: ReadExport, hashes: Hashes) -> str:
    """Every file of an item is its item's, or differs from it where its faces were blurred; none is there unasked.

    Returns what was found in words; raises ManifestMismatch naming the files that do not fit.
    """
    counts, table = export.run["files"], export.manifest
    paths, content = table.column("file").to_pylist(), table.column("sha256").to_pylist()
    blurred = export.numbers(table, "faces_blurred").tolist() if "faces_blurred" in table.column_names else ()
    items = zip(paths, content, blurred or [False] * len(paths), strict=True)
    wanted = {path: (content, is_blurred) for path, content, is_blurred in items if path}
    wrong = [
        reason for path, item in sorted(wanted.items()) if (reason := _differs(export.folder, path, *item, hashes))
    ]
    there = {
        path.relative_to(export.folder).as_posix()
        for root in (FOLDER, IMAGES)
        for path in (export.folder / root).rglob("*")
        if not path.is_dir() and (root == FOLDER or FOLDER in path.relative_to(export.folder / root).parts)
    }
    wrong += [f"{path} belongs to no item" for path in sorted(there - wanted.keys())]
    n_blurred = sum(is_blurred for _, is_blurred in wanted.values())
    if (len(wanted), n_blurred) != (counts["copied"], counts["blurred"]):
        wrong.append(
            f"the manifest names {len(wanted)} files, {n_blurred} blurred; run.json says {counts['copied']}, "
            f"{counts['blurred']}"
        )
    left_out = f", {counts['not_copied']} could not be copied" if counts["not_copied"] else ""
    return all_well(wrong, f"{len(wanted)} files, {n_blurred} with faces blurred{left_out}")


def unpack_export(archive: Path, folder: Path) -> None:
    """Unpack a zip of an export, also one with the export's own folder around it, into `folder`.

    Raises ManifestMismatch when the zip holds no export, or anything that does not belong to one.
    """
    with zipfile.ZipFile(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
        _check_members(archive.name, members)
        root = _root(archive.name, members)
        for member in members:
            name = PurePosixPath(member.filename)
            if not name.is_relative_to(root) or _leaves(member):
                raise ManifestMismatch(
                    f"{archive.name}: {member.filename!r} does not belong to an export; zip it again"
                )
            target = folder / name.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)


def _differs(folder: Path, name: str, content: str, is_blurred: bool, hashes: Hashes) -> str:
    parts = PurePosixPath(name).parts
    if parts[:1] not in ((FOLDER,), (IMAGES,)) or ".." in parts or not (folder / name).is_file():
        return f"{name} is missing"
    same = hashes.of(name) == content
    if is_blurred and same:
        return f"{name} is the original, its faces are not blurred"
    return "" if same or is_blurred else f"{name} is not the item that the manifest names"


def _root(name: str, members: Sequence[zipfile.ZipInfo]) -> PurePosixPath:
    """The folder within a zip that the export is in."""
    roots = [PurePosixPath(member.filename).parent for member in members if member.filename.endswith("SHA256SUMS")]
    if not roots:
        raise ManifestMismatch(
            f"{name} is not a zip of an export: there is no SHA256SUMS; give what `curate export` wrote"
        )
    return min(roots, key=lambda root: len(root.parts))


def _check_members(name: str, members: Sequence[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or total > MAX_TOTAL_BYTES:
        raise ManifestMismatch(
            f"{name} holds {len(members):,} files of {total >> 30} GB in all, more than {MAX_MEMBERS:,} files or "
            f"{MAX_TOTAL_BYTES >> 30} GB; unpack it and verify the folder"
        )


def _leaves(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    return (
        ".." in parts
        or member.filename.startswith("/")
        or "\\" in member.filename
        or (stat.S_ISLNK(member.external_attr >> 16))
    )
