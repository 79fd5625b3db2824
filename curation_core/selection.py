"""What a person picked out, as a description that fits into a link: a selection, and filters beside it.

A description names clusters, outlines, items, words or an example; `find` (module finding) turns it into rows. A filter
narrows everything that is shown; a selection is what is in hand.
"""

from dataclasses import dataclass
from typing import Literal

SelectionKind = Literal["none", "cluster", "area", "items", "nearest"]
FilterKind = Literal["one_of", "between", "contains", "where"]
KEPT_NAME = r"[1-9][0-9]{0,9}-[0-9a-f]{32}"  # of a list of items that is kept: how many, and a hash of them


@dataclass(frozen=True)
class Area:
    """An outline on the map: polygon of (x, y) in the map's own units. adds False: what lies inside is taken out."""

    polygon: tuple[tuple[float, float], ...]
    adds: bool = True


@dataclass(frozen=True)
class Selection:
    """What is in hand.

    kind "cluster": level, cluster. "area": areas, applied in order. "items": items (ids). "nearest": the n items most
    like the examples: items (ids, their mean direction), or text (words, where the embedder knows texts), or image
    (digest of a picture that was dropped in, whose vector the workspace keeps). kept: the name of a list of items that
    the workspace keeps (module picked_items), in place of items that are too many for a link.
    """

    kind: SelectionKind = "none"
    level: int = 0
    cluster: int = -1
    areas: tuple[Area, ...] = ()
    items: tuple[str, ...] = ()
    text: str = ""
    image: str = ""
    n: int = 100
    kept: str = ""

    @property
    def n_items(self) -> int:
        """Items that it names one by one."""
        return int(self.kept.partition("-")[0]) if self.kept else len(self.items)


@dataclass(frozen=True)
class Filter:
    """One condition on a column of ItemColumns (or, for "where", an expression over all of them).

    "one_of": the column's class is one of values. "between": low <= number <= high, None is open, NaN never fits.
    "contains": the column's text holds `text`, without regard to case. "where": the expression `text` is true.
    inverted: what does not fit stays.
    """

    kind: FilterKind
    column: str = ""
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    text: str = ""
    inverted: bool = False


def is_text(text: str) -> bool:
    """Whether a text is whole Unicode; what comes out of a link may hold halves of characters, which nothing stores."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
