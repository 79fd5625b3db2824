"""What items are coloured by: any column as classes or as a scale, levels of the tree by family. No Streamlit here.

And what they are sized by: any number.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from curation_app import hues
from curation_app.palette import ACCENT, CATEGORIES, CONTEXT, DECISIONS, MARKED, OTHER
from curation_core.hierarchy import Hierarchy
from curation_core.item_columns import ItemColumn, ItemColumns

MOST_CLASSES = 100  # rows of a legend
CLIPPED = (2.0, 98.0)  # per cent of the values that a scale spans
LARGEST = 255  # of the sizes
SCALE_MARK = " (scale)"  # a number of few values can be both: classes by its name, a scale with this behind it
EMPTY, NO_VALUE = "(empty)", "no value"
_MOST_FAMILIES = 40  # what is left over of a level is a class for each of the largest families, and one for the rest
_LEVEL = re.compile(r"level (\d+)")
_DECISIONS = {"undecided": CONTEXT, "kept": DECISIONS["keep"], "dropped": DECISIONS["drop"]}

Names = Callable[[int, int], str]  # level, cluster -> what it is called
Root = tuple[int, int] | None


@dataclass(frozen=True)
class Colouring:
    """One colour for each of n items.

    codes: (n,) uint8, the class, or the step of the scale. colours: one per code. kind "classes": names, one per code.
    "scale": names holds what has no value, whose codes come after the scale's. low, high: ends of the scale to read.
    """

    codes: np.ndarray
    names: tuple[str, ...]
    colours: tuple[str, ...]
    kind: Literal["classes", "scale"]
    title: str
    low: str = ""
    high: str = ""

    @cached_property
    def totals(self) -> np.ndarray:
        """Items per code: (k,) int64."""
        return np.bincount(self.codes, minlength=len(self.colours))

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """Items among some rows per code: (k,) int64."""
        return np.bincount(self.codes[rows], minlength=len(self.colours))


@dataclass(frozen=True)
class Sizing:
    """How large each of n items is. codes: (n,) uint8, 0 the smallest, and what has no value. low, high: to be read."""

    codes: np.ndarray
    title: str
    low: str = ""
    high: str = ""


@dataclass(frozen=True)
class Choice:
    """Something to colour or size by. name: what `colour_by`, `size_by` take; group: under what it stands in a list."""

    name: str
    group: str
    about: str = ""


def colourings(columns: ItemColumns) -> list[Choice]:
    """Everything to colour by, in the columns' order: classes, levels of the tree among them, and numbers as scales."""
    found = []
    for name, column in columns.items():
        if column.is_class:
            found.append(Choice(name, column.group, column.about))
        if column.kind == "number":
            found.append(Choice(name + SCALE_MARK if column.is_class else name, column.group, column.about))
    return found


def sizings(columns: ItemColumns) -> list[Choice]:
    """Everything to size by: numbers, the user's own first."""
    found = [Choice(name, column.group, column.about) for name, column in columns.items() if column.kind == "number"]
    return sorted(found, key=lambda choice: choice.group != "yours")


def default_colouring(columns: ItemColumns, tree: Hierarchy) -> str:
    """The user's first label, else the coarsest level."""
    own = (name for name, column in columns.items() if column.group == "yours" and column.kind == "class")
    level = (name for name, column in columns.items() if _level(column) == tree.n_levels)
    return next(own, None) or next(level, None) or next(iter(columns), "")


