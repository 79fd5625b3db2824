"""Draws of several kinds in one: the union of nested draws, each with its share of the target.

A mix takes one step after another, and every step asks one of the parts for one item more, as their shares have it.
Steps go on until the union has as many items as are wanted: an item that two parts ask for counts once. As every part
is nested and grows by at most one item a step, so does the union. The wanted size is therefore met exactly, and the
mix for a larger target contains the one for a smaller.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_UNITS = 1_000_000  # shares are counted in millionths, so that steps are whole numbers
_LEAST_SLOPE = 0.01  # items per step that are reckoned with at least
_GUESSES = 12  # turns after which halving is surer than guessing


@dataclass(frozen=True)
class Part:
    """One nested draw of a mix.

    share: of the steps, above 0. most: items it can give. draw: a budget -> (n,) bool; each budget's items contain
    those of smaller ones, one item more per unit at most. All parts hold what is in at any size, however small their
    budget.
    """

    share: float
    most: int
    draw: Callable[[int], np.ndarray]


def mix(parts: Sequence[Part], target: int) -> np.ndarray:
    """The union of the parts that has `target` items: (n,) bool.

    The first part must be able to give everything that any part gives; what the others cannot give is asked of it. A
    target above that gives all, one below what is in at any size gives that.
    """
    if target >= parts[0].most:
        return parts[0].draw(parts[0].most)
    found = parts[0].draw(0)
    count = int(np.count_nonzero(found))  # what is in at any size, which every part holds
    if count >= target:
        return found
    low, high, step, turn, slope = target - 1, 0, target, 0, 1.0  # a step adds one item at most; high 0: not known yet
    before = (0, count)
    while count != target:
        found = union(parts, step)
        count, turn = int(np.count_nonzero(found)), turn + 1
        if count > target:
            high = step - (count - target)
        else:
            low = max(low, step + target - count - 1)
        if count != before[1] and step != before[0]:
            slope = min(1.0, max(_LEAST_SLOPE, (count - before[1]) / (step - before[0])))
        before = (step, count)
        step = _next(low, high, step + round((target - count) / slope), turn)
    return found


def _next(low: int, high: int, guess: int, turn: int) -> int:
    """A step above `low` and up to `high`, where one is known: the guess, or the middle after many turns."""
    if not high:
        return max(low + 1, guess)
    return (low + 1 + high) // 2 if turn > _GUESSES else min(max(low + 1, guess), high)


def budgets(parts: Sequence[Part], step: int) -> list[int]:
    """How much each part is asked for after so many steps; with one step more, one of them is asked for one more."""
    left, found = step, [0] * len(parts)
    whole = sum(part.share for part in parts)
    for number in range(len(parts) - 1, 0, -1):
        units = round(_UNITS * parts[number].share / whole)
        found[number] = left * units // _UNITS
        left -= found[number]
        whole -= parts[number].share
    for number in range(1, len(parts)):
        beyond = max(0, found[number] - parts[number].most)
        found[number] -= beyond
        left += beyond
    return [min(left, parts[0].most), *found[1:]]


def union(parts: Sequence[Part], step: int) -> np.ndarray:
    """What the parts give together after so many steps: (n,) bool."""
    asked = budgets(parts, step)
    found = parts[0].draw(asked[0]).copy()
    for part, budget in zip(parts[1:], asked[1:], strict=True):
        found |= part.draw(budget)
    return found
