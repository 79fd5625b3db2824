"""Results that nothing needs any more: what stands in the way of deleting one, what that frees, and doing it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation_core.artifacts import ArtifactStore
from curation_core.errors import ConfigError
from curation_core.lineage import CHECKS, REPORTS, STEPS, StepStatus
from curation_core.saved_plans import SavedPlans


def needed_by(store: ArtifactStore, current: tuple[StepStatus, ...], step: str, key: str) -> list[str]:
    """What needs a result, in words; empty where it may be deleted.

    current: how all steps and checks stand. Needed is what is current, and what another kept result was made from: an
    earlier draw could not be compared any more without its tree.
    """
    found = ["it is current"] if any((one.step, one.key, one.state) == (step, key, "done") for one in current) else []
    if step == "sample":
        found += [f"plan {one.name!r} is it" for one in SavedPlans(store.root.parent).all() if one.key == key]
    names = _names(store, step, key)
    for other in (*STEPS, *CHECKS, *REPORTS):
        users = [one["key"] for one in store.all_meta(other) if _inputs(one) & names]
        if users:
            more = f" and {len(users) - 1} more" if len(users) > 1 else ""
            found.append(f"{other} {users[0]}{more} {'were' if more else 'was'} made from it")
    return found


def remove(store: ArtifactStore, current: tuple[StepStatus, ...], step: str, key: str) -> None:
    """Delete a result; raises ConfigError naming what needs it."""
    reasons = needed_by(store, current, step, key)
    if reasons:
        raise ConfigError(f"{step} {key} is needed: {'; '.join(reasons)}")
    store.remove(step, key)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _names(store: ArtifactStore, step: str, key: str) -> set[str]:
    """What later results call this one by: its key, and what it holds where no other holds the same."""
    digests = {str(one["key"]): str(one.get("digest", "")) for one in store.all_meta(step)}
    own = digests.get(key, "")
    return {key} if not own or list(digests.values()).count(own) > 1 else {key, own}


def _inputs(meta: Mapping[str, Any]) -> set[str]:
    return {str(value).split(":")[0] for value in meta.get("inputs", {}).values()}  # a grouping is key:threshold:rule
