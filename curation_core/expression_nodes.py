"""The parts of an expression over columns. at: where a part begins, counted in characters from 0."""

from dataclasses import dataclass
from typing import Literal as OneOf


@dataclass(frozen=True)
class Literal:
    """A number, a text, true or false."""

    at: int
    value: float | str | bool


@dataclass(frozen=True)
class Column:
    """A column by name."""

    at: int
    name: str


@dataclass(frozen=True)
class Not:
    """The opposite."""

    at: int
    inner: "Node"


@dataclass(frozen=True)
class Joined:
    """All of the parts, or any of them."""

    at: int
    word: OneOf["and", "or"]
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Compare:
    """Two values next to each other. sign: =, !=, <, <=, > or >=."""

    at: int
    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Within:
    """A value is one of some; inverted: it is none of them."""

    at: int
    value: "Node"
    choices: tuple[Literal, ...]
    inverted: bool


@dataclass(frozen=True)
class Between:
    """low <= value <= high; inverted: it lies outside."""

    at: int
    value: "Node"
    low: "Node"
    high: "Node"
    inverted: bool


@dataclass(frozen=True)
class Arithmetic:
    """Numbers from left to right. rest: the signs (+ and -, or * and /) with what follows them."""

    at: int
    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True)
class Negative:
    """A number with its sign turned."""

    at: int
    inner: "Node"


@dataclass(frozen=True)
class Call:
    """One of FUNCTIONS."""

    at: int
    name: str
    arguments: tuple["Node", ...]


Node = Literal | Column | Not | Joined | Compare | Within | Between | Arithmetic | Negative | Call
