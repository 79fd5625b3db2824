"""Personal data in text: mail addresses, phone numbers, bank cards and accounts, found by form and check digits.

Every search looks at a bounded stretch around a place where something can begin, so that time grows with the length of
a text and with nothing else, whatever the text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.phone_numbers import find_phones
from curation_core.progress import Progress, silent

Kind = Literal["mail", "phone", "card", "iban"]
KINDS: tuple[Kind, ...] = ("mail", "phone", "card", "iban")
MAX_LOCAL, MAX_DOMAIN = 64, 255  # characters before and after the @, by RFC 5321
CHUNK = 10_000  # texts between two reports

_LOCAL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+")  # on the reversed text
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{1,30}|[^\W\d_]{2,24})(?!\w)", re.IGNORECASE
)
_RETINA = re.compile(r"[1-4]x\.(?:png|jpe?g|webp|gif|svg)\b", re.IGNORECASE)  # icon@2x.png

_CARD_START = re.compile(r"(?<![\w.,+-])\d(?=\d{3})")
_CARD = re.compile(r"\d{12,19}(?!\d)|\d{4}([ -])\d{3,7}(?:\1\d{3,7}){1,3}(?!\d)")
_ISSUERS = (  # first digits, lengths; public ranges of issuer identification numbers
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6011|65|64[4-9]|62"), (16, 17, 18, 19)),
    (re.compile(r"36|38|39|30[0-5]|3095"), (14,)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16,)),
    (re.compile(r"5018|5020|5038|5893|6304|6759|676[1-3]"), (12, 13, 14, 15, 16, 17, 18, 19)),
)

_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}")
_IBANS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27
GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27
MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TN24
TR26 UA29 VA22 VG24 XK20
"""  # length by country, from the public registry of ISO 13616
_IBAN_LENGTHS = {country: int(length) for country, length in re.findall(r"([A-Z]{2})(\d\d)", _IBANS)}

# a cheap first look, which misses nothing that the searches find: RE2 over whole columns, re over one text
_MAYBE = r"@|\d(?:[^\pL\d]{0,3}\d){5}|[A-Z]{2}\d{2}[ -]?[A-Z0-9]"
_MAYBE_HERE = re.compile(r"\d(?:[^\w]{0,3}\d){5}|[A-Z]{2}\d{2}[ -]?[A-Z0-9]")


@dataclass(frozen=True)
class Span:
    """Something personal in a text: text[start:stop]."""

    kind: Kind
    start: int
    stop: int


def find(text: str) -> tuple[Span, ...]:
    """What is personal in a text, in order and without overlaps."""
    if not _may_hold(text):
        return ()
    spans: list[Span] = []
    for search in (_mails, _ibans, _cards, _phones):  # what is surest first
        spans = _merged(spans, search(text))
    return tuple(sorted(spans, key=lambda span: span.start))


def mask(text: str) -> tuple[str, Counter[str]]:
    """The text with each span replaced by its kind, as in ``[mail]``, and how many there were of each kind."""
    spans = find(text)
    if not spans:
        return text, Counter()
    ends = [0, *(span.stop for span in spans)]
    kept = [text[start : span.start] + f"[{span.kind}]" for start, span in zip(ends, spans, strict=False)]
    return "".join(kept) + text[ends[-1] :], Counter(span.kind for span in spans)


def scan(texts: "Sequence[str | None] | pa.ChunkedArray | pa.Array", progress: Progress = silent) -> pa.Table:
    """How many of each kind every text holds: columns mail, phone, card, iban, int32, one row per text."""
    column = _as_column(texts)
    counts = {kind: np.zeros(len(column), np.int32) for kind in KINDS}
    for rows, found in _suspects(column, progress):
        for row, text in zip(rows, found, strict=True):
            for span in find(text):
                counts[span.kind][row] += 1
    return pa.table(counts)


def mask_column(column: pa.ChunkedArray, progress: Progress = silent) -> tuple[pa.ChunkedArray, np.ndarray]:
    """A column with all strings masked, of whatever type holds them, and how much was masked per row: (n,) int32.

    Strings in lists and structures are masked too; numbers, dates and bytes are left as they are.
    """
    counts = np.zeros(len(column), np.int32)
    if not _holds_strings(column.type):
        return column, counts
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        masked = [_mask_value(value) for value in column.to_pylist()]
        counts[:] = [count for _, count in masked]
        return pa.chunked_array([pa.array([value for value, _ in masked], column.type)]), counts
    changed: dict[int, str] = {}
    for rows, found in _suspects(column, progress):
        for row, text in zip(rows, found, strict=True):
            without, kinds = mask(text)
            if kinds:
                changed[row], counts[row] = without, kinds.total()
    return _replaced(column, changed), counts


# ---- kinds


