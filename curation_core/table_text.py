"""Tables as text, whole columns at a time: cells of a CSV that no spreadsheet computes, and lines of JSON."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.table_columns import is_string

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STARTS_FORMULA = r"^[=+\-@\t\r]"
_NOT_PLAIN = r'["\\\x00-\x1f]'  # what a JSON string cannot hold as it is


def safe_cell(value: Any) -> Any:
    """A value for a CSV that no spreadsheet computes."""
    # a spreadsheet runs a cell that begins like this; the quote keeps it text
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def safe_texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of texts for a CSV that no spreadsheet computes."""
    runs = pc.match_substring_regex(values, _STARTS_FORMULA)
    if not pc.any(runs).as_py():
        return values
    return pc.if_else(pc.fill_null(runs, False), pc.binary_join_element_wise("'", values, ""), values)


def csv_table(table: pa.Table) -> pa.Table:
    """The table as a CSV tells it: names and texts safe, lists joined by semicolons, other nested values as JSON."""
    columns = [csv_column(column) for column in table.columns]
    return pa.table(columns, names=[safe_cell(name) for name in table.column_names])


def csv_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """One column as a CSV tells it."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return csv_column(column.cast(kind.value_type))
    if _is_list(kind) and not kind.value_type.num_fields and not _is_bytes(kind.value_type):
        items = column.cast(pa.list_(pa.string()))
        return csv_column(pa.chunked_array([_listed(part) for part in items.chunks], pa.string()))
    if kind.num_fields or _is_bytes(kind):
        column = pa.chunked_array([_spelled(column)])
    elif pa.types.is_float16(kind):
        return column.cast(pa.float32())
    elif not is_string(kind):
        return column
    column = column.cast(pa.string()) if not pa.types.is_large_string(column.type) else column
    return safe_texts(column)


def json_rows(table: pa.Table, *, start: str = "{", end: str = "}\n", raw: Mapping[str, Any] | None = None) -> pa.Array:
    """One JSON object per row, keys in the order of the columns: (n,) strings.

    start, end: what stands around each. raw: values that come first and are JSON already, (n,) strings each.
    """
    values = {**(raw or {}), **{name: table.column(name) for name in table.column_names}}
    if not values or not len(next(iter(values.values()))):
        return pa.array([], pa.string())
    parts: list[Any] = []
    for place, (name, column) in enumerate(values.items()):
        lead = start if place == 0 else ", "
        told = column if raw and name in raw else json_column(column)
        parts += [f"{lead}{json.dumps(name, ensure_ascii=False)}: ", told]
    return pc.binary_join_element_wise(*parts, end, "")


def json_column(column: pa.ChunkedArray) -> pa.Array:
    """Values as JSON: (n,) strings without nulls."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return json_column(column.cast(kind.value_type))
    if pa.types.is_float16(kind):
        return json_column(column.cast(pa.float32()))
    if is_string(kind):
        texts = _quoted(column.cast(pa.string()).combine_chunks())
    elif pa.types.is_floating(kind):
        numbers = column.combine_chunks()
        spelled = pc.replace_substring_regex(numbers.cast(pa.string()), r"^(-?\d+)$", r"\1.0")  # no whole number
        texts = pc.if_else(pc.is_finite(numbers), spelled, None)
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        texts = column.combine_chunks().cast(pa.string())
    else:
        texts = _spelled(column)
    return texts.fill_null("null")


def data_of(texts: pa.Array) -> memoryview:
    """The bytes of all strings, one after the other, without a copy."""
    offsets, data = texts.buffers()[1:]
    if not len(texts) or data is None:
        return memoryview(b"")
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data)[places[0] : places[-1]]


def _listed(lists: pa.Array) -> pa.Array:
    """Lists of texts joined by semicolons; what is null in a list is nothing between two of them."""
    if not lists.flatten().null_count:
        return pc.binary_join(lists, ";")
    values = lists.to_pylist()
    return pa.array([None if one is None else ";".join(text or "" for text in one) for one in values], pa.string())


def _quoted(texts: pa.Array) -> pa.Array:
    odd = pc.match_substring_regex(texts, _NOT_PLAIN).fill_null(False).to_numpy(zero_copy_only=False)
    plain = pc.binary_join_element_wise('"', texts, '"', "")
    if not odd.any():
        return plain
    rows = pa.array(odd)
    escaped = [json.dumps(text, ensure_ascii=False) for text in texts.filter(rows).to_pylist()]
    return pc.replace_with_mask(plain, rows, pa.array(escaped, pa.string()))


def _spelled(column: pa.ChunkedArray) -> pa.Array:
    """Nested values, bytes, dates as JSON, value by value: what no kernel spells."""
    texts = (None if value is None else _json(value) for value in column.to_pylist())
    return pa.array(texts, pa.string())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_other)


def _other(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )
