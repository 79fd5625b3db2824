"""What an export is to hold: formats by what they are for, files, splits, privacy, and how large it will be."""

from pathlib import Path
from typing import Any

import streamlit as st

from curation_app import export_preview, findings, loaders, show
from curation_app.format_words import offered
from curation_core.config import ExportConfig, FilesMode
from curation_core.workspace import Workspace

_DEFAULTS = ("parquet", "csv", "jsonl", "npy")
_FILES: dict[FilesMode, str] = {
    "reference": "Named only",
    "copy": "Copied",
    "hardlink": "Hard links",
    "symlink": "Links",
}
_ABOUT_FILES = {
    "reference": "The manifest names the files; they stay where they are.",
    "copy": "Each file is in the export, byte for byte.",
    "hardlink": "No further space, on the same file system only.",
    "symlink": "No further space; the export is whole only beside the source.",
}
_KINDS = {"mail": "mail addresses", "phone": "phone numbers", "card": "card numbers", "iban": "account numbers"}


def choose(ws: Workspace, n_rows: int) -> dict[str, Any] | None:
    """Ask for everything but the name; returns fields of ExportConfig, None while no format is chosen."""
    formats = _formats(ws)
    chosen = {"formats": tuple(formats), **_files(ws, formats), **_masked(ws)}
    _splits(ws)
    if not formats:
        st.caption("Choose at least one format.")
        return None
    if {"webdataset", "datasets"} & set(formats) and loaders.catalog(ws).modality != "vector":
        field = ExportConfig.model_fields["shard_mb"]
        chosen["shard_mb"] = int(
            st.number_input("MB per shard", 1, 100_000, field.default, help=field.description, key="export-shard")
        )
    size = show.file_size(export_preview.predicted(ws, ExportConfig(name="e", **chosen), n_rows))
    st.caption(f"**Size** about {size}")
    return chosen


def _formats(ws: Workspace) -> list[str]:
    tars = ws.settings.ingest is not None and ws.settings.ingest.source.lower().endswith(".tar")
    found: list[str] = []
    for group, kinds in offered(loaders.catalog(ws).modality, tars).items():
        default = [kind for kind in kinds if kind in _DEFAULTS]
        picked = st.pills(group, list(kinds), selection_mode="multi", default=default, key=f"export-formats-{group}")
        st.caption(" · ".join(f"**{kind}** {about}" for kind, about in kinds.items()))
        found += picked
    return found


def _files(ws: Workspace, formats: list[str]) -> dict[str, Any]:
    if loaders.catalog(ws).modality != "image":
        return {}
    blurs = ws.settings.faces.blur
    config = ws.settings.ingest
    in_files = config is not None and Path(config.source).is_dir()  # else there is nothing to link to
    modes = [mode for mode in _FILES if in_files or mode in ("reference", "copy")]
    mode = st.segmented_control(
        "Files", modes, default="reference", required=True, format_func=_FILES.__getitem__, key="export-files"
    )
    if mode == "reference" and "imagefolder" in formats:
        st.caption("An image folder holds the files, so they are copied.")
        mode = "copy"
    else:
        st.caption(_ABOUT_FILES[mode])
    held = mode != "reference" or bool({"webdataset", "datasets"} & set(formats))
    if held and blurs and loaders.check(ws, "faces").state != "done":
        st.caption(":material/warning: Not all pictures have been searched for faces: search first (Data, Faces).")
    elif held:
        st.caption(
            "Pictures with faces are blurred, and always copies."
            if blurs
            else "Faces are not blurred; that is switched on in Data, Faces."
        )
    return {"files": mode}


def _masked(ws: Workspace) -> dict[str, Any]:
    if loaders.catalog(ws).modality != "text":
        return {}
    about = "Mail addresses, phone, card and bank account numbers are replaced by their kind, like [mail]."
    mask = st.toggle("Mask personal data", key="export-mask", help=about)
    if mask:
        st.caption(_personal(ws))
    return {"mask_personal": mask}


def _personal(ws: Workspace) -> str:
    found = dict(findings.personal(ws))
    texts = found.pop("texts", 0)
    kinds = ", ".join(f"{count:,} {_KINDS[kind]}" for kind, count in found.items())
    where = f"{show.count(texts, 'text')} of all {len(loaders.catalog(ws)):,} items"
    return f"Found: {kinds or 'nothing'}{f', in {where}' if texts else ''}. Text columns beside are masked too."


def _splits(ws: Workspace) -> None:
    config = ws.settings.split
    if config is None:
        st.caption("**Splits** none; they are set on Balance.")
    else:
        shares = " · ".join(f"{name} {share:.0%}" for name, share in config.shares.items())
        st.caption(f"**Splits** {shares}; near-duplicates stay on one side.")
