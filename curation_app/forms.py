"""A step's configuration as a form: labels, help and bounds come from the fields themselves."""

from collections.abc import Sequence
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from curation_core.config import StepConfig
from curation_core.errors import ConfigError


def fields(model: type[StepConfig], names: Sequence[str], current: StepConfig, *, key: str) -> dict[str, Any]:
    """One widget per named field, two in a row; returns the values as the model takes them."""
    values = {}
    columns = st.columns(2)
    for number, name in enumerate(names):
        with columns[number % 2]:
            values[name] = field(name, model.model_fields[name], getattr(current, name), key=f"{key}-{name}")
    return values


def field(name: str, info: FieldInfo, value: Any, *, key: str) -> Any:
    """The widget that fits a field's type."""
    label, about, annotation = label_of(name), info.description, _without_none(info.annotation)
    if get_origin(annotation) is Literal:
        choices = list(get_args(annotation))
        return st.selectbox(label, choices, index=choices.index(value), help=about, key=key)
    if annotation is bool:
        return st.toggle(label, value, help=about, key=key)
    if annotation in (int, float):
        low, high = bounds(info)
        cast = int if annotation is int else float
        return st.number_input(
            label,
            None if low is None else cast(low),
            None if high is None else cast(high),
            value,
            step=cast(1 if cast is int else 0.05),
            help=about,
            key=key,
            placeholder="chosen for you",
        )
    if get_origin(annotation) is tuple:
        text = st.text_input(label, ", ".join(map(str, value or ())), help=about, key=key, placeholder="chosen for you")
        return numbers(label, text)
    text = st.text_input(label, value or "", help=about, key=key)
    return text or None


def label_of(name: str) -> str:
    """A field's name as a label."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def bounds(info: FieldInfo) -> tuple[float | None, float | None]:
    """Smallest and largest value a field takes, None where it is open."""
    low = next((rule.ge for rule in info.metadata if hasattr(rule, "ge")), None)
    high = next((rule.le for rule in info.metadata if hasattr(rule, "le")), None)
    return low, high


def numbers(label: str, text: str) -> tuple[int, ...] | None:
    """Whole numbers separated by commas or spaces; None for an empty field. Raises ConfigError for anything else."""
    parts = text.replace(",", " ").split()
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"{label} is {text!r}; write whole numbers separated by commas, fine to coarse, like 200, 20")
    return tuple(map(int, parts)) or None


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation
