"""An export read as one side of a comparison: its tree, what it drew, and why it rejected the rest."""

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation_core.catalog import ids_of
from curation_core.draw_sides import DrawSide, Why
from curation_core.errors import ManifestMismatch
from curation_core.export_checks import unpack_export
from curation_core.export_reading import manifest_rows, read_run
from curation_core.hierarchy import Hierarchy, Level

_WHY = {  # how reasons begin
    "dropped in review": Why.DROPPED,
    "near-duplicate of": Why.DUPLICATE,
    "kept in review": Why.KEPT,
}


def is_export(path: Path) -> bool:
    """Whether a path looks like an export: its folder, or a zip."""
    return (path / "SHA256SUMS").is_file() if path.is_dir() else path.is_file() and zipfile.is_zipfile(path)


def read_export(path: Path, name: str = "") -> DrawSide:
    """Read an export folder, or a zip of one, as a side of a comparison; raises ManifestMismatch when it is none."""
    if zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory() as folder:
            unpack_export(path, Path(folder))
            return read_export(Path(folder), name or path.stem)
    missing = [file for file in ("run.json", "tree.parquet", "rejected.parquet") if not (path / file).is_file()]
    if missing:
        raise ManifestMismatch(f"{path.name} is no whole export: {', '.join(missing)} missing; export it again")
    try:
        return _side(path, read_run(path), name or path.name)
    except (KeyError, ValueError, IndexError, pa.ArrowException) as error:
        raise ManifestMismatch(f"{path.name} cannot be read ({error}); check it with: curate verify {path}") from None


def _side(folder: Path, run: Mapping[str, Any], name: str) -> DrawSide:
    names, cluster_column = run["columns"], run["cluster_columns"][0]
    wanted = [names[one] for one in ("item_id", "path", "row", "distance", "reason")] + [cluster_column]
    manifest, rejected = _manifest(folder, wanted), pq.read_table(folder / "rejected.parquet")
    unread = rejected.filter(pc.is_null(rejected[names["row"]]))
    rejected = rejected.filter(pc.is_valid(rejected[names["row"]])).select(wanted)
    n = int(run["counts"]["in_tree"])
    drawn, rest = (_numbers(table[names["row"]], np.int64) for table in (manifest, rejected))
    listed = np.concatenate((np.unique(drawn), rest))
    if len(listed) != n or not np.array_equal(
        np.sort(listed), np.arange(n)
    ):  # looked at first: a broken file may hold any number
        raise ManifestMismatch(f"{name}: drawn and rejected items do not make up the {n} of the tree; verify it")
    copies = np.bincount(drawn, minlength=n)
    order = np.concatenate((np.unique(drawn, return_index=True)[1], manifest.num_rows + np.arange(len(rest))))
    both = pa.concat_tables([manifest, rejected]).take(pa.array(order))
    both = both.take(pa.array(np.argsort(_numbers(both[names["row"]], np.int64))))
    tree, quotas, capped = _tree(folder, _numbers(both[cluster_column], np.int32))
    why = np.where(copies > 0, Why.DRAWN, np.where(capped, Why.CAPPED, Why.QUOTA)).astype(np.int8)
    for start, meant in _WHY.items():
        why[pc.starts_with(both[names["reason"]], start).to_numpy()] = meant
    paths = unread[names["path"]].to_pylist()
    steps = run.get("steps", {})
    return DrawSide(
        name,
        both[names["item_id"]].cast(pa.string()).combine_chunks(),
        both[names["path"]].cast(pa.string()).combine_chunks(),
        tree,
        copies.astype(np.int64),
        quotas,
        why,
        ids_of(map(str, paths)),
        dict(run.get("sample", {})),
        {step: steps[step]["key"] for step in ("embed", "cluster") if step in steps},
    )


def _manifest(folder: Path, wanted: Sequence[str]) -> pa.Table:
    """The wanted columns of the manifest, from whichever format is there."""
    if (folder / "manifest.parquet").is_file():
        return pq.read_table(folder / "manifest.parquet", columns=list(wanted))
    rows = manifest_rows(folder)
    schema = pq.read_schema(folder / "rejected.parquet")
    return pa.table({name: pa.array(rows[name]).cast(schema.field(name).type) for name in wanted})


def _tree(folder: Path, leaf: np.ndarray) -> tuple[Hierarchy, tuple[np.ndarray, ...], np.ndarray]:
    """The tree without its centroids, quotas per level, and which items lie in a cluster that gave all of its cap."""
    table, levels, quotas, at = pq.read_table(folder / "tree.parquet"), [], [], leaf
    capped, assignment = np.zeros(len(leaf), dtype=bool), leaf
    for level in range(1, int(pc.max(table["level"]).as_py()) + 1):
        rows = table.filter(pc.equal(table["level"], level))
        quotas.append(_numbers(rows["quota"], np.int64))
        if len(assignment) and not 0 <= assignment.min() <= assignment.max() < rows.num_rows:
            raise ValueError(f"clusters of level {level} that tree.parquet does not have")
        levels.append(
            Level(np.empty((rows.num_rows, 0), np.float32), assignment, np.zeros(len(assignment), np.float32))
        )
        if "cap" in rows.column_names:
            full = pc.fill_null(pc.greater_equal(rows["quota"], rows["cap"]), False)
            capped |= full.to_numpy()[at]
        assignment = _numbers(rows["parent"], np.int32)
        at = assignment[at]
    return Hierarchy(tuple(levels)), tuple(quotas), capped


def _numbers(values: pa.ChunkedArray, dtype: type) -> np.ndarray:
    found: np.ndarray = pc.fill_null(values, 0).to_numpy().astype(dtype)
    return found
