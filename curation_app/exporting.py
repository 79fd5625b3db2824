"""Finished exports on screen: verified or not, where they came from, files with sizes, downloads, how to load one."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import streamlit as st

from curation_app import card_view, show
from curation_app.boundary import escaped
from curation_app.format_words import load_lines
from curation_core.verification import Verification
from curation_core.workspace import Workspace

_CHECKED_UNASKED = 200_000_000  # bytes; more takes seconds to read


def harmless(name: str) -> str:
    """A name that can be an export's folder."""
    return (
        "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name).lstrip("._-")[:80] or "export"
    )


def finished(ws: Workspace, made: list[Path]) -> None:
    """One finished export: the newest, or the one picked."""
    names = [folder.name for folder in made]
    name = (
        st.selectbox("Export", names, key=f"export-shown-{names[0]}-{len(names)}", width=320)
        if len(names) > 1
        else names[0]
    )
    folder = made[names.index(name or names[0])]
    with st.container(border=True, key="finished"):
        run = _run(folder)
        _verified(ws, folder)
        st.caption("  \n".join(escaped(line) for line in provenance(run)))
        _files(ws, folder, run)
        st.markdown("**Load it**")
        _load(folder, run)


def provenance(run: dict[str, Any]) -> list[str]:
    """Where an export came from, in at most five lines."""
    if "counts" not in run:
        return []
    counts, steps = run["counts"], run.get("steps", {})
    tree = steps.get("cluster", {}).get("config", {}).get("n_clusters")
    asked = {name: value for name, value in run.get("sample", {}).items() if value not in (None, "none")}
    splits = run.get("splits", {})
    rest = f"{counts['unreadable']:,} unreadable, {counts['dropped']:,} dropped, {counts['kept']:,} kept"
    return [
        line
        for line in (
            f"{counts['drawn']:,} of {counts['items']:,} items · {rest} in review · {counts['decisions']:,} decisions",
            " · ".join(f"{name} {count:,}" for name, count in splits.items()) if len(splits) > 1 else "",
            f"Embedder {steps.get('embed', {}).get('config', {}).get('embedder', '')}" if "embed" in steps else "",
            f"Tree of {', '.join(f'{k:,}' for k in tree)} clusters" if tree else "",
            "Draw: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asked.items()) if asked else "",
        )
        if line
    ]


def _run(folder: Path) -> dict[str, Any]:
    try:
        run: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except ValueError:
        return {}  # the checks name the file
    return run


def _verified(ws: Workspace, folder: Path) -> None:
    """The mark, with all checks behind it; a large export is checked when somebody asks, for it takes a while."""
    key = f"verified-{ws.path.name}-{folder.name}"
    asked = st.session_state.get(key) or files_of(folder)[1] <= _CHECKED_UNASKED
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escaped(folder.name)}**")
        found = _verify(str(ws.path), folder.name, (folder / "SHA256SUMS").stat().st_mtime_ns) if asked else None
        if found is None:
            st.badge("not verified yet", color="gray", icon=":material/gpp_maybe:")
        elif found.ok:
            st.badge("verified", color="green", icon=":material/verified:")
        else:
            st.badge("does not verify", color="red", icon=":material/gpp_bad:")
        st.space("stretch")
        card_view.open_card(ws, folder)
        label = "Verify" if found is None else "Verify again"
        st.button(label, key=f"verify-{folder.name}", icon=":material/sync:", on_click=_again, args=(key,))
    if found is None:
        return
    with st.expander(f"{len(found.checks)} checks", expanded=not found.ok, type="compact", key=f"checks-{folder.name}"):
        for check in found.checks:
            st.text(f"{'✓' if check.ok else '✕'} {check.name}: {check.detail}")


def _again(key: str) -> None:
    st.session_state[key] = True
    _verify.clear()


@st.cache_resource(max_entries=64, show_spinner="Verifying")
def _verify(path: str, name: str, mtime: int) -> Verification:  # noqa: ARG001 - the time is the cache's key
    return Workspace(path).verify(name)


def _files(ws: Workspace, folder: Path, run: dict[str, Any]) -> None:
    """The tree of files: what lies directly in the export with a link, folders with their counts and sizes."""
    base = f"/api/download/{quote(ws.path.name)}/{quote(folder.name)}"
    rows, total = files_of(folder)
    show.table(
        {
            "file": [name for name, _, _ in rows],
            "size": [show.file_size(size) for _, size, _ in rows],
            "get": [f"{base}/{quote(name)}" if direct else None for name, _, direct in rows],
        },
        key=f"files-{folder.name}",
        column_config={"get": st.column_config.LinkColumn("", display_text="download", width="small")},
        height=min(35 * (len(rows) + 1) + 3, 390),
        placeholder="",
    )
    if run.get("files", {}).get("mode") == "symlink":
        st.caption("Its files are links to the source, which no zip can hold; take the folder beside its source.")
    else:
        label = f"Download all as zip ({show.file_size(total)})"
        st.link_button(label, f"{base}.zip", icon=":material/download:")


def files_of(folder: Path) -> tuple[list[tuple[str, int, bool]], int]:
    """Name, bytes and whether it is a file, of all in an export; folders are told as one line each. And all bytes."""
    sizes: dict[str, list[int]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            parts = path.relative_to(folder).parts
            where = parts[0] if len(parts) == 1 else "/".join(parts[:2] if len(parts) > 2 else parts[:1]) + "/"
            sizes.setdefault(where, []).append(path.stat().st_size)
    rows = [
        (
            f"{name} · {show.count(len(found), 'file')}" if name.endswith("/") else name,
            sum(found),
            not name.endswith("/"),
        )
        for name, found in sizes.items()
    ]
    return sorted(rows, key=lambda row: (row[2], row[0])), sum(size for _, size, _ in rows)


def _load(folder: Path, run: dict[str, Any]) -> None:
    """The lines that load the format picked, then those that load items for training."""
    formats = run.get("formats") or [kind for kind in ("parquet", "csv", "jsonl") if _has(folder, kind)]
    if formats:
        label, key = "Format to load", f"load-{folder.name}"
        kind = st.pills(label, formats, default=formats[0], required=True, key=key, label_visibility="collapsed")
        lines = load_lines(kind or formats[0], folder.name, list(run.get("splits", {})), "files" in run)
        st.code(lines, language="python", wrap_lines=True)
    with st.expander("For training", type="compact", key=f"training-{folder.name}"):
        card_view.load_it(folder)


def _has(folder: Path, kind: str) -> bool:
    return (folder / f"manifest.{kind}").is_file()
