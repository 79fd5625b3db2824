"""The folder of one curation: composes the steps, keeps their results, and knows what is current."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation_core import export
from curation_core.checks import Checks
from curation_core.config import ExportConfig, IngestConfig, ManifestFormat, SampleConfig
from curation_core.errors import ConfigError
from curation_core.lineage import StepStatus
from curation_core.locations import normal_source
from curation_core.progress import Progress, silent
from curation_core.results import write_draw
from curation_core.review import Decision, ItemTarget, Verdict, cluster_target
from curation_core.sampling import SamplingPlan, sample
from curation_core.settings import Settings
from curation_core.verification import Verification, verify


class Workspace(Checks):
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

    # ---- draw and export

    def sample(self, target_size: int | None = None, *, progress: Progress = silent, **options: Any) -> SamplingPlan:
        """Draw the balanced subset and keep it; options are those of SampleConfig."""
        given = options if target_size is None else {"target_size": target_size, **options}
        with self._trying(**({"sample": given} if given else {})):
            progress("sample", 0, 1)
            drawn = self.draw(self.settings.sample)
            self._make(self.plans.plan("sample"), lambda folder: write_draw(folder, drawn))
            progress("sample", 1, 1)
        return self.sampling_plan()

    def draw(self, config: SampleConfig | None) -> SamplingPlan:
        """A draw that is not kept: what the slider shows. Raises ConfigError when the target exceeds what there is."""
        if config is None:
            raise ConfigError("no target size is set; give one, for example `curate sample --target-size 500`")
        tree, most = self.hierarchy(), self.plans.meta("cluster")["n_items"] * config.multiplier
        if config.target_size > most:
            raise ConfigError(
                f"target size is {config.target_size:,}, but {tree.n_items:,} items, each {config.multiplier}x, give "
                f"{most:,}; choose at most {most:,}, or set multiplier to {-(-config.target_size // tree.n_items)}"
            )
        vectors = self.vectors() if config.strategy == "diverse" else None
        return sample(tree, config, eligible=self.eligible(one_per_group=config.one_per_group), vectors=vectors)

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
        """
        given = {**options, "name": name, **({"formats": tuple(formats)} if formats else {})}
        config = ExportConfig(**given)
        folder = self.path / "exports" / config.name
        contents = self.export_contents(self.sampling_plan() if plan is None else plan, config)
        with self.originals() if config.files == "copy" else contextlib.nullcontext() as read:
            export.write(folder, contents, config.formats, progress, overwrite=overwrite, read=read)
        return folder

    def verify(self, name: str, *, progress: Progress = silent) -> Verification:
        """Check an export against its own sums, its own tree and the source."""
        return verify(self.path / "exports" / name, source=self.settings.ingest, progress=progress)

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

    # ---- decisions

    def decide_cluster(self, level: int, cluster_id: int, verdict: Verdict, *, reviewer: str = "") -> Decision:
        """Record a verdict on a cluster of the current tree."""
        tree = self.hierarchy()
        if not (1 <= level <= tree.n_levels and 0 <= cluster_id < tree.n_clusters[level - 1]):
            levels = ", ".join(f"level {number}: 0 to {k - 1}" for number, k in enumerate(tree.n_clusters, start=1))
            raise ConfigError(f"cluster {level}:{cluster_id} does not exist; this tree has {levels}")
        target = cluster_target(tree, self.plans.plan("cluster").key, level, cluster_id, self.item_ids())
        return self._record(Decision(target, verdict, reviewer))

    def decide_items(self, rows: Sequence[int] | np.ndarray, verdict: Verdict, *, reviewer: str = "") -> Decision:
        """Record a verdict on items, given by their rows in the tree."""
        ids = self.item_ids()
        return self._record(Decision(ItemTarget(tuple(ids[int(row)] for row in rows)), verdict, reviewer))

    def decide_catalog(self, rows: Sequence[int] | np.ndarray, verdict: Verdict, *, reviewer: str = "") -> Decision:
        """Record a verdict on items, given by their rows in the catalog; needs no tree."""
        ids = self.catalog().item_id
        return self._record(Decision(ItemTarget(tuple(ids[int(row)] for row in rows)), verdict, reviewer))

    def _record(self, decision: Decision) -> Decision:
        self.reviews.append([decision])
        return decision
