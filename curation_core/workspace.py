"""The folder of one curation: composes the steps, keeps their results, and knows what is current."""

from pathlib import Path
from typing import Any

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError
from curation_core.exports import Exports
from curation_core.lineage import StepStatus
from curation_core.locations import normal_source
from curation_core.progress import Progress, silent
from curation_core.reproduction import Reproduction, Sources, reproduce
from curation_core.settings import Settings


class Workspace(Exports):
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
            if settings.sample.reference_share:
                self.reference(progress=progress)
            plan = self.sample(progress=progress)
            if settings.export is not None:
                self.export(plan=plan, overwrite=True, progress=progress, **dict(settings.export))
        return self.status()