def colour_by(name: str, columns: ItemColumns, hierarchy: Hierarchy, root: Root, names: Names) -> Colouring:
    """Colour n items by a column. root: the cluster whose inside is coloured when a level is asked for, None for all.

    At most 100 classes; what is left over is said as "other". Raises ConfigError for a column that there is not.
    """
    column = column_of(name, columns)
    as_scale, level = column.name != name, _level(column)
    if level is not None:
        return _by_level(level, hierarchy, root, names)
    if as_scale or not column.is_class:
        return _by_number(column.name, columns.numbers(column.name))
    codes, said = columns.codes(column.name)
    if column.kind == "flag":
        shown = ACCENT if column.group == "draw" else MARKED
        return Colouring(codes.astype(np.uint8), tuple(said), (CONTEXT, shown), "classes", column.name)
    if column.group == "review":
        fixed = tuple(_DECISIONS.get(one, OTHER) for one in said)
        return Colouring(codes.astype(np.uint8), tuple(said), fixed, "classes", column.name)
    return _by_class(column, codes, said)


def size_by(name: str, columns: ItemColumns) -> Sizing:
    """Size n items by a number, between the values that hold all but the outermost.

    Raises ConfigError for a column that there is not and for one of no numbers.
    """
    values = columns.numbers(name)
    known = np.isfinite(values)
    low, high = _span(values if known.all() else values[known])
    codes = np.where(known, _steps(values, low, high, LARGEST + 1), 0).astype(np.uint8)
    return Sizing(codes, name, *_ends(values[known], low, high))


def column_of(name: str, columns: ItemColumns) -> ItemColumn:
    """The column that a choice is made of; raises ConfigError when there is none."""
    return columns.column(name if name in columns else name.removesuffix(SCALE_MARK))


def _level(column: ItemColumn) -> int | None:
    """The level of the tree that a column is, None for any other column."""
    found = _LEVEL.match(column.name) if column.group == "tree" and column.kind == "class" else None
    return int(found[1]) if found else None


def _by_class(column: ItemColumn, codes: np.ndarray, said: Sequence[str]) -> Colouring:
    """The largest classes in colours of their own; numbers in their own order, other classes by size."""
    sizes = np.bincount(codes, minlength=len(said))
    order = _largest_first(sizes)
    if len(order) > MOST_CLASSES:
        order = order[: MOST_CLASSES - 1]
    if column.kind == "number":
        order = np.sort(order)
    left = int((sizes > 0).sum()) - len(order)
    new = np.full(len(said), len(order), dtype=np.uint8)
    new[order] = np.arange(len(order), dtype=np.uint8)
    names = [str(said[code]) or EMPTY for code in order] + ([f"other ({left:,})"] if left else [])
    vivid = iter(hues.distinct(len(order)))
    colours = [CONTEXT if not said[code] else next(vivid) for code in order] + ([OTHER] if left else [])
    return Colouring(new[codes], tuple(names), tuple(colours), "classes", column.name)


def _by_level(level: int, tree: Hierarchy, root: Root, names: Names) -> Colouring:
    """Clusters of a level, or of a level below an opened cluster, in the hue of the family they belong to."""
    opened = root if root is not None and _is_cluster(root, tree) else None
    if opened is None:
        top, inside = tree.n_levels, np.ones(tree.n_clusters[level - 1], dtype=bool)
    else:
        top = max(1, opened[0] - 1)
        level = min(level, top)
        inside = _ancestors(tree, level, opened[0]) == opened[1]
    sizes = np.where(inside, tree.sizes(level), 0)
    few = np.count_nonzero(sizes) <= len(CATEGORIES)  # so few need no families to be told apart
    family = np.arange(len(sizes)) if few else _ancestors(tree, level, top)
    most = MOST_CLASSES - (opened is not None)
    code, said, colours = _families(
        sizes, family, most, lambda c: names(level, c), lambda f: names(level if few else top, f)
    )
    codes = code[tree.point_assignment(level)]
    if opened is None:
        return Colouring(codes, said, colours, "classes", f"level {level}")
    codes[tree.point_assignment(opened[0]) != opened[1]] = len(said)
    outside = f"outside {names(*opened)}"
    return Colouring(codes, (*said, outside), (*colours, CONTEXT), "classes", f"level {level} in {names(*opened)}")


