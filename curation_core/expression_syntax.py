"""The grammar of expressions over columns, and its parser: text in, a tree of nodes out; nothing is ever executed.

expression  = both {"or" both}
both        = one {"and" one}
one         = {"not"} test
test        = sum [("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") sum
                  | ["not"] "in" "[" literal {"," literal} "]"
                  | ["not"] "between" sum "and" sum]
sum         = product {("+" | "-") product}
product     = factor {("*" | "/") factor}
factor      = {"-"} (number | text | "true" | "false" | column | function "(" sum {"," sum} ")" | "(" expression ")")
column      = a name, or anything in `backticks`
text        = 'in quotes' or "in quotes"; the quote itself is written twice
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal as OneOf

from curation_core.errors import ConfigError
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

MOST_CHARACTERS, MOST_DEPTH = 2_000, 40
FUNCTIONS = {"len": 1, "lower": 1, "contains": 2, "startswith": 2, "isnull": 1, "abs": 1, "log": 1}
_COMPARISONS = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WORDS = frozenset({"and", "or", "not", "in", "between", "true", "false"})
_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"""|(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")"""
    r"|(?P<ticked>`(?:[^`]|``)*`)"
    r"|(?P<sign><=|>=|<>|!=|==|[=<>()\[\],+\-*/])"
)


class ExpressionError(ConfigError):
    """An expression that cannot be read, or does not fit the columns. at: the place, counted in characters from 0."""

    def __init__(self, at: int, said: str) -> None:
        super().__init__(f"the expression at character {at + 1}: {said}")
        self.at, self.said = at, said


@dataclass(frozen=True)
class _Token:
    kind: str  # number, name, word, text, ticked, sign, end
    text: str
    at: int


def parse(text: str) -> Node:
    """The tree of an expression; raises ExpressionError with the place and what was expected there."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(MOST_CHARACTERS, f"it has {len(text):,} characters, {MOST_CHARACTERS:,} are allowed")
    if (half := next((at for at, character in enumerate(text) if "\ud800" <= character <= "\udfff"), None)) is not None:
        raise ExpressionError(half, "this is half a character; type it again")
    parser = _Parser(_tokens(text))
    tree = parser.expression()
    if parser.now.kind != "end":
        raise parser.expected("and, or, or the end of the expression")
    return tree


def quoted_column(name: str) -> str:
    """A column's name as it is written in an expression: as it is where that reads back, else in backticks."""
    plain = name.isidentifier() and name.lower() not in _WORDS and _TOKEN.fullmatch(name) is not None
    return name if plain else "`" + name.replace("`", "``") + "`"


def quoted_text(text: str) -> str:
    """A text as it is written in an expression."""
    return "'" + text.replace("'", "''") + "'"


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(at, _unreadable(text[at]))
        kind, piece = str(match.lastgroup), match.group()
        found.append(_Token("word" if kind == "name" and piece.lower() in _WORDS else kind, piece, at))
        at = match.end()
    return [*found, _Token("end", "", len(text))]


def _unreadable(character: str) -> str:
    if character in "'\"`":
        return f"what begins with {character} here never ends; close it with another {character}"
    if character in "&|!":
        return f"{character} means nothing here; write and, or, not"
    return f"{character!r} means nothing here; a name with such characters goes in backticks, text in quotes"


