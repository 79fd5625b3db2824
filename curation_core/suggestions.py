"""What the decisions so far say about clusters that wait, by their nearest decided items: a vote that anyone can check.

Nothing is applied by itself. Reference: k nearest neighbours on the vectors that the tree is made from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from curation_core.presets import unit
from curation_core.review import ReviewDecisions

NEIGHBOURS = 48  # decided items that vote on a cluster
REFERENCE = 8_192  # decided items that can vote at all, as many of each verdict where there are
LEAST = 12  # decided items from which votes are a reason
MEASURED, LONELY = 512, 0.05  # decided items that tell how near is near, and the share of them that is left out
SURE = 0.8  # share of votes from which something is suggested
MOSTLY = 0.5  # share of near-duplicates or flagged items from which these are the reason
_VALUES = 1 << 24


@dataclass(frozen=True)
class Votes:
    """How decided items vote on clusters.

    drop: (m,) float64, share of votes for drop, NaN without any decided item. like: (m,) float64, cosine of the nearest
    decided item. near: (m,) bool, whether the voters are as near as decided items commonly are to each other. n: items
    that voted on each.
    """

    drop: np.ndarray
    like: np.ndarray
    near: np.ndarray
    n: int

    def of(self, rows: np.ndarray) -> "Votes":
        """The votes on some of the clusters."""
        return Votes(self.drop[rows], self.like[rows], self.near[rows], self.n)


@dataclass(frozen=True)
class Suggestion:
    """A verdict that somebody may want to give, with its reason for people; value: of a cap."""

    cluster: int
    verdict: Literal["keep", "drop", "cap"]
    reason: str
    value: str = ""


def vote(vectors: np.ndarray, centroids: np.ndarray, decided: ReviewDecisions, *, seed: int = 0) -> Votes:
    """Let decided items vote on clusters. vectors: (n, d) of all items; centroids: (m, d) of those clusters."""
    rows = _voters(decided, seed)
    none = np.full(len(centroids), np.nan)
    if not len(rows) or not len(centroids):
        return Votes(none, none, np.zeros(len(centroids), dtype=bool), 0)
    voters, dropped = unit(np.asarray(vectors[rows], dtype=np.float32)), ~decided.eligible[rows]
    asked, k = unit(np.asarray(centroids, dtype=np.float32)), min(NEIGHBOURS, len(rows))
    share, like, mean = (np.empty(len(asked)) for _ in range(3))
    step = max(1, _VALUES // len(rows))
    for start in range(0, len(asked), step):
        alike = asked[start : start + step] @ voters.T
        nearest = np.argpartition(-alike, k - 1, axis=1)[:, :k]
        share[start : start + step] = dropped[nearest].mean(axis=1)
        like[start : start + step] = alike.max(axis=1)
        mean[start : start + step] = np.take_along_axis(alike, nearest, axis=1).mean(axis=1)
    return Votes(share, like, mean >= _common(voters, k, seed), k)


def _common(voters: np.ndarray, k: int, seed: int) -> float:
    """Mean cosine with their k nearest among the decided items that all but the loneliest twentieth of these reach."""
    chosen = np.random.default_rng([seed, 1]).permutation(len(voters))[:MEASURED]
    alike = voters[chosen] @ voters.T
    alike[np.arange(len(chosen)), chosen] = -np.inf  # not with itself
    k = min(k, len(voters) - 1)
    nearest = -np.partition(-alike, max(0, k - 1), axis=1)[:, :k]
    return float(np.quantile(nearest.mean(axis=1), LONELY)) if k else -1.0


def _voters(decided: ReviewDecisions, seed: int) -> np.ndarray:
    """Decided items, as many that stay as that go where there are: (m,) int64."""
    spoken = decided.decided_by != 0
    groups = [np.flatnonzero(spoken & (decided.eligible == stays)) for stays in (True, False)]
    few = min(map(len, groups)) or max(map(len, groups))
    most = min(REFERENCE // 2, max(few, NEIGHBOURS))
    rng = np.random.default_rng(seed)
    return np.sort(
        np.concatenate([rng.choice(group, most, replace=False) if len(group) > most else group for group in groups])
    )


def suggest(
    clusters: Sequence[int], votes: Votes, sizes: np.ndarray, figures: Mapping[str, np.ndarray]
) -> list[Suggestion]:
    """What to suggest for clusters that wait, by votes and by figures of theirs; nothing where nothing is clear.

    sizes: (m,) items of each. figures: "duplicates", "flagged": (m,) shares of their items, 0 to 1.
    """
    found = []
    for place, cluster in enumerate(clusters):
        twins, flagged = (figures[name][place] if name in figures else 0.0 for name in ("duplicates", "flagged"))
        drop, n = votes.drop[place], votes.n if votes.near[place] and votes.n >= LEAST else 0
        if flagged >= SURE:
            found.append(Suggestion(cluster, "drop", f"{100 * flagged:.0f} % carry a quality flag"))
        elif drop >= SURE and n:
            found.append(Suggestion(cluster, "drop", f"{round(drop * n)} of its {n} nearest decided items are dropped"))
        elif twins >= MOSTLY:
            fewest = max(1, round((1 - twins) * int(sizes[place])))
            reason = f"{100 * twins:.0f} % have a near-duplicate; about {fewest:,} differ"
            found.append(Suggestion(cluster, "cap", reason, str(fewest)))
        elif 1 - drop >= SURE and n:
            stay = n - round(drop * n)
            found.append(Suggestion(cluster, "keep", f"{stay} of its {n} nearest decided items are kept"))
    return found


def would_teach(votes: Votes) -> np.ndarray:
    """How much a decision would teach: (m,) in [0, 1], high where votes are split or nothing decided is near."""
    if not votes.n:
        return np.ones(len(votes.drop))
    split = 4 * votes.drop * (1 - votes.drop)
    taught: np.ndarray = (split + 1 - np.clip(votes.like, 0, 1)) / 2
    return taught
