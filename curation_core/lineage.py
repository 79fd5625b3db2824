"""Which artefact is current: the chain of keys from a workspace's settings, and what is done, missing or stale."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from curation_core.artifacts import ArtifactStore, artefact_key
from curation_core.errors import StepMissing

STEPS = ("ingest", "embed", "prepare", "cluster", "project", "sample")
CHECKS = (
    "duplicates",
    "quality",
    "outliers",
    "faces",
    "reference",
)  # beside the way from source to draw; none is required
REPORTS = {"advise": "advice", "use": "use"}  # trials of the draw, and what their reports are called in an export
VERSIONS = dict.fromkeys((*STEPS, *CHECKS, *REPORTS), 1)  # raise one when the step's output changes for the same inputs
VERSIONS["cluster"] = 2
State = Literal["done", "missing", "stale"]


@dataclass(frozen=True)
class StepPlan:
    """What a step would be made from; its key names the artefact."""

    step: str
    config: Mapping[str, Any]
    inputs: Mapping[str, str]

    @property
    def key(self) -> str:
        """Artefact key of this plan."""
        return artefact_key(self.step, VERSIONS[self.step], self.config, self.inputs)


@dataclass(frozen=True)
class StepStatus:
    """How one step stands. reason says in words why it is not done; meta is the provenance of the newest result."""

    step: str
    state: State
    reason: str
    key: str
    meta: Mapping[str, Any]


def step_status(store: ArtifactStore, step: str, plan: Callable[[], StepPlan]) -> StepStatus:
    """Compare what settings ask for with what is there. plan raises StepMissing when an earlier step is not done."""
    found = store.all_meta(step)
    try:
        wanted = plan()
    except StepMissing as error:
        return StepStatus(step, "stale" if found else "missing", str(error), "", found[0] if found else {})
    if store.has(step, wanted.key):
        return StepStatus(step, "done", "", wanted.key, store.meta(step, wanted.key))
    if not found:
        return StepStatus(step, "missing", f"{step} has not been run", wanted.key, {})
    return StepStatus(step, "stale", _difference(wanted, found[0]), wanted.key, found[0])


def _difference(wanted: StepPlan, found: Mapping[str, Any]) -> str:
    before = found.get("config", {})
    changed = [name for name, value in wanted.config.items() if before.get(name) != value]
    inputs = [name for name, key in wanted.inputs.items() if found.get("inputs", {}).get(name) != key]
    if before.get("refine") is False and "refine" not in wanted.config and not changed and not inputs:
        return f"only the preview is there; run {wanted.step} to refine it"
    if changed:
        name = changed[0]
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"{name} changed from {before.get(name)} to {wanted.config[name]}{more}"
    return f"{' and '.join(inputs)} changed" if inputs else "made by another version of this step"
