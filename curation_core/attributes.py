"""A column of the user's data as groups: its values, or equal parts of its numbers and dates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.columns import detect
from curation_core.errors import ConfigError

N_QUANTILES = 5
FEW = 20  # different numbers that are values of their own
_MOST_DIFFERENT = 0.5  # share of the items with a value of their own, from which a text is no attribute


@dataclass(frozen=True)
class Attribute:
    """Groups of n items. codes: (n,) int64 into names, -1 for an item without a value."""

    column: str
    kind: Literal["values", "quantiles"]
    codes: np.ndarray
    names: tuple[str, ...]


def attribute_of(name: str, column: pa.ChunkedArray, *, n_quantiles: int = N_QUANTILES) -> Attribute:
    """Group a column of n items.

    Truths, categories and numbers of few values by value; other numbers and dates by quantiles of the values there
    are. An empty cell, a NaN and an infinity have no value. Raises ConfigError where no value repeats, and for columns
    of lists or bytes.
    """
    if not _can_be_grouped(column.type):
        raise ConfigError(f"column {name!r} holds {column.type}, which has no groups; choose another column")
    meaning = detect(column)
    if meaning in ("number", "date") and len(pc.unique(column)) > FEW:
        return _quantiles(name, column, meaning == "date", n_quantiles)
    return _values(name, column)


def groupable(table: pa.Table) -> list[str]:
    """Columns of a table that `attribute_of` takes."""
    found = []
    for name in table.column_names:
        column = table.column(name)
        if _can_be_grouped(column.type) and (detect(column) in ("number", "date") or _repeats(column)):
            found.append(name)
    return found


def _values(name: str, column: pa.ChunkedArray) -> Attribute:
    if not _repeats(column):
        raise ConfigError(f"hardly a value of column {name!r} stands twice, so it makes no groups; choose another one")
    texts = column.cast(pa.string()).combine_chunks()
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    encoded = texts.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Attribute(name, "values", codes, tuple(encoded.dictionary.to_pylist()))


def _quantiles(name: str, column: pa.ChunkedArray, is_date: bool, n_quantiles: int) -> Attribute:
    values = _numbers(column, is_date)
    known = np.isfinite(values)
    if not known.any():
        return Attribute(name, "quantiles", np.full(len(values), -1, np.int64), ())
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, n_quantiles + 1), method="lower"))
    inner = edges[1:-1]
    codes = np.where(known, np.searchsorted(inner, np.nan_to_num(values), side="right"), -1)
    last = len(inner)
    names = [
        f"{_written(edges[i], is_date)} to {'below ' if i < last else ''}{_written(edges[i + 1], is_date)}"
        for i in range(last + 1)
        if i + 1 < len(edges)
    ]
    return Attribute(name, "quantiles", codes.astype(np.int64), tuple(names or [_written(edges[0], is_date)]))


def _numbers(column: pa.ChunkedArray, is_date: bool) -> np.ndarray:
    if is_date:
        kind = column.type
        dates = pc.cast(column, pa.timestamp("s"), safe=False) if not pa.types.is_string(kind) else _parsed(column)
        seconds = pc.cast(pc.cast(dates, pa.int64()), pa.float64())
        return np.asarray(seconds.to_numpy(), dtype=np.float64)
    texts = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    values = column.to_pylist() if texts else column.cast(pa.float64()).to_numpy()
    return np.array([float(v) if v not in (None, "") else np.nan for v in values]) if texts else np.asarray(values)


def _parsed(column: pa.ChunkedArray) -> pa.Array:
    from datetime import UTC, datetime

    found = []
    for text in column.to_pylist():
        moment = datetime.fromisoformat(text.strip()) if text and text.strip() else None
        found.append(moment.astimezone(UTC).replace(tzinfo=None) if moment and moment.tzinfo else moment)
    return pa.array(found, pa.timestamp("s"))


def _written(value: float, is_date: bool) -> str:
    return str(np.datetime64(int(value), "s")).replace("T00:00:00", "") if is_date else f"{value:,.6g}"


def _repeats(column: pa.ChunkedArray) -> bool:
    known: int = len(column) - column.null_count
    return known > 0 and len(pc.unique(column.drop_null())) <= max(1, _MOST_DIFFERENT * known)


def _can_be_grouped(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    others: Sequence[bool] = (pa.types.is_nested(kind), pa.types.is_binary(kind), pa.types.is_large_binary(kind))
    return not any((*others, pa.types.is_fixed_size_binary(kind), pa.types.is_null(kind)))
