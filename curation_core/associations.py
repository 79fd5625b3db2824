"""Which clusters hold which groups, and how far the two go together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_CLUSTERS = 24
_DIGITS = 6


@dataclass(frozen=True)
class ClusterTable:
    """Which clusters of a level hold which groups.

    clusters: (c,) int64, the largest ones. counts: (c, g) int64, their items per group of the report. home: (g,) int64,
    the cluster that holds most of each group; held: (g,) float64, the share of the group that lies there. association:
    Cramér's V over all clusters with Bergsma's correction, 0 none, 1 each cluster is of one group; information: mutual
    information over the smaller entropy.
    """

    level: int
    clusters: np.ndarray
    counts: np.ndarray
    home: np.ndarray
    held: np.ndarray
    association: float
    information: float


def cluster_table(
    groups: np.ndarray, n_groups: int, clusters: np.ndarray, level: int, *, most: int = MOST_CLUSTERS
) -> ClusterTable:
    """Groups against clusters. groups: (n,) int64, -1 for none; clusters: (n,) int. Only items of a group count."""
    known = groups >= 0
    k = int(clusters.max(initial=-1)) + 1
    flat = np.bincount(clusters[known].astype(np.int64) * n_groups + groups[known], minlength=k * n_groups)
    table = flat.reshape(k, n_groups)
    order = np.argsort(-table.sum(axis=1), kind="stable")
    order = order[table[order].sum(axis=1) > 0][:most]
    home = table.argmax(axis=0) if k else np.zeros(n_groups, np.int64)
    held = table.max(axis=0, initial=0) / np.maximum(1, table.sum(axis=0))
    return ClusterTable(level, order, table[order], home, held, *_association(table))


def _association(table: np.ndarray) -> tuple[float, float]:
    """Cramér's V corrected for small counts (Bergsma 2013), and mutual information over the smaller entropy."""
    full = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0].astype(np.float64)
    n, (rows, columns) = full.sum(), full.shape
    if n < 2 or rows < 2 or columns < 2:
        return 0.0, 0.0
    expected = full.sum(axis=1, keepdims=True) * full.sum(axis=0) / n
    phi2 = ((full - expected) ** 2 / expected).sum() / n
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    v = float(np.sqrt(phi2 / least)) if least > 0 else 0.0
    there = full > 0
    information = (full[there] / n * np.log(full[there] / expected[there])).sum()
    entropies = [-(share * np.log(share)).sum() for share in (full.sum(axis=0) / n, full.sum(axis=1) / n)]
    return min(1.0, v), float(np.clip(information / min(entropies), 0, 1))


def clusters_json(table: ClusterTable, groups: Sequence[str]) -> dict[str, Any]:
    """The table as plain values; numbers to six digits."""
    return {
        "level": table.level,
        "cramers_v": round(table.association, _DIGITS),
        "mutual_information": round(table.information, _DIGITS),
        "home": {
            name: {"cluster": int(home), "share": round(float(held), _DIGITS)}
            for name, home, held in zip(groups, table.home, table.held, strict=True)
        },
        "largest": [
            {"cluster": int(cluster), "counts": counts.tolist()}
            for cluster, counts in zip(table.clusters, table.counts, strict=True)
        ],
    }
