"""What a dataset card is made of: sections of plain blocks that Markdown and HTML both know how to show."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

_TURNING = re.compile("[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_SPACE = re.compile(r"[ \t\n\r\f\v]+")
Cell = str | int | float | None


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Alarm:
    """A paragraph that must not be missed."""

    text: str


@dataclass(frozen=True)
class Blank:
    """What only a person can say: its name, the question, and the setting that answers it."""

    name: str
    question: str
    setting: str


@dataclass(frozen=True)
class Bullets:
    """Short statements."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows under named columns. caption: what the rows are."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Figures:
    """A strip of figures: label, value, and what the value means."""

    values: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Code:
    """Lines to copy. language: of the fence."""

    language: str
    text: str


@dataclass(frozen=True)
class Curves:
    """Sizes by rank, one line per series. series: name -> (rank (m,), size (m,)); what: the things ranked."""

    title: str
    what: str
    series: tuple[tuple[str, np.ndarray, np.ndarray], ...]
    table: Table
    alt: str


@dataclass(frozen=True)
class Bars:
    """Shares before and after, per name. before, after: (g,) shares; low, high: (g,) interval of after, or None."""

    title: str
    names: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    table: Table
    alt: str
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    pictures: tuple[tuple["Item", ...], ...] = ()


@dataclass(frozen=True)
class Parts:
    """One bar cut into parts: name -> count."""

    title: str
    parts: tuple[tuple[str, int], ...]
    table: Table
    alt: str


@dataclass(frozen=True)
class Item:
    """An item to look at: WebP bytes of a picture or None, and its caption; of a text the text itself."""

    caption: str
    picture: bytes | None = None
    text: str = ""


@dataclass(frozen=True)
class Items:
    """A contact sheet."""

    caption: str
    items: tuple[Item, ...]


Block = Text | Alarm | Blank | Bullets | Table | Figures | Code | Curves | Bars | Parts | Items


@dataclass(frozen=True)
class Section:
    """Blocks under a title; key: what links point at."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Card:
    """A whole card. title and lead stand above the sections."""

    title: str
    lead: str
    head: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = field(default=())

    @property
    def blanks(self) -> tuple[Blank, ...]:
        """What a person has yet to fill in."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Blank))


def clean(value: object, most: int = 200) -> str:
    """A text from the data on one line, clipped, without marks that hide or turn what follows."""
    kept = _SPACE.sub(" ", _TURNING.sub(" ", str(value)[: 4 * most])).strip(" ")  # a number stays with its per cent
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def percent(share: float, digits: int = 1) -> str:
    """A share as people read it."""
    return f"{100 * share:.{digits}f}\u00a0%"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: 1 item, 1,200 items."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence, those beyond `most` as a number."""
    shown = list(names[:most])
    rest = len(names) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest:,} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else "none"
