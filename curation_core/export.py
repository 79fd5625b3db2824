"""An export: the manifest of a draw, what was rejected and why, the tree, and where it all came from.

Nothing in an export depends on the clock, the machine or the place of the workspace: the same data, settings, seed and
decisions give the same bytes. Tables are made part by part and go to all formats in one pass, hashed while they are
written; an interrupted export goes on with what is finished.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.catalog import FAILURE_SCHEMA
from curation_core.config import ExportConfig
from curation_core.export_files import put_files
from curation_core.export_folder import ExportFolder, put_in_place, writing
from curation_core.export_formats import Job, open_writers, require_fitting, tables_of
from curation_core.export_identity import fingerprint
from curation_core.face_model import NAME as DETECTOR
from curation_core.layout_datasets import IMAGES
from curation_core.layout_lance import NAME as LANCE
from curation_core.layout_lance import write_lance
from curation_core.manifest import ExportContents as ExportContents
from curation_core.manifest import cluster_name, tree_table
from curation_core.manifest_files import TableFile, Writer
from curation_core.manifest_parts import ManifestParts
from curation_core.payloads import Outgoing, Payloads
from curation_core.personal import KINDS, mask
from curation_core.progress import Progress, silent
from curation_core.safe_paths import FOLDER
from curation_core.sampling_weights import write_weights
from curation_core.unchanged import Originals

Cards = Callable[[Path, Mapping[str, str]], None]
FORMAT = 3  # 2: with kept items, caps and weights; 3: with splits, mixed draws and further formats


def write(
    folder: Path,
    contents: ExportContents,
    config: ExportConfig,
    progress: Progress = silent,
    *,
    overwrite: bool = False,
    originals: Originals | None = None,
    cards: Cards | None = None,
) -> None:
    """Write an export so that its folder is whole or absent; an interrupted one goes on where it stopped.

    originals: the source's files, for formats and modes that hold them. cards: writes what describes the export, once
    all else is there: called with the folder and the sha256 of each of its files. An identical export that is there
    already is left alone; another one of the same name raises ConfigError unless `overwrite` is set. Raises ConfigError
    for a format that does not fit the items, and what `put_files` raises.
    """
    require_fitting(contents, config, originals)
    contents.mask(progress)
    with writing(folder, fingerprint(FORMAT, contents, config)) as partial:
        _write_files(partial, contents, config, progress, originals)
        if cards is not None:
            cards(partial.path, partial.sums)
        partial.write_sums()
        put_in_place(partial, folder, overwrite, varying=LANCE)


def _write_files(
    folder: ExportFolder,
    contents: ExportContents,
    config: ExportConfig,
    progress: Progress,
    originals: Originals | None,
) -> None:
    payloads = copies = None
    if originals is not None and contents.catalog.modality == "image":
        payloads = Payloads.of(contents, originals.read)
        if config.files != "reference":
            by_split = "imagefolder" in config.formats
            below = IMAGES if by_split else FOLDER
            copies = put_files(payloads, originals, folder, config.files, progress, below=below, by_split=by_split)
    parts = ManifestParts(contents, copies)
    outgoing = None if payloads is None else Outgoing(payloads, folder, copies)
    tick = _Ticks(progress, len(contents.plan.indices) + parts.n_rejected)
    told = _write_tables(Job(folder, parts, config, originals, outgoing, tick.again), tick)
    left_out = told.pop("left_out")
    if copies is not None:
        left_out = {row["uri"]: row["reason"] for row in copies.failures.to_pylist()} | left_out
    _write_table(folder, "tree.parquet", tree_table(contents).replace_schema_metadata(None))
    if left_out:
        rows = [{"uri": uri, "reason": reason} for uri, reason in sorted(left_out.items())]
        _write_table(folder, "not_copied.parquet", pa.Table.from_pylist(rows, FAILURE_SCHEMA))
    folder.write("decisions.jsonl", "".join(f"{line}\n" for line in _decisions(contents)).encode())
    run = {**_run(contents, parts), "formats": list(tables_of(config)), **_checks(contents, parts, config), **told}
    folder.write("run.json", (json.dumps(run, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


class _Ticks:
    """Progress over the rows of all tables; called between small pieces of work too, so that a stop is soon heard."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total
        self.again()

    def rows(self, n_rows: int) -> None:
        self._done += n_rows
        self.again()

    def again(self) -> None:
        self._progress("export", self._done, self._total)


def _write_tables(job: Job, tick: _Ticks) -> dict[str, Any]:
    """Write manifest and rejected items in all formats; returns what run.json tells of them."""
    told: dict[str, Any] = {}
    with ExitStack() as stack:
        writers: dict[str, Writer] = {kind: stack.enter_context(closing(writer)) for kind, writer in open_writers(job)}
        _write_manifest(job, writers, tick)
        rejected = stack.enter_context(closing(TableFile(job.folder, "rejected.parquet", job.parts.rejected_schema)))
        for table in job.parts.rejected() if rejected.needed else ():
            rejected.write_table(table)
            tick.rows(table.num_rows)
        rejected.finish()
    if "weights" in job.config.formats:
        told["weights"] = write_weights(job.folder, job.parts.contents)
    if "lance" in job.config.formats:
        write_lance(job.folder, job.parts)
    failures = [getattr(writer, "failures", {}) for writer in writers.values()]
    return {**told, "left_out": {uri: reason for found in failures for uri, reason in found.items()}}


def _write_manifest(job: Job, writers: Mapping[str, Writer], tick: _Ticks) -> None:
    needed = [writer for writer in writers.values() if writer.needed]
    for part in job.parts.drawn() if needed else ():
        for writer in needed:
            writer.write(part)
            tick.again()
        tick.rows(part.table.num_rows)
    for writer in needed:
        writer.finish()


def _write_table(folder: ExportFolder, name: str, table: pa.Table) -> None:
    with closing(TableFile(folder, name, table.schema)) as file:
        file.write_table(table)
        file.finish()


def _decisions(contents: ExportContents) -> list[str]:
    events = contents.events
    if contents.masked:  # people sign with their mail address
        events = [replace(event, reviewer=mask(event.reviewer)[0]) for event in events]
    return [event.as_json() for event in events]


def _run(contents: ExportContents, parts: ManifestParts) -> dict[str, Any]:
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
    return {
        "format": FORMAT,
        **contents.provenance,
        "modality": contents.catalog.modality,
        "columns": dict(parts.names),
        "cluster_columns": [cluster_name(level, contents.catalog.columns) for level in range(1, tree.n_levels + 1)],
        "counts": counts,
        "splits": _splits(contents),
    }


def _splits(contents: ExportContents) -> dict[str, int]:
    """Rows in each part of the dataset."""
    codes = contents.split_of(np.asarray(contents.plan.indices)).astype(np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(contents.split_names))
    return dict(zip(contents.split_names, counts.tolist(), strict=True))


def _checks(contents: ExportContents, parts: ManifestParts, config: ExportConfig) -> dict[str, Any]:
    """What was done for privacy and about duplicates, and how often; nothing where nothing was."""
    found: dict[str, Any] = {}
    copies = parts.copies
    if copies is not None:
        found["files"] = {
            "mode": config.files,
            "copied": len(copies.file),
            "not_copied": len(copies.failures),
            "blurred": len(copies.blurred),
        }
    if contents.faces is not None:
        faces = contents.faces.above(contents.face_config.threshold)
        found["faces"] = {
            **contents.face_config.model_dump(),
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
