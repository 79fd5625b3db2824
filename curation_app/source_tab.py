"""Data › This workspace: what the source is, when it was read, what changed since, what could not be read."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import items, jobs_panel, loaders, naming, places, show, state
from curation_app.boundary import escaped
from curation_app.components.grid import Section, grid
from curation_core.artifacts import read_table
from curation_core.catalog import Catalog
from curation_core.columns import detect
from curation_core.errors import CurationError
from curation_core.lineage import StepStatus
from curation_core.origins import open_items
from curation_core.table_text import safe_cell
from curation_core.workspace import Workspace

_CHEAP = 20_000  # items whose names, sizes and times are compared without being asked
_SAME = "unchanged"


@dataclass(frozen=True)
class Changes:
    """Pictures of a source against the last read: how many came, changed, went."""

    new: int
    changed: int
    gone: int

    def sentence(self) -> str:
        """The counts in words; empty when nothing changed."""
        named = {"new": self.new, "changed": self.changed, "gone": self.gone}
        return ", ".join(f"{count:,} {name}" for name, count in named.items() if count)


def this_workspace(ws: Workspace) -> None:
    """Everything about the source of a workspace."""
    jobs_panel.panel(ws, ("ingest", "run"), "data")
    ingest = loaders.status(ws)["ingest"]
    _source(ws, ingest)
    if ingest.state != "done":
        return
    catalog = loaders.catalog(ws)
    _failures(catalog, ws.name)
    left, right = st.columns([3, 2])
    with left:
        st.subheader("A look inside", anchor=False)
        _first_items(ws, catalog)
    with right:
        st.subheader("Columns", anchor=False)
        _columns(catalog, ws)


def find_changes(ws: Workspace, catalog: Catalog) -> Changes:
    """Compare a source of images with what was read of it, by names, sizes and times; reads no item.

    Raises IngestError when the source cannot be listed any more.
    """
    config = ws.settings.ingest
    assert config is not None
    folder = ws.plans.folder("ingest")
    stamps = [read_table(path) for path in sorted(folder.glob("stamps-*.parquet"))]
    table = pa.concat_tables(stamps) if stamps else pa.table({"uri": [], "stamp": []})
    stamp_of = dict(zip(table["uri"].to_pylist(), table["stamp"].to_pylist(), strict=True))
    known = {*catalog.uri, *catalog.failures.column("uri").to_pylist()}
    with open_items(config) as media:
        names = set(media.names)
        changed = sum(stamp_of[name] != media.stamp(name) for name in names & stamp_of.keys())
    return Changes(len(names - known), changed, len(known - names))


def reasons(failures: pa.Table) -> list[tuple[str, int]]:
    """Why files were refused, with how many, the commonest first."""
    return sorted(Counter(failures.column("reason").to_pylist()).items(), key=lambda pair: (-pair[1], pair[0]))


def as_csv(failures: pa.Table) -> str:
    """The failures as a CSV that a spreadsheet shows and does not compute."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(failures.column_names)
    for row in failures.to_pylist():
        writer.writerow([safe_cell(str(value)) for value in row.values()])
    return text.getvalue()


def _source(ws: Workspace, ingest: StepStatus) -> None:
    config = ws.settings.ingest
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="source"):
        name = config.source.rstrip("/").rsplit("/", 1)[-1] if config else "none"
        st.markdown(f"**Source** {escaped(name)}", width="content")
        if ingest.meta:
            st.badge(escaped(ingest.meta["modality"]), color="gray")
            st.caption(
                f"{show.count(ingest.meta['n_items'], 'item')} · {show.count(ingest.meta['n_failures'], 'failure')} · "
                f"read {show.ago(ingest.meta['finished'])}",
                width="content",
            )
        if config and ingest.meta and ingest.meta["n_items"] <= _CHEAP and not places.is_address(config.source):
            _show_changes(_changes(str(ws.path), ingest.key))
        st.space("stretch")
        show.act(
            "Look for changes",
            "check-source",
            "sync",
            _look_for_changes,
            ws,
            disabled=not ingest.meta,
            help="Compares the source's listing, sizes and times with the last read; reads no item.",
        )
        show.act(
            "Read again",
            "reingest",
            "refresh",
            jobs_panel.start,
            "ingest",
            disabled=bool(jobs_panel.running(ws)),
            help="Reads what is new or changed; what stayed as it was is not read again.",
        )


