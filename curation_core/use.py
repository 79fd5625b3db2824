"""The report of use: what probes learn from our draw, from a flat and from a random one of the same size.

A balanced draw is a means. Whether it serves is seen where something is learnt from it: plain accuracy counts common
classes most, balanced accuracy counts every class alike, and the worst group is what an average hides.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curation_core.artifacts import write_json
from curation_core.baselines import random_draw
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig, SampleConfig
from curation_core.exam import PROBES, Exam, interval, worst_group
from curation_core.progress import Progress, counted, silent
from curation_core.sampling import sample

DRAWS = ("random", "flat", "ours")
FIGURES = ("accuracy", "balanced", "worst")
_SAID = {"random": "a random draw", "flat": "flat k-means"}
Marks = dict[str, list[dict[str, dict[str, Any]]]]  # draw -> per seed what Exam.marks says


@dataclass(frozen=True)
class Draws:
    """How the pool is drawn from. prepared: (p, d) vectors of the exam's pool; config: our tree; size: items drawn."""

    prepared: np.ndarray
    config: ClusterConfig
    size: int

    def rows(self, kind: str, seed: int, progress: Progress = silent) -> np.ndarray:
        """Rows of the pool that a draw takes: int64, ascending."""
        if kind == "random":
            return random_draw(len(self.prepared), self.size, seed=seed)
        changed = {**dict(self.config), "seed": seed}
        if kind == "flat":
            changed |= {"n_clusters": self.config.n_clusters[:1], "resample_size": (2,), "n_resamples": 0}  # type: ignore[index]
        tree = cluster(self.prepared, ClusterConfig(**changed), progress=progress)
        return np.unique(sample(tree, SampleConfig(target_size=self.size, seed=seed)).indices)


def mark_draws(exam: Exam, draws: Draws, n_seeds: int, folder: Path, progress: Progress = silent) -> Marks:
    """Marks of every draw and seed; those of an earlier, stopped run in `folder` are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    found: Marks = {kind: [] for kind in DRAWS}
    todo = [(kind, seed) for kind in DRAWS for seed in range(n_seeds)]
    for done, (kind, seed) in enumerate(todo):
        path = folder / f"{kind}-{seed}.json"
        if not path.is_file():
            tick = counted(progress, "use", done, len(todo))
            tick("", 0, 1)
            write_json(path, exam.marks(exam.pool[draws.rows(kind, seed, tick)]))
        found[kind].append(json.loads(path.read_text()))
    progress("use", len(todo), len(todo))
    return found


def rows_of(marks: Marks, classes: Sequence[str], groups: Sequence[str]) -> list[dict[str, Any]]:
    """One plain row per draw and probe: means with 95 % intervals over seeds. classes, groups: names by number."""
    rows = []
    for draw in DRAWS:
        for probe in PROBES:
            seeds = [one[probe] for one in marks[draw]]
            mean, low, high = _share_interval(_values(seeds, "accuracy"))
            row: dict[str, Any] = {"draw": draw, "probe": probe, "mean": mean, "low": low, "high": high}
            row |= _named("balanced", _share_interval(_values(seeds, "balanced")))
            row |= _worst("worst", [one["classes"] for one in seeds], classes)
            if seeds[0]["second"]:
                row |= _worst("second_worst", [one["second"] for one in seeds], groups)
            rows.append({name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()})
    return rows


def differences(marks: Marks) -> list[dict[str, Any]]:
    """Ours less another draw, paired by seed: mean with its 95 % interval, per probe and figure."""
    found = []
    for other in DRAWS[:-1]:
        for probe in PROBES:
            for figure in FIGURES:
                ours, theirs = ([one[probe] for one in marks[draw]] for draw in ("ours", other))
                gaps = np.subtract(_values(ours, figure), _values(theirs, figure))
                mean, low, high = (round(value, 6) for value in interval(gaps.tolist()))
                found.append(
                    {"against": other, "probe": probe, "figure": figure, "mean": mean, "low": low, "high": high}
                )
    return found


def sentence(rows: Sequence[Mapping[str, Any]], gaps: Sequence[Mapping[str, Any]], column: str, size: int) -> str:
    """What the figures say: balanced accuracy first, with the interval of each difference; then plain accuracy."""
    linear, flat, knn, plain = (
        _compared(rows, gaps, *asked)
        for asked in (
            ("linear", "balanced", "random"),
            ("linear", "balanced", "flat"),
            ("knn", "balanced", "random"),
            ("linear", "accuracy", "random"),
        )
    )
    return (
        f"Learning {column} from {size:,} items, a linear probe has a balanced accuracy of {linear}; against {flat}. "
        f"k-NN: {knn}. Plain accuracy of the linear probe, where common classes count most: {plain}."
    )


def _compared(
    rows: Sequence[Mapping[str, Any]], gaps: Sequence[Mapping[str, Any]], probe: str, figure: str, against: str
) -> str:
    name = "mean" if figure == "accuracy" else figure
    of = {row["draw"]: 100 * row[name] for row in rows if row["probe"] == probe}
    gap = next(one for one in gaps if (one["against"], one["probe"], one["figure"]) == (against, probe, figure))
    low, mean, high = (100 * gap[end] for end in ("low", "mean", "high"))
    told = f"{of['ours']:.1f} % on ours and " if against == "random" else ""
    told += f"{of[against]:.1f} % on {_SAID[against]}: {mean:+.1f} points"
    if low > 0 or high < 0:
        return f"{told} ({low:+.1f} to {high:+.1f})"
    return f"{told} ({low:+.1f} to {high:+.1f}, so neither is better)"


def _values(seeds: Sequence[Mapping[str, Any]], figure: str) -> list[float]:
    if figure == "accuracy":
        return [one["accuracy"] for one in seeds]
    if figure == "balanced":
        return [float(np.mean(list(one["classes"].values()))) for one in seeds]
    return worst_group([one["classes"] for one in seeds])[1]


def _share_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The interval of a share, which lies between 0 and 1."""
    mean, low, high = interval(values)
    return mean, max(0.0, low), min(1.0, high)


def _named(name: str, found: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))


def _worst(name: str, marks: Sequence[dict[str, float]], names: Sequence[str]) -> dict[str, Any]:
    group, values = worst_group(marks)
    return {**_named(name, _share_interval(values)), f"{name}_group": names[int(group)]}
