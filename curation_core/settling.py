"""From a few centroids that may be nearest to the one that is: by the chain of sums that all engines share.

A screening engine names, for every row, the centroids whose scores may be the lowest. Their scores are then computed
by one and the same chain (`Scores`), the lowest wins, the lowest index at ties: so the answer of every engine has the
same bits, whatever it screened with.
"""

from collections.abc import Callable

import numpy as np

Scores = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(x, table, labels, rows) -> (m,) float32: the score of each of the rows of x with the centroid of its label."""

Room = Callable[[np.ndarray], np.ndarray]
"""Points (m, d) or (m, d + 1) float32, of which the first d columns count, to (m,) float32."""

_PAIRS = 1 << 18  # scored at once
_VALUES = 1 << 20  # scores of one float32 product


class Best:
    """The lowest score so far of some rows of x, and whose it is: labels (m,) int32, scores (m,) float32."""

    def __init__(self, x: np.ndarray, rows: np.ndarray, table: np.ndarray, scores_of: Scores) -> None:
        self.x, self.rows, self._table, self._scores_of = x, rows, table, scores_of
        self.labels = np.zeros(len(rows), dtype=np.int32)
        self.scores = np.full(len(rows), np.inf, dtype=np.float32)

    def weigh(self, places: np.ndarray, labels: np.ndarray) -> None:
        """Compare pairs of a place among the rows and a centroid, (p,) each, in any order."""
        for start in range(0, len(places), _PAIRS):
            some = slice(start, start + _PAIRS)
            label = labels[some].astype(np.int32)
            self.take(places[some], label, self._scores_of(self.x, self._table, label, self.rows[places[some]]))

    def take(self, places: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> None:
        """The same with scores that are known: (p,) float32."""
        if len(places) > 1 and not (places[1:] > places[:-1]).all():
            order = np.lexsort((labels, scores, places))
            places, labels, scores = places[order], labels[order], scores[order]
            first = np.ones(len(places), dtype=bool)
            first[1:] = places[1:] != places[:-1]
            places, labels, scores = places[first], labels[first], scores[first]
        held = self.scores[places]
        wins = (scores < held) | ((scores == held) & (labels < self.labels[places]))
        self.labels[places[wins]], self.scores[places[wins]] = labels[wins], scores[wins]


def lowest(x: np.ndarray, table: np.ndarray, rows: np.ndarray, scores_of: Scores) -> tuple[np.ndarray, np.ndarray]:
    """The centroid of lowest score by the chain, and that score: (m,) int32 and float32.

    A float32 product names the centroids that its own rounding leaves open. x: (n, d + 1) float32, rows: (m,) int64.
    """
    best = Best(x, rows, table, scores_of)
    width = min(max(1, _VALUES // len(table)), max(1, len(rows)))
    room, dim, product = slack(table), table.shape[1] - 1, np.empty((width, len(table)), np.float32)
    for start in range(0, len(rows), width):
        block = x[rows[start : start + width]]
        scores = np.matmul(block, table.T, out=product[: len(block)])  # (b, k)
        place, first = np.arange(len(block)), scores.argmin(axis=1)
        reach = scores[place, first] + room(block[:, :dim])
        best.weigh(start + place, first)
        scores[place, first] = np.inf
        some = np.flatnonzero(scores.min(axis=1) <= reach)
        if len(some):
            place, label = np.divmod(np.flatnonzero(scores[some] <= reach[some, None]), len(table))
            best.weigh(start + some[place], label)
    return best.labels, best.scores


def slack(table: np.ndarray) -> Room:
    """How far apart two scores by float32 products must lie for their order to be that of the chain."""
    unit = 4 * (table.shape[1] + 8) * 2.0**-24  # of two scores, by the product and by the chain
    longest = float(np.sqrt(np.einsum("ij,ij->i", table[:, :-1], table[:, :-1], dtype=np.float64).max()))
    bias = float(np.abs(table[:, -1]).max())

    def room(rows: np.ndarray) -> np.ndarray:
        length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        return np.asarray(unit * 1.01 * (length * np.float64(longest) + bias) + 1e-37, dtype=np.float32)

    return room
