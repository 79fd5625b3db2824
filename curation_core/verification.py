"""Check an export by itself: its sums, its formats against each other, and its draw derived again from its tree."""

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation_core.artifacts import file_hash, read_array
from curation_core.config import IngestConfig, SampleConfig
from curation_core.draw_rules import NO_CAP, DrawRules
from curation_core.errors import CurationError, ManifestMismatch, StaleArtifact
from curation_core.export import FORMAT
from curation_core.export_checks import check_files, unpack_export
from curation_core.export_reading import columns_of, manifest_rows, read_ids, read_manifest, read_rejected, read_run
from curation_core.hierarchy import Hierarchy, Level
from curation_core.integrity import changed_items
from curation_core.progress import Progress, silent
from curation_core.safe_paths import FOLDER
from curation_core.sampling import sample


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
    checks = [_check("checksums", lambda: _sums(export))]
    steps: dict[str, Callable[[], str]] = {
        "formats agree": lambda: _formats(export),
        "every item once": lambda: _partition(export),
        "draw derived again": lambda: _derived(export),
    }
    if (export / FOLDER).exists() or "file" in columns_of(export):
        steps["files"] = lambda: check_files(export, read_run(export), manifest_rows(export))
    if source is not None:
        steps["source bytes"] = lambda: _source_bytes(export, source)
    for done, (name, check) in enumerate(steps.items(), start=1):
        progress("verify", done, len(steps) + 1)
        checks.append(_check(name, check))
    progress("verify", len(steps) + 1, len(steps) + 1)
    return Verification(tuple(checks))


