"""What every step of a workspace would be made from now: the one place where settings become artefact keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from curation_core.advice import TARGET_SHARE
from curation_core.artifacts import ArtifactStore
from curation_core.config import IngestConfig
from curation_core.embedders import embed_key
from curation_core.errors import StepMissing
from curation_core.lineage import CHECKS, REPORTS, STEPS, VERSIONS, StepPlan, StepStatus, step_status
from curation_core.locations import source_name
from curation_core.neighbors import default_floor, default_threshold
from curation_core.presets import resolve_preset
from curation_core.sampling import SamplingPlan
from curation_core.settings import Settings


@dataclass(frozen=True)
class Plans:
    """Plans of all steps under some settings. decisions gives the fingerprint of the review as it stands."""

    store: ArtifactStore
    settings: Settings
    decisions: Callable[[], str]

    def plan(self, step: str) -> StepPlan:
        """What a step would be made from; raises StepMissing when an earlier step is not done."""
        makers = {
            "ingest": self._ingest,
            "embed": self._embed,
            "prepare": self._prepare,
            "cluster": self._cluster,
            "duplicates": self._duplicates,
            "quality": self._quality,
            "outliers": self._outliers,
            "faces": self._faces,
            "reference": self._reference,
            "project": self._project,
            "sample": self._sample,
            "advise": self._advise,
            "use": self._use,
        }
        return makers[step]()

    def meta(self, step: str) -> dict[str, Any]:
        """Provenance of a step's current result; raises StepMissing when it is not done."""
        return self.store.meta(step, self.plan(step).key)

    def folder(self, step: str) -> Path:
        """Folder of a step's current result; raises StepMissing when it is not done."""
        return self.store.folder(step, self.plan(step).key)

    def status(self) -> tuple[StepStatus, ...]:
        """How every step stands."""
        return tuple(step_status(self.store, step, lambda step=step: self.plan(step)) for step in STEPS)  # type: ignore[misc]

    @property
    def source(self) -> IngestConfig:
        """The source; raises StepMissing when none is set."""
        if self.settings.ingest is None:
            raise StepMissing("this workspace has no source; set [ingest] source in workspace.toml")
        return self.settings.ingest

    def _ingest(self) -> StepPlan:
        # whether the source changed on disk since is asked for explicitly: a listing of millions of files takes time
        key = self.settings.current_ingest
        if not key or not self.store.has("ingest", key):
            raise StepMissing("ingest has not been run; run ingest")
        return StepPlan("ingest", self.source.model_dump(), self.store.meta("ingest", key)["inputs"])

    def _embed(self) -> StepPlan:
        ingested = self.meta("ingest")
        known = [str(meta["model"]) for meta in self.store.all_meta("embed")]
        made_by = embed_key(self.settings.embed, ingested["modality"], known)
        return StepPlan("embed", made_by, {"ingest": ingested["digest"]})

    def _prepare(self) -> StepPlan:
        embedded = self.meta("embed")
        preset = resolve_preset(self.settings.cluster.preset, embedded["model"])
        return StepPlan("prepare", {"preset": preset}, {"embed": embedded["key"]})

    def _cluster(self) -> StepPlan:
        prepared = self._prepare()
        config = {**self.settings.cluster.model_dump(mode="json"), "preset": prepared.config["preset"]}
        return StepPlan("cluster", config, {"prepare": prepared.key})

    def _project(self) -> StepPlan:
        config = self.settings.project.model_dump()
        if config["refine"]:
            del config["refine"]  # maps of before there was a preview are refined ones
        return StepPlan("project", config, {"prepare": self._prepare().key})

    def preview(self) -> StepPlan:
        """The map before it is refined: an artefact of its own. Raises StepMissing like `plan`."""
        plan = self._project()
        return StepPlan("project", {**plan.config, "refine": False}, plan.inputs)

    def shown_map(self) -> StepPlan:
        """The map to look at: its preview, while the refined one is missing. Raises StepMissing like `plan`."""
        refined, early = self._project(), self.preview()
        waits = not self.store.has("project", refined.key) and self.store.has("project", early.key)
        return early if waits else refined

    def preview_status(self) -> StepStatus:
        """How the preview stands, beside the steps."""
        return replace(step_status(self.store, "project", self.preview), step="preview")

    def _sample(self) -> StepPlan:
        if self.settings.sample is None:
            raise StepMissing("no target size is set; run sample")
        inputs = {"cluster": self.meta("cluster")["key"], "reviews": self.decisions()}
        if self.settings.sample.one_per_group:
            inputs["duplicates"] = self.grouping()
        if self.settings.sample.along_column:
            inputs["columns"] = self.meta("ingest")["key"]  # columns may change where items do not
        if self.settings.sample.reference_share:
            inputs["reference"] = self.meta("reference")["key"]
        return StepPlan("sample", self.settings.sample.recipe(), inputs)

    def _advise(self) -> StepPlan:
        asked = self.settings.advise
        config = {**asked.model_dump(exclude={"embed_with"}), "target_size": self.trial_target(asked.target_size)}
        config["others"] = self.other_embeddings() if asked.embedders and asked.column else []
        return StepPlan("advise", config, self._trial_inputs())

    def _use(self) -> StepPlan:
        prepared, cluster = self._prepare(), self.settings.cluster.model_dump(mode="json", exclude={"seed"})
        config = {**self.settings.use.model_dump(), "cluster": {**cluster, "preset": prepared.config["preset"]}}
        config["target_size"] = self.trial_target(self.settings.use.target_size)
        return StepPlan("use", config, self._trial_inputs())

    def _trial_inputs(self) -> dict[str, str]:
        """What trials are made from: vectors, columns, and near-duplicates where they were looked for."""
        inputs = {"ingest": self.meta("ingest")["key"], "embed": self.meta("embed")["key"]}
        return {**inputs, "duplicates": self.grouping()} if self.has("duplicates") else inputs

    def trial_target(self, asked: int | None) -> int:
        """Items a trial draws: as asked, else the draw's target, else what the tree is meant for, else a share."""
        drawn = self.settings.sample.target_size if self.settings.sample is not None else 0
        meant = self.settings.cluster.expected_target or 0
        return asked or drawn or meant or max(1, round(TARGET_SHARE * int(self.meta("embed")["n_items"])))

    def other_embeddings(self) -> list[str]:
        """Keys of the vectors that other embedders made of the same items."""
        digest, current = self.meta("ingest")["digest"], self.meta("embed")["key"]
        found = self.store.all_meta("embed")
        return sorted(one["key"] for one in found if one["inputs"].get("ingest") == digest and one["key"] != current)

    def has(self, step: str) -> bool:
        """Whether a step's current result is there."""
        try:
            return self.store.has(step, self.plan(step).key)
        except StepMissing:
            return False

    def reports(self) -> tuple[StepStatus, ...]:
        """How every trial stands."""
        return tuple(step_status(self.store, step, lambda step=step: self.plan(step)) for step in REPORTS)  # type: ignore[misc]

    def _duplicates(self) -> StepPlan:
        ingested, embedded = self.meta("ingest"), self.meta("embed")
        floor = self.settings.duplicates.floor or default_floor(ingested["modality"])
        config = {"floor": floor, "mirror": self.settings.duplicates.mirror}
        return StepPlan("duplicates", config, {"ingest": ingested["digest"], "embed": embedded["key"]})

    def _quality(self) -> StepPlan:
        return StepPlan("quality", {}, {"ingest": self.meta("ingest")["digest"]})

    def _outliers(self) -> StepPlan:
        return StepPlan(
            "outliers", {}, {"prepare": self.meta("prepare")["key"], "cluster": self.meta("cluster")["key"]}
        )

    def _faces(self) -> StepPlan:
        # threshold and blur only decide what thumbnails show, which is put right without searching again
        config = self.settings.faces.model_dump(include={"floor", "max_side"})
        return StepPlan("faces", config, {"ingest": self.meta("ingest")["digest"]})

    def _reference(self) -> StepPlan:
        if self.settings.reference is None:
            raise StepMissing("no reference set is chosen; run reference")
        config = {**self.settings.reference.model_dump(mode="json"), "read": self.settings.current_reference}
        return StepPlan("reference", config, {"prepare": self.meta("prepare")["key"]})

    def grouping(self) -> str:
        """What decides which items may stand for their group: the pairs found, the threshold and the keeper rule."""
        key = self.meta("duplicates")["key"]
        return f"{key}:{self.duplicate_threshold()}:{self.settings.duplicates.keeper}"

    def duplicate_threshold(self) -> float:
        """Similarity from which items are one group, as set or by modality."""
        return self.settings.duplicates.threshold or default_threshold(self.meta("ingest")["modality"])

    def checks(self) -> tuple[StepStatus, ...]:
        """How every check stands."""
        return tuple(step_status(self.store, step, lambda step=step: self.plan(step)) for step in CHECKS)  # type: ignore[misc]