def _families(
    sizes: np.ndarray, family: np.ndarray, most: int, name: Callable[[int], str], family_name: Callable[[int], str]
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Clusters as classes, family by family, each with what is left over of it: code (k,) uint8, names, colours.

    sizes: (k,), 0 for what is not shown. family: (k,), of every cluster.
    """
    order = _largest_first(sizes)
    families = _largest_first(np.bincount(family, sizes))
    rests = 0 if len(families) == len(order) else min(len(families), _MOST_FAMILIES)  # families that say what is left
    kept = order if len(order) <= most else order[: most - rests - (rests < len(families))]
    code = np.zeros(len(sizes), dtype=np.uint8)
    said: list[str] = []
    colours: list[str] = []
    left = np.setdiff1d(order, kept)
    for rank, (one, colour) in enumerate(zip(families.tolist(), hues.distinct(len(families)), strict=True)):
        mine, rest = kept[family[kept] == one], left[family[left] == one]
        code[mine] = len(said) + np.arange(len(mine))
        said += [name(cluster) for cluster in mine.tolist()]
        colours += hues.shades(colour, len(mine))
        if len(rest) and rank < rests:
            left = left[family[left] != one]
            code[rest] = len(said)
            said.append(f"other in {family_name(one)} ({len(rest):,})")
            colours.append(hues.quiet(colour))
    if len(left):
        code[left] = len(said)
        said.append(f"other ({len(left):,})")
        colours.append(OTHER)
    return code, tuple(said), tuple(colours)


def _by_number(name: str, values: np.ndarray) -> Colouring:
    """Numbers on a scale that spans all but the outermost values; what has no value is grey."""
    known = np.isfinite(values)
    low, high = _span(values if known.all() else values[known])
    steps = hues.SCALE_STEPS
    codes = np.where(known, _steps(values, low, high, steps), steps).astype(np.uint8)
    missing = not known.all()
    ends = _ends(values[known], low, high)
    colours = (*hues.scale(), CONTEXT) if missing else hues.scale()
    return Colouring(codes, (NO_VALUE,) if missing else (), colours, "scale", name, *ends)


def _steps(values: np.ndarray, low: float, high: float, steps: int) -> np.ndarray:
    """The step of every value between two ends, the middle one where they are one: (n,) float64, NaN stays NaN."""
    if low == high:
        return np.full(len(values), float(steps // 2))
    with np.errstate(invalid="ignore"):
        found: np.ndarray = np.clip(np.rint((values - low) * ((steps - 1) / (high - low))), 0, steps - 1)
    return found


def _span(values: np.ndarray) -> tuple[float, float]:
    """The values between which all but the outermost lie; all of them where hardly any differ."""
    if not len(values):
        return 0.0, 0.0
    low, high = np.percentile(values, CLIPPED).tolist()
    return (low, high) if low < high else (float(values.min()), float(values.max()))


def _ends(values: np.ndarray, low: float, high: float) -> tuple[str, str]:
    """The ends of a scale as they are to be read; a sign tells that there are values beyond."""
    if not len(values):
        return "", ""
    signs = ("≤ " if values.min() < low else "", "≥ " if values.max() > high else "")
    first, second = (f"{sign}{end:,.4g}" for sign, end in zip(signs, (low, high), strict=True))
    return first, second


def _largest_first(sizes: np.ndarray) -> np.ndarray:
    """What is not empty, largest first, ties in order: int64."""
    order = np.argsort(-sizes, kind="stable")
    found: np.ndarray = order[sizes[order] > 0]
    return found


def _ancestors(tree: Hierarchy, level: int, above: int) -> np.ndarray:
    """The cluster of a level above in which every cluster of a level lies: (k,) int64."""
    found = np.arange(tree.n_clusters[level - 1])
    for parents in (tree.levels[number].assignment for number in range(level, above)):
        found = parents[found]
    return found


def _is_cluster(root: tuple[int, int], tree: Hierarchy) -> bool:
    return 1 <= root[0] <= tree.n_levels and 0 <= root[1] < tree.n_clusters[root[0] - 1]