def _check(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except (CurationError, OSError, ValueError, KeyError, pa.ArrowException) as error:
        return Check(name, False, str(error))


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


def _sums(folder: Path) -> str:
    lines = [line.split("  ", 1) for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    listed = {name: content for content, name in lines}
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    there -= {"SHA256SUMS"}
    wrong = [f"{name} is missing" for name in sorted(set(listed) - there)]
    wrong += [f"{name} is not listed" for name in sorted(there - set(listed))]
    for name in sorted(there & set(listed)):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            wrong.append(f"{name} is no regular file")
        elif file_hash(path) != listed[name]:
            wrong.append(f"{name} was changed")
    return _all_well(wrong, f"{len(listed)} files")


def _formats(folder: Path) -> str:
    found = {kind: ids for kind in ("parquet", "csv", "jsonl") if (ids := read_ids(folder, kind)) is not None}
    if not found:
        raise ManifestMismatch("there is no manifest.parquet, .csv or .jsonl; export again")
    first, *others = found
    wrong = [
        f"manifest.{kind} and manifest.{first} list different items" for kind in others if found[kind] != found[first]
    ]
    if (folder / "manifest.npy").is_file() and read_array(folder / "manifest.npy").tolist() != read_manifest(folder)[
        "source_row"
    ].tolist():
        wrong.append(f"manifest.npy and manifest.{first} list different rows")
    return _all_well(wrong, ", ".join(found))


def _partition(folder: Path) -> str:
    counts, manifest, rejected = read_run(folder)["counts"], read_manifest(folder), read_rejected(folder)
    in_tree = rejected["row"][rejected["row"] >= 0]
    drawn = np.unique(manifest["row"])
    both = np.intersect1d(drawn, in_tree)
    wrong = [f"{len(both)} items are both drawn and rejected"] if len(both) else []
    if len(drawn) + len(in_tree) != counts["in_tree"] or len(np.unique(in_tree)) != len(in_tree):
        wrong.append(
            f"{len(drawn)} drawn and {len(in_tree)} rejected do not make up the {counts['in_tree']} items of the tree"
        )
    if len(manifest["row"]) != counts["drawn"]:
        wrong.append(f"the manifest has {len(manifest['row'])} rows, run.json says {counts['drawn']}")
    unreadable = int((rejected["row"] < 0).sum())
    if unreadable != counts["unreadable"]:
        wrong.append(f"{unreadable} unreadable files are listed, run.json says {counts['unreadable']}")
    return _all_well(wrong, f"{len(drawn)} drawn, {len(in_tree)} rejected, {unreadable} unreadable")


def _derived(folder: Path) -> str:
    run, tree = read_run(folder), pq.read_table(folder / "tree.parquet")
    hierarchy, eligible, drawn, rules = _rebuild(folder, run, tree)
    config = SampleConfig(**run["sample"])
    by_place = config.strategy == "diverse"  # which members it takes needs the vectors; quotas do not
    plan = sample(
        hierarchy,
        config.model_copy(update={"strategy": "random"}) if by_place else config,
        eligible=eligible,
        rules=rules,
    )
    wrong = []
    for level in range(1, hierarchy.n_levels + 1):
        rows = tree.filter(pc.equal(tree["level"], level))
        wrong += [
            f"{name} of level {level} differ"
            for name, found in (("quotas", plan.quotas), ("capacity", plan.capacity))
            if rows[_SINGULAR[name]].to_pylist() != found[level - 1].tolist()
        ]
    taken = np.bincount(hierarchy.point_assignment(1)[drawn], minlength=hierarchy.n_clusters[0])
    if not np.array_equal(taken, plan.quotas[0]):
        wrong.append("the manifest does not follow the quotas")
    elif not by_place and not np.array_equal(np.sort(plan.indices), np.sort(drawn)):
        wrong.append(
            f"{len(np.setdiff1d(drawn, plan.indices))} drawn items are not the ones that seed {config.seed} draws"
        )
    return _all_well(
        wrong,
        f"{len(drawn)} items, quotas of {hierarchy.n_levels} levels"
        + (" (members by place: quotas only)" if by_place else ""),
    )


_SINGULAR = {"quotas": "quota", "capacity": "capacity"}


def _rebuild(
    folder: Path, run: Mapping[str, Any], tree: pa.Table
) -> tuple[Hierarchy, np.ndarray, np.ndarray, DrawRules]:
    """The tree without its centroids, which items may be drawn, the rows that were, and what people asked for."""
    manifest, rejected = read_manifest(folder), read_rejected(folder)
    n, in_tree = run["counts"]["in_tree"], rejected["row"] >= 0
    rows = np.r_[manifest["row"], rejected["row"][in_tree]]
    assignment, distance, eligible = np.zeros(n, np.int32), np.zeros(n, np.float32), np.ones(n, bool)
    assignment[rows] = np.r_[manifest["cluster_1"], rejected["cluster_1"][in_tree]]
    distance[rows] = np.r_[manifest["distance"], rejected["distance"][in_tree]]
    eligible[rejected["row"][in_tree]] = rejected["eligible"][in_tree]
    levels = []
    for level in range(1, len(run["cluster_columns"]) + 1):
        parents = tree.filter(pc.equal(tree["level"], level))["parent"]
        levels.append(Level(np.empty((len(parents), 0), np.float32), assignment, distance))
        assignment = parents.fill_null(0).to_numpy().astype(np.int32)
        distance = np.zeros(len(assignment), np.float32)
    hierarchy, kept = Hierarchy(tuple(levels)), np.zeros(n, bool)
    if "kept" in run["columns"]:
        kept[rows] = np.r_[manifest["kept"], rejected["kept"][in_tree]]
    return hierarchy, eligible, manifest["row"], _rules(hierarchy, tree, kept)


def _rules(hierarchy: Hierarchy, tree: pa.Table, kept: np.ndarray) -> DrawRules:
    """Caps and weights as tree.parquet names them; an export of format 1 has none."""
    none = DrawRules.none(hierarchy)
    if "cap" not in tree.column_names:
        return DrawRules(kept, none.caps, none.weights)
    levels = [tree.filter(pc.equal(tree["level"], level)) for level in range(1, hierarchy.n_levels + 1)]
    caps = tuple(rows["cap"].cast(pa.int64()).fill_null(NO_CAP).to_numpy().astype(np.int64) for rows in levels)
    return DrawRules(kept, caps, tuple(rows["weight"].to_numpy().astype(np.float64) for rows in levels))


def _source_bytes(folder: Path, source: IngestConfig) -> str:
    manifest, columns = manifest_rows(folder), read_run(folder)["columns"]
    wanted = dict(zip(manifest.get(columns["path"], ()), manifest.get(columns["sha256"], ()), strict=True))
    wrong = [f"{uri} {what}" for uri, what in changed_items(source, wanted).items()]
    return _all_well(wrong, f"{len(wanted)} items")


def _all_well(wrong: list[str], detail: str) -> str:
    if wrong:
        more = f", and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ManifestMismatch(", ".join(wrong[:5]) + more)
    return detail
