"""The folder of one curation: composes the steps, keeps their results, and knows what is current."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation_core import export
from curation_core.config import ExportConfig, IngestConfig, ManifestFormat
from curation_core.errors import ConfigError, StaleArtifact
from curation_core.export_formats import needs_files
from curation_core.lineage import StepStatus
from curation_core.locations import normal_source
from curation_core.origins import open_items
from curation_core.progress import Progress, silent
from curation_core.reproduction import Reproduction, Sources, reproduce
from curation_core.sampling import SamplingPlan, sample
from curation_core.settings import Settings
from curation_core.unchanged import Originals
from curation_core.verdicts import Verdicts
from curation_core.verification import Verification, verify


class Workspace(Verdicts):
    """One curation on disk: everything that can be done with it."""

    @classmethod
    def create(
        cls, path: str | Path, source: str | Path, *, name: str = "", progress: Progress = silent, **options: Any
    ) -> "Workspace":
        """Make a workspace and ingest its source; options: IngestConfig. Raises ConfigError if one is there."""
        workspace = cls.init(path, source, name=name, **options)
        workspace.ingest(progress=progress)
        return workspace

    @classmethod
    def init(cls, path: str | Path, source: str | Path, *, name: str = "", **options: Any) -> "Workspace":
        """Make a workspace without reading its source yet."""
        workspace = cls(path)
        if (workspace.path / "workspace.toml").exists():
            raise ConfigError(f"{path} is a workspace already; open it, or choose another folder")
        if workspace.path.is_file() or (workspace.path.exists() and any(workspace.path.iterdir())):
            raise ConfigError(f"{path} is not empty and not a workspace; choose a new or empty folder")
        where = normal_source(source, allow_http=bool(options.get("allow_http")))
        if options.get("metadata"):
            options["metadata"] = normal_source(options["metadata"])
        workspace._save(Settings(name=name, ingest=IngestConfig(source=where, **options)))
        return workspace

    @classmethod
    def open(cls, path: str | Path) -> "Workspace":
        """Open a workspace; raises StepMissing when the folder is none, ConfigError when its settings are broken."""
        workspace = cls(path)
        _ = workspace.settings
        return workspace

    # ---- export

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
        contents = self.export_contents(self.sampling_plan() if plan is None else plan, config)
        mixed = self.mixed_in(contents.plan.config)
        _require_current(contents, self.vectors() if contents.plan.strategy == "diverse" else None, mixed)
        needed = needs_files(config, contents.catalog.modality)
        with open_items(self.plans.source) if needed else contextlib.nullcontext() as media:
            originals = None if media is None else Originals.of(media)
            cards = self.describing(contents)
            export.write(folder, contents, config, progress, overwrite=overwrite, originals=originals, cards=cards)
        return folder

    def verify(self, name: str, *, progress: Progress = silent) -> Verification:
        """Check an export against its own sums, its own tree and the source."""
        return verify(self.path / "exports" / name, source=self.settings.ingest, progress=progress)

    def repro(self, name: str, *, sources: Sources | None = None, progress: Progress = silent) -> Reproduction:
        """Make an export again from its source, in a workspace of its own, and compare every byte."""
        return reproduce(self.path / "exports" / name, Workspace.init, sources, progress=progress)

    def run(self, *, progress: Progress = silent) -> tuple[StepStatus, ...]:
        """Do everything that is missing or stale: up to the map, and up to draw and export where settings name them."""
        settings = self.settings
        self.ingest(progress=progress)
        if settings.faces.blur and self.plans.meta("ingest")["modality"] == "image":
            self.faces(progress=progress)
        for step in (self.embed, self.cluster, self.project):
            step(progress=progress)
        if settings.sample is not None:
            if settings.sample.one_per_group:
                self.duplicates(progress=progress)
            plan = self.sample(progress=progress)
            if settings.export is not None:
                self.export(plan=plan, overwrite=True, progress=progress, **dict(settings.export))
        return self.status()


def _require_current(
    contents: export.ExportContents, vectors: np.ndarray | None, mixed: tuple[np.ndarray | None, np.ndarray | None]
) -> None:
    """Raise StaleArtifact unless a draw is one that the decisions, as they are now, allow and ask for."""
    plan, decided = contents.plan, contents.decisions
    config = plan.config if plan.config.is_mixed else plan.config.model_copy(update={"strategy": "random"})
    now = sample(
        decided.tree,
        config,
        eligible=contents.eligible,
        rules=decided.rules,
        vectors=vectors,
        groups=mixed[0],
        retrieved=mixed[1],
    )
    told = [(*one.quotas, *one.capacity) for one in (plan, now)]
    if len(told[0]) == len(told[1]) and all(map(np.array_equal, *told)):
        drawn = plan.drawn_mask(decided.tree.n_items)
        if not (drawn & ~contents.eligible).any() and not (decided.kept & ~drawn).any():
            return
    raise StaleArtifact("the draw does not follow the decisions as they are now; sample again, then export")
