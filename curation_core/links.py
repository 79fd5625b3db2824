"""Selections and filters as short strings that a link can carry, and back; hostile or old links never raise.

A selection is one string: ``cluster:2:17``, ``area:aOUTLINE.sOUTLINE`` (added, subtracted), ``items:IDS``,
``like:100:IDS``, ``words:100:a red boat``, ``picture:100:DIGEST``. Outlines are float32 pairs and ids of 16 hex digits
are 8 bytes each, in URL-safe base64; ``@NAME`` in place of IDS names a list that the workspace keeps. Filters are one
JSON list.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

import numpy as np

from curation_core.selection import KEPT_NAME, Area, Filter, Selection, is_text

MOST_CHARACTERS = 8_000  # of a whole link, as it is written in an address; servers refuse longer ones
MOST_NEAREST = 10_000
LEVEL, CLUSTER, SELECTION, FILTERS, CUT = "level", "cluster", "sel", "filter", "cut"
_DAMAGED = "Part of this link is damaged or of another version; what could be read is shown."
_TOO_LONG = "The link was too long to hold everything; what it holds is shown."
_MOST_AREAS, _MOST_FILTERS, _MOST_VALUES, _MOST_TEXT = 32, 64, 1_000, 2_000
_LARGEST = 1e30  # of a coordinate
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PACKED = re.compile(r"[0-9a-f]{16}")
_KEPT = re.compile(KEPT_NAME)
_WHOLE = re.compile(r"[0-9]{1,9}")


def write(selection: Selection, filters: Sequence[Filter] = ()) -> dict[str, str]:
    """Query parameters of a selection and filters; a cluster as `level` and `cluster`.

    What would make the link longer than MOST_CHARACTERS is left out, filters before the selection, and `read` says so.
    """
    found: dict[str, str] = {}
    if selection.kind == "cluster":
        found = {LEVEL: str(selection.level), CLUSTER: str(selection.cluster)}
    elif said := write_selection(selection):
        found = {SELECTION: said}
    if _length(found) > MOST_CHARACTERS:
        found = {CUT: "1"}
    if filters:
        longer = found | {FILTERS: write_filters(filters)}
        found = longer if _length(longer) <= MOST_CHARACTERS else found | {CUT: "1"}
    return found


def read(params: Mapping[str, str]) -> tuple[Selection, tuple[Filter, ...], str]:
    """Selection, filters and a notice ("" when all is well) of query parameters; other parameters are not looked at."""
    notice = _TOO_LONG if CUT in params else ""
    selection: Selection | None = Selection()
    if SELECTION in params:
        selection = read_selection(str(params[SELECTION]))
    elif LEVEL in params or CLUSTER in params:
        selection = read_selection(f"cluster:{params.get(LEVEL, '')}:{params.get(CLUSTER, '')}")
    filters, whole = read_filters(str(params.get(FILTERS, "[]")))
    if selection is None or not whole:
        notice = _DAMAGED
    return selection or Selection(), filters, notice


def write_selection(selection: Selection) -> str:
    """A selection as one string; "" for none, and for one that names nothing."""
    match selection.kind:
        case "cluster":
            return f"cluster:{selection.level}:{selection.cluster}"
        case "area" if selection.areas:
            return "area:" + ".".join(("a" if area.adds else "s") + _outline(area) for area in selection.areas)
        case "items" if selection.n_items:
            return "items:" + _named_items(selection)
        case "nearest" if selection.text:
            return f"words:{selection.n}:{selection.text}"
        case "nearest" if selection.image:
            return f"picture:{selection.n}:{selection.image}"
        case "nearest" if selection.n_items:
            return f"like:{selection.n}:{_named_items(selection)}"
    return ""


def read_selection(text: str) -> Selection | None:
    """The selection that `write_selection` wrote as this string, None for anything else."""
    kind, _, rest = text.partition(":")
    if not text:
        return Selection()
    try:
        if kind == "cluster":
            level, _, cluster = rest.partition(":")
            return Selection("cluster", _whole(level, 99), _whole(cluster, 10**9))
        if kind == "area":
            return Selection("area", areas=_areas(rest))
        if kind == "items":
            return Selection("items", **_items(rest))
        return _nearest(kind, rest)
    except (ValueError, binascii.Error):
        return None


def write_filters(filters: Sequence[Filter]) -> str:
    """Filters as one JSON list: [kind, inverted, what it asks of the column]."""
    return json.dumps([_filter_list(one) for one in filters], ensure_ascii=False, separators=(",", ":"))


def read_filters(text: str) -> tuple[tuple[Filter, ...], bool]:
    """The filters that can be read, and whether that is all of them."""
    try:
        listed = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return (), False
    if not isinstance(listed, list) or len(listed) > _MOST_FILTERS:
        return (), False
    found = [_filter(one) for one in listed]
    return tuple(dict.fromkeys(one for one in found if one is not None)), None not in found


# ---- selections


def _nearest(kind: str, rest: str) -> Selection:
    number, _, what = rest.partition(":")
    n = _whole(number, MOST_NEAREST)
    if kind == "like":
        return Selection("nearest", n=n, **_items(what))
    if kind == "words" and len(what.strip()) > 0 and len(what) <= _MOST_TEXT and is_text(what):
        return Selection("nearest", text=what, n=n)
    if kind == "picture" and _DIGEST.fullmatch(what):
        return Selection("nearest", image=what, n=n)
    raise ValueError(kind)


def _outline(area: Area) -> str:
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused when it is read
        return _base64(np.asarray(area.polygon).astype("<f4").tobytes())


def _areas(text: str) -> tuple[Area, ...]:
    pieces = text.split(".")
    if len(pieces) > _MOST_AREAS:
        raise ValueError("too many areas")
    return tuple(_area(piece) for piece in pieces)


def _area(piece: str) -> Area:
    sign, data = piece[:1], _bytes(piece[1:])
    if sign not in ("a", "s") or len(data) % 8 or len(data) < 24:
        raise ValueError("not an outline")
    points = np.frombuffer(data, dtype="<f4").astype(np.float64).reshape(-1, 2)
    if not (np.abs(points) < _LARGEST).all():  # also what is not a number
        raise ValueError("not a place")
    return Area(tuple((float(x), float(y)) for x, y in points), sign == "a")


def _named_items(selection: Selection) -> str:
    return f"@{selection.kept}" if selection.kept else _packed_ids(selection.items)


def _items(text: str) -> dict[str, Any]:
    """What `_named_items` wrote, as fields of a selection."""
    if not text.startswith("@"):
        return {"items": _ids(text)}
    if not _KEPT.fullmatch(text[1:]):
        raise ValueError("not a list of items")
    return {"kept": text[1:]}


def _packed_ids(items: Sequence[str]) -> str:
    """Ids as 8 bytes each behind a tilde, where they are all of 16 hex digits; else as JSON."""
    if all(_PACKED.fullmatch(item) for item in items):
        return "~" + _base64(bytes.fromhex("".join(items)))
    return json.dumps(list(items), ensure_ascii=False, separators=(",", ":"))


def _ids(text: str) -> tuple[str, ...]:
    if text.startswith("~"):
        digits = _bytes(text[1:]).hex()
        if len(digits) % 16 or not digits:
            raise ValueError("not ids")
        return tuple(digits[start : start + 16] for start in range(0, len(digits), 16))
    try:
        listed = json.loads(text)
    except RecursionError:
        raise ValueError("not ids") from None
    if not isinstance(listed, list) or not listed or not all(_is_short(item) for item in listed):
        raise ValueError("not ids")
    return tuple(listed)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    if not text.isascii():
        raise ValueError("not base64")
    return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _whole(text: str, most: int) -> int:
    if not _WHOLE.fullmatch(text) or int(text) > most:
        raise ValueError("not a number")
    return int(text)


# ---- filters


def _filter_list(one: Filter) -> list[Any]:
    head = [one.kind, int(one.inverted)]
    match one.kind:
        case "one_of":
            return [*head, one.column, list(one.values)]
        case "between":
            return [*head, one.column, _finite(one.low), _finite(one.high)]
        case "contains":
            return [*head, one.column, one.text]
    return [*head, one.text]


def _filter(listed: object) -> Filter | None:
    match listed:
        case ["one_of", (0 | 1) as turned, str(column), list(values)] if len(values) <= _MOST_VALUES:
            fits = all(_is_short(value) for value in values)
            found = Filter("one_of", column, values=tuple(values), inverted=bool(turned)) if fits else None
        case ["between", (0 | 1) as turned, str(column), low, high] if _is_end(low) and _is_end(high):
            found = Filter("between", column, low=_end(low), high=_end(high), inverted=bool(turned))
        case ["contains", (0 | 1) as turned, str(column), str(text)]:
            found = Filter("contains", column, text=text, inverted=bool(turned)) if _is_short(text) else None
        case ["where", (0 | 1) as turned, str(text)]:
            found = Filter("where", text=text, inverted=bool(turned)) if _is_short(text) else None
        case _:
            found = None
    return found if found is not None and _is_short(found.column) else None


def _is_short(text: object) -> bool:
    return isinstance(text, str) and len(text) <= _MOST_TEXT and is_text(text)


def _is_end(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308


def _end(value: Any) -> float | None:
    return None if value is None else float(value)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _refused(constant: str) -> None:
    raise ValueError(constant)


def _length(params: Mapping[str, str]) -> int:
    return sum(len(name) + len(quote_plus(value, errors="replace")) + 2 for name, value in params.items())
