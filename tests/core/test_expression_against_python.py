"""Random expressions agree with plain Python, row by row: each is a text and a function row -> value, None for none."""

import operator

from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.expression import evaluate
from curation_core.expression_syntax import quoted_text
from tests.core.test_expression import CAPTION, DRAWN, HEIGHT, SHAPE, WIDTH, columns

NAMES = {"width": WIDTH, "height": HEIGHT}
TEXTS = {"shape": [value or None for value in SHAPE], "`my caption`": CAPTION}
LETTERS = st.text(st.sampled_from("abdoctgBI's"), max_size=3)


def _of(function, value):
    return None if value is None else function(value)


def _number_leaves():
    column = st.sampled_from(sorted(NAMES)).map(lambda name: (name, lambda row: NAMES[name][row]))
    literal = st.integers(-5, 5).map(lambda value: (f"({value})", lambda row: float(value)))
    lengths = _texts().map(
        lambda one: (f"len({one[0]})", lambda row: None if one[1](row) is None else len(one[1](row)))
    )
    return st.one_of(column, literal, lengths)


def _texts():
    column = st.sampled_from(sorted(TEXTS)).map(lambda name: (name, lambda row: TEXTS[name][row]))
    literal = LETTERS.map(lambda value: (quoted_text(value), lambda row: value))
    plain = st.one_of(column, literal)
    lowered = plain.map(
        lambda one: (f"lower({one[0]})", lambda row: None if one[1](row) is None else one[1](row).lower())
    )
    return st.one_of(plain, lowered)


def _calculated(sign, left, right):
    if left is None or right is None or (sign == "/" and right == 0):
        return None
    return {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right, "/": lambda: left / right}[
        sign
    ]()


def _grown(inner):
    def pair(parts):
        sign, one, other = parts
        return f"({one[0]} {sign} {other[0]})", lambda row: _calculated(sign, one[1](row), other[1](row))

    def negative(one):
        return f"-{one[0]}", lambda row: _of(operator.neg, one[1](row))

    def absolute(one):
        return f"abs({one[0]})", lambda row: _of(abs, one[1](row))

    return st.one_of(
        st.tuples(st.sampled_from("+-*/"), inner, inner).map(pair),
        inner.map(negative),
        inner.map(absolute),
    )


def _compare(sign, left, right):
    if left is None or right is None:
        return False
    signs = {
        "=": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
    return signs[sign](left, right)


def _values():
    """Numbers that are calculated: a pair at least, in which divisions and gaps are common."""
    return _grown(st.recursive(_number_leaves(), _grown, max_leaves=3)) | _number_leaves()


def _conditions():
    values = _values()

    def compare(parts):
        sign, one, other = parts
        return f"{one[0]} {sign} {other[0]}", lambda row: _compare(sign, one[1](row), other[1](row))

    def among(parts):
        one, choices, turned = parts
        written = ", ".join(map(repr, choices) if not isinstance(choices[0], str) else map(quoted_text, choices))
        text = f"{one[0]} {'not ' if turned else ''}in [{written}]"
        return text, lambda row: one[1](row) is not None and (one[1](row) in choices) != turned

    def between(parts):
        one, low, high, turned = parts

        def value(row):
            three = one[1](row), low[1](row), high[1](row)
            return None not in three and (three[1] <= three[0] <= three[2]) != turned

        return f"{one[0]} {'not ' if turned else ''}between {low[0]} and {high[0]}", value

    def missing(one):
        return f"isnull({one[0]})", lambda row: one[1](row) is None

    def holds(parts):
        name, one, part = parts

        def value(row):
            text = one[1](row)
            return text is not None and (part in text if name == "contains" else text.startswith(part))

        return f"{name}({one[0]}, {quoted_text(part)})", value

    sign, turned = st.sampled_from(["=", "!=", "<", "<=", ">"]), st.booleans()
    leaves = st.one_of(
        st.tuples(sign, values, values).map(compare),
        st.tuples(sign, _texts(), _texts()).map(compare),
        st.tuples(values, st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=3), turned).map(among),
        st.tuples(_texts(), st.lists(LETTERS, min_size=1, max_size=3), turned).map(among),
        st.tuples(values, values, values, turned).map(between),
        st.tuples(_texts(), _texts(), _texts(), turned).map(between),
        st.one_of(values, _texts()).map(missing),
        st.tuples(st.sampled_from(["contains", "startswith"]), _texts(), LETTERS).map(holds),
        st.just(("drawn", lambda row: DRAWN[row])),
    )

    def joined(inner):
        return st.one_of(
            st.tuples(inner, inner).map(
                lambda two: (f"({two[0][0]} and {two[1][0]})", lambda r: two[0][1](r) and two[1][1](r))
            ),
            st.tuples(inner, inner).map(
                lambda two: (f"({two[0][0]} or {two[1][0]})", lambda r: two[0][1](r) or two[1][1](r))
            ),
            inner.map(lambda one: (f"not {one[0]}", lambda r: not one[1](r))),
        )

    return st.recursive(leaves, joined, max_leaves=4)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["=", "<", ">="]), _values(), _values())
def test_calculations_agree_with_python_row_by_row(sign, one, other):
    text = f"{one[0]} {sign} {other[0]} or isnull({one[0]})"
    expected = [_compare(sign, one[1](row), other[1](row)) or one[1](row) is None for row in range(4)]
    assert evaluate(text, columns()).tolist() == expected, text


@settings(max_examples=400, deadline=None)
@given(_conditions())
def test_expressions_agree_with_python_row_by_row(condition):
    text, value = condition
    assert evaluate(text, columns()).tolist() == [value(row) for row in range(4)], text
