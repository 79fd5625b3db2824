"""How a source is to be read: guesses where the source does not tell, and the widgets that correct them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import streamlit as st

from curation_app import forms, places
from curation_core import sources
from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, CurationError
from curation_core.sources import SourcePreview
from curation_core.table_columns import is_string
from curation_core.tables import is_table_name, open_table

_KINDS = {
    "auto": "what was found",
    "images": "images",
    "tiles": "tiles of scenes",
    "text": "texts",
    "vectors": "vectors",
}
_ITEMS = {"text_column": "texts", "image_column": "images", "vector_column": "vectors"}
_SCENES = (".tif", ".tiff")
_GUESS_ROWS = 50


@dataclass(frozen=True)
class Chosen:
    """A source as a door gives it: address or path, fixed options of IngestConfig, the root it lies below if any."""

    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    root: str = ""


def look(config: IngestConfig) -> SourcePreview:
    """What a source holds; kept while it stays as it is. Raises IngestError or ConfigError like the preview."""
    return _look(config.model_dump_json(), source_stamp(config))


def look_again() -> None:
    """Forget what was seen: a folder may have changed below its first level."""
    _look.clear()


def source_stamp(config: IngestConfig) -> int:
    """Changes when the entry of the source or its metadata on disk changes; 0 for an address."""
    places_on_disk = [place for place in (config.source, config.metadata) if place and not places.is_address(place)]
    try:
        return sum(Path(place).stat().st_mtime_ns for place in places_on_disk)
    except OSError:  # the preview says what is not there
        return 0


def source_config(chosen: Chosen, place: Any) -> IngestConfig:
    """The door's options with what a person changed."""
    options: dict[str, Any] = dict(chosen.options)
    if places.http_allowed():
        options["allow_http"] = True
    is_table = not places.is_address(chosen.source) and is_table_name(chosen.source)
    with (
        place
        if is_table
        else place.expander("Read it differently", type="compact", key="preview-settings", icon=":material/tune:")
    ):
        key = f"preview-{chosen.source}"
        columns = st.columns(3 if is_table else 2)
        options |= _kind(chosen, key, columns[0], columns[1])
        with columns[-1]:
            options |= _metadata(chosen, key)
        if options.get("kind") == "tiles" or chosen.source.lower().endswith(_SCENES):
            options |= _tiles(key)
    return IngestConfig(source=chosen.source, **options)


def _kind(chosen: Chosen, key: str, left: Any, right: Any) -> dict[str, Any]:
    """What the source holds; for a table, which column holds the items."""
    names = _table_columns(chosen.source)
    guess = _guess(chosen) if names else ""
    if not names:
        kind = left.selectbox("Holds", list(_KINDS), format_func=_KINDS.__getitem__, key=f"{key}-kind")
        return {} if kind in (None, "auto") else {"kind": kind}
    setting = left.selectbox(
        "Its rows are",
        ["", *_ITEMS],
        index=1 if guess else 0,
        format_func=lambda setting: _ITEMS.get(setting, "what was found"),
        key=f"{key}-items",
    )
    if not setting:
        return {}
    at = names.index(guess) if guess in names and setting == "text_column" else None
    column = right.selectbox(f"Column with the {_ITEMS[setting]}", names, index=at, key=f"{key}-{setting}")
    return {**dict.fromkeys(_ITEMS), setting: column} if column else {}


def _guess(chosen: Chosen) -> str:
    """The column that probably holds the text, where the table alone does not tell; "" where it does."""
    config = IngestConfig(source=chosen.source, **chosen.options)
    try:
        look(config)
    except ConfigError:
        return _longest_texts(chosen.source, source_stamp(config))
    except CurationError:  # said where the preview is shown
        return ""
    return ""


def _metadata(chosen: Chosen, key: str) -> dict[str, Any]:
    """A table beside the source: found next to it, or named by its path below the root."""
    found = _tables_beside(chosen.source)
    if not chosen.root and not found:
        return {}
    asked = st.selectbox(
        "Table of metadata",
        found,
        index=None,
        accept_new_options=bool(chosen.root),
        placeholder="none, or the one that lies among the items",
        key=f"{key}-metadata",
        help="CSV, JSONL or Parquet with a column of paths, or one row per item for vectors; "
        "choose one, or type its path below the root.",
    )
    if not asked:
        return {}
    beside = Path(chosen.source).parent / asked
    return {"metadata": str(beside) if asked in found else places.source_below(chosen.root, asked)}


def _tiles(key: str) -> dict[str, Any]:
    """How scenes are cut into tiles."""
    fields, now = IngestConfig.model_fields, IngestConfig(source="")
    columns = st.columns(4)
    with columns[0]:
        size = forms.field("tile_size", fields["tile_size"], now.tile_size, key=f"{key}-size")
    with columns[1]:
        bands = forms.field("tile_bands", fields["tile_bands"], None, key=f"{key}-bands")
    about = fields["tile_stretch"].description
    low, high = columns[2].slider(
        "Stretch, percentiles", 0.0, 100.0, now.tile_stretch, key=f"{key}-stretch", help=about
    )
    with columns[3]:
        valid = forms.field("tile_min_valid", fields["tile_min_valid"], now.tile_min_valid, key=f"{key}-valid")
    return {"tile_size": size, "tile_bands": bands, "tile_stretch": (low, high), "tile_min_valid": valid}


@st.cache_resource(max_entries=16, ttl=600, show_spinner="Looking inside")
def _look(config: str, stamp: int) -> SourcePreview:  # noqa: ARG001 - the stamp is part of the cache's key
    return sources.preview(IngestConfig.model_validate_json(config))


@st.cache_resource(max_entries=16, ttl=600, show_spinner=False)
def _names(path: str, stamp: int) -> tuple[str, ...]:  # noqa: ARG001 - likewise
    return tuple(open_table(Path(path)).schema.names)


@st.cache_resource(max_entries=16, ttl=600, show_spinner=False)
def _longest_texts(path: str, stamp: int) -> str:  # noqa: ARG001 - likewise
    """The column of strings with the longest values among the first rows: a guess at where the text is."""
    table = open_table(Path(path))
    first = next(table.slices(_GUESS_ROWS), table.schema.empty_table())
    lengths = {name: sum(map(len, filter(None, first.column(name).to_pylist()))) for name in _string_columns(first)}
    return max(lengths, key=lengths.__getitem__, default="")


def _string_columns(table: pa.Table) -> list[str]:
    return [field.name for field in table.schema if is_string(field.type)]


def _table_columns(source: str) -> list[str]:
    """Columns of a table on this machine; empty for anything else, and for a table that cannot be opened."""
    if places.is_address(source) or not is_table_name(source):
        return []
    try:
        return list(_names(source, Path(source).stat().st_mtime_ns))
    except (CurationError, OSError):  # the preview says what is wrong with it
        return []


def _tables_beside(source: str) -> list[str]:
    if places.is_address(source):
        return []
    path = Path(source)
    names = (other.name for other in path.parent.iterdir() if other != path and is_table_name(other.name))
    return sorted(name for name in names if not name.startswith("."))[:100]
