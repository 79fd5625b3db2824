"""Columns of a table by name: the one asked for, the only one that can be meant, or a sentence that says why not."""

import difflib
from collections.abc import Sequence

import pyarrow as pa

from curation_core.errors import ConfigError


def require_column(schema: pa.Schema, column: str, name: str) -> None:
    """Raises ConfigError, with the columns there are and the nearest one, unless the column exists."""
    if column not in schema.names:
        near = difflib.get_close_matches(column, schema.names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"{name} has no column {column!r}; {hint}its columns are {list_names(schema.names)}")


def text_column(schema: pa.Schema, wanted: str | None, name: str) -> str:
    """The column that holds the text: the one asked for, else `text`, else the only one of strings.

    Raises ConfigError when it is not there, holds no strings, or cannot be told.
    """
    strings = [field.name for field in schema if is_string(field.type)]
    strings = strings or [field.name for field in schema if pa.types.is_null(field.type)]  # columns without any value
    if wanted is not None:
        require_column(schema, wanted, name)
        if wanted not in strings:
            found = schema.field(wanted).type
            raise ConfigError(
                f"column {wanted!r} of {name} holds {found}, not text; text columns: {list_names(strings)}"
            )
        return wanted
    if "text" in strings:
        return "text"
    if len(strings) == 1:
        return str(strings[0])
    raise ConfigError(
        f"{name} has {len(strings)} text columns; set text_column to one of {list_names(strings or schema.names)}"
    )


def is_string(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    if pa.types.is_dictionary(kind):
        return is_string(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def list_names(names: Sequence[str], most: int = 20) -> str:
    """Names for an error message, not too many."""
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"