def _mails(text: str) -> Iterator[Span]:
    place = text.find("@")
    while place >= 0:
        local = _LOCAL.match(text[max(0, place - MAX_LOCAL) : place][::-1])
        domain = _DOMAIN.match(text[place + 1 : place + 1 + MAX_DOMAIN])
        n_local = len(local.group().rstrip(".'*/=|")) if local else 0  # reversed: what leads, as a quote does
        if n_local and domain and not _RETINA.match(text, place + 1):
            yield Span("mail", place - n_local, place + 1 + domain.end())
        place = text.find("@", place + 1)


def _ibans(text: str) -> Iterator[Span]:
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match.group()[:2])
        stop = None if length is None else _stop_after(match.group(), length)
        if stop is None or match.group()[stop : stop + 1].isalnum():
            continue
        compact = re.sub(r"[ -]", "", match.group()[:stop])
        if int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])) % 97 == 1:
            yield Span("iban", match.start(), match.start() + stop)


def _cards(text: str) -> Iterator[Span]:
    stop = 0
    for start in (match.start() for match in _CARD_START.finditer(text)):
        found = _CARD.match(text, start) if start >= stop else None
        if found and (length := _card_length(found.group())):
            stop = start + length
            yield Span("card", start, stop)


def _card_length(candidate: str) -> int:
    """Characters of the card number that a candidate begins with; 0 when it begins with none."""
    groups = re.split(r"[ -]", candidate)
    for n_groups in range(len(groups), 0, -1):
        digits = "".join(groups[:n_groups])
        if any(first.match(digits) and len(digits) in lengths for first, lengths in _ISSUERS) and luhn(digits):
            return len(digits) + n_groups - 1
    return 0


def _phones(text: str) -> Iterator[Span]:
    return (Span("phone", start, stop) for start, stop in find_phones(text))


def luhn(digits: str) -> bool:
    """Whether the last of the digits is the check digit of the others (Luhn, ISO/IEC 7812), and not all are equal."""
    values = [int(digit) for digit in reversed(digits)]
    doubled = (2 * value - 9 * (value > 4) for value in values[1::2])
    return (sum(values[::2]) + sum(doubled)) % 10 == 0 and len(set(values)) > 1


def _stop_after(text: str, n_characters: int) -> int | None:
    """Where the n-th letter or digit ends."""
    places = [place for place, letter in enumerate(text) if letter.isalnum()]
    return places[n_characters - 1] + 1 if len(places) >= n_characters else None


def _merged(spans: list[Span], more: Iterable[Span]) -> list[Span]:
    """Spans and those of `more` that overlap none of them; of `more`, what overlaps each other becomes one."""
    found: list[Span] = []
    for span in more:
        if found and span.start < found[-1].stop:
            found[-1] = Span(span.kind, min(found[-1].start, span.start), max(found[-1].stop, span.stop))
        else:
            found.append(span)
    taken = sorted(spans + found, key=lambda span: span.start)
    clash = {late if late in found else early for early, late in pairwise(taken) if late.start < early.stop}
    return [span for span in taken if span not in clash]


# ---- columns


def _may_hold(text: str) -> bool:
    return "@" in text or _MAYBE_HERE.search(text) is not None


def _as_column(texts: "Sequence[str | None] | pa.ChunkedArray | pa.Array") -> pa.ChunkedArray:
    if isinstance(texts, pa.ChunkedArray):
        return texts
    return pa.chunked_array([texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())])


def _suspects(column: pa.ChunkedArray, progress: Progress) -> Iterator[tuple[list[int], list[str]]]:
    """Rows of a string column that may hold something, with their texts, some thousands at a time."""
    for start in range(0, len(column), CHUNK):
        part = column.slice(start, CHUNK)
        rows = np.flatnonzero(pc.match_substring_regex(part, _MAYBE).fill_null(False).to_numpy())
        yield (rows + start).tolist(), part.take(pa.array(rows)).to_pylist()
        progress("personal data", min(start + CHUNK, len(column)), len(column))


def _replaced(column: pa.ChunkedArray, changed: dict[int, str]) -> pa.ChunkedArray:
    if not changed:
        return column
    is_changed = np.zeros(len(column), dtype=bool)
    is_changed[list(changed)] = True
    values = pa.array([changed[row] for row in sorted(changed)], column.type)
    return pc.replace_with_mask(column, pa.array(is_changed), values)


def _holds_strings(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _holds_strings(kind.value_type)
    if kind.num_fields:
        return any(_holds_strings(kind.field(place).type) for place in range(kind.num_fields))
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _mask_value(value: Any) -> tuple[Any, int]:
    if isinstance(value, str):
        masked, kinds = mask(value)
        return masked, kinds.total()
    if isinstance(value, dict):
        parts = {name: _mask_value(part) for name, part in value.items()}
        return {name: part for name, (part, _) in parts.items()}, sum(count for _, count in parts.values())
    if isinstance(value, list | tuple):
        found = [_mask_value(part) for part in value]
        return type(value)(part for part, _ in found), sum(count for _, count in found)
    return value, 0
