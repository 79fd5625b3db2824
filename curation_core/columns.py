"""What columns mean: found from their values, shown before ingest, corrected by a person."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curation_core.config import ColumnType
from curation_core.errors import ConfigError

MAX_CATEGORIES = 50  # more different values than this are no categories
_TRUTHS = {"true": True, "yes": True, "y": True, "t": True, "false": False, "no": False, "n": False, "f": False}
_ALL_TRUTHS = {**_TRUTHS, "1": True, "0": False}
_N_EXAMPLES = 5


@dataclass(frozen=True)
class ColumnSummary:
    """One column as far as it was looked at: type is Arrow's word, meaning ours; counts are of the rows seen."""

    name: str
    type: str
    meaning: ColumnType
    examples: tuple[str, ...]
    n_distinct: int
    n_missing: int


def detect(column: pa.ChunkedArray) -> ColumnType:
    """What the values of a column look like: truth, date, number, category (few different values), else text."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_boolean(kind):
        return "truth"
    if pa.types.is_temporal(kind):
        return "date"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_integer(kind):
        return "category" if _repeats(column, MAX_CATEGORIES) else "number"
    if not _is_text(kind):
        return "text"
    return _detect_text(column.drop_null().cast(pa.string()))


def summarise(table: pa.Table) -> tuple[ColumnSummary, ...]:
    """All columns of the rows that were looked at."""
    return tuple(_summary(name, table.column(name)) for name in table.column_names)


def correct(table: pa.Table, types: Mapping[str, ColumnType], *, first_row: int = 0) -> pa.Table:
    """Columns cast to what they mean; others stay. first_row: where the table begins, for messages.

    number: whole and floating numbers stay, texts become float64. date: timestamp[us]. truth: bool. category and text:
    string. Raises ConfigError with the column, the first value that does not fit, and its row.
    """
    for name, meaning in types.items():
        if name not in table.column_names:
            continue
        column = _corrected(table.column(name), meaning, name, first_row)
        table = table.set_column(table.column_names.index(name), pa.field(name, column.type), column)
    return table


def correct_schema(schema: pa.Schema, types: Mapping[str, ColumnType]) -> pa.Schema:
    """The schema that correct gives; raises ConfigError for a column that is not there or cannot mean that."""
    for name in types:
        if name not in schema.names:
            near = difflib.get_close_matches(name, schema.names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"its columns are {', '.join(schema.names) or 'none'}"
            raise ConfigError(f"column_types names {name!r}, which the source does not have; {hint}")
    fields = [
        pa.field(field.name, _target(field.type, types[field.name], field.name)) if field.name in types else field
        for field in schema
    ]
    return pa.schema(fields)


def _detect_text(values: pa.ChunkedArray) -> ColumnType:
    if not len(values):
        return "text"
    distinct = pc.unique(values).to_pylist()[:1000]
    if all(value.strip().lower() in _TRUTHS for value in distinct):
        return "truth"
    if all(_as_number(value) is not None for value in distinct):
        return "number"
    if all(_looks_like_date(value) for value in distinct):
        return "date"
    return "category" if _repeats(values, MAX_CATEGORIES) else "text"


def _repeats(values: pa.ChunkedArray, most: int) -> bool:
    """Few different values, each there twice on average, or at least half of a short column is."""
    n_distinct = int(pc.count_distinct(values).as_py())
    return n_distinct <= most and 2 * n_distinct <= len(values)


def _summary(name: str, column: pa.ChunkedArray) -> ColumnSummary:
    shown = column.drop_null().slice(0, _N_EXAMPLES).to_pylist() if not _is_heavy(column.type) else []
    try:
        n_distinct = int(pc.count_distinct(column).as_py())
    except pa.ArrowException:  # lists and structs are not counted
        n_distinct = len(column) - column.null_count
    examples = tuple(str(value)[:80] for value in shown)
    return ColumnSummary(name, str(column.type), detect(column), examples, n_distinct, column.null_count)


def _is_heavy(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_struct(kind))


def _corrected(column: pa.ChunkedArray, meaning: ColumnType, name: str, first_row: int) -> pa.ChunkedArray:
    target = _target(column.type, meaning, name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.type == target:
        return column
    if _is_text(column.type) and target != pa.string():
        return _parsed(column, meaning, target, name, first_row)
    try:
        return column.cast(target)
    except pa.ArrowException as error:
        raise ConfigError(f"column {name!r} cannot be read as {meaning} ({error}); set another type") from None


def _parsed(
    column: pa.ChunkedArray, meaning: ColumnType, target: pa.DataType, name: str, first_row: int
) -> pa.ChunkedArray:
    """Texts as numbers, dates or truths; an empty text is a missing value."""
    found = []
    for row, value in enumerate(column.to_pylist()):
        parsed = None if value is None or not value.strip() else _parse(value, meaning)
        if parsed is None and value is not None and value.strip():
            raise ConfigError(
                f"column {name!r} holds {value[:80]!r} in row {first_row + row}, which is no {meaning}; "
                "mend the value or set another type"
            )
        found.append(parsed)
    return pa.chunked_array([pa.array(found, target)])


def _parse(value: str, meaning: ColumnType) -> object:
    if meaning == "number":
        return _as_number(value)
    if meaning == "truth":
        return _ALL_TRUTHS.get(value.strip().lower())
    return _as_date(value)


def _target(kind: pa.DataType, meaning: ColumnType, name: str) -> pa.DataType:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if meaning in ("category", "text") and not (pa.types.is_nested(kind) or _is_heavy(kind)):
        return pa.string()
    if meaning == "number" and (is_number or _is_text(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        return kind if is_number else pa.int64() if pa.types.is_boolean(kind) else pa.float64()
    if meaning == "date" and (pa.types.is_date(kind) or pa.types.is_timestamp(kind) or _is_text(kind)):
        return pa.timestamp("us")
    if meaning == "truth" and (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or _is_text(kind)):
        return pa.bool_()
    raise ConfigError(f"column {name!r} holds {kind}, which cannot be read as {meaning}; set another type")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _as_number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _looks_like_date(value: str) -> bool:
    return len(value.strip()) >= 8 and _as_date(value) is not None


def _as_date(value: str) -> object:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
