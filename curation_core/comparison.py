"""Two draws held against each other: which items entered and left, why, and how much is the same, node by node.

Items are matched by id, so the draws may come from different trees, other workspaces, or a pool that has grown since.
Work is a few passes over the items and one look-up of ids; nothing is done per item in Python.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.changes import CAUSES, OF_WHY, Cause, Change, NodeChanges, node_changes
from curation_core.draw_sides import WORDS, DrawSide, Why
from curation_core.partitions import PartitionAgreement, agreement

Side = Literal["a", "b"]


@dataclass(frozen=True)
class TreeAgreement:
    """Two trees over the items that both have: n of them. same: whether they are one and the same tree.

    finest, coarsest: their finest and their top levels held against each other; None where the trees are the same or
    share no item.
    """

    n: int
    same: bool
    finest: PartitionAgreement | None = None
    coarsest: PartitionAgreement | None = None


@dataclass(frozen=True)
class EmbedderAgreement:
    """Two embeddings of the same items.

    shared: mean share of an item's k nearest neighbours that both find; by_chance: what two random lists would share.
    n_queries items were looked up among n. jaccard: overlap of the two draws at the same target; target: that size.
    """

    k: int
    shared: float
    by_chance: float
    n_queries: int
    n: int
    jaccard: float
    target: int


@dataclass(frozen=True)
class DrawComparison:
    """Draw A against draw B over the u items that either pool has; B's are appended to A's in their order.

    at: per side (u,) int64, rows in its tree, -1 where it has no such item. change: (u,) int8, of Change. cause: (u,)
    int8, of Cause, for what entered or left. nodes: per side the levels of its tree, finest first; where the trees are
    the same, of A's. trees: how far they agree. embedders: where the vectors are from different embedders, if asked.
    """

    a: DrawSide
    b: DrawSide
    at: tuple[np.ndarray, np.ndarray]
    change: np.ndarray
    cause: np.ndarray
    nodes: tuple[tuple[NodeChanges, ...], tuple[NodeChanges, ...]]
    trees: TreeAgreement
    embedders: EmbedderAgreement | None = None

    @cached_property
    def counts(self) -> Mapping[Change, int]:
        """Items per change."""
        found = np.bincount(self.change, minlength=len(Change))
        return {change: int(found[change]) for change in Change}

    @property
    def jaccard(self) -> float:
        """Items in both draws over items in either, 1 where both are empty."""
        stayed = self.counts[Change.STAYED]
        either = stayed + self.counts[Change.ENTERED] + self.counts[Change.LEFT]
        return stayed / either if either else 1.0

    def causes(self, change: Change) -> dict[str, int]:
        """How many items entered or left for which reason, most first."""
        found = np.bincount(self.cause[self.change == change], minlength=len(Cause))
        order = np.argsort(-found, kind="stable")
        return {CAUSES[Cause(one)]: int(found[one]) for one in order.tolist() if one and found[one]}

    def rows(self, change: Change) -> np.ndarray:
        """Items of one change among the u: int64, ascending."""
        return np.flatnonzero(self.change == change)

    def why(self, side: Side, rows: np.ndarray) -> np.ndarray:
        """How items stand on one side: int8, of Why. rows: among the u."""
        one, at = (self.a, self.at[0]) if side == "a" else (self.b, self.at[1])
        place = at[rows]
        found = np.where(place >= 0, one.why[place], Why.ABSENT).astype(np.int8)
        if len(one.unreadable) and (place < 0).any():
            lost = np.flatnonzero(place < 0)
            unread = pc.is_in(self.item_ids(rows[lost]), value_set=one.unreadable).to_numpy(zero_copy_only=False)
            found[lost[unread]] = Why.UNREADABLE
        return found

    def item_ids(self, rows: np.ndarray) -> pa.Array:
        """Ids of items among the u."""
        return self._taken("item_ids", rows)

    def paths(self, rows: np.ndarray) -> pa.Array:
        """Where the items lie below their source."""
        return self._taken("paths", rows)

    def as_table(self, *changes: Change) -> pa.Table:
        """One row per item that entered or left, or of the given changes: id, path, reasons, clusters, quotas."""
        wanted = changes or (Change.ENTERED, Change.LEFT)
        rows = np.flatnonzero(np.isin(self.change, wanted))
        columns = {
            "item_id": self.item_ids(rows),
            "path": self.paths(rows),
            "change": _worded({one: one.name.lower() for one in Change}, self.change[rows]),
            "cause": _worded({Cause.NONE: "", **CAUSES}, self.cause[rows]),
        }
        for name, side, at in (("a", self.a, self.at[0]), ("b", self.b, self.at[1])):
            place, there = at[rows], at[rows] >= 0
            leaf = side.hierarchy.point_assignment(1)[place]
            columns[f"why_{name}"] = _worded(WORDS, self.why("a" if name == "a" else "b", rows))
            columns[f"cluster_{name}"] = pa.array(leaf, pa.int32(), mask=~there)
            columns[f"quota_{name}"] = pa.array(side.quotas[0][leaf], pa.int64(), mask=~there)
        return pa.table(columns)

    def node_table(self, level: int, side: Side = "a") -> pa.Table:
        """One row per cluster of a level: items, quotas and taken, entered, left, stayed, Jaccard."""
        node = self.nodes[0 if side == "a" else 1][level - 1]
        quota = {f"quota_{name}": pa.array(node.quota[i], mask=node.quota[i] < 0) for i, name in enumerate("ab")}
        return pa.table(
            {
                "level": pa.array(np.full(len(node.items), level), pa.int16()),
                "cluster": pa.array(np.arange(len(node.items)), pa.int32()),
                "items": node.items,
                **quota,
                **{f"taken_{name}": node.taken[i] for i, name in enumerate("ab")},
                **{name: getattr(node, name) for name in ("entered", "left", "stayed")},
                "jaccard": pa.array(node.jaccard, from_pandas=True),
            }
        )

    def summary(self) -> dict[str, Any]:
        """The figures as plain values, for JSON."""
        found: dict[str, Any] = {
            name: {
                "name": one.name,
                "items": one.hierarchy.n_items,
                "drawn": int(one.copies.sum()),
                "n_clusters": list(one.hierarchy.n_clusters),
                "settings": dict(one.settings),
            }
            for name, one in (("a", self.a), ("b", self.b))
        }
        found |= {change.name.lower(): self.counts[change] for change in Change if change}
        found |= {"jaccard": self.jaccard, "common_items": int(((self.at[0] >= 0) & (self.at[1] >= 0)).sum())}
        found["causes"] = {one.name.lower(): self.causes(one) for one in (Change.ENTERED, Change.LEFT)}
        found["trees"] = _plain(self.trees)
        return found | ({"embedders": vars(self.embedders)} if self.embedders else {})

    def _taken(self, name: str, rows: np.ndarray) -> pa.Array:
        first, second = (at[rows] for at in self.at)
        taken = getattr(self.a, name).take(pa.array(first, mask=first < 0))
        only = first < 0
        if not only.any():
            return taken
        return pc.coalesce(taken, getattr(self.b, name).take(pa.array(second, mask=~only)))


def compare_draws(a: DrawSide, b: DrawSide) -> DrawComparison:
    """Hold draw A against draw B."""
    at = _matched(a.item_ids, b.item_ids)
    drawn = [np.where(place >= 0, one.drawn[place], False) for one, place in zip((a, b), at, strict=True)]
    change = np.where(drawn[0], np.where(drawn[1], Change.STAYED, Change.LEFT), np.where(drawn[1], Change.ENTERED, 0))
    change = change.astype(np.int8)
    same = _same_tree(a, b, at)
    first = node_changes(a.hierarchy, at[0], (a, b), at, change, same)
    second = first if same else node_changes(b.hierarchy, at[1], (a, b), at, change, same)
    found = DrawComparison(a, b, at, change, np.zeros(0, np.int8), (first, second), _trees(a, b, at, same))
    return DrawComparison(a, b, at, change, _causes(found, same), (first, second), found.trees)


def _matched(a: pa.Array, b: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Rows of A and B for every id that either has: A's in order, then what only B has."""
    rows = np.arange(len(a))
    if len(a) == len(b) and a.equals(b):
        return rows, rows
    place = pc.index_in(b, value_set=a).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    only = np.flatnonzero(place < 0)
    of_b = np.full(len(a), -1, np.int64)
    of_b[place[place >= 0]] = np.flatnonzero(place >= 0)
    return np.concatenate((rows, np.full(len(only), -1))), np.concatenate((of_b, only))


