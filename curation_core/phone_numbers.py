"""Phone numbers in text: international ones, and national ones in the forms that countries write, with few mistakes.

Digits alone are no phone number: there has to be a country code, the grouping of a national plan, or a word such as
"Tel." before them. Dates, ISBNs, versions, IP addresses, coordinates and plain long numbers are left alone.
"""

import re
from collections.abc import Iterator

_SEP = r"[ \u00a0\u2009\u202f.()/\-\u2010-\u2013]"  # what people put between the digits
# matched at a place, in this order; every repetition is bounded, so a place costs the same in any text
_INTERNATIONAL = re.compile(rf"\(?(?:\+ ?|00 ?)[1-9](?:{_SEP}{{0,3}}\d){{6,14}}(?!\d)")
_NORTH_AMERICAN = re.compile(r"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))[2-9]\d\d[ .-]\d{4}(?!\d)")
_TRUNK = re.compile(rf"\(?0[1-9](?:{_SEP}{{0,3}}\d){{6,10}}(?!\d)")
_AREA = re.compile(r"\(\d{1,4}\) ?\d{2,5}(?:[ -]?\d){4,8}(?!\d)")
_GROUPED = re.compile(  # India, China, Russia: by how many digits stand together
    r"(?:[6-9]\d{4}[ -]\d{5}|1[3-9]\d[ -]\d{4}[ -]\d{4}|8 ?\(\d{3}\) ?\d{3}-\d\d-\d\d)(?!\d)"
)
_CUED = re.compile(rf"\(?\d(?:{_SEP}{{0,3}}\d){{5,14}}(?!\d)")

_START = re.compile(r"(?<![\w+])[+(]{0,2}\d")
_CUE = re.compile(
    r"\b(?:tel|telephone|telefono?|téléphone|tél|phone|mobile|mobil|cell|handy|fax|call|dial|whatsapp|signal|sms|ruf)"
    r"(?: (?:no|nr|number|nummer|me|us|on|at|is|under)){0,2}[^\w\n]{0,4}\Z",
    re.IGNORECASE,
)
_CUE_REACH = 40  # characters before a number in which the word must begin
_DATE = re.compile(
    r"(?<!\d)(?:(?:0?[1-9]|[12]\d|3[01])([./-])(?:0?[1-9]|1[0-2])\1(?:19|20)?\d\d"
    r"|(?:0?[1-9]|1[0-2])([./-])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)?\d\d"
    r"|(?:19|20)\d\d([./-])(?:0?[1-9]|1[0-2])\3(?:0?[1-9]|[12]\d|3[01]))(?!\d)"
)
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")
_DECIMAL = re.compile(r"[+(]*\d{1,3}\.\d{1,8}\Z")
_ISBN_WORD = re.compile(r"\b(?:isbn|issn|ean|doi|isni|orcid)(?:-1[03])?[^\w\n]{0,3}\Z", re.IGNORECASE)
_BEFORE = frozenset("-/.,#$€£%@=&_:*")  # what stands right before numbers that are something else
_INSIDE = re.compile(r"\d ")
_LETTER = re.compile(r"[^\W\d_]")
_WORD_REACH = 8  # characters before a number of which one belongs to the word, if there is one
_AFTER = re.compile(r"\w|[-/.:,]\w|%| ?[€$£]")


def find_phones(text: str) -> Iterator[tuple[int, int]]:
    """(start, stop) of every phone number, in order, without overlaps; time grows with the length of the text."""
    stop = 0
    for match in _START.finditer(text):
        start = match.start()
        if start >= stop and (found := _number_at(text, start, stop)) is not None:
            stop = found
            yield start, found


def _number_at(text: str, start: int, previous: int) -> int | None:
    """Where the phone number that begins here ends; None when none begins here. previous: where the last one ended."""
    has_word = _LETTER.search(text, max(0, start - _WORD_REACH), start) is not None
    before = text[max(0, start - _CUE_REACH) : start] if has_word else ""
    if has_word and _ISBN_WORD.search(before):
        return None
    inside = start - 2 >= previous and _INSIDE.match(text, start - 2) is not None  # of a longer row of numbers
    found = None if inside and text[start] == "0" else _INTERNATIONAL.match(text, start)
    if found and _is_international(found.group()) and _ends(text, found.end()):
        return found.end()
    if has_word and _CUE.search(before):
        found = _CUED.match(text, start)
        return found.end() if found and not _is_other(found.group()) and _ends(text, found.end()) else None
    return None if inside or (start and text[start - 1] in _BEFORE) else _national(text, start)


def _national(text: str, start: int) -> int | None:
    for pattern, holds in _NATIONAL:
        found = pattern.match(text, start)
        if found and holds(found.group()) and not _is_other(found.group()) and _ends(text, found.end()):
            return found.end()
    return None


def _is_international(number: str) -> bool:
    is_padded = "+" not in number and number.isdigit()  # 0012345678 is an order, an article, anything
    return not (is_padded or _DECIMAL.match(number) or _DATE.search(number)) and _balanced(number)


def _is_trunk(number: str) -> bool:
    digits = re.sub(r"\D", "", number)
    gaps = re.findall(r"\D+", number.lstrip("("))
    return 9 <= len(digits) <= 12 and bool(gaps) and gaps != ["."] and _balanced(number) and not _is_isbn(number)


def _is_area(number: str) -> bool:
    digits = re.sub(r"\D", "", number)
    return 8 <= len(digits) <= 12 and not re.match(r"\((?:19|20)\d\d\)", number)


def _always(_number: str) -> bool:
    return True


_NATIONAL = ((_NORTH_AMERICAN, _always), (_TRUNK, _is_trunk), (_AREA, _is_area), (_GROUPED, _always))


def _is_other(number: str) -> bool:
    return bool(_DATE.search(number) or _IP.match(number) or _DECIMAL.match(number))


def _is_isbn(number: str) -> bool:
    """Ten digits in four groups, as 0-306-40615-2, with the check digit right."""
    digits = [int(digit) for digit in number if digit.isdigit()]
    weighted = sum(weight * digit for weight, digit in zip(range(10, 0, -1), digits, strict=False))
    return len(digits) == 10 and len(re.split(r"[ -]", number)) == 4 and weighted % 11 == 0


def _balanced(number: str) -> bool:
    return number.count("(") == number.count(")")


def _ends(text: str, stop: int) -> bool:
    return _AFTER.match(text, stop) is None
