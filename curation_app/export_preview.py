"""What goes out before it does: pictures and the first rows of the manifest, and how large it will be."""

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import loaders, show
from curation_app.components.grid import Section, grid
from curation_app.items import cells
from curation_app.pool import Pool
from curation_core.config import ExportConfig
from curation_core.errors import IngestError
from curation_core.manifest_parts import ManifestParts
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace

_ROWS, _LOOKED_AT = 8, 24
_PER_ROW = {
    "parquet": 0.45,
    "csv": 1.0,
    "jsonl": 1.6,
    "lance": 1.0,
    "datasets": 0.5,
    "imagefolder": 0.5,
    "fiftyone": 2.0,
}
_JSON_BESIDE = 1.6  # of a row as text, in a tar with its header


def view(ws: Workspace, pool: Pool, plan: SamplingPlan) -> None:
    """Pictures or cards spread over the draw, beside the first rows as they will be written."""
    spread = np.linspace(0, len(plan.indices) - 1, min(24, len(plan.indices))).round().astype(np.int64)
    shown = cells(pool, plan.indices[spread])
    st.caption(f"{len(shown)} of the {len(plan.indices):,} drawn items, spread over the draw.")
    grid(ws.path.name, [Section(shown)], key="export-first", mode="none", height=300)
    table = first_rows(ws)
    st.caption(f"The first {table.num_rows} of {len(plan.indices):,} rows, with {table.num_columns} columns.")
    columns = {name: [_told(value) for value in table.column(name).to_pylist()] for name in table.column_names}
    narrow = {
        name: st.column_config.Column(width="small") for name in table.column_names if len(str(columns[name])) > 400
    }
    alt = "The first rows of the manifest, as they will be written."
    show.table(columns, key="export-rows", alt=alt, column_config=narrow)


def first_rows(ws: Workspace) -> pa.Table:
    """The first rows of the manifest of the kept draw."""
    step = loaders.done(ws, "sample")
    return _first_rows(str(ws.path), step.key if step else "", loaders.stamp(ws))


def predicted(ws: Workspace, config: ExportConfig, n_rows: int) -> int:
    """Bytes that an export will take, roughly: from its first rows and some of its files."""
    table = first_rows(ws)
    row = sum(len(str(value)) + 3 for column in table.columns for value in column.to_pylist()) / max(table.num_rows, 1)
    per_row = sum(share for kind, share in _PER_ROW.items() if kind in config.formats) * row
    n_pool = len(loaders.catalog(ws))
    rest = (n_pool - n_rows) * row * _PER_ROW["parquet"] + (n_pool * 34 if "weights" in config.formats else 0)
    return int(rest + n_rows * (per_row + _of_files(ws, config) + (_JSON_BESIDE * row if _in_tars(config) else 0)))


def _in_tars(config: ExportConfig) -> bool:
    return "webdataset" in config.formats


def _of_files(ws: Workspace, config: ExportConfig) -> float:
    """Bytes of files that a row takes."""
    if loaders.catalog(ws).modality != "image":
        return 0.0
    times = (config.files == "copy") + _in_tars(config) + ("datasets" in config.formats and config.embed_images)
    step = loaders.done(ws, "sample")
    return times * _mean_size(str(ws.path), step.key if step else "") if times else 0.0


@st.cache_data(max_entries=16, show_spinner=False)
def _mean_size(path: str, key: str) -> float:
    """Mean bytes of some drawn files."""
    ws = Workspace(path)
    rows = np.asarray(ws.embeddings().rows)[ws.sampling_plan().indices] if key else np.zeros(0, np.int64)
    sizes, catalog = [], ws.catalog()
    with ws.originals() as read:
        for row in rows[np.linspace(0, len(rows) - 1, min(_LOOKED_AT, len(rows))).astype(np.int64)].tolist():
            try:
                sizes.append(len(read(catalog.uri[row])))
            except IngestError:
                continue
    return float(np.mean(sizes)) if sizes else 0.0


@st.cache_resource(max_entries=8, show_spinner=False)
def _first_rows(path: str, key: str, stamp: str) -> pa.Table:  # noqa: ARG001 - key and stamp are the cache's
    ws = Workspace(path)
    contents = ws.told(ws.sampling_plan(), ExportConfig(name="preview"))
    return ManifestParts(contents).head(_ROWS)


def _told(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
