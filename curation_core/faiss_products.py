"""The nearest centroid by faiss's exact search; the answer is that of the chain of sums that all engines share."""

from dataclasses import dataclass

import numpy as np

from curation_core import settling

_BLOCK = 1 << 22  # values of the points handed over at once


@dataclass(frozen=True)
class FaissSearch:
    """A table (k, d + 1) float32. scores_of: the chain that settles."""

    table: np.ndarray
    scores_of: settling.Scores

    def lowest(
        self,
        x: np.ndarray,
        rows: np.ndarray | None = None,
        bar: np.ndarray | None = None,  # noqa: ARG002
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `kernels.Search.lowest`.

        faiss gives the two nearest with distances that float32 has rounded. Where they are further apart than that
        rounding the first one is the answer, elsewhere `settling.lowest` finds it.
        """
        import faiss

        index = np.arange(len(x)) if rows is None else rows
        centroids = np.ascontiguousarray(-self.table[:, :-1])
        best = settling.Best(x, index, self.table, self.scores_of)
        width, two = max(1, _BLOCK // x.shape[1]), min(2, len(self.table))
        room = self._room(centroids)
        for start in range(0, len(index), width):
            block = np.ascontiguousarray(x[index[start : start + width], :-1])
            squared, label = faiss.knn(block, centroids, two)
            gap = squared[:, 1] - squared[:, 0] if two == 2 else np.full(len(block), np.inf, np.float32)
            clear = gap > room(block)
            place = np.flatnonzero(clear)
            best.weigh(start + place, label[place, 0])
            place = np.flatnonzero(~clear)
            labels, scores = settling.lowest(x, self.table, index[start + place], self.scores_of)
            best.take(start + place, labels, scores)
        return best.labels, best.scores

    def _room(self, centroids: np.ndarray) -> settling.Room:
        """How far apart two of faiss's squared distances must lie: its rounding and that of the chain, doubled."""
        chain = settling.slack(self.table)
        unit = 4 * (self.table.shape[1] + 8) * 2.0**-24
        longest = float(np.einsum("ij,ij->i", centroids, centroids, dtype=np.float64).max())

        def room(rows: np.ndarray) -> np.ndarray:
            length = np.einsum("ij,ij->i", rows, rows)
            return np.asarray(unit * 2 * (length + np.float64(longest)) + 2 * chain(rows), dtype=np.float32)

        return room
