"""Trees and draws as files of an artefact folder: what a step writes, read back as the same dataclass."""

from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from curation_core.artifacts import read_array, write_array
from curation_core.config import SampleConfig
from curation_core.hierarchy import Hierarchy
from curation_core.sampling import SamplingPlan

_LEVEL_ARRAYS = ("centroids", "assignment", "distance")


def write_hierarchy(folder: Path, tree: Hierarchy) -> dict[str, Any]:
    """Write level_l/*.npy; returns what meta.json must remember: the trace without its sizes, which are arrays."""
    for name, values in tree.arrays().items():
        write_array(folder / f"{name}.npy", values)
    for record in tree.trace:
        if "sizes" in record:
            write_array(folder / _first_sizes(record), np.asarray(record["sizes"], dtype=np.int64))
    return {
        "n_items": tree.n_items,
        "n_clusters": list(tree.n_clusters),
        "trace": [{name: value for name, value in record.items() if name != "sizes"} for record in tree.trace],
    }


def read_hierarchy(folder: Path, meta: Mapping[str, Any]) -> Hierarchy:
    """The inverse of write_hierarchy; arrays are memory-mapped. Older folders have no sizes in their trace."""
    levels = range(1, len(meta["n_clusters"]) + 1)
    names = [f"level_{number}/{name}" for number in levels for name in _LEVEL_ARRAYS]
    trace = tuple(_with_sizes(folder, record) for record in meta["trace"])
    return Hierarchy.from_arrays({name: read_array(folder / f"{name}.npy") for name in names}, trace)


def _with_sizes(folder: Path, record: Mapping[str, Any]) -> Mapping[str, Any]:
    path = folder / _first_sizes(record)
    if record.get("step") != 0 or not path.is_file():
        return record
    return {**record, "sizes": array("q", read_array(path).astype(np.int64).tobytes())}


def _first_sizes(record: Mapping[str, Any]) -> str:
    """Where the sizes of a level's clusters before resampling lie."""
    return f"level_{record['level']}/first_sizes.npy"


def write_draw(folder: Path, plan: SamplingPlan) -> dict[str, Any]:
    """Write indices.npy and level_l/{quotas,capacity}.npy; returns what meta.json must remember."""
    write_array(folder / "indices.npy", plan.indices)
    for number, (quotas, capacity) in enumerate(zip(plan.quotas, plan.capacity, strict=True), start=1):
        write_array(folder / f"level_{number}" / "quotas.npy", quotas)
        write_array(folder / f"level_{number}" / "capacity.npy", capacity)
    return {
        "n_items": len(plan.indices),
        "n_levels": len(plan.quotas),
        "shortfall": plan.shortfall,
    }


def read_draw(folder: Path, meta: Mapping[str, Any]) -> SamplingPlan:
    """The inverse of write_draw."""
    config, levels = SampleConfig(**meta["config"]), range(1, meta["n_levels"] + 1)
    return SamplingPlan(
        indices=read_array(folder / "indices.npy"),
        quotas=tuple(read_array(folder / f"level_{number}" / "quotas.npy") for number in levels),
        capacity=tuple(read_array(folder / f"level_{number}" / "capacity.npy") for number in levels),
        **config.model_dump(exclude={"one_per_group"}),
    )
