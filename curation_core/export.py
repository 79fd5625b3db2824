"""An export: the manifest of a draw, what was rejected and why, the tree, and where it all came from.

Nothing in an export depends on the clock, the machine or the place of the workspace: the same data, settings, seed and
decisions give the same bytes.
"""

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.artifacts import explained, file_hash, write_array, write_bytes, write_json, write_table
from curation_core.catalog import Catalog
from curation_core.config import ManifestFormat
from curation_core.errors import ConfigError
from curation_core.hierarchy import Hierarchy
from curation_core.progress import Progress, silent
from curation_core.review import Decision, ReviewDecisions
from curation_core.sampling import SamplingPlan

FORMAT = 1
OWN_COLUMNS = ("item_id", "path", "sha256", "row", "source_row", "distance", "quota", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class ExportContents:
    """What an export tells. rows: (m,) catalog row of every row of the tree; failures: refused by the embedder."""

    catalog: Catalog
    rows: np.ndarray
    hierarchy: Hierarchy
    plan: SamplingPlan
    decisions: ReviewDecisions
    failures: pa.Table
    events: Sequence[Decision]
    provenance: Mapping[str, Any]


def write(
    folder: Path,
    contents: ExportContents,
    formats: Sequence[ManifestFormat],
    progress: Progress = silent,
    *,
    overwrite: bool = False,
) -> None:
    """Write an export so that its folder is whole or absent.

    An identical export that is there already is left alone; another one of the same name raises ConfigError unless
    `overwrite` is set.
    """
    partial = folder.with_name(f".partial-{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    with explained(folder):
        partial.mkdir(parents=True)
        try:
            _write_files(partial, contents, formats, progress)
            _put_in_place(partial, folder, overwrite)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _write_files(folder: Path, contents: ExportContents, formats: Sequence[ManifestFormat], progress: Progress) -> None:
    manifest, names = manifest_table(contents), own_names(contents.catalog.columns)
    total = len(formats) + 2
    for done, kind in enumerate(formats):
        progress("export", done, total)
        _WRITERS[kind](folder / f"manifest.{kind}", manifest, names)
    progress("export", len(formats), total)
    _write_parquet(folder / "rejected.parquet", rejected_table(contents), names)
    _write_parquet(folder / "tree.parquet", tree_table(contents), names)
    progress("export", len(formats) + 1, total)
    write_bytes(folder / "decisions.jsonl", "".join(f"{event.as_json()}\n" for event in contents.events).encode())
    write_json(folder / "run.json", _run(contents, names))
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


# ---- tables


def own_names(user_columns: Sequence[str]) -> dict[str, str]:
    """Names of our columns; one that the user's data has already becomes curation_<name>, the user's stays as it is."""
    taken = set(user_columns)
    return {name: f"curation_{name}" if name in taken else name for name in OWN_COLUMNS}


def manifest_table(contents: ExportContents) -> pa.Table:
    """One row per draw (an item drawn twice stands twice): ids, cluster path, quota, reason, the user's columns."""
    plan, tree = contents.plan, contents.hierarchy
    leaf = tree.point_assignment(1)[plan.indices]
    quota, sizes = plan.quotas[0][leaf], tree.sizes(1)[leaf]
    reasons = [f"{plan.strategy} draw: {q} of {n} in cluster {c}" for q, n, c in zip(quota, sizes, leaf, strict=True)]
    return _item_table(
        contents, plan.indices, {"quota": pa.array(quota, pa.int64()), "reason": pa.array(reasons, pa.string())}
    )


def rejected_table(contents: ExportContents) -> pa.Table:
    """One row per item that was not drawn, and per file that could not be read, each with its reason."""
    drawn = np.zeros(contents.hierarchy.n_items, dtype=bool)
    drawn[contents.plan.indices] = True
    rest = np.flatnonzero(~drawn)
    table = _item_table(contents, rest, {"reason": pa.array(_rejections(contents, rest), pa.string())})
    table = table.append_column("eligible", pa.array(contents.decisions.eligible[rest]))
    names = own_names(contents.catalog.columns)
    refused = pa.concat_tables([contents.catalog.failures, contents.failures])
    unread = {
        names["path"]: refused.column("uri"),
        names["reason"]: pa.array(
            [f"unreadable: {reason}" for reason in refused.column("reason").to_pylist()], pa.string()
        ),
        "eligible": pa.array(np.zeros(refused.num_rows, dtype=bool)),
    }
    return pa.concat_tables([table, pa.table(unread)], promote_options="default")


def tree_table(contents: ExportContents) -> pa.Table:
    """One row per cluster of every level: parent, items, capacity left after review, quota, verdict."""
    tree, plan, verdict_names = contents.hierarchy, contents.plan, np.array(["drop", "", "keep"])
    levels = [
        pa.table(
            {
                "level": pa.array(np.full(k, level), pa.int16()),
                "cluster": pa.array(np.arange(k), pa.int32()),
                "parent": pa.array(tree.parents(level), pa.int32(), mask=np.full(k, level == tree.n_levels)),
                "items": pa.array(tree.sizes(level), pa.int64()),
                "capacity": pa.array(plan.capacity[level - 1], pa.int64()),
                "quota": pa.array(plan.quotas[level - 1], pa.int64()),
                "verdict": pa.array(verdict_names[contents.decisions.verdicts[level - 1] + 1].tolist(), pa.string()),
            }
        )
        for level, k in enumerate(tree.n_clusters, start=1)
    ]
    return pa.concat_tables(levels)


def _item_table(contents: ExportContents, tree_rows: np.ndarray, extra: Mapping[str, pa.Array]) -> pa.Table:
    catalog, tree, names = contents.catalog, contents.hierarchy, own_names(contents.catalog.columns)
    catalog_rows = pa.array(np.asarray(contents.rows)[tree_rows])
    items = catalog.items.take(catalog_rows)
    own = {
        "item_id": items.column("item_id"),
        "path": items.column("uri"),
        "sha256": items.column("content_hash"),
        "row": pa.array(tree_rows, pa.int64()),
        "source_row": items.column("source_row"),
    }
    columns = {names[name]: column for name, column in own.items()}
    for level in range(1, tree.n_levels + 1):
        columns[_cluster_name(level, catalog.columns)] = pa.array(tree.point_assignment(level)[tree_rows], pa.int32())
    columns[names["distance"]] = pa.array(np.asarray(tree.levels[0].distance)[tree_rows], pa.float32())
    columns.update({names[name]: column for name, column in extra.items()})
    if catalog.metadata.num_columns:
        user = catalog.metadata.take(catalog_rows)
        columns.update({name: user.column(name) for name in catalog.columns})
    return pa.table(columns)


def _cluster_name(level: int, user_columns: Sequence[str]) -> str:
    name = f"cluster_{level}"
    return f"curation_{name}" if name in user_columns else name


def _rejections(contents: ExportContents, rows: np.ndarray) -> list[str]:
    tree, quotas = contents.hierarchy, contents.plan.quotas[0]
    leaf, decided = tree.point_assignment(1)[rows], contents.decisions.decided_by[rows]
    eligible = contents.decisions.eligible[rows]
    sizes = tree.sizes(1)
    reasons = []
    for row, cluster, level, allowed in zip(rows, leaf, decided, eligible, strict=True):
        if allowed:
            reasons.append(f"not drawn: cluster {cluster} gives {quotas[cluster]} of {sizes[cluster]}")
        elif level < 0:
            reasons.append("dropped in review: this item")
        else:
            reasons.append(f"dropped in review: cluster {tree.point_assignment(int(level))[row]} of level {level}")
    return reasons


# ---- files


def _write_parquet(path: Path, table: pa.Table, _names: Mapping[str, str]) -> None:
    write_table(path, table.replace_schema_metadata(None))


def _write_csv(path: Path, table: pa.Table, _names: Mapping[str, str]) -> None:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow([_safe_cell(name) for name in table.column_names])
    for batch in table.to_batches(max_chunksize=10_000):
        columns = [column.to_pylist() for column in batch.columns]
        writer.writerows([_safe_cell(value) for value in row] for row in zip(*columns, strict=True))
    write_bytes(path, sink.getvalue().encode())


def _safe_cell(value: Any) -> Any:
    # a spreadsheet runs a cell that begins like this; the quote keeps it text
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_jsonl(path: Path, table: pa.Table, _names: Mapping[str, str]) -> None:
    lines = (
        json.dumps(row, ensure_ascii=False, default=str)
        for batch in table.to_batches(max_chunksize=10_000)
        for row in batch.to_pylist()
    )
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())


def _write_npy(path: Path, table: pa.Table, names: Mapping[str, str]) -> None:
    write_array(path, table.column(names["source_row"]).to_numpy().astype(np.int64))


_WRITERS: dict[ManifestFormat, Callable[[Path, pa.Table, Mapping[str, str]], None]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "npy": _write_npy,
}


def _run(contents: ExportContents, names: Mapping[str, str]) -> dict[str, Any]:
    plan, tree = contents.plan, contents.hierarchy
    return {
        "format": FORMAT,
        **contents.provenance,
        "columns": dict(names),
        "cluster_columns": [_cluster_name(level, contents.catalog.columns) for level in range(1, tree.n_levels + 1)],
        "counts": {
            "items": len(contents.catalog),
            "in_tree": tree.n_items,
            "drawn": len(plan.indices),
            "target": plan.target_size,
            "shortfall": plan.target_size - len(plan.indices),
            "dropped": contents.decisions.n_dropped,
            "unreadable": contents.catalog.failures.num_rows + contents.failures.num_rows,
            "decisions": contents.decisions.n_events,
            "decisions_lost": len(contents.decisions.lost),
        },
    }


def _write_sums(folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS" and not path.name.startswith("."))
    write_bytes(folder / "SHA256SUMS", "".join(f"{file_hash(path)}  {path.name}\n" for path in files).encode())
