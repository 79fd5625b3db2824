"""What an expression gives, number, text or flag; whatever does not fit is found here, before a column is read."""

import difflib
from typing import Literal as OneOf

from curation_core.expression_nodes import (
    Arithmetic,
    Between,
    Call,
    Column,
    Compare,
    Joined,
    Literal,
    Negative,
    Node,
    Not,
    Within,
)
from curation_core.expression_syntax import ExpressionError
from curation_core.item_columns import ItemColumns

Kind = OneOf["number", "text", "flag"]
KIND_NAMES = {"number": "a number", "text": "text", "flag": "yes or no"}


def kind_of(node: Node, columns: ItemColumns) -> Kind:
    """What a part of an expression gives; raises ExpressionError with the place and what was expected."""
    match node:
        case Literal(value=value):
            return "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        case Column():
            return _column_kind(node, columns)
        case Call():
            return _call_kind(node, columns)
        case Arithmetic(first=first, rest=rest):
            return _all_are("number", (first, *(after for _, after in rest)), columns)
        case Negative(inner=inner):
            return _all_are("number", (inner,), columns)
        case Not(inner=inner):
            return _all_are("flag", (inner,), columns)
        case Joined(parts=parts):
            return _all_are("flag", parts, columns)
    return _comparison_kind(node, columns)


def _comparison_kind(node: Compare | Within | Between, columns: ItemColumns) -> Kind:
    value, others, ordered = _compared(node)
    first = kind_of(value, columns)
    for other in others:
        _check_alike(value, first, other, kind_of(other, columns))
    if ordered and first == "flag":
        raise ExpressionError(node.at, "yes or no has no order; compare it with = or !=")
    return "flag"


def _compared(node: Compare | Within | Between) -> tuple[Node, tuple[Node, ...], bool]:
    """The value, what it is compared with, and whether that asks for an order."""
    if isinstance(node, Compare):
        return node.left, (node.right,), node.sign not in ("=", "!=")
    if isinstance(node, Within):
        return node.value, node.choices, False
    return node.value, (node.low, node.high), True


def _all_are(kind: Kind, parts: tuple[Node, ...], columns: ItemColumns) -> Kind:
    for part in parts:
        found = kind_of(part, columns)
        if found != kind:
            wanted = "a condition, yes or no," if kind == "flag" else KIND_NAMES[kind]
            raise ExpressionError(part.at, f"expected {wanted} here, {_said(part)} is {KIND_NAMES[found]}")
    return kind


def _column_kind(node: Column, columns: ItemColumns) -> Kind:
    if node.name in columns:
        kind = columns[node.name].kind
        return "text" if kind == "class" else kind
    near = difflib.get_close_matches(node.name.lower(), [name.lower() for name in columns], 3, 0.6)
    named = [name for close in near for name in columns if name.lower() == close]
    hint = f"near it: {', '.join(named)}" if named else f"there are {', '.join(list(columns)[:12])}"
    text = "; text goes in quotes" if not named else ""
    raise ExpressionError(node.at, f"there is no column {node.name[:60]!r}; {hint}{text}")


def _call_kind(node: Call, columns: ItemColumns) -> Kind:
    first = node.arguments[0]
    if node.name == "isnull":
        kind_of(first, columns)
        return "flag"
    if node.name in ("abs", "log"):
        return _all_are("number", (first,), columns)
    _all_are("text", (first,), columns)
    if node.name in ("contains", "startswith"):
        part = node.arguments[1]
        if not (isinstance(part, Literal) and isinstance(part.value, str)):
            raise ExpressionError(part.at, f"expected text in quotes as the second value of {node.name}()")
        return "flag"
    return "number" if node.name == "len" else "text"


def _check_alike(left: Node, first: Kind, right: Node, second: Kind) -> None:
    if first == second:
        return
    numbers = [part.value for part in (left, right) if isinstance(part, Literal) and isinstance(part.value, float)]
    hint = f"; write '{numbers[0]:g}' in quotes" if numbers and "text" in (first, second) else ""
    said = f"{_said(left)} is {KIND_NAMES[first]}, it is compared with {KIND_NAMES[second]}"
    raise ExpressionError(left.at, f"{said}; expected the same{hint}")


def _said(node: Node) -> str:
    match node:
        case Column(name=name):
            return f"column {name[:60]!r}"
        case Call(name=name):
            return f"{name}()"
        case Literal(value=value):
            return repr(value)[:60]
    return "this"
