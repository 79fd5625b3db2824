"""Probes: how well simple models learn labels from frozen vectors: nearest neighbours, and ridge in closed form.

Both are as plain as they come, so that a difference between two draws is one of the draws and not of the training.
"""

from dataclasses import dataclass

import numpy as np

NEIGHBORS = 5
ALPHAS = tuple(10.0 ** (power / 2) for power in range(-6, 5))  # penalties tried, for vectors of about length 1
_BLOCK = 1 << 22  # distances in memory at once


@dataclass(frozen=True)
class LinearProbe:
    """A ridge classifier: coefficients (d, c), intercept (c,), float64, and the penalty that was chosen."""

    coefficients: np.ndarray
    intercept: np.ndarray
    alpha: float

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """Class of every vector, the lowest at ties: (m,) int64."""
        scores = vectors @ self.coefficients + self.intercept
        return np.asarray(scores.argmax(axis=1))


def knn_predict(vectors: np.ndarray, labels: np.ndarray, queries: np.ndarray, *, k: int = NEIGHBORS) -> np.ndarray:
    """The most common class among the k nearest, the lowest class at ties: (m,) int64.

    vectors: (n, d) with labels (n,) int64 from 0 on; queries: (m, d). Fewer than k vectors: all of them vote.
    """
    rows, asked = np.asarray(vectors, np.float32), np.asarray(queries, np.float32)
    k, squares = min(k, len(rows)), np.einsum("nd,nd->n", rows, rows)
    votes = np.zeros((len(asked), int(labels.max(initial=0)) + 1), dtype=np.int64)
    width = max(1, _BLOCK // max(1, len(rows)))
    for start in range(0, len(asked), width):
        gaps = squares - 2 * asked[start : start + width] @ rows.T  # (b, n), short of the query's own norm
        near = np.argpartition(gaps, k - 1, axis=1)[:, :k]
        np.add.at(votes, (start + np.arange(len(near))[:, None], labels[near]), 1)
    return np.asarray(votes.argmax(axis=1))


def linear_probe(vectors: np.ndarray, labels: np.ndarray, n_classes: int) -> LinearProbe:
    """Ridge regression on targets of -1 and 1, one per class, with the penalty of least leave-one-out error.

    vectors: (n, d) with labels (n,) int64 below n_classes. The errors of all n leave-one-out fits follow from one
    decomposition (Rifkin and Lippert 2007); of equal penalties the smallest counts.
    """
    rows = np.asarray(vectors, np.float64)
    targets = np.where(labels[:, None] == np.arange(n_classes), 1.0, -1.0)
    mean, offset = rows.mean(axis=0), targets.mean(axis=0)
    left, strength, right = np.linalg.svd(rows - mean, full_matrices=False)
    projected = left.T @ (targets - offset)  # (r, c)
    errors = [_left_out_error(left, strength, projected, targets - offset, alpha) for alpha in ALPHAS]
    alpha = ALPHAS[int(np.argmin(errors))]
    coefficients = right.T @ (projected * (strength / (strength**2 + alpha))[:, None])
    return LinearProbe(coefficients, offset - mean @ coefficients, alpha)


def _left_out_error(
    left: np.ndarray, strength: np.ndarray, projected: np.ndarray, targets: np.ndarray, alpha: float
) -> float:
    kept = strength**2 / (strength**2 + alpha)
    leverage = np.square(left) @ kept + 1 / len(left)
    residual = (targets - left @ (projected * kept[:, None])) / np.maximum(1 - leverage, 1e-12)[:, None]
    return float(np.square(residual).mean())
