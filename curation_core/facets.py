"""What a column holds, for choosing a filter: how many items per class, where numbers lie; vectorised, n at a time."""

from dataclasses import dataclass

import numpy as np

from curation_core.item_columns import ItemColumns

BINS = 40


@dataclass(frozen=True)
class ClassFacet:
    """Classes of a column, the ones with most matching items first.

    names: k of them. matching, total: (k,) int64 items.
    """

    names: tuple[str, ...]
    matching: np.ndarray
    total: np.ndarray


@dataclass(frozen=True)
class NumberFacet:
    """Where the numbers of a column lie. low, high: the least and the largest finite one, NaN when there is none.

    matching, total: (BINS,) int64 items per equal part of [low, high]. missing: items without a number.
    """

    low: float
    high: float
    matching: np.ndarray
    total: np.ndarray
    missing: int


def class_facet(column: str, columns: ItemColumns, matching: np.ndarray) -> ClassFacet:
    """Count the classes of a column among all items and among those that match, (n,) bool; no class without items."""
    codes, names = columns.codes(column)
    total = np.bincount(codes, minlength=len(names))
    kept = np.bincount(codes[matching], minlength=len(names))
    order = np.lexsort((np.arange(len(names)), -total, -kept))
    order = order[total[order] > 0]
    return ClassFacet(tuple(names[code] for code in order), kept[order], total[order])


def number_facet(column: str, columns: ItemColumns, matching: np.ndarray) -> NumberFacet:
    """Count the numbers of a column in equal bins, among all items and among those that match, (n,) bool."""
    numbers = columns.numbers(column)
    finite = np.isfinite(numbers)
    if not finite.any():
        none = np.zeros(BINS, dtype=np.int64)
        return NumberFacet(np.nan, np.nan, none, none, len(numbers))
    known = numbers[finite]
    low, high = float(known.min()), float(known.max())
    bins = np.zeros(len(known), dtype=np.int64)
    span = high / 2 - low / 2  # halves: the span of float64 overflows float64
    if span > 0:
        scaled = (known / 2 - low / 2) / span
        bins = np.minimum((scaled * BINS).astype(np.int64), BINS - 1)
    total = np.bincount(bins, minlength=BINS)
    kept = np.bincount(bins[matching[finite]], minlength=BINS)
    return NumberFacet(low, high, kept, total, len(numbers) - len(known))


def flag_facet(column: str, columns: ItemColumns, matching: np.ndarray) -> tuple[int, int]:
    """How many of the items that match carry a flag, and how many do not."""
    marked = int(np.count_nonzero(columns.numbers(column)[matching]))
    return marked, int(np.count_nonzero(matching)) - marked