def _show_changes(said: str) -> None:
    if said == _SAME:
        st.badge(said, color="gray", icon=":material/check:", help="Names, sizes and times are as they were read.")
    else:
        st.badge(escaped(said), color="orange", icon=":material/sync_problem:", help="Read it again to take it over.")


def _look_for_changes(ws: Workspace) -> None:
    _changes.clear()
    said = _changes(str(ws.path), ws.status()[0].key)
    state.say("The source has not changed." if said == _SAME else f"The source: {said}.")


@st.cache_data(ttl=60, max_entries=32, show_spinner=False)
def _changes(path: str, key: str) -> str:  # noqa: ARG001 - the key is the cache's key
    """What changed since the last read, in words; kept for a minute, since it looks at every name."""
    ws = Workspace(path)
    try:
        if ws.status(check_source=True)[0].state != "stale":
            return _SAME
        catalog = loaders.catalog(ws)
        return (find_changes(ws, catalog).sentence() if catalog.modality == "image" else "") or "changed"
    except CurationError as error:
        return str(error)


def _failures(catalog: Catalog, name: str) -> None:
    failures = catalog.failures
    if not failures.num_rows:
        st.caption(":material/check: Every item could be read.")
        return
    title = f"{show.count(failures.num_rows, 'file')} could not be read"
    with st.expander(title, icon=":material/warning:", expanded=True, key="failed"):
        counted = reasons(failures)
        left, right = st.columns([2, 3])
        with left:
            columns: dict[str, list[Any]] = {
                "reason": [reason for reason, _ in counted],
                "files": [count for _, count in counted],
            }
            show.table(columns, key="failure-reasons", height=200 if len(counted) > 4 else None)
            st.download_button(
                "Download as CSV",
                as_csv(failures),
                f"{name}-failures.csv",
                "text/csv",
                key="failures-csv",
                icon=":material/download:",
                on_click="ignore",
            )
        with right:
            show.table(failures.to_pydict(), key="failures", height=240 if failures.num_rows > 5 else None)


def _first_items(ws: Workspace, catalog: Catalog) -> None:
    rows = np.linspace(0, len(catalog) - 1, min(12, len(catalog))).astype(int)
    cells = items.catalog_cells(catalog, rows, naming.item_captions(catalog))
    grid(ws.path.name, [Section(cells)], key="data-first", mode="none", toolbar=False)


def _columns(catalog: Catalog, ws: Workspace) -> None:
    names = catalog.columns
    if not names:
        st.caption("Items come without columns. A table with a path column (metadata) adds labels to balance by.")
        return
    said = ws.settings.ingest.column_types if ws.settings.ingest else {}
    values = {name: catalog.metadata.column(name) for name in names}
    table: dict[str, list[Any]] = {
        "column": names,
        "means": [said.get(name) or detect(column.slice(0, 1_000)) for name, column in values.items()],
        "type": [str(column.type) for column in values.values()],
        "distinct": [_distinct(column) for column in values.values()],
        "missing": [column.null_count for column in values.values()],
        "examples": [
            ", ".join(str(value)[:30] for value in column.slice(0, 3).to_pylist()) for column in values.values()
        ],
    }
    show.table(table, key="columns")


def _distinct(column: pa.ChunkedArray) -> int | None:
    try:
        return len(column.unique())
    except pa.ArrowException:  # lists and structs are not counted
        return None