def provenance(plans: Plans, drawn: SamplingPlan) -> dict[str, Any]:
    """What made a draw: configurations, keys, versions; nothing of the machine, no clock, no path."""
    done = {step: plans.meta(step) for step in ("ingest", "embed", "prepare", "cluster")}
    done["cluster"]["config"] = {
        **done["cluster"]["config"],
        "n_clusters": done["cluster"]["n_clusters"],
    }  # what auto chose
    names = ["curation-studio", "numpy", "pyarrow", "onnxruntime", "tokenizers"]
    if str(done["embed"]["model"]).startswith(("hf:", "st:", "minilm")):
        names += ["torch", "transformers"]
    return {
        "source": {"digest": done["ingest"]["digest"], **_portable(done["ingest"]["config"])},
        "steps": {
            step: {"key": done[step]["key"], "config": done[step]["config"]} for step in ("embed", "prepare", "cluster")
        },
        "settings": repeatable_settings(plans, done["embed"]["config"], drawn),
        "sample": {name: value for name, value in drawn.config.recipe().items() if name != "one_per_group"},
        "step_versions": {step: VERSIONS[step] for step in STEPS},
        "packages": {name: package_version(name) for name in names},
    }


def repeatable_settings(plans: Plans, embedded: Mapping[str, Any], drawn: SamplingPlan) -> dict[str, Any]:
    """What has to be set to make tree, groups, faces and splits of a draw again, without device and paths."""
    settings = plans.settings
    found = {name: getattr(settings, name).model_dump(mode="json") for name in _REPEATED}
    found["embed"] = dict(embedded)  # the embedder by the name it is recorded with, the device not at all
    for name in ("bias", "card"):  # most of them are at their defaults, which need no telling
        found[name] = getattr(settings, name).model_dump(mode="json", exclude_defaults=True)
    if settings.split is not None:
        found["split"] = settings.split.model_dump(mode="json")
    if settings.reference is not None and drawn.reference_share:
        found["reference"] = _portable(settings.reference.model_dump(mode="json"))
    return found


_REPEATED = ("cluster", "duplicates", "faces")


def _portable(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: source_name(str(value)) if name in ("source", "metadata") and value else value
        for name, value in config.items()
    }


def package_version(package: str) -> str:
    """Version of an installed package, or 'not installed'."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
