"""What balance costs and gains at every size of a draw, beside as many items at random."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curation_core.draw_order import item_priority
from curation_core.errors import ConfigError
from curation_core.grouping import NearDuplicates
from curation_core.knn import nearest
from curation_core.metrics import balance, vendi
from curation_core.progress import Progress, silent
from curation_core.sampling import Drawing

MOST_POOL, MOST_DRAWN = 20_000, 1_000  # items on which crowding and the Vendi score are measured
N_SIZES, N_SEEDS = 12, 5
_NEIGHBOR = 5
_LITTLE = 0.005  # a smaller gain in entropy is none, however small the spread
FIGURES = {
    "entropy": "how evenly the draw spreads over the groups, 1 is even",
    "gini": "inequality of the groups, 0 is equal",
    "coverage": "share of the groups that have an item",
    "uncrowding": "mean log distance to the fifth neighbour in the pool, high is sparse",
    "vendi": "effective number of different items",
    "near-duplicates": "share of the draw that repeats another item of it",
}


@dataclass(frozen=True)
class Retention:
    """Figures of draws of many sizes.

    sizes: (b,) int64, ascending. drawn: figure -> (b,) float64, of the draw. random: figure -> (s, b) float64, of as
    many items at random, over s seeds. n_items: that may be drawn. measured_on: items that crowding was measured on, 0
    where it was not.
    """

    sizes: np.ndarray
    drawn: Mapping[str, np.ndarray]
    random: Mapping[str, np.ndarray]
    n_items: int
    measured_on: int

    def gain(self, name: str) -> np.ndarray:
        """What the draw has more than the mean of the random ones: (b,) float64."""
        found: np.ndarray = self.drawn[name] - self.random[name].mean(axis=0)
        return found

    def spread(self, name: str) -> np.ndarray:
        """How far random draws lie apart by their seed alone: (b,) float64."""
        found: np.ndarray = np.ptp(self.random[name], axis=0)
        return found

    def pays(self) -> np.ndarray:
        """Where the draw is more even than random ones by more than their seeds' spread: (b,) bool."""
        found: np.ndarray = self.gain("entropy") > np.maximum(self.spread("entropy"), _LITTLE)
        return found


def retention(
    drawing: Drawing,
    codes: np.ndarray,
    *,
    vectors: np.ndarray | None = None,
    near: NearDuplicates | None = None,
    sizes: np.ndarray | None = None,
    n_seeds: int = N_SEEDS,
    progress: Progress = silent,
) -> Retention:
    """Measure draws of many sizes over groups, and as many items at random.

    codes: (n,) int, group of every item of the tree. vectors: (n, d), for crowding and the Vendi score, both on at most
    MOST_POOL and MOST_DRAWN items. near: groups of near-duplicates, where they were looked for. sizes: by default
    N_SIZES from 1 % of what may be drawn up to all, evenly in their logarithm. Raises ConfigError when nothing may be
    drawn.
    """
    rows = np.flatnonzero(drawing.allowed)
    if not len(rows):
        raise ConfigError("nothing may be drawn: review has dropped everything; keep some clusters")
    asked = default_sizes(min(len(rows), drawing.most)) if sizes is None else np.unique(sizes)
    measure = _Measure(rows, np.asarray(codes), vectors, near, drawing.config.seed)
    total, drawn, random = len(asked) * (1 + n_seeds), [], []
    orders = [rows[np.argsort(item_priority(len(rows), 1_000 + seed))] for seed in range(n_seeds)]
    for number, size in enumerate(asked.tolist()):
        progress("retention", number * (1 + n_seeds), total)
        indices = drawing.plan(size).indices
        drawn.append(measure(indices, indices if drawing.config.multiplier == 1 else np.unique(indices)))
        random.append([measure(order[:size], order[:size]) for order in orders])
    progress("retention", total, total)
    return Retention(
        asked,
        {name: np.array([one[name] for one in drawn]) for name in drawn[0]},
        {name: np.array([[one[name] for one in at] for at in random]).T for name in drawn[0]},
        len(rows),
        len(measure.sampled),
    )


