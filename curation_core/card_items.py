"""The items that a card shows: drawn ones alone, spread over the tree, as small pictures or the beginning of a text."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from curation_core.card_blocks import Item, clean
from curation_core.card_facts import shown_text
from curation_core.manifest import ExportContents

Thumbnail = Callable[[str], Path]  # content hash -> where its small picture lies, or would
MOST_BYTES = 24_000  # of one picture; a WebP of 128 px is 2 to 6 kB
_CAPTION_COLUMNS = ("name", "title", "caption", "label")


def contact_sheet(contents: ExportContents, thumbnail: Thumbnail | None, most: int) -> tuple[Item, ...]:
    """Drawn items spread evenly over the tree, so that neighbours of a kind do not crowd the sheet."""
    drawn = contents.plan.drawn_mask(contents.hierarchy.n_items)
    return _items(contents, thumbnail, _spread(contents.hierarchy.order[drawn[contents.hierarchy.order]], most))


def of_cluster(
    contents: ExportContents, thumbnail: Thumbnail | None, level: int, cluster: int, most: int
) -> tuple[Item, ...]:
    """A few drawn items of one cluster."""
    members = contents.hierarchy.members(level, cluster)
    drawn = contents.plan.drawn_mask(contents.hierarchy.n_items)
    return _items(contents, thumbnail, _spread(members[drawn[members]], most))


def _spread(rows: np.ndarray, most: int) -> np.ndarray:
    if len(rows) <= most:
        return rows
    places = np.linspace(0, len(rows) - 1, most).round().astype(np.int64)
    return rows[places]


def _items(contents: ExportContents, thumbnail: Thumbnail | None, tree_rows: np.ndarray) -> tuple[Item, ...]:
    if contents.catalog.modality == "vector" or not len(tree_rows):
        return ()
    rows = np.asarray(contents.rows)[tree_rows].tolist()
    if contents.catalog.modality == "text":
        return tuple(
            Item(clean(contents.catalog.items.column("uri")[r].as_py()), text=shown_text(contents, r)) for r in rows
        )
    made = (Item(_caption(contents, row), _picture(contents, thumbnail, row)) for row in rows)
    return tuple(item for item in made if item.picture is not None)


def _picture(contents: ExportContents, thumbnail: Thumbnail | None, row: int) -> bytes | None:
    """The small picture, as it lies in the workspace: faces are blurred in it where that was asked for."""
    items = contents.catalog.items
    unsearched = contents.face_config.blur and items.column("uri")[row].as_py() in set(contents.unsearched)
    if thumbnail is None or unsearched:
        return None
    try:
        data = thumbnail(items.column("content_hash")[row].as_py()).read_bytes()
    except OSError:
        return None  # thumbnails may be deleted at any time
    return data if 0 < len(data) <= MOST_BYTES else None


def _caption(contents: ExportContents, row: int) -> str:
    table = contents.personal[0]
    for name in table.column_names:
        value = table.column(name)[row].as_py() if name.lower() in _CAPTION_COLUMNS else None
        if value:
            return clean(value, 80)
    return clean(PurePosixPath(contents.catalog.items.column("uri")[row].as_py()).stem, 80)
