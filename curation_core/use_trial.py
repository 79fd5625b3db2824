"""The trial of use in a workspace: probes learn from our draw and from those it is held against."""

from pathlib import Path
from typing import Any

import numpy as np

from curation_core.advice import advise
from curation_core.advice_trial import AdviceTrial
from curation_core.artifacts import write_json
from curation_core.config import ClusterConfig, Preset
from curation_core.errors import ConfigError
from curation_core.exam import Exam
from curation_core.points import Points
from curation_core.presets import prepare, unit
from curation_core.progress import Progress, silent
from curation_core.trial_settings import UseConfig
from curation_core.trials import TriedItems, options_of, vectors_of
from curation_core.use import Draws, differences, mark_draws, rows_of, sentence


class UseTrial(AdviceTrial):
    """What can be learned from a draw."""

    def use(self, *, progress: Progress = silent, **options: Any) -> dict[str, Any]:
        """Train probes on our draw, a flat and a random one, and test them on items kept out; options: UseConfig.

        Returns the report: plain JSON with a row per draw and probe, differences with intervals, and a sentence.
        """
        with self._trying(use=options):
            if self.settings.use.column is None:
                raise ConfigError("no column of labels is chosen; name one, for example `curate use --column label`")
            plan = self.plans.plan("use")

            def work(folder: Path) -> dict[str, Any]:
                report = self._use(UseConfig(**options_of(plan.config, UseConfig)), folder / "marks", progress)
                write_json(folder / "report.json", report)
                return {"n_items": report["n_tried"]}

            self._make(plan, work)
        return self.report("use")

    def _use(self, config: UseConfig, folder: Path, progress: Progress) -> dict[str, Any]:
        progress("exam", 0, 1)
        embedded, column = self.embeddings(), str(config.column)
        tried = TriedItems.of(embedded, self.plans.trial_target(config.target_size), config.most_items)
        second = None if config.group_column is None else self.classes(config.group_column, tried.rows)
        vectors, preset = vectors_of(embedded, tried.rows), self.plans.plan("prepare").config["preset"]
        exam = Exam.of(unit(vectors), self.classes(column, tried.rows), second, self.copies()[tried.rows])
        draws = self._draws(exam, vectors, preset, tried)
        marks = mark_draws(exam, draws, config.n_seeds, folder, progress)
        groups = [] if config.group_column is None else self.class_names(config.group_column)
        rows = rows_of(marks, self.class_names(column), groups)
        gaps = differences(marks)
        return {
            **tried.told(),
            "column": column,
            "group_column": config.group_column,
            "size": draws.size,
            "seeds": config.n_seeds,
            "n_tested": len(exam.test),
            "n_pool": len(exam.pool),
            "model": embedded.model,
            "preset": preset,
            "n_clusters": list(draws.config.n_clusters or ()),
            "rows": rows,
            "differences": gaps,
            "sentence": sentence(rows, gaps, column, draws.size),
            "notes": self._use_notes(exam, tried, draws),
        }

    def _draws(self, exam: Exam, vectors: np.ndarray, preset: Preset, tried: TriedItems) -> Draws:
        """Draws from the exam's pool by the tree that settings ask for, built anew for every seed."""
        prepared, settings = prepare(vectors, preset)[exam.pool], self.settings.cluster
        size = min(tried.target_size, len(prepared))
        advised = advise(tried.n_items, settings.expected_target, dim=prepared.shape[1])
        wanted = settings.n_clusters or advised.n_clusters  # of all items; scaled to those that are tried
        n_clusters = _fitting(wanted, tried.target_size / tried.wanted, prepared)
        kept = settings.resample_size if len(n_clusters) == len(settings.resample_size or ()) else None
        return Draws(
            prepared, ClusterConfig(**{**dict(settings), "n_clusters": n_clusters, "resample_size": kept}), size
        )

    def _use_notes(self, exam: Exam, tried: TriedItems, draws: Draws) -> list[str]:
        levels = " and ".join(f"{k:,}" for k in draws.config.n_clusters or ())
        notes = [
            f"Tested on {len(exam.test):,} items that no draw could take, a quarter of every class of 10 or more; "
            f"draws of {draws.size:,} from the other {len(exam.pool):,}, before any decision of the review.",
            f"Flat and ours are built anew for every seed, ours with {levels} clusters, flat with as many in one.",
            "Intervals are over seeds of the draw (95 %, Student's t); the tested items stay the same.",
        ]
        if exam.kept_out:
            known = "near-duplicates" if self._has("duplicates") else "exact copies"
            notes.append(f"{exam.kept_out:,} {known} of tested items were kept out of all draws.")
        if tried.n_items > len(tried.rows):
            notes.append(tried.sentence())
        return notes


def _fitting(n_clusters: tuple[int, ...], scale: float, prepared: np.ndarray) -> tuple[int, ...]:
    """Levels for a part of the items: shares of the target shrink with it, few clusters at the top stay."""
    largest = min(len(prepared) // 2, Points.of(prepared).n_distinct(len(prepared) // 2))
    scale = min(scale, largest / n_clusters[0])
    found: list[int] = []
    for k in n_clusters:
        k = max(round(k * scale), min(k, 12)) if found else max(1, round(k * scale))
        if not found or k <= found[-1] // 2:
            found.append(k)
    return tuple(found)
