"""Check an export by itself: its sums, its formats against each other, and its draw derived again from its tree."""

import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from curation_core.config import IngestConfig
from curation_core.draw_checks import check_draw
from curation_core.errors import ManifestMismatch, StaleArtifact
from curation_core.export import FORMAT
from curation_core.export_checks import check_files, unpack_export
from curation_core.export_reading import ReadExport, columns_of, read_run
from curation_core.export_sums import Hashes, all_well, check_sums
from curation_core.format_checks import check_formats
from curation_core.integrity import changed_items
from curation_core.progress import Progress, silent
from curation_core.safe_paths import FOLDER


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; detail says what was found."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """All checks of one export."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check held."""
        return all(check.ok for check in self.checks)

    def require(self) -> None:
        """Raise ManifestMismatch naming what differs."""
        if not self.ok:
            raise ManifestMismatch("; ".join(f"{check.name}: {check.detail}" for check in self.checks if not check.ok))


def verify(export: Path, *, source: IngestConfig | None = None, progress: Progress = silent) -> Verification:
    """Check an export folder, or a zip of one.

    With `source`, every drawn item's bytes are hashed again as well. Raises ManifestMismatch when it is no export at
    all; what merely differs is in the result.
    """
    if zipfile.is_zipfile(export):
        with tempfile.TemporaryDirectory() as folder:
            unpack_export(export, Path(folder))
            return verify(Path(folder), source=source, progress=progress)
    _require_export(export)
    read, hashes = ReadExport(export), Hashes(export)
    steps: dict[str, Callable[[], str]] = {
        "checksums": lambda: check_sums(export, hashes, links=_has_links(read)),
        "formats agree": lambda: check_formats(read),
        "every item once": lambda: _partition(read),
        "draw derived again": lambda: check_draw(read),
    }
    if (export / FOLDER).exists() or "file" in columns_of(export):
        steps["files"] = lambda: check_files(read, hashes)
    if "split" in columns_of(export):
        steps["splits"] = lambda: _splits(read)
    if source is not None:
        steps["source bytes"] = lambda: _source_bytes(read, source)
    checks = []
    for done, (name, check) in enumerate(steps.items()):
        progress("verify", done, len(steps))
        checks.append(_check(name, check))
    progress("verify", len(steps), len(steps))
    return Verification(tuple(checks))


def _has_links(export: ReadExport) -> bool:
    try:
        return bool(export.run.get("files", {}).get("mode") == "symlink")
    except ValueError:
        return False  # broken JSON: the checksums name the file


def _check(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except Exception as error:  # a changed byte comes back from the readers as any kind of error
        return Check(name, False, str(error) or type(error).__name__)


def _require_export(folder: Path) -> None:
    missing = [
        name for name in ("run.json", "SHA256SUMS", "tree.parquet", "rejected.parquet") if not (folder / name).is_file()
    ]
    if missing:
        raise ManifestMismatch(
            f"{folder.name} is not a whole export: {', '.join(missing)} missing; give what `curate export` wrote"
        )
    try:
        found = read_run(folder).get("format", 0)
    except ValueError:
        return  # broken JSON: the checksums name the file
    if found > FORMAT:
        raise StaleArtifact(
            f"{folder.name} was written by a newer version (format {found}, this one reads {FORMAT}); update"
        )


def _partition(export: ReadExport) -> str:
    counts = export.run["counts"]
    drawn_rows, rejected_rows = export.numbers(export.manifest, "row"), export.numbers(export.rejected, "row")
    in_tree = rejected_rows[rejected_rows >= 0]
    drawn = np.unique(drawn_rows)
    both = np.intersect1d(drawn, in_tree)
    wrong = [f"{len(both)} items are both drawn and rejected"] if len(both) else []
    if len(drawn) + len(in_tree) != counts["in_tree"] or len(np.unique(in_tree)) != len(in_tree):
        wrong.append(
            f"{len(drawn)} drawn and {len(in_tree)} rejected do not make up the {counts['in_tree']} items of the tree"
        )
    if len(drawn_rows) != counts["drawn"]:
        wrong.append(f"the manifest has {len(drawn_rows)} rows, run.json says {counts['drawn']}")
    unreadable = int((rejected_rows < 0).sum())
    if unreadable != counts["unreadable"]:
        wrong.append(f"{unreadable} unreadable files are listed, run.json says {counts['unreadable']}")
    return all_well(wrong, f"{len(drawn)} drawn, {len(in_tree)} rejected, {unreadable} unreadable")


def _splits(export: ReadExport) -> str:
    """As many rows in each part as run.json says, and no two likenesses on different sides."""
    table, told = export.manifest, export.run["splits"]
    names = table.column("split").to_pylist()
    found = {name: names.count(name) for name in told}
    wrong = [f"{name} has {found[name]} rows, run.json says {told[name]}" for name in told if found[name] != told[name]]
    if sum(found.values()) != len(names):
        wrong.append(f"{len(names) - sum(found.values())} rows are in no split that run.json names")
    for name, what in (("sha256", "the same bytes"), ("duplicate_group", "near-duplicates")):
        if name in table.column_names:
            pairs = table.select([name, "split"]).filter(pc.is_valid(table.column(name)))
            parted = pairs.group_by(name).aggregate([("split", "count_distinct")])
            leaks = int(pc.sum(pc.greater(parted.column("split_count_distinct"), 1)).as_py() or 0)
            wrong += [f"{leaks} groups of {what} are in more than one split"] if leaks else []
    return all_well(wrong, ", ".join(f"{name} {count}" for name, count in found.items()))


def _source_bytes(export: ReadExport, source: IngestConfig) -> str:
    table = export.manifest
    wanted = dict(zip(table.column("path").to_pylist(), table.column("sha256").to_pylist(), strict=True))
    wrong = [f"{uri} {what}" for uri, what in changed_items(source, wanted).items()]
    return all_well(wrong, f"{len(wanted)} items")
