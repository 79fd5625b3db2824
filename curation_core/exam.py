"""What probes are tested on: a part of the pool that no draw may take from, and how their answers are marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation_core.errors import ConfigError
from curation_core.probes import knn_predict, linear_probe

TEST_SHARE = 0.25
FEWEST_TESTED = 5  # items of a class in the test; a class needs twice as many to be tested
PROBES = ("knn", "linear")


@dataclass(frozen=True)
class Exam:
    """Items split once, the same for all draws and seeds.

    vectors: (n, d) float32, frozen. label: (n,) int64, -1 without one. second: (n,) int64, -1 without, or None. test:
    (t,) int64 rows. pool: (p,) int64 rows that may be drawn. kept_out: items in neither, copies of tested ones.
    """

    vectors: np.ndarray
    label: np.ndarray
    second: np.ndarray | None
    test: np.ndarray
    pool: np.ndarray
    kept_out: int

    @classmethod
    def of(
        cls, vectors: np.ndarray, label: np.ndarray, second: np.ndarray | None, group: np.ndarray, *, seed: int = 0
    ) -> "Exam":
        """Hold a quarter of every class out. group: (n,) int64 near-duplicates, -1 alone; none crosses the line.

        Raises ConfigError when fewer than two classes have items enough to be tested.
        """
        tested = []
        for number in range(int(label.max(initial=-1)) + 1):
            rows = np.flatnonzero(label == number)
            if len(rows) >= 2 * FEWEST_TESTED:
                chosen = np.random.default_rng([seed, number]).permutation(rows)
                tested.append(chosen[: max(FEWEST_TESTED, round(TEST_SHARE * len(rows)))])
        if len(tested) < 2:
            raise ConfigError(
                f"{len(tested)} of the classes have {2 * FEWEST_TESTED} items or more, a test needs two of them; "
                "choose a column of fewer, larger classes"
            )
        test = np.sort(np.concatenate(tested))
        outside = np.ones(len(label), dtype=bool)
        outside[test] = False
        shared = outside & (group >= 0) & np.isin(group, group[test])
        return cls(vectors, label, second, test, np.flatnonzero(outside & ~shared), int(shared.sum()))

    def marks(self, drawn: np.ndarray) -> dict[str, dict[str, Any]]:
        """Per probe the share of right answers: accuracy, per class, and per group of the second column.

        drawn: rows that the probes learn from; those without a label teach nothing.
        """
        rows = np.unique(drawn)
        rows = rows[self.label[rows] >= 0]
        n_classes = int(self.label.max()) + 1
        train, asked, labels = self.vectors[rows], self.vectors[self.test], self.label[rows]
        answers = {
            "knn": knn_predict(train, labels, asked),
            "linear": linear_probe(train, labels, n_classes).predict(asked),
        }
        return {probe: self._marked(answer == self.label[self.test]) for probe, answer in answers.items()}

    def _marked(self, right: np.ndarray) -> dict[str, Any]:
        second = None if self.second is None else shares(right, self.second[self.test])
        return {"accuracy": float(right.mean()), "classes": shares(right, self.label[self.test]), "second": second}


def shares(right: np.ndarray, group: np.ndarray) -> dict[str, float]:
    """Share of right answers of each group, by its number; groups of too few tested items are left out."""
    counts = np.bincount(group[group >= 0], minlength=1)
    hits = np.bincount(group[group >= 0], weights=right[group >= 0], minlength=1)
    return {str(one): float(hits[one] / counts[one]) for one in np.flatnonzero(counts >= FEWEST_TESTED).tolist()}


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval of it by Student's t, over seeds."""
    from scipy.stats import t

    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return float(found.mean()), float("nan"), float("nan")
    half = float(t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found)))
    return float(found.mean()), float(found.mean()) - half, float(found.mean()) + half


def worst_group(marks: Sequence[dict[str, float]]) -> tuple[str, list[float]]:
    """The group answered worst on average over seeds, the first at ties, and its share per seed."""
    groups = sorted(marks[0], key=int)
    means = [float(np.mean([one[group] for one in marks])) for group in groups]
    worst = groups[int(np.argmin(means))]
    return worst, [one[worst] for one in marks]
