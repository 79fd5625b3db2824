"""What leaves a workspace: a draw with everything that is told of it, written as an export and checked."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from curation_core import export
from curation_core.config import ExportConfig, ManifestFormat
from curation_core.errors import StaleArtifact
from curation_core.export_formats import needs_files
from curation_core.origins import open_items
from curation_core.progress import Progress, silent
from curation_core.sampling import SamplingPlan, sample
from curation_core.unchanged import Originals
from curation_core.verdicts import Verdicts
from curation_core.verification import Verification, verify


class Exports(Verdicts):
    """A workspace whose draws can be taken elsewhere."""

    def told(self, plan: SamplingPlan, config: ExportConfig) -> export.ExportContents:
        """Everything that an export of a draw tells: with its splits, what it was mixed from, and the reports kept."""
        groups, retrieved = self.mixed_in(plan.config)
        return replace(
            self.export_contents(plan, config),
            splits=self.splits(plan),
            groups=groups,
            retrieved=retrieved,
            reports=self.reports(),
        )

    def export(
        self,
        name: str,
        plan: SamplingPlan | None = None,
        formats: Sequence[ManifestFormat] | None = None,
        *,
        overwrite: bool = False,
        progress: Progress = silent,
        **options: Any,
    ) -> Path:
        """Write the manifest of a draw (default: the kept one) to exports/<name>; returns the folder.

        options: further fields of ExportConfig, such as files="copy" or mask_personal=True.
        Raises StaleArtifact when the draw does not follow what was decided since.
        """
        given = {**options, "name": name, **({"formats": tuple(formats)} if formats else {})}
        config = ExportConfig(**given)
        folder = self.path / "exports" / config.name
        contents = self.told(self.sampling_plan() if plan is None else plan, config)
        _require_current(contents, self.vectors() if contents.plan.strategy == "diverse" else None)
        needed = needs_files(config, contents.catalog.modality)
        with open_items(self.plans.source) if needed else contextlib.nullcontext() as media:
            originals = None if media is None else Originals.of(media)
            cards = self.describing(contents)
            export.write(folder, contents, config, progress, overwrite=overwrite, originals=originals, cards=cards)
        return folder

    def verify(self, name: str, *, progress: Progress = silent) -> Verification:
        """Check an export against its own sums, its own tree and the source."""
        return verify(self.path / "exports" / name, source=self.settings.ingest, progress=progress)


def _require_current(contents: export.ExportContents, vectors: np.ndarray | None) -> None:
    """Raise StaleArtifact unless a draw is one that the decisions, as they are now, allow and ask for."""
    plan, decided = contents.plan, contents.decisions
    config = plan.config if plan.config.is_mixed else plan.config.model_copy(update={"strategy": "random"})
    now = sample(
        decided.tree,
        config,
        eligible=contents.eligible,
        rules=decided.rules,
        vectors=vectors,
        groups=contents.groups,
        retrieved=contents.retrieved,
    )
    told = [(*one.quotas, *one.capacity) for one in (plan, now)]
    if len(told[0]) == len(told[1]) and all(map(np.array_equal, *told)):
        drawn = plan.drawn_mask(decided.tree.n_items)
        if not (drawn & ~contents.eligible).any() and not (decided.kept & ~drawn).any():
            return
    raise StaleArtifact("the draw does not follow the decisions as they are now; sample again, then export")
