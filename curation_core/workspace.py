"""The folder of one curation: composes the steps, keeps their results, and knows what is current."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from curation_core import export, presets, sources
from curation_core.artifacts import explained, write_array, write_bytes
from curation_core.catalog import Catalog
from curation_core.cluster import cluster
from curation_core.config import (
    ClusterConfig,
    EmbedConfig,
    ExportConfig,
    IngestConfig,
    ManifestFormat,
    ProjectConfig,
    SampleConfig,
    StepConfig,
)
from curation_core.embed import Embeddings, embed
from curation_core.embedders import open_embedder
from curation_core.errors import ConfigError, MissingExtra
from curation_core.hierarchy import Hierarchy
from curation_core.lineage import StepPlan, StepStatus
from curation_core.plans import package_version, provenance
from curation_core.progress import Progress, silent
from curation_core.projection import Projection, project
from curation_core.results import write_draw, write_hierarchy
from curation_core.review import Decision, ItemTarget, Verdict, cluster_target
from curation_core.sampling import SamplingPlan, sample
from curation_core.settings import Settings, render
from curation_core.verification import Verification, verify
from curation_core.view import WorkspaceView

_CONFIGS: dict[str, type[StepConfig]] = {
    "ingest": IngestConfig,
    "embed": EmbedConfig,
    "cluster": ClusterConfig,
    "project": ProjectConfig,
    "sample": SampleConfig,
    "export": ExportConfig,
}


class Workspace(WorkspaceView):
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
        found = Path(source).expanduser()
        if not found.exists():
            raise ConfigError(f"source {str(source)!r} does not exist; give a folder, a zip, a table or a .npy file")
        if options.get("metadata"):
            options["metadata"] = str(Path(options["metadata"]).expanduser().resolve())
        workspace._save(Settings(name=name, ingest=IngestConfig(source=str(found.resolve()), **options)))
        return workspace

    @classmethod
    def open(cls, path: str | Path) -> "Workspace":
        """Open a workspace; raises StepMissing when the folder is none, ConfigError when its settings are broken."""
        workspace = cls(path)
        _ = workspace.settings
        return workspace

    def configure(self, **tables: Mapping[str, Any]) -> Settings:
        """Change settings of steps, e.g. ``configure(cluster={"seed": 1})``; other settings stay."""
        before, changed = self.settings, {}
        for step, options in tables.items():
            if step not in _CONFIGS:
                raise ConfigError(f"there are no settings for {step!r}; known steps: {', '.join(_CONFIGS)}")
            current = getattr(before, step)
            changed[step] = _CONFIGS[step](**{**(dict(current) if current else {}), **options})
        after = before.changed(**changed)
        if after != before:
            self._save(after)
        return after

    # ---- steps

    def ingest(self, *, progress: Progress = silent) -> Catalog:
        """Read the source into the catalog, with thumbnails; unreadable items are listed, not fatal."""
        config = self.plans.source
        plan = StepPlan("ingest", config.model_dump(), {"source": sources.fingerprint(config)})

        def work(folder: Path) -> dict[str, Any]:
            found = sources.ingest(config, folder, thumbnails=self.path / "thumbnails", progress=progress)
            counts = {"n_items": len(found), "n_failures": found.failures.num_rows}
            return {**counts, "modality": found.modality, "digest": _digest(found)}

        self._make(plan, work)
        self._save(self.settings.changed(current_ingest=plan.key))
        return self.catalog()

    def embed(self, *, progress: Progress = silent, **options: Any) -> Embeddings:
        """Turn items into vectors; options are those of EmbedConfig."""
        with self._trying(embed=options):
            plan, catalog, config = self.plans.plan("embed"), self.catalog(), self.settings.embed

            def work(folder: Path) -> dict[str, Any]:
                embedder = open_embedder(str(plan.config["embedder"]), catalog.modality)
                with sources.read_payloads(self.plans.source, catalog) as fetch:
                    found = embed(catalog, fetch, embedder, config, folder, progress)
                counts = {"n_items": len(found.rows), "n_failures": found.failures.num_rows}
                return {**counts, "dim": int(found.vectors.shape[1]), "model": found.model}

            self._make(plan, work)
        return self.embeddings()

    def cluster(self, *, progress: Progress = silent, **options: Any) -> Hierarchy:
        """Build the tree; options are those of ClusterConfig."""
        with self._trying(cluster=options):
            vectors, plan = self._prepare(progress), self.plans.plan("cluster")
            self._make(
                plan,
                lambda folder: write_hierarchy(
                    folder, cluster(vectors, ClusterConfig(**plan.config), progress=progress)
                ),
            )
        return self.hierarchy()

    def project(self, *, progress: Progress = silent, **options: Any) -> Projection:
        """Lay the items out on a plane, for looking; options are those of ProjectConfig."""
        with self._trying(project=options):
            vectors = self._prepare(progress)

            def work(folder: Path) -> dict[str, Any]:
                found = project(vectors, self.settings.project, progress)
                write_array(folder / "xy.npy", found.xy)
                return {"n_items": len(found.xy), "method": found.method}

            self._make(self.plans.plan("project"), work)
        return self.projection()

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
        return sample(tree, config, eligible=self.decisions().eligible, vectors=vectors)

    def export(
        self,
        name: str,
        plan: SamplingPlan | None = None,
        formats: Sequence[ManifestFormat] | None = None,
        *,
        overwrite: bool = False,
        progress: Progress = silent,
    ) -> Path:
        """Write the manifest of a draw (default: the kept one) to exports/<name>; returns the folder."""
        config = ExportConfig(name=name, formats=tuple(formats)) if formats else ExportConfig(name=name)
        drawn, embedded = self.sampling_plan() if plan is None else plan, self.embeddings()
        contents = export.ExportContents(
            catalog=self.catalog(),
            rows=embedded.rows,
            hierarchy=self.hierarchy(),
            plan=drawn,
            decisions=self.decisions(),
            failures=embedded.failures,
            events=self.reviews.events(),
            provenance=provenance(self.plans, drawn),
        )
        folder = self.path / "exports" / config.name
        export.write(folder, contents, config.formats, progress, overwrite=overwrite)
        return folder

    def verify(self, name: str, *, progress: Progress = silent) -> Verification:
        """Check an export against its own sums, its own tree and the source."""
        return verify(self.path / "exports" / name, source=self.settings.ingest, progress=progress)

    def run(self, *, progress: Progress = silent) -> tuple[StepStatus, ...]:
        """Do everything that is missing or stale: up to the map, and up to draw and export where settings name them."""
        for step in (self.ingest, self.embed, self.cluster, self.project):
            step(progress=progress)
        settings = self.settings
        if settings.sample is not None:
            plan = self.sample(progress=progress)
            if settings.export is not None:
                self.export(settings.export.name, plan, settings.export.formats, overwrite=True, progress=progress)
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

    def _record(self, decision: Decision) -> Decision:
        self.reviews.append([decision])
        return decision

    def _prepare(self, progress: Progress) -> np.ndarray:
        plan = self.plans.plan("prepare")

        def work(folder: Path) -> dict[str, Any]:
            progress("prepare", 0, 1)
            vectors = presets.prepare(self.embeddings().vectors, plan.config["preset"])
            write_array(folder / "vectors.npy", vectors)
            return {"n_items": len(vectors), "dim": int(vectors.shape[1])}

        self._make(plan, work)
        return self.vectors()

    @contextlib.contextmanager
    def _trying(self, **tables: Mapping[str, Any]) -> Iterator[None]:
        """Settings for a block; they are taken back when they turn out not to fit the data."""
        before = self.settings
        self.configure(**tables)
        try:
            yield
        except (ConfigError, MissingExtra):
            self._save(before)
            raise

    def _make(self, plan: StepPlan, work: Callable[[Path], dict[str, Any]]) -> None:
        if self.store.has(plan.step, plan.key):
            return
        meta: dict[str, Any] = {
            "config": dict(plan.config),
            "inputs": dict(plan.inputs),
            "version": package_version("curation-studio"),
        }
        meta["started"], began = _now(), time.perf_counter()
        with self.store.writing(plan.step, plan.key, meta) as folder:
            meta.update(work(folder))
            meta.update(finished=_now(), seconds=round(time.perf_counter() - began, 3))

    def _save(self, settings: Settings) -> None:
        with explained(self.path / "workspace.toml"):
            self.path.mkdir(parents=True, exist_ok=True)
        write_bytes(self.path / "workspace.toml", render(settings).encode())


def _digest(catalog: Catalog) -> str:
    digest = hashlib.sha256(catalog.modality.encode())
    for item in zip(catalog.item_id, catalog.content_hash, strict=True):
        digest.update("\t".join(item).encode() + b"\n")
    return digest.hexdigest()[:16]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
