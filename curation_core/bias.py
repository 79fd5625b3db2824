"""What a draw does to the values of one column: shares before and after, with intervals, and where the values live.

The pool is counted whole, so its shares are exact. A draw's share gets the interval in which the pool's share would
lie, were the draw a random one (Wilson 1927, with the correction for a finite pool): outside of it, the draw has moved
the group by more than chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation_core.associations import ClusterTable, cluster_table, clusters_json
from curation_core.attributes import Attribute
from curation_core.errors import ShapeError
from curation_core.metrics import balance

Z = 1.959964  # two-sided 95 %
MOST_GROUPS, MOST_LOST = 40, 20
_DIGITS = 6


@dataclass(frozen=True)
class BiasReport:
    """Groups of one column, the largest of the pool first; all arrays (g,).

    pool, reviewed, drawn: int64 items, in the pool, left by review, in the draw (one drawn twice counts twice). share:
    of the pool; after: of the draw; low, high: float64, its interval. ratio: after over share. protected: bool, marked
    by a person. n_values: different values in the pool; where there are more than shown, the last group is the rest.
    lost: the largest values that the draw has none of, n_lost: how many those are. missing: items without a value, as
    pool, reviewed, drawn; they are in no group and no share. entropy: normalised, over all values, pool and draw.
    """

    column: str
    kind: str
    groups: tuple[str, ...]
    pool: np.ndarray
    reviewed: np.ndarray
    drawn: np.ndarray
    low: np.ndarray
    high: np.ndarray
    protected: np.ndarray
    n_values: int
    lost: tuple[str, ...]
    n_lost: int
    missing: tuple[int, int, int]
    entropy: tuple[float, float]
    clusters: ClusterTable | None = None

    @property
    def share(self) -> np.ndarray:
        """(g,) float64, of the pool."""
        return self.pool / max(1, int(self.pool.sum()))

    @property
    def after(self) -> np.ndarray:
        """(g,) float64, of the draw."""
        return self.drawn / max(1, int(self.drawn.sum()))

    @property
    def ratio(self) -> np.ndarray:
        """(g,) float64, share of the draw over share of the pool."""
        found: np.ndarray = self.after / np.maximum(self.share, 1e-300)
        return found

    @property
    def worst(self) -> int | None:
        """The group that surely lost most: the least upper end of the ratio; None where none went down for sure."""
        lowered = np.flatnonzero(self.high < self.share)
        if not len(lowered):
            return None
        return int(lowered[np.argmin(self.high[lowered] / self.share[lowered])])

    @property
    def lowered(self) -> np.ndarray:
        """Protected groups that the draw lowers beyond their interval: int64 places, the worst first."""
        found = np.flatnonzero(self.protected & (self.high < self.share))
        return found[np.argsort(self.high[found] / self.share[found], kind="stable")]

    @property
    def warning(self) -> str:
        """One sentence where a protected group went down by more than chance, else nothing."""
        if not len(self.lowered):
            return ""
        said = [
            f"{self.groups[g]} from {100 * self.share[g]:.1f} % to {100 * self.after[g]:.1f} % "
            f"(at most {100 * self.high[g]:.1f} %)"
            for g in self.lowered[:3].tolist()
        ]
        more = f" and {len(self.lowered) - 3} more" if len(self.lowered) > 3 else ""
        return f"The draw lowers protected groups of {self.column}: {', '.join(said)}{more}."

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values; numbers to six digits."""
        rows = zip(self.groups, self.pool, self.reviewed, self.drawn, self.protected, strict=True)
        numbers = np.stack([self.share, self.after, self.low, self.high, self.ratio], axis=1).round(_DIGITS).tolist()
        names = ("share", "share_drawn", "low", "high", "ratio")
        worst = self.worst
        return {
            "column": self.column,
            "kind": self.kind,
            "n_values": self.n_values,
            "entropy": {"pool": round(self.entropy[0], _DIGITS), "drawn": round(self.entropy[1], _DIGITS)},
            "missing": dict(zip(("pool", "reviewed", "drawn"), self.missing, strict=True)),
            "worst": None if worst is None else self.groups[worst],
            "lost": {"n": self.n_lost, "largest": list(self.lost)},
            "warning": self.warning,
            "groups": [
                {"group": name, "pool": int(pool), "reviewed": int(reviewed), "drawn": int(drawn), "protected": bool(p)}
                | dict(zip(names, values, strict=True))
                for (name, pool, reviewed, drawn, p), values in zip(rows, numbers, strict=True)
            ],
            "clusters": None if self.clusters is None else clusters_json(self.clusters, self.groups),
        }


