"""What can be compared, as people call it, and comparisons kept for as long as nothing they hang on changes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from curation_app import loaders, show
from curation_app.charts import clipped
from curation_app.pool import Pool
from curation_core.comparison import DrawComparison
from curation_core.config import SampleConfig
from curation_core.workspace import Workspace


@dataclass(frozen=True)
class Compared:
    """A comparison beside the pool of the workspace. pool: None before there is a tree."""

    found: DrawComparison
    pool: Pool | None

    @cached_property
    def pool_rows(self) -> np.ndarray:
        """Row of every compared item in the pool of now: (u,) int64, -1 where it is not in it."""
        n = len(self.found.change)
        if self.pool is None:
            return np.full(n, -1, np.int64)
        ids = self.pool.catalog.items.column("item_id").take(pa.array(self.pool.rows)).combine_chunks()
        known = pc.index_in(self.found.item_ids(np.arange(n)), value_set=ids)
        rows: np.ndarray = pc.fill_null(known, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        return rows


def choices(ws: Workspace) -> dict[str, str]:
    """Everything that can be compared: the name that `Workspace.compare` takes -> what people read."""
    current = loaders.done(ws, "sample")
    plans = {one.key: one.name for one in ws.saved_plans.all()}
    found = {}
    for meta in ws.store.all_meta("sample"):
        key = str(meta["key"])
        label = _draw_label(ws, meta, current is not None and key == current.key)
        found[f"draw:{key}"] = f"plan {plans[key]} · {label}" if key in plans else label
    for folder in ws.exports():
        counts = json.loads((folder / "run.json").read_text()).get("counts", {})
        found[folder.name] = f"export {folder.name} · {show.count(counts.get('drawn', 0), 'item')}"
    tree = loaders.done(ws, "cluster")
    for meta in ws.store.all_meta("cluster"):
        now = " · current" if tree is not None and meta["key"] == tree.key else ""
        named = " · ".join([f"tree {levels(meta)}", *_embedder(ws, meta), show.ago(meta["finished"])])
        found[f"tree:{meta['key']}"] = f"{named}{now} · {meta['key'][:6]}"
    return found


def levels(meta: Mapping[str, Any]) -> str:
    """Clusters per level, finest first."""
    return " ▸ ".join(f"{k:,}" for k in meta["n_clusters"])


def compared(ws: Workspace, a: str, b: str) -> Compared:
    """The comparison of two draws by name; raises what `Workspace.compare` raises."""
    pool = loaders.pool(ws) if loaders.done(ws, "cluster") else None
    stamp = f"{loaders.stamp(ws)}:{[folder.stat().st_mtime_ns for folder in ws.exports()]}"
    return _compared(str(ws.path), a, b, stamp, pool.key if pool else "", pool)


def _draw_label(ws: Workspace, meta: Mapping[str, Any], current: bool) -> str:
    config = SampleConfig(**meta["config"])
    told = [show.count(meta["n_items"], "item"), config.strategy, f"seed {config.seed}", *_further(config)]
    if ws.store.has("cluster", meta["inputs"]["cluster"]):
        tree = ws.store.meta("cluster", meta["inputs"]["cluster"])
        told += [levels(tree), *_embedder(ws, tree)]
    told.append("current" if current else show.ago(meta["finished"]))
    return f"draw of {' · '.join(told)} · {meta['key'][:6]}"


def _embedder(ws: Workspace, tree: Mapping[str, Any]) -> list[str]:
    """Whose vectors a tree was made of, where the workspace holds those of several embedders."""
    embedded = {meta["key"]: str(meta["model"]) for meta in ws.store.all_meta("embed")}
    prepared = str(tree["inputs"]["prepare"])
    if len(set(embedded.values())) < 2 or not ws.store.has("prepare", prepared):
        return []
    return [embedded[key] for key in ws.store.meta("prepare", prepared)["inputs"].values() if key in embedded]


def _further(config: SampleConfig) -> list[str]:
    """What else makes a draw another one, in short."""
    found = ["one per group"] if config.one_per_group else []
    found += [f"{config.column_share:.0%} along {clipped(config.column, 20)}"] if config.along_column else []
    found += [f"{config.reference_share:.0%} retrieved"] if config.reference_share else []
    found += [f"{config.cover} covered"] if config.cover != "none" else []
    return found + ([f"each up to {config.multiplier}"] if config.multiplier > 1 else [])


@st.cache_resource(max_entries=4, show_spinner="Comparing")
def _compared(path: str, a: str, b: str, stamp: str, tree: str, _pool: Pool | None) -> Compared:  # noqa: ARG001
    return Compared(Workspace(path).compare(a, b), _pool)
