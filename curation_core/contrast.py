"""Two sets of items held against each other: where they lie, how their columns differ, which words tell them apart.

Every figure is exact up to MOST_EXACT items a set; of larger sets a random sample of SAMPLE items stands for the rest,
and what is made of it says so; words are exact up to MOST_TEXTS texts. Counts of classes are always exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.errors import ShapeError

MOST_EXACT, SAMPLE = 200_000, 100_000
MOST_TEXTS = 20_000  # texts of a set that are read for words
_CHARACTERS = 2_000  # read of every text
_VALUES = 1 << 22  # numbers of vectors handled at once
_PRIOR = 10.0  # texts' worth of what both sets say, so that rare words do not lead (Monroe et al. 2008)
_TELLS, _WORTH = 1.96, 0.01  # standard deviations, and difference of the shares, from which a word is worth reading


@dataclass(frozen=True)
class Places:
    """Where two sets lie. Distances are Euclidean, in the units of the vectors.

    between: of the two centroids. within: mean distance to the own centroid, per set. strayed: share of each set that
    lies nearer to the other's centroid. nearest: per set the rows nearest
    to its centroid, nearest first. toward: rows of the first nearest to the second's centroid, and the other way round.
    pair: the two nearest rows of `nearest`, one of each set and not the same item, with their distance; None where a
    set has none. n_used: items of each set that were looked at.
    """

    between: float
    within: tuple[float, float]
    strayed: tuple[float, float]
    nearest: tuple[np.ndarray, np.ndarray]
    toward: tuple[np.ndarray, np.ndarray]
    pair: tuple[int, int, float] | None
    n_used: tuple[int, int]


@dataclass(frozen=True)
class ClassContrast:
    """Classes of one column in two sets. counts: (2, c) int64 per class that either has, in the order of names.

    distance: total variation, the share of one set that would have to change class to look like the other, in [0, 1].
    """

    names: list[str]
    counts: np.ndarray
    distance: float


@dataclass(frozen=True)
class NumberContrast:
    """A number in two sets. quartiles: (2, 3) float64, NaN where a set has none. known: (2,) values there are.

    above: share of the pairs of one item each in which the first set's number is larger, ties counting half; NaN where
    a set has none. 0.5 is no difference. Known as the area under the ROC curve, or Mann and Whitney's U over n m.
    """

    quartiles: np.ndarray
    known: np.ndarray
    above: float

    @property
    def effect(self) -> float:
        """Rank-biserial correlation: 2 above - 1, in [-1, 1]."""
        return 2 * self.above - 1


@dataclass(frozen=True)
class TellingWords:
    """What each of two sets says more: per set (word, share of its texts, share of the other's), most telling first.

    n_used: texts of each set that were read, a random sample where they are fewer than n, the texts there are.
    """

    words: tuple[list[tuple[str, float, float]], list[tuple[str, float, float]]]
    n_used: tuple[int, int]
    n: tuple[int, int]


def sampled(rows: np.ndarray, *, exact: int = MOST_EXACT, sample: int = SAMPLE, seed: int = 0) -> np.ndarray:
    """All rows, or a random sample of them where there are more than `exact`; int64, ascending."""
    ordered = np.sort(np.asarray(rows, dtype=np.int64))  # first: the sample hangs on the items, not on their order
    if len(rows) <= exact:
        return ordered
    chosen = np.random.default_rng([seed, len(rows)]).choice(len(rows), sample, replace=False, shuffle=False)
    return ordered[np.sort(chosen)]


def n_shared(a: np.ndarray, b: np.ndarray, n: int) -> int:
    """Items in both sets. a, b: rows in [0, n), each item once."""
    mask = np.zeros(n, dtype=bool)
    mask[a] = True
    return int(mask[b].sum())


def places(vectors: np.ndarray, a: np.ndarray, b: np.ndarray, *, shown: int = 6, seed: int = 0) -> Places:
    """Where two sets lie. vectors: (n, d), memory maps welcome. a, b: rows, at least one each. shown: rows to name."""
    if not len(a) or not len(b):
        raise ShapeError("one of the two sets is empty, it lies nowhere; choose items for both")
    used = [sampled(rows, seed=seed) for rows in (a, b)]
    centroids = np.stack([_mean(vectors, rows) for rows in used])
    distances = [_distances(vectors, rows, centroids) for rows in used]  # (m, 2) each: to a's centroid, to b's
    nearest = [_smallest(distances[i][:, i], used[i], shown) for i in (0, 1)]
    toward = [_smallest(distances[i][:, 1 - i], used[i], shown) for i in (0, 1)]
    return Places(
        between=float(np.linalg.norm(centroids[0] - centroids[1])),
        within=(float(distances[0][:, 0].mean()), float(distances[1][:, 1].mean())),
        strayed=(_strayed(distances[0]), _strayed(distances[1][:, ::-1])),
        nearest=(nearest[0], nearest[1]),
        toward=(toward[0], toward[1]),
        pair=_nearest_pair(vectors, nearest[0], nearest[1]),
        n_used=(len(used[0]), len(used[1])),
    )


def class_contrast(codes: np.ndarray, names: Sequence[str], a: np.ndarray, b: np.ndarray) -> ClassContrast:
    """Classes in two sets. codes: (n,) int in [0, len(names))."""
    counts = np.stack([np.bincount(codes[rows], minlength=len(names)) for rows in (a, b)])
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    present = np.flatnonzero(counts.any(axis=0))
    distance = float(np.abs(share[0] - share[1]).sum() / 2) if len(a) and len(b) else 0.0
    return ClassContrast([str(names[i]) for i in present.tolist()], counts[:, present], distance)


def number_contrast(values: np.ndarray, a: np.ndarray, b: np.ndarray, *, seed: int = 0) -> NumberContrast:
    """A number in two sets. values: (n,) float, NaN where there is none."""
    first, second = (np.sort(_known(values[sampled(rows, seed=seed)])) for rows in (a, b))
    quartiles = np.stack([_quartiles(first), _quartiles(second)])
    known = np.array([len(first), len(second)])
    if not known.all():
        return NumberContrast(quartiles, known, float("nan"))
    below = np.searchsorted(second, first, side="left").sum(dtype=np.float64)
    not_above = np.searchsorted(second, first, side="right").sum(dtype=np.float64)
    return NumberContrast(quartiles, known, float((below + not_above) / 2 / known[0] / known[1]))


def telling_words(
    texts: pa.Array | pa.ChunkedArray, a: np.ndarray, b: np.ndarray, *, most: int = 12, seed: int = 0
) -> TellingWords:
    """Words that tell two sets of texts apart.

    texts: n strings, nulls are empty. Of a set of more than MOST_TEXTS texts a random sample of MOST_TEXTS is read, of
    every text its first 2,000 characters; shares are shares of what was read. A word counts once a text. Score: log
    odds with a prior from both sets, in standard deviations (Monroe et al. 2008, "Fightin' Words"). Left out are words
    below 1.96, those that stand in less than 1 % of the texts more, and those that the other set says more than half
    as often.
    """
    used = [sampled(rows, exact=MOST_TEXTS, sample=MOST_TEXTS, seed=seed) for rows in (a, b)]
    counts = (len(used[0]), len(used[1])), (len(a), len(b))
    if not all(map(len, used)):
        return TellingWords(([], []), *counts)
    words, held = _word_counts(texts, used)
    n = np.array([len(rows) for rows in used], dtype=np.float64)
    score = _log_odds(held, n)
    shares = held / n[:, None]
    found = []
    for own, signed in ((0, score), (1, -score)):
        more = shares[own] - np.maximum(shares[1 - own] + _WORTH, 2 * shares[1 - own])
        telling = np.flatnonzero((signed > _TELLS) & (more >= 0))
        order = telling[np.argsort(-signed[telling], kind="stable")][:most]
        found.append([(words[i], float(shares[own, i]), float(shares[1 - own, i])) for i in order.tolist()])
    return TellingWords((found[0], found[1]), *counts)


def _mean(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    total = np.zeros(vectors.shape[1])
    for part in _blocks(rows, vectors.shape[1]):
        total += vectors[part].sum(axis=0, dtype=np.float64)
    return total / len(rows)


def _distances(vectors: np.ndarray, rows: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Distance of every row to every centroid: (m, c) float64; from the differences, so that near ones stay apart."""
    found = []
    for part in _blocks(rows, vectors.shape[1]):
        block = np.asarray(vectors[part], dtype=np.float32)
        gaps = [block - centroid.astype(np.float32) for centroid in centroids]
        found.append(np.stack([np.sqrt(np.einsum("ij,ij->i", gap, gap)) for gap in gaps], axis=1))
    return np.concatenate(found).astype(np.float64)


def _strayed(distance: np.ndarray) -> float:
    """Share of the rows whose second distance, to the other centroid, is the smaller. distance: (m, 2)."""
    return float((distance[:, 1] < distance[:, 0]).mean())


def _blocks(rows: np.ndarray, dim: int) -> list[np.ndarray]:
    width = max(1, _VALUES // dim)
    return [rows[start : start + width] for start in range(0, len(rows), width)]


def _smallest(distance: np.ndarray, rows: np.ndarray, most: int) -> np.ndarray:
    """The rows of the smallest distances, smallest first, the lower row first among equals."""
    most = min(most, len(rows))
    near = np.flatnonzero(distance <= np.partition(distance, most - 1)[most - 1])
    return rows[near[np.lexsort((rows[near], distance[near]))][:most]]


def _nearest_pair(vectors: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[int, int, float] | None:
    gap = np.asarray(vectors[a], dtype=np.float64)[:, None] - np.asarray(vectors[b], dtype=np.float64)[None]
    distance = np.where(a[:, None] == b[None], np.inf, np.linalg.norm(gap, axis=2))
    i, j = np.unravel_index(int(distance.argmin()), distance.shape)
    return (int(a[i]), int(b[j]), float(distance[i, j])) if np.isfinite(distance[i, j]) else None


def _known(values: np.ndarray) -> np.ndarray:
    return np.asarray(values[~np.isnan(values)], dtype=np.float64)


def _quartiles(ordered: np.ndarray) -> np.ndarray:
    return np.quantile(ordered, (0.25, 0.5, 0.75)) if len(ordered) else np.full(3, np.nan)


def _word_counts(texts: pa.Array | pa.ChunkedArray, sets: Sequence[np.ndarray]) -> tuple[list[str], np.ndarray]:
    """Words of several sets of texts and how many texts of each set hold them: (sets, w) float64."""
    rows = np.concatenate(list(sets))
    belongs = np.repeat(np.arange(len(sets)), [len(part) for part in sets])
    taken = texts.take(pa.array(rows))
    if isinstance(taken, pa.ChunkedArray):
        taken = taken.combine_chunks()
    short = pc.utf8_lower(pc.utf8_slice_codeunits(pc.fill_null(taken.cast(pa.string()), ""), 0, _CHARACTERS))
    split = pc.split_pattern_regex(short, r"[^\pL\pM\pN'’]+")
    coded = pc.list_flatten(split).dictionary_encode()
    words, texts_of = coded.dictionary, pc.list_parent_indices(split).to_numpy()
    pairs = np.unique(texts_of.astype(np.int64) * max(1, len(words)) + coded.indices.to_numpy())
    text, word = np.divmod(pairs, max(1, len(words)))
    held = np.zeros((len(sets), len(words)))
    for number in range(len(sets)):
        held[number] = np.bincount(word[belongs[text] == number], minlength=len(words))
    return _worthwhile(words, held)


def _worthwhile(words: pa.Array, held: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Words of 3 to 40 letters (fewer in scripts that say more with one), not numbers, in alphabetical order."""
    length = pc.utf8_length(words).to_numpy(zero_copy_only=False)
    letters = pc.match_substring_regex(
        words, r"(?:\pL\pM*){3}|[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]"
    ).to_numpy(zero_copy_only=False)
    kept = np.flatnonzero((length <= 40) & letters)
    found: list[str] = words.take(pa.array(kept)).to_pylist()
    order = np.argsort(np.array(found, dtype=object), kind="stable")
    return [found[i] for i in order], held[:, kept[order]]


def _log_odds(held: np.ndarray, n: np.ndarray) -> np.ndarray:
    """How much more the first set says each word, in standard deviations. held: (2, w) texts with it. n: (2,)."""
    prior = _PRIOR * held.sum(axis=0) / n.sum() + 0.5
    said = held + prior
    unsaid = (n + _PRIOR + 1)[:, None] - said
    odds = np.log(said) - np.log(unsaid)
    error: np.ndarray = np.sqrt((1 / said + 1 / unsaid).sum(axis=0))
    return np.asarray((odds[0] - odds[1]) / error)