def bias_report(
    attribute: Attribute,
    drawn: np.ndarray,
    *,
    reviewed: np.ndarray | None = None,
    protected: Sequence[str] | None = None,
    clusters: np.ndarray | None = None,
    level: int = 0,
    most: int = MOST_GROUPS,
) -> BiasReport:
    """Shares of a column's values in the pool, after review and in a draw.

    attribute: of n items. drawn: (m,) rows, repeated where an item was drawn more than once. reviewed: (n,) bool, what
    review let through; all unless given. protected: values that must not go down, an empty list for all (of which those
    that fall most are shown). clusters: (n,) int, cluster of every item at `level`; without it there is no table of
    clusters. most: groups shown on their own; protected values that are named always are. Raises ShapeError when
    arrays do not fit.
    """
    n, k = len(attribute.codes), len(attribute.names)
    _require_same(attribute, reviewed, clusters)
    counts = [_counted(attribute, rows) for rows in (None, reviewed, drawn)]
    in_pool = counts[0][:k]
    known = _as_if_random(len(np.unique(drawn)), n, counts[2][:k].sum())
    marked = _marked(attribute.names, protected)
    named = marked if protected else marked & _lowest(in_pool, counts[2][:k], known, most)
    place, names = _shown(attribute, in_pool, named, most)
    pool, left, taken = (np.bincount(place, count[:k], minlength=len(names)).astype(np.int64) for count in counts)
    return BiasReport(
        *(attribute.column, attribute.kind, names, pool, left, taken, *wilson(taken, known)),
        protected=_alone(place, marked, in_pool > 0, len(names)),
        n_values=int((in_pool > 0).sum()),
        **_lost(attribute.names, in_pool, counts[2][:k]),
        missing=(int(counts[0][k]), int(counts[1][k]), int(counts[2][k])),
        entropy=(balance(in_pool).entropy, balance(counts[2][:k], pool=in_pool).entropy),
        clusters=None
        if clusters is None
        else cluster_table(_placed(attribute.codes, place), len(names), clusters, level),
    )


def wilson(hits: np.ndarray, n: float, z: float = Z) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval of shares. hits: (g,) counts that sum to what was counted; n: how much that tells, in draws.

    Returns low and high, (g,) float64. An infinite n tells all: both ends are the share. Of nothing drawn: 0 and 1.
    """
    total = float(np.sum(hits))
    if total == 0 or n == 0:
        return np.zeros(len(hits)), np.ones(len(hits))
    share = np.asarray(hits, dtype=np.float64) / total
    spread = 0.0 if np.isinf(n) else z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = np.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return np.where(hits == 0, 0.0, middle - half).clip(0, 1), np.where(hits == total, 1.0, middle + half).clip(0, 1)


def _require_same(attribute: Attribute, *arrays: np.ndarray | None) -> None:
    n = len(attribute.codes)
    if any(one is not None and np.shape(one) != (n,) for one in arrays):
        raise ShapeError(f"{attribute.column} has {n} items, review or clusters another number; give the same items")


def _counted(attribute: Attribute, rows: np.ndarray | None) -> np.ndarray:
    """Items per value, of all rows or of some, and last those without one: (k + 1,) int64."""
    codes, k = attribute.codes if rows is None else attribute.codes[rows], len(attribute.names)
    return np.bincount(np.where(codes < 0, k, codes), minlength=k + 1)


def _lost(names: Sequence[str], pool: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """Values that the pool has and the draw has not: the largest by name, and how many there are."""
    gone = np.flatnonzero((pool > 0) & (drawn == 0))
    gone = gone[np.argsort(-pool[gone], kind="stable")]
    return {"lost": tuple(names[value] for value in gone[:MOST_LOST].tolist()), "n_lost": len(gone)}


def _marked(names: Sequence[str], protected: Sequence[str] | None) -> np.ndarray:
    if protected is None:
        return np.zeros(len(names), dtype=bool)
    wanted = set(protected)
    return np.array([not wanted or name in wanted for name in names], dtype=bool)


def _lowest(pool: np.ndarray, drawn: np.ndarray, known: float, most: int) -> np.ndarray:
    """Values whose share surely falls, at most as many as are shown, the worst: (k,) bool."""
    share, high = pool / max(1, pool.sum()), wilson(drawn, known)[1]
    fallen = np.flatnonzero(high < share)
    worst = fallen[np.argsort(high[fallen] / share[fallen], kind="stable")][:most]
    found = np.zeros(len(pool), dtype=bool)
    found[worst] = True
    return found


def _alone(place: np.ndarray, marked: np.ndarray, present: np.ndarray, n_groups: int) -> np.ndarray:
    """Which groups are one marked value: (n_groups,) bool; a rest of several values never is."""
    of_one = np.bincount(place, present, minlength=n_groups) == 1
    found: np.ndarray = (np.bincount(place, marked & present, minlength=n_groups) > 0) & of_one
    return found


def _shown(attribute: Attribute, pool: np.ndarray, marked: np.ndarray, most: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """The group that each value is shown in, (k,) int64, and the groups' names; quantiles keep their own order."""
    order = np.flatnonzero(pool > 0) if attribute.kind == "quantiles" else np.argsort(-pool, kind="stable")
    order = order[pool[order] > 0]
    own = np.zeros(len(pool), dtype=bool)
    own[order[:most]] = True
    own |= marked & (pool > 0)
    if own.sum() == len(order) - 1:
        own[order] = True  # a rest of one value has a name of its own
    kept = order[own[order]]
    n_rest = len(order) - len(kept)
    place = np.full(len(pool), len(kept), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    names = tuple(attribute.names[value] for value in kept.tolist())
    if n_rest:
        return place, (*names, f"{n_rest:,} other values")
    return np.minimum(place, max(0, len(kept) - 1)), names


def _placed(codes: np.ndarray, place: np.ndarray) -> np.ndarray:
    return np.where(codes < 0, -1, place[np.maximum(codes, 0)]) if len(place) else codes


def _as_if_random(n_drawn: int, n: int, n_known: int) -> float:
    """How many independent draws tell as much as n_known of n_drawn items out of n, without replacement."""
    if n_drawn >= n:
        return np.inf
    return min(n_known, n_drawn) * (n - 1) / (n - n_drawn) if n > 1 else np.inf