def default_sizes(most: int) -> np.ndarray:
    """Sizes from 1 % up to all, evenly in their logarithm: (b,) int64."""
    return np.unique(np.geomspace(max(1, most / 100), most, N_SIZES).round().astype(np.int64))


def advice(found: Retention, target_size: int, groups: str) -> str:
    """One sentence on whether balancing pays at a size, from what was measured. groups: what they are called."""
    at = int(np.abs(np.log(found.sizes / max(1, target_size))).argmin())
    mine, others, pays = found.drawn["entropy"][at], found.random["entropy"][:, at], found.pays()
    said = f"entropy over the {groups} is {mine:.3f}, at random {others.min():.3f} to {others.max():.3f}"
    share = f"{found.sizes[at]:,} of {found.n_items:,} items ({100 * found.sizes[at] / found.n_items:.1f} %)"
    if pays[at]:
        return f"Balancing pays at {share}: {said}."
    paying = found.sizes[pays]
    if not len(paying):
        return f"Balancing does not pay here: the pool is even already. At {share} {said}."
    if paying.max() < found.sizes[at]:
        why, where = "so large a draw can hardly differ from the pool", f"At {paying.max():,} items it does."
    else:
        why, where = "so small a draw is what chance makes it", f"At {paying.min():,} items it does."
    return f"Balancing does not pay at {share}: {why}; {said}. {where}"


def beside(found: Retention, target_size: int) -> str:
    """What evenness does not tell, in one sentence: crowding, different items and copies beside random draws."""
    at = int(np.abs(np.log(found.sizes / max(1, target_size))).argmin())
    told = {"uncrowding": "sparseness of the places", "vendi": "different items", "near-duplicates": "repeats"}
    parts = []
    for name, words in told.items():
        if name in found.drawn and np.isfinite(found.random[name][:, at]).all():
            mine, low, high = found.drawn[name][at], found.random[name][:, at].min(), found.random[name][:, at].max()
            verdict = "above" if mine > high else "below" if mine < low else "as at random"
            parts.append(
                f"{words} {mine:.3g}, {verdict}{'' if verdict == 'as at random' else f' {low:.3g}–{high:.3g}'}"
            )
    return f"Without groups: {'; '.join(parts)}." if parts else ""


class _Measure:
    """Figures of any draw over the same groups, on the same sample of the pool."""

    def __init__(
        self, rows: np.ndarray, codes: np.ndarray, vectors: np.ndarray | None, near: NearDuplicates | None, seed: int
    ) -> None:
        self.codes, self.vectors, self.near = codes, vectors, near
        self.pool = np.bincount(codes[rows])
        picked = rows[item_priority(len(rows), seed) < MOST_POOL]
        self.sampled = np.empty(0, np.int64) if vectors is None or len(rows) <= _NEIGHBOR else picked
        self.sparse = np.full(len(codes), np.nan)
        if len(self.sampled):
            assert vectors is not None
            apart = nearest(np.asarray(vectors[self.sampled], dtype=np.float32), _NEIGHBOR + 1)[1][:, -1]
            if (apart > 0).any():
                self.sparse[self.sampled] = np.log(np.maximum(apart, apart[apart > 0].min()))

    def __call__(self, indices: np.ndarray, items: np.ndarray) -> dict[str, float]:
        """indices: (m,) of a draw. items: the same, each once."""
        evenness = balance(np.bincount(self.codes[indices], minlength=len(self.pool)), pool=self.pool)
        found = {"entropy": evenness.entropy, "gini": evenness.gini, "coverage": evenness.coverage}
        if len(self.sampled) and self.vectors is not None:
            sparse = self.sparse[items]
            found["uncrowding"] = float(np.nanmean(sparse)) if np.isfinite(sparse).any() else np.nan
            some = np.random.default_rng(0).choice(items, min(len(items), MOST_DRAWN), replace=False, shuffle=False)
            found["vendi"] = vendi(np.asarray(self.vectors[some]))
        if self.near is not None:
            group = self.near.group[items]
            grouped = group[group >= 0]
            found["near-duplicates"] = (len(grouped) - len(np.unique(grouped))) / max(1, len(items))
        return found
