"""What is said of one item: a cell of the gallery, the card beside the pointer, everything in the full view.

Only what is asked for is read from the catalog, and every string is bounded: a text of 10 MB costs what is shown of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_app.pool import Pool
from curation_core import quality
from curation_core.catalog import Catalog
from curation_core.face_results import Faces
from curation_core.footprints import place_columns, place_of
from curation_core.review import ReviewDecisions

CAPTION, SHORT, VALUE, WHOLE = 160, 400, 2_000, 200_000  # characters of a caption, a cell's text, a value, a text
_CAPTION_COLUMNS = ("name", "title", "caption", "label")
_CAPTION_OF_TEXT = 60
_MOST_COLUMNS = 200
_HOVER_COLUMNS, _HOVER_VALUE = 4, 80


@dataclass(frozen=True)
class Known:
    """All that can be said about items of a pool beside the catalog.

    drawn: (n,) bool by tree row. scores: a column per score by catalog row, or without columns. group: (n,) int by tree
    row, -1 alone; None before duplicates were looked for. faces: None before faces were looked for.
    """

    decided: ReviewDecisions
    drawn: np.ndarray
    scores: pa.Table
    thresholds: Mapping[str, float]
    group: np.ndarray | None = None
    faces: Faces | None = None
    face_threshold: float = 0.0


def captions(catalog: Catalog, rows: Sequence[int] | np.ndarray) -> list[str]:
    """One short line per catalog row given: a name column, else the start of the text, else the file's name."""
    picked = [int(row) for row in rows]
    items = catalog.items
    column = caption_column(catalog)
    if column is not None:
        named = [written(catalog.metadata.column(column)[row]) for row in picked]
        return [
            name or PurePosixPath(items.column("uri")[row].as_py()).stem
            for name, row in zip(named, picked, strict=True)
        ]
    if catalog.modality == "text":
        return [start_of(items.column("text")[row], _CAPTION_OF_TEXT)[0] for row in picked]
    uris = [str(items.column("uri")[row].as_py()) for row in picked]
    return [PurePosixPath(uri).stem for uri in uris] if catalog.modality == "image" else uris


def caption_column(catalog: Catalog) -> str | None:
    """The user's column that names items, None where there is none."""
    lowered = {column.lower(): column for column in reversed(catalog.columns)}
    return next((lowered[name] for name in _CAPTION_COLUMNS if name in lowered), None)


def start_of(value: pa.Scalar, most: int) -> tuple[str, int]:
    """The first characters of a string scalar, and how many more there are; nothing more of it is decoded."""
    if not value.is_valid:
        return "", 0
    data = value.as_buffer()
    if data.size <= most:
        return str(value.as_py()), 0
    start = data.slice(0, min(data.size, 4 * most)).to_pybytes().decode("utf-8", "ignore")[:most]
    return start, int(pc.utf8_length(value).as_py()) - len(start)


def cut(value: pa.Scalar | str, most: int) -> str:
    """A string of at most `most` characters and, where something was cut off, how much."""
    start, left = (value[:most], len(value) - most) if isinstance(value, str) else start_of(value, most)
    return f"{start}… {left:,} more characters" if left > 0 else start


def written(value: pa.Scalar, most: int | None = None) -> str:
    """A value of any type as text; nothing for an empty cell."""
    if not value.is_valid:
        return ""
    if pa.types.is_string(value.type) or pa.types.is_large_string(value.type):
        return str(value.as_py()) if most is None else cut(value, most)
    try:
        said = str(value.cast(pa.string()).as_py())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, structs, bytes: as Python writes them
        said = str(value.as_py())
    return said if most is None else cut(said, most)


def cells(pool: Pool, rows: np.ndarray, known: Known, scores: np.ndarray | None = None) -> list[dict[str, Any]]:
    """Cells of the gallery for tree rows (m,). scores: (m,) what they are ordered by, NaN where there is none."""
    items, places = pool.catalog.items, pool.rows[rows]
    named, places_of = captions(pool.catalog, places), _places(pool.catalog, places)
    is_text, is_picture = pool.catalog.modality == "text", pool.catalog.modality == "image"
    made = []
    for number, (row, place) in enumerate(zip(rows.tolist(), places.tolist(), strict=True)):
        cell: dict[str, Any] = {"row": row, "id": cut(items.column("item_id")[place], CAPTION)}
        cell["caption"] = cut(named[number], CAPTION)
        cell["text"] = start_of(items.column("text")[place], SHORT)[0] if is_text else ""
        cell["hash"] = items.column("content_hash")[place].as_py() if is_picture else ""
        cell["mark"] = _mark(known.decided, row)
        cell["drawn"] = bool(known.drawn[row])
        if places_of[number]:
            cell["place"] = places_of[number]
        if scores is not None and np.isfinite(scores[number]):
            cell["score"] = round(float(scores[number]), 6)
        made.append(cell)
    return made


def short_card(pool: Pool, row: int, known: Known) -> dict[str, Any]:
    """The card beside the pointer."""
    catalog, place = pool.catalog, int(pool.rows[row])
    told = place_columns(catalog) or ()
    own = [name for name in catalog.columns if name not in told and not _says_nothing_new(catalog, name, place)]
    lines = [[name, written(catalog.metadata.column(name)[place], _HOVER_VALUE)] for name in own[:_HOVER_COLUMNS]]
    lines += [["place", where] for where in _places(catalog, np.array([place])) if where]
    lines.append(["cluster", " › ".join(pool.name(level, cluster) for level, cluster in _path(pool, row))])
    if known.decided.decided_by[row] != 0:
        lines.append(["decision", _decision(known.decided, row)])
    return {**cells(pool, np.array([row]), known)[0], "lines": lines, "picture": catalog.modality == "image"}


