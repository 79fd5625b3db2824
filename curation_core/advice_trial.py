"""The trial of trees in a workspace: other settings, tried at the target size and measured."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from curation_core import advisor, candidates
from curation_core.artifacts import write_json
from curation_core.candidates import Candidate
from curation_core.config import Preset
from curation_core.embed import Embeddings, read_embeddings
from curation_core.embedders import embedder_names
from curation_core.errors import ConfigError
from curation_core.points import Points
from curation_core.presets import default_preset
from curation_core.progress import Progress, silent
from curation_core.scoring import COMPONENTS, FIGURES, Yardstick
from curation_core.trial_settings import AdviseConfig
from curation_core.trials import Trials, TriedItems, options_of, vectors_of


@dataclass(frozen=True)
class Ahead:
    """What a trial would do: settings to try, draws in all, items it looks at, wall seconds (within a factor of 2)."""

    n_candidates: int
    n_draws: int
    n_tried: int
    seconds: float


class AdviceTrial(Trials):
    """What could be drawn with other settings."""

    def advise(self, *, progress: Progress = silent, **options: Any) -> dict[str, Any]:
        """Try a handful of trees on the target size and measure their draws; options are those of AdviseConfig.

        Returns the report: plain JSON with a row per setting, baselines included, and a sentence on what beats what.
        """
        with self._trying(advise=options):
            self._embed_beside(self.settings.advise, progress)
            plan = self.plans.plan("advise")

            def work(folder: Path) -> dict[str, Any]:
                report = self._advise(AdviseConfig(**options_of(plan.config, AdviseConfig)), folder / "rows", progress)
                write_json(folder / "report.json", report)
                return {"n_items": report["n_tried"], "n_candidates": len(report["rows"])}

            self._make(plan, work)
        return self.report("advise")

    def advice_ahead(self, **options: Any) -> Ahead:
        """What `advise` would try with these options, and how long it would take."""
        config = AdviseConfig(**{**dict(self.settings.advise), **options})
        pool = TriedItems.of(self.embeddings(), self.plans.trial_target(config.target_size), config.most_items)
        models = self._models(config)
        dims = {name: int(one.vectors.shape[1]) for name, one in models.items()}
        tried = _candidates(pool, models, dict.fromkeys(models, len(pool.rows)), config)
        seconds = candidates.predict_seconds(tried, len(pool.rows), dims, config.n_seeds)
        return Ahead(len(tried), len(tried) * config.n_seeds, len(pool.rows), seconds)

    def _advise(self, config: AdviseConfig, folder: Path, progress: Progress) -> dict[str, Any]:
        progress("yardstick", 0, 1)
        pool = TriedItems.of(self.embeddings(), self.plans.trial_target(config.target_size), config.most_items)
        models = self._models(config)
        own = self.plans.meta("embed")["model"]
        vectors = {name: vectors_of(one, pool.rows) for name, one in models.items()}
        distinct = {name: Points.of(rows).n_distinct(pool.target_size * 2) for name, rows in vectors.items()}
        tried = _candidates(pool, models, distinct, config)
        label = None if config.column is None else self.classes(config.column, pool.rows)
        yardstick = Yardstick.of(vectors[own], self.copies()[pool.rows], label, pool.target_size)
        trial = advisor.Trial(yardstick, pool.target_size, config.n_seeds, own)
        rows = advisor.rows_of(tried, advisor.try_candidates(tried, vectors.__getitem__, trial, folder, progress))
        for one, row in zip(tried, rows, strict=True):
            row["title"] = one.title if one.model in ("", own) else f"{one.title} · {one.model}"
            row["adopt"] = None if one.kind == "random" else _adopted(one, pool, distinct[one.model], own)
        return {
            **pool.told(),
            "column": config.column,
            "n_seeds": config.n_seeds,
            "model": own,
            "figures": [one.told() for one in FIGURES if any(one.name in row["figures"] for row in rows)],
            "rows": rows,
            "sentence": advisor.verdict(rows, config.column),
            "notes": self._notes(pool, models, own, config.column),
        }

    def _embed_beside(self, config: AdviseConfig, progress: Progress) -> None:
        """Make vectors by other embedders; those of the workspace stay in use."""
        if config.embed_with and config.column is None:
            raise ConfigError("draws of other embedders can only be compared by labels; choose a column as well")
        for name in config.embed_with:
            embed = self.settings.embed.model_copy(update={"embedder": name})
            self._embed(replace(self.plans, settings=self.settings.changed(embed=embed)), progress)

    def _models(self, config: AdviseConfig) -> dict[str, Embeddings]:
        """Embedders whose vectors are there, that of the workspace first; others only where labels can judge them."""
        here, own = self.embeddings(), self.plans.meta("embed")
        found = {own["model"]: here}
        if not config.embedders or config.column is None:
            return found
        known = embedder_names(self.plans.meta("ingest")["modality"])
        for meta in self.store.all_meta("embed"):
            if meta["key"] in self.plans.other_embeddings() and meta["model"] in known and meta["model"] not in found:
                other = read_embeddings(self.store.folder("embed", meta["key"]), meta["model"])
                if np.array_equal(other.rows, here.rows):
                    found[meta["model"]] = other
        return found

    def _notes(self, pool: "TriedItems", models: Mapping[str, Any], own: str, column: str | None) -> list[str]:
        notes = [
            f"Uncrowding, Vendi score and coverage are measured in one space for all rows: vectors of {own} at length "
            f"1, in their {COMPONENTS} strongest components.",
            "All items may be drawn here, whatever was decided in the review.",
        ]
        if pool.n_items > len(pool.rows):
            notes.append(pool.sentence())
        if column is None:
            notes.append(
                "Without labels the figures tell how sparse and how different the drawn items are to the embedder, "
                "which need not be how evenly kinds are drawn: choose a column where there is one."
            )
        if not self._has("duplicates"):
            notes.append("Only exact copies count as near-duplicates; look for near-duplicates to count all.")
        others = [name for name in models if name != own]
        if others:
            notes.append(f"Draws in the space of {', '.join(others)} are compared by their labels alone.")
        elif self.plans.other_embeddings():
            notes.append(
                "Vectors of other embedders are there; they are tried where a column of labels can judge them."
            )
        return notes


def _candidates(
    pool: TriedItems, models: Mapping[str, Embeddings], n_distinct: dict[str, int], config: AdviseConfig
) -> tuple[Candidate, ...]:
    presets: dict[str, Preset] = {name: default_preset(name) for name in models}
    return candidates.candidates(
        len(pool.rows),
        pool.target_size,
        models=list(models),
        preset_of=presets,
        dims={name: int(one.vectors.shape[1]) for name, one in models.items()},
        n_distinct=n_distinct,
        presets=config.presets,
    )


def _adopted(one: Candidate, pool: TriedItems, n_distinct: int, own: str) -> dict[str, Any]:
    """Settings of the whole workspace that stand for a candidate tried on a part of it."""
    whole = candidates.for_all(one, len(pool.rows), pool.n_items, pool.wanted, n_distinct)
    return {
        "n_clusters": list(whole.n_clusters),
        "resample_size": list(whole.resample_size),
        "n_resamples": whole.n_resamples,
        "preset": whole.preset,
        "embedder": None if one.model == own else one.model,
    }
