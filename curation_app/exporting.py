"""Finished exports on screen: verified or not, files with sizes, downloads, and how to load one."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import streamlit as st

from curation_app import card_view, findings, loaders, show
from curation_app.boundary import escaped
from curation_app.components.grid import Section, grid
from curation_app.items import cells
from curation_app.pool import Pool
from curation_core.sampling import SamplingPlan
from curation_core.verification import Verification
from curation_core.workspace import Workspace


def harmless(name: str) -> str:
    """A name that can be an export's folder."""
    return (
        "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name).lstrip("._-")[:80] or "export"
    )


def options(ws: Workspace) -> dict[str, Any]:
    """What goes out beside the manifest: copies of pictures, masks in texts."""
    modality = loaders.catalog(ws).modality
    if modality == "text":
        about = "Mail addresses, phone, card and bank account numbers are replaced by their kind, like [mail]."
        mask = st.toggle("Mask personal data", key="export-mask", help=about)
        if mask:
            st.caption(_personal(ws))
        return {"mask_personal": mask}
    if modality != "image":
        return {}
    blurs = ws.settings.faces.blur
    about = (
        "Faces are blurred in the copies." if blurs else "Faces are not blurred; that is switched on in Data, Faces."
    )
    copy = st.toggle("Copy the pictures into the export", key="export-copy", help=about)
    searched = loaders.check(ws, "faces").state == "done"
    if copy and blurs and not searched:
        st.caption(":material/warning: Not all pictures have been searched for faces: search first (Data, Faces).")
    return {"files": "copy" if copy else "reference"}


_KINDS = {"mail": "mail addresses", "phone": "phone numbers", "card": "card numbers", "iban": "account numbers"}


def _personal(ws: Workspace) -> str:
    found = dict(findings.personal(ws))
    texts = found.pop("texts", 0)
    kinds = ", ".join(f"{count:,} {_KINDS[kind]}" for kind, count in found.items())
    where = f"{show.count(texts, 'text')} of all {len(loaders.catalog(ws)):,} items"
    return f"Found: {kinds or 'nothing'}{f', in {where}' if texts else ''}. Text columns beside are masked too."


def first_rows(ws: Workspace, pool: Pool, plan: SamplingPlan) -> None:
    """The first items of a draw as pictures or cards."""
    spread = np.linspace(0, len(plan.indices) - 1, min(40, len(plan.indices))).round().astype(np.int64)
    shown = cells(pool, plan.indices[spread])
    st.caption(f"{len(shown)} of the {len(plan.indices):,} drawn items, spread over the draw.")
    grid(ws.path.name, [Section(shown)], key="export-first", mode="none", height=480)


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
        _verified(ws, folder)
        _files(ws, folder)
        st.markdown("**Load it**")
        card_view.load_it(folder)


def _verified(ws: Workspace, folder: Path) -> None:
    run = json.loads((folder / "run.json").read_text())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escaped(folder.name)}**")
        found = _verify(str(ws.path), folder.name, (folder / "SHA256SUMS").stat().st_mtime_ns)
        if found.ok:
            st.badge("verified", color="green", icon=":material/verified:")
        else:
            st.badge("does not verify", color="red", icon=":material/gpp_bad:")
        st.space("stretch")
        card_view.open_card(ws, folder)
        st.button("Verify again", key=f"verify-{folder.name}", icon=":material/sync:", on_click=_verify.clear)
    with st.expander(f"{len(found.checks)} checks", expanded=not found.ok, type="compact", key=f"checks-{folder.name}"):
        for check in found.checks:
            st.text(f"{'✓' if check.ok else '✕'} {check.name}: {check.detail}")
    drawn = run.get("sample", {})
    if drawn:
        st.caption(escaped(" · ".join(f"{key.replace('_', ' ')} {value}" for key, value in drawn.items())))


@st.cache_resource(max_entries=64, show_spinner="Verifying")
def _verify(path: str, name: str, mtime: int) -> Verification:  # noqa: ARG001 - the time is the cache's key
    return Workspace(path).verify(name)


def _files(ws: Workspace, folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    base = f"/api/download/{quote(ws.path.name)}/{quote(folder.name)}"
    direct = [path for path in files if path.parent == folder]
    show.table(
        {
            "file": [str(path.relative_to(folder)) for path in files],
            "size": [show.file_size(path.stat().st_size) for path in files],
            "get": [f"{base}/{quote(path.name)}" if path in direct else None for path in files],
        },
        key=f"files-{folder.name}",
        column_config={"get": st.column_config.LinkColumn("", display_text="download", width="small")},
    )
    size = show.file_size(sum(path.stat().st_size for path in files))
    st.link_button(f"Download all as zip ({size})", f"{base}.zip", icon=":material/download:")
