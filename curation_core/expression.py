"""Expressions over columns, such as ``width > 2 * height and not contains(lower(name), 'copy')``, as (n,) bool.

Values are numbers, texts (classes are their names) and yes or no (flags). What has no value (NaN, null, an empty class,
a division by zero, the logarithm of what is not positive) stays without one through arithmetic, `lower` and `len`. A
comparison with what has no value is false, whatever it asks: also !=, not in, not between; `not` in front turns that
around, and `isnull` finds it. Texts compare by code points; upper and lower case differ.
"""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.expression_kinds import KIND_NAMES, kind_of
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
from curation_core.expression_syntax import ExpressionError, parse
from curation_core.item_columns import ItemColumns

_TEXT_SIGNS = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_NUMBER_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": lambda left, right: (left < right) | (left > right),  # false for NaN, as all the others are
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(text: str, columns: ItemColumns) -> np.ndarray:
    """Where an expression is true: (n,) bool. Raises ExpressionError with the place and what was expected."""
    tree = _checked(text, columns)
    with np.errstate(all="ignore"):  # what overflows is infinite, what has no value is NaN
        found = _value(tree, columns)
    return np.array(np.broadcast_to(found, (columns.n,)), dtype=bool)


def check(text: str, columns: ItemColumns) -> None:
    """Raise ExpressionError where `evaluate` would; no column is read."""
    _checked(text, columns)


def column_names(text: str) -> set[str]:
    """Names of all columns that an expression reads; raises ExpressionError when it cannot be read."""
    return {node.name for node in _nodes(parse(text)) if isinstance(node, Column)}


def _checked(text: str, columns: ItemColumns) -> Node:
    tree = parse(text)
    if (kind := kind_of(tree, columns)) != "flag":
        raise ExpressionError(0, f"it gives {KIND_NAMES[kind]}; expected a condition, such as {_example(columns)}")
    return tree


def _example(columns: ItemColumns) -> str:
    return next((f"{name} > 0" for name in columns if columns[name].kind == "number" and name.isidentifier()), "1 < 2")


# ---- values: numbers as float64, flags as bool, of all items or of one; texts as _Texts


@dataclass(frozen=True)
class _Texts:
    """Texts of all items: one by one, or by the code of each; a constant has one value, which is everybody's."""

    values: Any  # pyarrow string array
    codes: np.ndarray | None = None
    constant: bool = False

    def each(self, function: Callable[[Any], Any]) -> Any:
        """A function of the texts, as numpy, of all items or of one; null becomes false or NaN."""
        found = function(self.values)
        if pa.types.is_boolean(found.type):
            found = pc.fill_null(found, False)
        array = np.asarray(found.to_numpy(zero_copy_only=False))
        if self.constant:
            return array[0]
        return array if self.codes is None else array[self.codes]

    def spread(self) -> Any:
        """One text per item."""
        return self.values if self.codes is None else self.values.take(pa.array(self.codes))


def _value(node: Node, columns: ItemColumns) -> Any:
    return _VALUES[type(node)](node, columns)


def _literal(node: Literal, _columns: ItemColumns) -> Any:
    if isinstance(node.value, str):
        return _Texts(pa.array([node.value], pa.string()), constant=True)
    return np.bool_(node.value) if isinstance(node.value, bool) else np.float64(node.value)


def _column(node: Column, columns: ItemColumns) -> Any:
    kind = columns[node.name].kind
    if kind == "number":
        return columns.numbers(node.name)
    if kind == "flag":
        return np.asarray(columns[node.name].values(), dtype=bool)
    if kind == "class":
        codes, names = columns.codes(node.name)
        return _Texts(pa.array([name or None for name in names], pa.string()), np.asarray(codes))
    return _Texts(columns.texts(node.name))


def _joined(node: Joined, columns: ItemColumns) -> Any:
    function = np.logical_and if node.word == "and" else np.logical_or
    found = _value(node.parts[0], columns)
    for part in node.parts[1:]:
        found = function(found, _value(part, columns))
    return found


def _compared(sign: str, left: Any, right: Any) -> Any:
    if not isinstance(left, _Texts):
        return _NUMBER_SIGNS[sign](left, right) if np.asarray(left).dtype != bool else (left == right) ^ (sign == "!=")
    compare = _TEXT_SIGNS[sign]
    if right.constant:
        return left.each(lambda values: compare(values, right.values[0]))
    if left.constant:
        return right.each(lambda values: compare(left.values[0], values))
    return _Texts(left.spread()).each(lambda values: compare(values, right.spread()))


def _within(node: Within, columns: ItemColumns) -> Any:
    value, choices = _value(node.value, columns), [choice.value for choice in node.choices]
    if isinstance(value, _Texts):
        found = value.each(lambda values: pc.is_in(values, value_set=pa.array(choices, pa.string())))
    else:
        ordered = np.unique(np.array(choices, dtype=np.float64))
        found = ordered[np.minimum(np.searchsorted(ordered, value), len(ordered) - 1)] == value
    return np.logical_not(found | _missing(value)) if node.inverted else found


def _between(node: Between, columns: ItemColumns) -> Any:
    value, low, high = (_value(part, columns) for part in (node.value, node.low, node.high))
    found = _compared(">=", value, low) & _compared("<=", value, high)
    return np.logical_not(found | _missing(value) | _missing(low) | _missing(high)) if node.inverted else found


def _calculated(node: Arithmetic, columns: ItemColumns) -> Any:
    found = _value(node.first, columns)
    for sign, part in node.rest:
        value = _value(part, columns)
        if sign == "/":
            found = found / np.where(value == 0, np.nan, value)
        else:
            found = {"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](found, value)
    return found


def _called(node: Call, columns: ItemColumns) -> Any:
    value = _value(node.arguments[0], columns)
    match node.name:
        case "isnull":
            return _missing(value)
        case "abs":
            return np.abs(value)
        case "log":
            return np.log(np.where(value > 0, value, np.nan))
        case "len":
            return value.each(lambda values: pc.cast(pc.utf8_length(values), pa.float64()))
        case "lower":
            return _Texts(pc.utf8_lower(value.values), value.codes, value.constant)
    part = node.arguments[1]
    assert isinstance(part, Literal)
    find = pc.match_substring if node.name == "contains" else pc.starts_with
    return value.each(lambda values: find(values, str(part.value)))


def _missing(value: Any) -> Any:
    """Which have no value: bool, of all items or of one."""
    if isinstance(value, _Texts):
        return value.each(pc.is_null)
    return np.isnan(value) if np.asarray(value).dtype != bool else np.zeros(np.shape(value), dtype=bool)


_VALUES: dict[type, Callable[[Any, ItemColumns], Any]] = {
    Literal: _literal,
    Column: _column,
    Not: lambda node, columns: np.logical_not(_value(node.inner, columns)),
    Joined: _joined,
    Compare: lambda node, columns: _compared(node.sign, _value(node.left, columns), _value(node.right, columns)),
    Within: _within,
    Between: _between,
    Arithmetic: _calculated,
    Negative: lambda node, columns: -_value(node.inner, columns),
    Call: _called,
}


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for value in vars(node).values():
        for part in value if isinstance(value, tuple) else (value,):
            inner = part[1] if isinstance(part, tuple) else part  # (sign, node) in arithmetic
            if isinstance(inner, Node):
                yield from _nodes(inner)
