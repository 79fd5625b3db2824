"""Where reviewers agree, where they do not, and where a finer decision overrules a coarser one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from curation_core.anchors import Anchors
from curation_core.decisions import ClusterTarget, Decision, Verdict, active
from curation_core.review import Place, ReviewDecisions

JUDGED: tuple[Verdict, ...] = ("keep", "drop", "cap", "weight")


@dataclass(frozen=True)
class PairAgreement:
    """How two people judged the clusters that both judged.

    n: clusters. observed: share judged alike. kappa: Cohen's (1960), agreement beyond chance, 1 is full, NaN where both
    gave one and the same verdict throughout, so that chance explains everything.
    """

    first: str
    second: str
    n: int
    observed: float
    kappa: float


@dataclass(frozen=True)
class Disagreement:
    """A cluster that people judged differently. said: the last verdict of each."""

    place: Place
    said: Mapping[str, str]


def judgements(events: Sequence[Decision], decided: ReviewDecisions) -> dict[Place, dict[str, str]]:
    """Every person's last standing judgement of every cluster that is in the tree."""
    found: dict[Place, dict[str, str]] = {}
    for event in active(events):
        place = decided.where.get(event.op_id)
        if place is None or not isinstance(event.target, ClusterTarget):
            continue
        said = found.setdefault(place, {})
        taken_away = event.verdict in ("cap", "weight") and not event.value
        if event.verdict == "clear" or (taken_away and said.get(event.reviewer) == event.verdict):
            said.pop(event.reviewer, None)
        elif event.verdict in JUDGED and not taken_away:
            said[event.reviewer] = event.verdict
    return {place: said for place, said in found.items() if said}


def pair_agreements(said: Mapping[Place, Mapping[str, str]]) -> list[PairAgreement]:
    """Agreement of all pairs of people with at least one cluster in common, the largest number first."""
    people = sorted({who for one in said.values() for who in one})
    found = []
    for first, second in combinations(people, 2):
        both = [(one[first], one[second]) for one in said.values() if first in one and second in one]
        if both:
            alike = sum(a == b for a, b in both) / len(both)
            found.append(PairAgreement(first, second, len(both), alike, cohens_kappa(both)))
    return sorted(found, key=lambda pair: -pair.n)


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Agreement of two people beyond chance (Cohen 1960); NaN without a pair or where chance explains everything."""
    if not pairs:
        return float("nan")
    observed = sum(a == b for a, b in pairs) / len(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(first[one] * second[one] for one in first) / len(pairs) ** 2
    return float("nan") if expected == 1 else (observed - expected) / (1 - expected)


def disagreements(said: Mapping[Place, Mapping[str, str]]) -> list[Disagreement]:
    """Clusters with more than one verdict."""
    return [Disagreement(place, one) for place, one in said.items() if len(set(one.values())) > 1]


def overruled(decided: ReviewDecisions) -> list[tuple[Place, Place]]:
    """Clusters whose verdict differs from that of the nearest decided cluster above: (finer, coarser)."""
    found, tree = [], decided.tree
    for level in range(1, tree.n_levels):
        for cluster in np.flatnonzero(decided.verdicts[level - 1]).tolist():
            above, at = int(tree.parents(level)[cluster]), level + 1
            while at < tree.n_levels and not decided.verdicts[at - 1][above]:
                above, at = int(tree.parents(at)[above]), at + 1
            verdict = decided.verdicts[at - 1][above]
            if verdict and verdict != decided.verdicts[level - 1][cluster]:
                found.append(((level, cluster), (at, above)))
    return found


def for_two(anchors: Anchors, level: int, share: float) -> np.ndarray:
    """Which clusters of a level two people judge: (k,) bool, the same for everybody. share: of clusters, 0 to 1."""
    first = anchors.prints[level - 1][:, 0]
    found: np.ndarray = (first.astype(np.float64) / 2.0**64 < share) & first.astype(bool)
    return found
