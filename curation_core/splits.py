"""A draw parted for training and testing: even along the tree, and no two likenesses on different sides."""

from dataclasses import dataclass

import numpy as np

from curation_core.config import SplitConfig
from curation_core.errors import ShapeError
from curation_core.grouping import NearDuplicates
from curation_core.hierarchy import Hierarchy


@dataclass(frozen=True)
class Splits:
    """Which split every item is in. names: of the splits. code: (n,) int8 in tree rows, -1 where it is not drawn."""

    names: tuple[str, ...]
    code: np.ndarray

    def __post_init__(self) -> None:
        self.code.flags.writeable = False

    def counts(self, indices: np.ndarray) -> dict[str, int]:
        """Draws per split. indices: (m,) of the draw."""
        found = np.bincount(self.code[indices], minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))


@dataclass(frozen=True)
class Leakage:
    """What lies on different sides although it is alike.

    pairs: near-duplicates in different splits. largest: similarity of the most similar two in different splits, 0 where
    none was found down to `floor`, below which nobody looked.
    """

    pairs: int
    largest: float
    floor: float


def assign_splits(
    indices: np.ndarray,
    hierarchy: Hierarchy,
    config: SplitConfig,
    *,
    near: NearDuplicates | None = None,
    content: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Splits:
    """Part a draw along the tree, so that every cluster is in every split by its share.

    The tree is walked leaf by leaf and each split gets what it is short of so far; what a leaf owes is paid by the
    next. Items that are alike, over however many others, go together, the largest such parts of a leaf first; shares
    are then met by moving single items, as nearly as the parts allow.

    indices: (m,) of the draw; an item drawn twice counts twice. near: what is alike, all pairs from the threshold on.
    content: (n,) int, equal for equal bytes. groups: (n,) int, value of config.column per item, -1 without one; the
    tree is then walked within each value. Same seed, same splits. Raises ShapeError when an array does not fit.
    """
    n = hierarchy.n_items
    for name, values in (("content", content), ("groups", groups), ("near", near)):
        if values is not None and len(values) != n:
            raise ShapeError(f"{name} has {len(values)} rows for {n} items of the tree; give one per item")
    copies = np.bincount(indices, minlength=n)
    rows = _along_the_tree(np.flatnonzero(copies), hierarchy, config.seed, groups)
    unit = _bound_together(rows, n, near, content)
    leaf = hierarchy.point_assignment(1)[rows].astype(np.int64)
    turns = [leaf] if groups is None else [leaf, np.asarray(groups)[rows]]
    stratum = np.cumsum(_changes(turns)) - 1
    code = np.full(n, -1, dtype=np.int8)
    code[rows] = _deal(stratum, unit, copies[rows], np.array(list(config.shares.values())))
    return Splits(tuple(config.shares), code)


def leakage(splits: Splits, found: NearDuplicates, threshold: float) -> Leakage:
    """What is alike and lies on different sides. found: pairs down to their floor, in tree rows."""
    sides = splits.code[found.pairs]
    parted = (sides[:, 0] != sides[:, 1]) & (sides >= 0).all(axis=1)
    similarity = found.similarity[parted]
    alike = int((similarity >= np.float32(threshold)).sum())
    return Leakage(alike, float(similarity.max(initial=0.0)), found.threshold)


def _along_the_tree(rows: np.ndarray, hierarchy: Hierarchy, seed: int, groups: np.ndarray | None) -> np.ndarray:
    """Rows value by value, cluster by cluster from the top, at random in a leaf."""
    chance = np.random.default_rng([seed, 3]).permutation(hierarchy.n_items)
    keys = [chance[rows], *(assignment[rows] for assignment in hierarchy.assignments)]
    keys += [] if groups is None else [np.asarray(groups)[rows]]
    return rows[np.lexsort(keys)]


def _bound_together(rows: np.ndarray, n: int, near: NearDuplicates | None, content: np.ndarray | None) -> np.ndarray:
    """Number of the part that each row goes with: (m,) int64."""
    place = np.full(n, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    edges = [np.empty((0, 2), dtype=np.int64)]
    for labels in (content, None if near is None else near.group):
        if labels is not None:
            edges.append(_to_first(np.asarray(labels)[rows]))
    if near is not None:
        drawn = place[near.pairs]
        edges.append(drawn[(drawn >= 0).all(axis=1)])
    pairs = np.concatenate(edges)
    if not len(pairs):
        return np.arange(len(rows))
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(len(rows), len(rows)))
    unit: np.ndarray = connected_components(graph, directed=False)[1].astype(np.int64)
    return unit


def _to_first(labels: np.ndarray) -> np.ndarray:
    """Pairs of each item with the first one of its label: (p, 2) int64; -1 is no label."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    here = np.flatnonzero((labels >= 0) & (first[place] != np.arange(len(labels))))
    return np.column_stack([here, first[place[here]]])


def _changes(turns: list[np.ndarray]) -> np.ndarray:
    """Where something else begins: (m,) bool, the first row included."""
    changed = np.ones(len(turns[0]), dtype=bool)
    changed[1:] = np.any([values[1:] != values[:-1] for values in turns], axis=0)
    return changed


def _deal(stratum: np.ndarray, unit: np.ndarray, copies: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Split of every row: (m,) int64. stratum: (m,) ascending from 0. unit: (m,). copies: (m,) draws of each row."""
    size = np.bincount(unit, copies).astype(np.int64)  # of every part, in draws
    _, first = np.unique(unit, return_index=True)
    single = size[unit] == 1
    heads = first[size > 1]
    heads = heads[np.lexsort((-size[unit[heads]], stratum[heads]))]
    bound = np.full(len(size), -1, dtype=np.int64)
    owed, n_strata = [0.0] * len(shares), int(stratum[-1]) + 1 if len(stratum) else 0
    weight = np.bincount(stratum, copies, n_strata)
    alone = np.bincount(stratum[single], minlength=n_strata).tolist()
    begins = np.searchsorted(stratum[heads], np.arange(n_strata + 1))
    dealt = []
    for number in range(n_strata):
        owed = [had + weight[number] * share for had, share in zip(owed, shares, strict=True)]
        for head in heads[begins[number] : begins[number + 1]].tolist():
            side = owed.index(max(owed))
            bound[unit[head]] = side
            owed[side] -= int(size[unit[head]])
        given = _pay(owed, alone[number])
        owed = [had - got for had, got in zip(owed, given, strict=True)]
        dealt.append(given)
    code = bound[unit]
    counts = np.array(dealt, dtype=np.int64).reshape(-1)
    code[single] = np.repeat(np.tile(np.arange(len(shares)), n_strata), counts)
    return _settle(code, np.flatnonzero(single), owed)


def _pay(owed: list[float], n: int) -> list[int]:
    """Share n single items out by what is owed: as many whole ones as fit, the rest to whoever is short of most."""
    given = [max(0, int(had)) for had in owed]
    while sum(given) > n:
        left = [had - got if got else np.inf for had, got in zip(owed, given, strict=True)]
        given[left.index(min(left))] -= 1
    while sum(given) < n:
        left = [had - got for had, got in zip(owed, given, strict=True)]
        given[left.index(max(left))] += 1
    return given


def _settle(code: np.ndarray, single: np.ndarray, owed: list[float]) -> np.ndarray:
    """Move single items, spread over the tree, from splits that have too many to those that are short."""
    owed = list(owed)
    while max(owed, default=0) >= 1 - 1e-9:
        short, over = owed.index(max(owed)), owed.index(min(owed))
        there = single[code[single] == over]
        moved = min(int(max(owed) + 1e-9), max(1, int(-min(owed))), len(there))
        if not moved or min(owed) > -1e-9:
            break
        code[there[np.linspace(0, len(there) - 1, moved).astype(np.int64)]] = short
        owed[short], owed[over] = owed[short] - moved, owed[over] + moved
    return code
