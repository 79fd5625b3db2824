"""An export: the manifest of a draw, what was rejected and why, the tree, and where it all came from.

Nothing in an export depends on the clock, the machine or the place of the workspace: the same data, settings, seed and
decisions give the same bytes.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation_core.artifacts import explained, file_hash, write_bytes, write_json, write_table
from curation_core.config import ManifestFormat
from curation_core.errors import ConfigError
from curation_core.export_files import copy_files
from curation_core.face_model import NAME as DETECTOR
from curation_core.manifest import Copies, cluster_name, manifest_table, names_of, rejected_table, tree_table
from curation_core.manifest import ExportContents as ExportContents
from curation_core.manifest_files import write_manifest
from curation_core.personal import KINDS, mask
from curation_core.progress import Progress, silent
from curation_core.unchanged import Read

FORMAT = 2  # 1: without kept items, caps and weights


def write(
    folder: Path,
    contents: ExportContents,
    formats: Sequence[ManifestFormat],
    progress: Progress = silent,
    *,
    overwrite: bool = False,
    read: Read | None = None,
) -> None:
    """Write an export so that its folder is whole or absent.

    read: when given, the drawn items' files are copied into the export with it, as copy_files does. An identical export
    that is there already is left alone; another one of the same name raises ConfigError unless `overwrite` is set.
    """
    partial = folder.with_name(f".partial-{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    with explained(folder):
        partial.mkdir(parents=True)
        try:
            _write_files(partial, contents, formats, progress, read)
            _put_in_place(partial, folder, overwrite)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _write_files(
    folder: Path,
    contents: ExportContents,
    formats: Sequence[ManifestFormat],
    progress: Progress,
    read: Read | None,
) -> None:
    copies = None if read is None else copy_files(contents, read, folder, progress)
    manifest, names = manifest_table(contents, copies), names_of(contents, copies)
    total = len(formats) + 2
    for done, kind in enumerate(formats):
        progress("export", done, total)
        write_manifest(folder / f"manifest.{kind}", kind, manifest, names)
    progress("export", len(formats), total)
    write_table(folder / "rejected.parquet", rejected_table(contents).replace_schema_metadata(None))
    write_table(folder / "tree.parquet", tree_table(contents).replace_schema_metadata(None))
    if copies is not None and len(copies.failures):
        write_table(folder / "not_copied.parquet", copies.failures)
    progress("export", len(formats) + 1, total)
    write_bytes(folder / "decisions.jsonl", "".join(f"{line}\n" for line in _decisions(contents)).encode())
    write_json(folder / "run.json", _run(contents, names, copies))
    _write_sums(folder)
    progress("export", total, total)


def _put_in_place(partial: Path, folder: Path, overwrite: bool) -> None:
    if folder.exists():
        sums = folder / "SHA256SUMS"
        if sums.is_file() and sums.read_bytes() == (partial / "SHA256SUMS").read_bytes():
            return
        if not overwrite:
            raise ConfigError(
                f"export {folder.name!r} exists and holds something else; choose another name, or overwrite it"
            )
        shutil.rmtree(folder)
    partial.rename(folder)


def _decisions(contents: ExportContents) -> list[str]:
    events = contents.events
    if contents.masked:  # people sign with their mail address
        events = [replace(event, reviewer=mask(event.reviewer)[0]) for event in events]
    return [event.as_json() for event in events]


def _run(contents: ExportContents, names: Mapping[str, str], copies: Copies | None) -> dict[str, Any]:
    plan, tree = contents.plan, contents.hierarchy
    counts = {
        "items": len(contents.catalog),
        "in_tree": tree.n_items,
        "drawn": len(plan.indices),
        "target": plan.target_size,
        "shortfall": plan.shortfall,
        "dropped": contents.decisions.n_dropped,
        "kept": int(contents.decisions.kept.sum()),
        "unreadable": contents.catalog.failures.num_rows + contents.failures.num_rows,
        "decisions": contents.decisions.n_events,
        "decisions_lost": len(contents.decisions.lost),
    }
    run = {
        "format": FORMAT,
        **contents.provenance,
        "columns": dict(names),
        "cluster_columns": [cluster_name(level, contents.catalog.columns) for level in range(1, tree.n_levels + 1)],
        "counts": counts,
    }
    return {**run, **_checks(contents, copies)}


def _checks(contents: ExportContents, copies: Copies | None) -> dict[str, Any]:
    """What was done for privacy and about duplicates, and how often; nothing where nothing was."""
    found: dict[str, Any] = {}
    if copies is not None:
        found["files"] = {
            "copied": len(copies.file),
            "not_copied": len(copies.failures),
            "blurred": len(copies.blurred),
        }
    if contents.faces is not None:
        config, faces = contents.face_config, contents.faces.above(contents.face_config.threshold)
        found["faces"] = {
            **config.model_dump(),
            "detector": DETECTOR,
            "found": len(faces),
            "items_with_faces": faces.n_items,
            "not_searched": len(set(contents.unsearched)),
        }
    if contents.masked:
        counts = contents.personal[1]
        found["masked"] = {
            "kinds": list(KINDS),
            "found": int(counts.sum()),
            "items": int((counts > 0).sum()),
        }
    if contents.keeper is not None:
        found["near_duplicates"] = {"left_out": int((~contents.eligible & contents.decisions.eligible).sum())}
    return found


def _write_sums(folder: Path) -> None:
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path != folder / "SHA256SUMS" and not path.name.startswith(".")
    )
    write_bytes(folder / "SHA256SUMS", "".join(f"{file_hash(folder / name)}  {name}\n" for name in files).encode())
