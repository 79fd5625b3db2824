"""The advisor: tries candidates, measures their draws by one yardstick, and says what the figures allow to say.

Every candidate is run once per seed and its row is kept as soon as it is done, so that a stopped job goes on with the
next one. The result names no winner: figures rank trees differently, so a person sees all of them, with the spread of
the seeds and which rows no other row beats.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curation_core.artifacts import canonical_json, write_json
from curation_core.baselines import random_draw
from curation_core.candidates import Candidate
from curation_core.cluster import cluster
from curation_core.config import SampleConfig
from curation_core.presets import prepare
from curation_core.progress import Progress, counted, silent
from curation_core.sampling import sample
from curation_core.scoring import FIGURES, Yardstick, mean_and_spread, oriented, pareto_front, shortfall_share

Vectors = Callable[[str], np.ndarray]  # an embedder's name to its vectors of the tried items, (n, d)
Measured = dict[str, list[float]]  # figure -> one value per seed


@dataclass(frozen=True)
class Trial:
    """What all candidates have in common. target_size: of the tried items; model: whose space the yardstick is in."""

    yardstick: Yardstick
    target_size: int
    n_seeds: int
    model: str


def try_candidates(
    candidates: Sequence[Candidate], vectors: Vectors, trial: Trial, folder: Path, progress: Progress = silent
) -> list[Measured]:
    """Figures of every candidate, one value per seed, in the order given.

    Rows of an earlier, stopped run in `folder` are kept. progress is called with the number of draws done, within a
    clustering too, and may raise to stop.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found, prepared, total = [], _Prepared(vectors), len(candidates) * trial.n_seeds
    for number, one in enumerate(candidates):
        path = folder / f"{_key(one)}.json"
        if not path.is_file():
            seeds = []
            for seed in range(trial.n_seeds):
                tick = counted(progress, "advise", number * trial.n_seeds + seed, total)
                tick("", 0, 1)
                seeds.append(_measure(one, prepared, trial, seed, tick))
            write_json(path, {name: [figures[name] for figures in seeds] for name in seeds[0]})
        found.append(json.loads(path.read_text()))
    progress("advise", total, total)
    return found


def rows_of(candidates: Sequence[Candidate], measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """One plain row per candidate: its settings, mean and spread of every figure, and whether no other row beats it."""
    means = [{name: mean_and_spread(np.array(values))[0] for name, values in one.items()} for one in measured]
    front = pareto_front(np.array([oriented(one) for one in means]))
    return [
        {
            **one.settings(),
            "figures": {name: _summary(values) for name, values in figures.items()},
            "front": bool(on_front),
        }
        for one, figures, on_front in zip(candidates, measured, front, strict=True)
    ]


def verdict(rows: Sequence[dict[str, Any]], column: str | None) -> str:
    """What the figures say in a few sentences; it never names one winner.

    A tree beats random where its mean is better by more than both spreads together. Three seeds tell little of a
    spread, and the luckiest of a dozen trees is soon found: no spread counts as smaller than that of all rows pooled.
    """
    trees, random = [row for row in rows if row["kind"] == "tree"], _random(rows)
    said = [_of_labels(rows, trees, random, column)] if column is not None else []
    free = [one for one in FIGURES if one.judges and not one.labels and one.name != "copies"]
    beats = {one.title: any(_beats(row, random, one.name, rows) for row in trees) for one in free}
    better, equal = ([title for title, is_so in beats.items() if is_so == wanted] for wanted in (True, False))
    if better:
        said.append(
            f"{'Without labels: in' if column else 'In'} {_listed(better)} trees beat a random draw by more than the "
            f"seeds' spread{f'; in {_listed(equal)} none does' if equal else ''}."
        )
    else:
        said.append(f"Nothing beats a random draw in {_listed(equal)} by more than the seeds' spread.")
    n_front = sum(row["front"] for row in trees)
    return " ".join([*said, f"{n_front} of {len(trees)} trees are beaten by no other row in every figure at once."])


def pooled_spread(rows: Sequence[dict[str, Any]], name: str) -> float:
    """The spread of the seeds in one figure, from the variances of all rows that have it."""
    spreads = [row["figures"][name]["spread"] for row in rows if name in row["figures"]]
    return float(np.sqrt(np.mean(np.square(spreads)))) if spreads else 0.0


def _random(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in rows if row["kind"] == "random")


def _of_labels(
    rows: Sequence[dict[str, Any]], trees: Sequence[dict[str, Any]], random: dict[str, Any], column: str | None
) -> str:
    n_better = sum(_beats(row, random, "entropy", rows) for row in trees)
    best = {
        name: max(row["figures"]["entropy"]["mean"] for row in rows if row["kind"] == kind)
        for kind, name in (("tree", "best tree"), ("flat", "best flat k-means"), ("random", "random"))
    }
    told = ", ".join(f"{name} {mean:.2f}" for name, mean in best.items())
    if n_better:
        return f"{n_better} of {len(trees)} trees draw the labels of {column} more evenly than random does ({told})."
    return (
        f"Over the labels of {column}, nothing beats a random draw by more than the seeds' spread ({told}): for "
        "these labels balancing does not pay."
    )


class _Prepared:
    """The vectors of the last embedder and preset asked for."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors, self._key = vectors, ("", "")
        self._rows = np.empty((0, 1), np.float32)

    def of(self, one: Candidate) -> np.ndarray:
        if self._key != (one.model, one.preset):
            self._rows = prepare(self._vectors(one.model), one.preset)
            self._key = (one.model, one.preset)
        return self._rows


def _measure(one: Candidate, prepared: _Prepared, trial: Trial, seed: int, progress: Progress) -> dict[str, float]:
    """Figures of one draw."""
    measure = trial.yardstick.measure
    if one.kind == "random":
        return measure(random_draw(len(trial.yardstick.space), trial.target_size, seed=seed))
    tree = cluster(prepared.of(one), one.config(seed), progress=progress)
    plan = sample(tree, SampleConfig(target_size=trial.target_size, seed=seed))
    found = measure(plan.indices, own_space=one.model == trial.model)
    return {**found, "shortfall": shortfall_share(plan.capacity[-1], trial.target_size)}


def _key(one: Candidate) -> str:
    return hashlib.sha256(canonical_json(one.settings()).encode()).hexdigest()[:16]


def _summary(values: Sequence[float]) -> dict[str, Any]:
    mean, spread = mean_and_spread(np.array(values))
    return {"mean": round(mean, 6), "spread": round(spread, 6)}


def _beats(row: dict[str, Any], other: dict[str, Any], name: str, rows: Sequence[dict[str, Any]]) -> bool:
    if name not in row["figures"]:
        return False
    pooled = pooled_spread(rows, name)
    one, two = row["figures"][name], other["figures"][name]
    return bool(one["mean"] - two["mean"] > max(one["spread"], pooled) + max(two["spread"], pooled))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
