"""The bench of a workspace: its settings, and the steps from the source to tree and map, each kept as an artefact."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from curation_core import kernels, presets, sources
from curation_core.artifacts import explained, read_array, write_array, write_bytes, write_stacked
from curation_core.catalog import Catalog
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.embed import Embeddings, embed
from curation_core.embedders import open_embedder
from curation_core.errors import ConfigError, MissingExtra
from curation_core.forecast import Cost, predict_cost
from curation_core.hierarchy import Hierarchy
from curation_core.lineage import StepPlan
from curation_core.model_folders import absolute_spec
from curation_core.plans import Plans, package_version
from curation_core.progress import Progress, silent
from curation_core.projection import Projection, project
from curation_core.results import write_hierarchy
from curation_core.search import best_rows, rank_by_text
from curation_core.settings import STEP_CONFIGS, Settings, render
from curation_core.unfinished import Unfinished
from curation_core.view import WorkspaceView


class Workbench(WorkspaceView):
    """A workspace whose settings can be changed and whose steps can be run."""

    def configure(self, **tables: Mapping[str, Any]) -> Settings:
        """Change settings of steps, e.g. ``configure(cluster={"seed": 1})``; other settings stay."""
        before, changed = self.settings, {}
        for step, options in tables.items():
            if step not in STEP_CONFIGS:
                raise ConfigError(f"there are no settings for {step!r}; known steps: {', '.join(STEP_CONFIGS)}")
            current = getattr(before, step)
            if step == "embed" and "embedder" in options:
                options = {**options, "embedder": absolute_spec(str(options["embedder"]))}
            changed[step] = STEP_CONFIGS[step](**{**(dict(current) if current else {}), **options})
        after = before.changed(**changed)
        if after != before:
            self._save(after)
        return after

    def ingest(self, *, progress: Progress = silent) -> Catalog:
        """Read the source into the catalog, with thumbnails; unreadable items are listed, not fatal."""
        config = self.plans.source
        plan = StepPlan("ingest", config.model_dump(), {"source": sources.fingerprint(config)})
        current = self.settings.current_ingest
        previous = self.store.folder("ingest", current) if current and self.store.has("ingest", current) else None

        def work(folder: Path) -> dict[str, Any]:
            # where faces are to be blurred, thumbnails are written by the step that finds them
            thumbnails = None if self.settings.faces.blur else self.path / "thumbnails"
            found = sources.ingest(config, folder, thumbnails=thumbnails, previous=previous, progress=progress)
            counts = {"n_items": len(found), "n_failures": found.failures.num_rows}
            return {**counts, "modality": found.modality, "digest": _digest(found)}

        self._make(plan, work)
        self._save(self.settings.changed(current_ingest=plan.key))
        return self.catalog()

    def embed(self, *, progress: Progress = silent, **options: Any) -> Embeddings:
        """Turn items into vectors; options are those of EmbedConfig."""
        with self._trying(embed=options):
            self._embed(self.plans, progress)
        return self.embeddings()

    def _embed(self, plans: Plans, progress: Progress) -> None:
        """Make the vectors that some settings ask for."""
        catalog, config = self.catalog(), plans.settings.embed

        def work(folder: Path) -> dict[str, Any]:
            embedder = open_embedder(config.embedder, catalog.modality, device=config.device)
            side = getattr(embedder, "image_side", sources.PAYLOAD_SIDE)
            with sources.read_payloads(self.plans.source, catalog, max_side=side) as fetch:
                found = embed(catalog, fetch, embedder, config, folder, progress)
            counts = {"n_items": len(found.rows), "n_failures": found.failures.num_rows, "model": found.model}
            return {**counts, "dim": int(found.vectors.shape[1]), **found.facts}

        self._make(plans.plan("embed"), work)

    def search(self, query: str, n: int = 100) -> tuple[np.ndarray, np.ndarray]:
        """The n items nearest in meaning to a text, best first: rows (n,) int64 and cosine similarity (n,) float32.

        Rows count in the tree. Raises ConfigError where the embedder knows no texts.
        """
        embedded, config = self.embeddings(), self.settings.embed
        embedder = open_embedder(config.embedder, self.plans.meta("ingest")["modality"], device=config.device)
        found = rank_by_text(query, embedder, embedded.vectors)
        rows = best_rows(found, n)
        return rows, found[rows]

    def cluster(self, *, progress: Progress = silent, **options: Any) -> Hierarchy:
        """Build the tree; options are those of ClusterConfig."""
        with self._trying(cluster=options):
            vectors, plan = self._prepare(progress), self.plans.plan("cluster")

            def work(folder: Path) -> dict[str, Any]:
                unfinished = Unfinished(folder / "unfinished", kernels.engine())  # settings and inputs name the folder
                tree = cluster(vectors, ClusterConfig(**plan.config), progress=progress, unfinished=unfinished)
                unfinished.clear()
                return {**write_hierarchy(folder, tree), "kernel": kernels.engine()}

            self._make(plan, work)
        return self.hierarchy()

    def forecast(self, **options: Any) -> Cost | None:
        """What `cluster` will take; None before items are embedded, where the tree is there, and for wrong options."""
        try:
            config = ClusterConfig(**{**self.settings.cluster.model_dump(), **options})
        except ConfigError:
            return None  # the work itself says what is wrong
        steps = {step.step: step for step in self.status()}
        made = config == self.settings.cluster and steps["cluster"].state == "done"
        if made or steps["embed"].state != "done":
            return None
        embedded = self.plans.meta("embed")
        n, dim = int(embedded["n_items"]), int(embedded["dim"])
        preset = presets.resolve_preset(config.preset, embedded["model"])
        if preset in presets.COMPONENTS:
            dim = min(n, dim, presets.COMPONENTS[preset][1])
        return predict_cost(n, dim, config)

    def project(self, *, progress: Progress = silent, **options: Any) -> Projection:
        """Lay the items out on a plane, for looking; options are those of ProjectConfig.

        The preview of a large map is a result of its own, there to be looked at while the map is refined.
        """
        with self._trying(project=options):
            vectors, early, began = self._prepare(progress), self.plans.preview(), time.perf_counter()

            def preview(found: Projection) -> None:
                self._make(early, lambda folder: _write_map(folder, found), began)

            def work(folder: Path) -> dict[str, Any]:
                asked = self.settings.project
                return _write_map(folder, project(vectors, asked, progress, preview=preview if asked.refine else None))

            self._make(self.plans.plan("project"), work)
        return self.projection()

    def _prepare(self, progress: Progress) -> np.ndarray:
        plan = self.plans.plan("prepare")

        def work(folder: Path) -> dict[str, Any]:
            raw = self.embeddings().vectors

            def blocks() -> Iterator[np.ndarray]:
                for start, block in presets.prepared_blocks(raw, plan.config["preset"]):
                    progress("prepare", start, len(raw))
                    yield block

            write_stacked(folder / "vectors.npy", blocks(), len(raw))
            progress("prepare", len(raw), len(raw))
            return {"n_items": len(raw), "dim": int(read_array(folder / "vectors.npy").shape[1])}

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

    def _make(self, plan: StepPlan, work: Callable[[Path], dict[str, Any]], began: float | None = None) -> None:
        """Keep what `work` writes. began: when work on it did, by time.perf_counter; now, unless it is given."""
        if self.store.has(plan.step, plan.key):
            return
        meta: dict[str, Any] = {
            "config": dict(plan.config),
            "inputs": dict(plan.inputs),
            "version": package_version("curation-studio"),
        }
        meta["started"], began = _now(), time.perf_counter() if began is None else began
        with self.store.writing(plan.step, plan.key, meta) as folder:
            meta.update(work(folder))
            meta.update(finished=_now(), seconds=round(time.perf_counter() - began, 3))

    def _save(self, settings: Settings) -> None:
        with explained(self.path / "workspace.toml"):
            self.path.mkdir(parents=True, exist_ok=True)
        write_bytes(self.path / "workspace.toml", render(settings).encode())


def _write_map(folder: Path, found: Projection) -> dict[str, Any]:
    """Returns what its provenance tells."""
    write_array(folder / "xy.npy", found.xy)
    return {"n_items": len(found.xy), "method": found.method, "refined": found.refined, **found.facts}


def _digest(catalog: Catalog) -> str:
    digest = hashlib.sha256(catalog.modality.encode())
    for item in zip(catalog.item_id, catalog.content_hash, strict=True):
        digest.update("\t".join(item).encode() + b"\n")
    return digest.hexdigest()[:16]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