class _Parser:
    """Recursive descent over tokens; what repeats is a loop, so that only brackets nest."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._place, self._depth = tokens, 0, 0

    @property
    def now(self) -> _Token:
        """The token to be read next."""
        return self._tokens[self._place]

    def expected(self, what: str) -> ExpressionError:
        """The error that says what should stand here."""
        got = f"{self.now.text[:40]!r}" if self.now.text else "the end"
        hint = ""
        if self.now.kind in ("name", "number") and self._place and self._tokens[self._place - 1].kind == "name":
            hint = "; a column whose name has spaces goes in backticks"
        return ExpressionError(self.now.at, f"expected {what}, got {got}{hint}")

    def expression(self) -> Node:
        """Read as far as an expression goes."""
        return self._joined("or", lambda: self._joined("and", self._one))

    def _joined(self, word: OneOf["and", "or"], part: "Callable[[], Node]") -> Node:
        at, parts = self.now.at, [part()]
        while self._take("word", word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(at, word, tuple(parts))

    def _one(self) -> Node:
        at, turned = self.now.at, False
        while self._take("word", "not"):
            turned = not turned
        test = self._test()
        return Not(at, test) if turned else test

    def _test(self) -> Node:
        left, at = self._sum(), self.now.at
        if self.now.kind == "sign" and self.now.text in _COMPARISONS:
            sign = _COMPARISONS[self._next().text]
            compared = Compare(at, sign, left, self._sum())
            if self.now.kind == "sign" and self.now.text in _COMPARISONS:
                raise self.expected("and between two comparisons, or between")
            return compared
        inverted = self._take("word", "not")
        if self._take("word", "in"):
            return Within(at, left, self._choices(), inverted)
        if self._take("word", "between"):
            low = self._sum()
            if not self._take("word", "and"):
                raise self.expected("and with the upper end of between")
            return Between(at, left, low, self._sum(), inverted)
        if inverted:
            raise self.expected("in or between after not")
        return left

    def _choices(self) -> tuple[Literal, ...]:
        if not self._take("sign", "["):
            raise self.expected("[ and a list, as in [1, 2] or ['cat', 'dog']")
        found = [self._choice()]
        while self._take("sign", ","):
            found.append(self._choice())
        if not self._take("sign", "]"):
            raise self.expected(", or ] after a value of the list")
        return tuple(found)

    def _choice(self) -> Literal:
        at, turned = self.now.at, False
        while self._take("sign", "-"):
            turned = not turned
        if self.now.kind == "number":
            value = self._number()
            return Literal(at, -value if turned else value)
        if self.now.kind != "text" or turned:
            raise self.expected("a number, or text in quotes")
        return Literal(at, _unquoted(self._next().text))

    def _sum(self) -> Node:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._factor))

    def _chain(self, signs: tuple[str, str], part: "Callable[[], Node]") -> Node:
        at, first, rest = self.now.at, part(), []
        while self.now.kind == "sign" and self.now.text in signs:
            sign = self._next().text
            rest.append((sign, part()))
        return Arithmetic(at, first, tuple(rest)) if rest else first

    def _factor(self) -> Node:
        at, minus = self.now.at, 0
        while self._take("sign", "-"):
            minus += 1
        inner = self._atom()
        for _ in range(minus and 2 - minus % 2):  # twice is not nothing: it still has to be a number
            inner = Negative(at, inner)
        return inner

    def _atom(self) -> Node:
        token = self.now
        if token.kind == "number":
            return Literal(token.at, self._number())
        if token.kind == "text":
            return Literal(token.at, _unquoted(self._next().text))
        if token.kind == "word" and token.text.lower() in ("true", "false"):
            return Literal(token.at, self._next().text.lower() == "true")
        if token.kind == "ticked":
            return Column(token.at, _unquoted(self._next().text))
        if token.kind == "name":
            name = self._next().text
            return self._call(token.at, name) if self._take("sign", "(") else Column(token.at, name)
        if self._take("sign", "("):
            return self._nested(token.at)
        raise self.expected("a column, a number, text in quotes or (")

    def _nested(self, at: int) -> Node:
        self._deeper(at)
        inner = self.expression()
        if not self._take("sign", ")"):
            raise self.expected(f") for the ( at character {at + 1}")
        self._depth -= 1
        return inner

    def _call(self, at: int, name: str) -> Node:
        if name.lower() not in FUNCTIONS:
            raise ExpressionError(at, f"there is no function {name[:40]!r}; there are {', '.join(FUNCTIONS)}")
        self._deeper(at)
        arguments = [self._sum()]
        while self._take("sign", ","):
            arguments.append(self._sum())
        if not self._take("sign", ")"):
            raise self.expected(f") to close {name.lower()}(")
        self._depth -= 1
        wanted = FUNCTIONS[name.lower()]
        if len(arguments) != wanted:
            raise ExpressionError(at, f"{name.lower()}() takes {wanted} values, got {len(arguments)}")
        return Call(at, name.lower(), tuple(arguments))

    def _number(self) -> float:
        token = self._next()
        value = float(token.text)
        if value == float("inf"):
            raise ExpressionError(token.at, f"{token.text[:20]} is too large; the largest number is about 1.8e308")
        return value

    def _deeper(self, at: int) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ExpressionError(at, f"brackets nest deeper than {MOST_DEPTH}; write it with fewer")

    def _take(self, kind: str, text: str) -> bool:
        if self.now.kind == kind and self.now.text.lower() == text:
            self._place += 1
            return True
        return False

    def _next(self) -> _Token:
        token = self.now
        self._place += 1
        return token


def _unquoted(token: str) -> str:
    return token[1:-1].replace(token[0] * 2, token[0])