def _same_tree(a: DrawSide, b: DrawSide, at: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether both draw from one tree over the same items."""
    if a.hierarchy.n_clusters != b.hierarchy.n_clusters or not np.array_equal(*at):
        return False
    levels = zip(a.hierarchy.levels, b.hierarchy.levels, strict=True)
    return all(np.array_equal(first.assignment, second.assignment) for first, second in levels)


def _trees(a: DrawSide, b: DrawSide, at: tuple[np.ndarray, np.ndarray], same: bool) -> TreeAgreement:
    common = np.flatnonzero((at[0] >= 0) & (at[1] >= 0))
    if same or not len(common):
        return TreeAgreement(len(common), same)
    first, second = (
        [one.hierarchy.point_assignment(level)[place[common]] for level in (1, one.hierarchy.n_levels)]
        for one, place in ((a, at[0]), (b, at[1]))
    )
    return TreeAgreement(len(common), same, agreement(first[0], second[0]), agreement(first[1], second[1]))


def _causes(found: DrawComparison, same: bool) -> np.ndarray:
    """What made items enter or leave: (u,) int8, of Cause."""
    cause = np.zeros(len(found.change), np.int8)
    pairs: tuple[tuple[Change, Side, Side], ...] = ((Change.ENTERED, "b", "a"), (Change.LEFT, "a", "b"))
    for change, inside, outside in pairs:
        rows = found.rows(change)
        why_out, why_in = found.why(outside, rows), found.why(inside, rows)
        if same:
            leaf = found.a.hierarchy.point_assignment(1)[found.at[0][rows]]
            moved = found.a.quotas[0][leaf] != found.b.quotas[0][leaf]
            one = np.where(moved, Cause.QUOTA, Cause.SIBLING)
        else:
            one = np.full(len(rows), Cause.TREE)
        one = np.where(why_in == Why.KEPT, Cause.KEPT, one)
        for why, meant in OF_WHY.items():
            one = np.where(why_out == why, meant, one)
        cause[rows] = one
    return cause


def _worded(words: Mapping[Any, str], codes: np.ndarray) -> pa.Array:
    """Codes as a text column."""
    names = pa.array([words.get(code, "") for code in range(max(words) + 1)], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), names).cast(pa.string())


def _plain(trees: TreeAgreement) -> dict[str, Any]:
    levels = {name: getattr(trees, name) for name in ("finest", "coarsest")}
    return {"common_items": trees.n, "same": trees.same, **{name: vars(one) for name, one in levels.items() if one}}
