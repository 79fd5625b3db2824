"""Filters over columns: which items they let through, whether they still fit, and what they say in words."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core import expression
from curation_core.errors import ConfigError
from curation_core.item_columns import ItemColumns
from curation_core.selection import Filter, is_text

MOST_CHARACTERS = 2_000  # of a text to look for


def matching(filters: Sequence[Filter], columns: ItemColumns) -> np.ndarray:
    """Items that every filter lets through: (n,) bool, all of them without a filter.

    Raises ConfigError for a column or an expression that does not fit; `fitting` tells beforehand.
    """
    found = np.ones(columns.n, dtype=bool)
    for one in filters:
        found &= passing(one, columns)
    return found


def passing(one: Filter, columns: ItemColumns) -> np.ndarray:
    """Items that one filter lets through: (n,) bool; raises ConfigError as `matching` does."""
    mask = _PASSING[one.kind](one, columns)
    return np.logical_not(mask) if one.inverted else mask


def fitting(filters: Sequence[Filter], columns: ItemColumns) -> tuple[tuple[Filter, ...], tuple[str, ...]]:
    """Those of the filters that these columns can answer, and a sentence for every other; reads no column."""
    kept, reasons = [], []
    for one in filters:
        try:
            _check(one, columns)
        except ConfigError as error:
            reasons.append(f"A filter does not fit this workspace: {error}.")
        else:
            kept.append(one)
    return tuple(kept), tuple(reasons)


def _check(one: Filter, columns: ItemColumns) -> None:
    if one.kind == "where":
        expression.check(one.text, columns)
        return
    column = columns.column(one.column)
    wanted = {"one_of": column.is_class, "between": column.is_number, "contains": True}
    if not wanted[one.kind]:
        raise ConfigError(f"{one.column!r} is {column.kind}, {one.kind} does not work on it; remove the filter")
    _check_text(one.text)


def _one_of(one: Filter, columns: ItemColumns) -> np.ndarray:
    values = frozenset(one.values)
    codes, names = columns.codes(one.column)
    return _of_codes(np.array([name in values for name in names], dtype=bool), codes)


def _between(one: Filter, columns: ItemColumns) -> np.ndarray:
    numbers = columns.numbers(one.column)
    found: np.ndarray = numbers == numbers  # all but NaN
    if one.low is not None:
        found &= numbers >= one.low
    if one.high is not None:
        found &= numbers <= one.high
    return found


def _contains(one: Filter, columns: ItemColumns) -> np.ndarray:
    column = columns.column(one.column)
    if column.kind == "class":
        codes, names = columns.codes(one.column)
        return _of_codes(_holding(pa.array(names, pa.string()), one.text), codes)
    return _holding(columns.texts(one.column), one.text)


def _holding(texts: pa.Array, part: str) -> np.ndarray:
    """Which texts hold a part, without regard to case: (n,) bool, false for null."""
    if len(part) > MOST_CHARACTERS or not is_text(part):
        raise ConfigError(
            f"a text to look for has at most {MOST_CHARACTERS:,} characters of Unicode; got {len(part):,}"
        )
    held = pc.match_substring(texts, part, ignore_case=True)
    return np.asarray(pc.fill_null(held, False).to_numpy(zero_copy_only=False), dtype=bool)


def _check_text(part: str) -> None:
    if len(part) > MOST_CHARACTERS or not is_text(part):
        raise ConfigError(
            f"a text to look for has at most {MOST_CHARACTERS:,} characters of Unicode; got {len(part):,}"
        )


def _of_codes(allowed: np.ndarray, codes: np.ndarray) -> np.ndarray:
    found: np.ndarray = allowed[codes] if len(allowed) else np.zeros(len(codes), dtype=bool)
    return found


_PASSING: dict[str, Callable[[Filter, ItemColumns], np.ndarray]] = {
    "one_of": _one_of,
    "between": _between,
    "contains": _contains,
    "where": lambda one, columns: expression.evaluate(one.text, columns),
}