def full_card(pool: Pool, row: int, known: Known) -> dict[str, Any]:
    """Everything about an item; lines are [name, value, group], at is longitude and latitude or None."""
    catalog, place = pool.catalog, int(pool.rows[row])
    text, left = start_of(catalog.items.column("text")[place], WHOLE)
    makers = {
        "Item": partial(_item_lines, catalog, place),
        "Your columns": partial(_own_lines, catalog, place),
        "Tree": partial(_tree_lines, pool, row),
        "Review": partial(_review_lines, catalog, place, row, known),
        "Checks": partial(_check_lines, row, place, known),
    }
    lines = [[name, value, group] for group, made in makers.items() for name, value in made()]
    return {
        **cells(pool, np.array([row]), known)[0],
        "text": text,
        "left": left,
        "lines": lines,
        "picture": catalog.modality == "image",
        "at": place_of(catalog, place),
    }


def _places(catalog: Catalog, places: np.ndarray) -> list[str]:
    """Latitude and longitude as people write them, "" where an item has none."""
    if place_columns(catalog) is None:
        return [""] * len(places)
    found = [place_of(catalog, place) for place in places.tolist()]
    return ["" if at is None else f"{_degrees(at[1], 'N', 'S')} {_degrees(at[0], 'E', 'W')}" for at in found]


def _degrees(value: float, positive: str, negative: str) -> str:
    said = f"{abs(value):.2f}".removesuffix(".00")
    return f"{said}°{positive if value > 0 else negative if value < 0 else ''}"


def _item_lines(catalog: Catalog, place: int) -> list[list[str]]:
    items = catalog.items
    lines = [
        ["id", written(items.column("item_id")[place], VALUE)],
        ["where", written(items.column("uri")[place], VALUE)],
    ]
    width, height = items.column("width")[place].as_py(), items.column("height")[place].as_py()
    if width and height:
        lines.append(["size", f"{width:,} × {height:,} px"])
    if catalog.modality == "text":
        lines.append(["length", f"{int(pc.utf8_length(items.column('text')[place]).as_py() or 0):,} characters"])
    lines.append(["content hash", written(items.column("content_hash")[place], VALUE)])
    return lines


def _own_lines(catalog: Catalog, place: int) -> list[list[str]]:
    names = [name for name in catalog.columns if not _is_the_text(catalog, name, place)]
    lines = [[name, written(catalog.metadata.column(name)[place], VALUE)] for name in names[:_MOST_COLUMNS]]
    more = len(names) - _MOST_COLUMNS
    return [*lines, ["…", f"{more:,} more columns"]] if more > 0 else lines


def _tree_lines(pool: Pool, row: int) -> list[list[str]]:
    lines = [[f"level {level}", cut(pool.name(level, cluster), VALUE)] for level, cluster in _path(pool, row)]
    distance = float(pool.hierarchy.levels[0].distance[row])
    return [*lines, ["distance", f"{distance:.4g} to the centre of its finest cluster"]]


def _review_lines(catalog: Catalog, place: int, row: int, known: Known) -> list[list[str]]:
    drawn = [["drawn", "yes" if known.drawn[row] else "no"]] if known.drawn.any() else []
    item_id, decided = catalog.items.column("item_id")[place].as_py(), known.decided
    told = {"label": decided.item_labels.get(item_id, ""), "note": decided.item_notes.get(item_id, "")}
    said = [[name, value] for name, value in told.items() if value]
    return [["decision", _decision(decided, row)], *said, *drawn]


def _check_lines(row: int, place: int, known: Known) -> list[list[str]]:
    one = known.scores.slice(place, 1) if known.scores.num_columns else known.scores
    lines = [[name, _number(one.column(name)[0].as_py())] for name in one.column_names]
    if one.num_columns:
        held = [name for name, mask in quality.flagged(one, known.thresholds).items() if mask[0]]
        lines.append(["flags", ", ".join(held) or "none"])
    if known.group is not None:
        others = int((known.group == known.group[row]).sum()) - 1 if known.group[row] >= 0 else 0
        lines.append(["near-duplicates", f"{others:,} others" if others else "none"])
    if known.faces is not None:
        lines.append(["faces", f"{len(known.faces.of(place).above(known.face_threshold)):,}"])
    return lines


def _path(pool: Pool, row: int) -> list[tuple[int, int]]:
    """Level and cluster, coarse to fine."""
    return [(level, cluster) for level, cluster in enumerate(pool.hierarchy.path(row), start=1)][::-1]


def _decision(decided: ReviewDecisions, row: int) -> str:
    by = int(decided.decided_by[row])
    if by == 0:
        return "undecided"
    verdict = "kept" if decided.eligible[row] else "dropped"
    return f"{verdict} by itself" if by < 0 else f"{verdict} with its cluster at level {by}"


def _mark(decided: ReviewDecisions, row: int) -> str:
    if decided.decided_by[row] == 0:
        return ""
    return "keep" if decided.eligible[row] else "drop"


def _number(value: Any) -> str:
    return "" if value is None or value != value else f"{value:.4g}"


def _says_nothing_new(catalog: Catalog, name: str, place: int) -> bool:
    """Whether a column repeats the caption, the file's name or the text, or is empty."""
    value = written(catalog.metadata.column(name)[place], _HOVER_VALUE)
    uri = str(catalog.items.column("uri")[place].as_py())
    return not value or name == caption_column(catalog) or uri.endswith(value) or _is_the_text(catalog, name, place)


def _is_the_text(catalog: Catalog, name: str, place: int) -> bool:
    if catalog.modality != "text":
        return False
    value = catalog.metadata.column(name)[place]
    return bool(value.is_valid and value.equals(catalog.items.column("text")[place]))
