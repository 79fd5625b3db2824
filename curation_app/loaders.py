"""Cached read-only access to a workspace: one copy per process, keyed by the artefact's key, so nothing goes stale."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import streamlit as st

from curation_app import naming
from curation_app.name_sources import word_vectors
from curation_app.places import workspace_path
from curation_app.state import app_state
from curation_core.catalog import Catalog
from curation_core.config import SampleConfig
from curation_core.errors import StepMissing
from curation_core.finding import by_distance
from curation_core.hierarchy import Hierarchy
from curation_core.lineage import StepStatus
from curation_core.review import ReviewDecisions, fold
from curation_core.sampling import SamplingPlan, sample
from curation_core.workspace import Workspace


@dataclass(frozen=True)
class Pool:
    """The items of a tree: row i of the tree is catalog row rows[i]. path: of the workspace."""

    path: str
    key: str
    catalog: Catalog
    rows: np.ndarray
    hierarchy: Hierarchy
    vectors: np.ndarray

    @cached_property
    def item_ids(self) -> list[str]:
        """Ids in tree order of rows, (n,)."""
        ids = self.catalog.item_id
        return [ids[row] for row in self.rows]

    @cached_property
    def captions(self) -> list[str]:
        """A short name of every item, (n,)."""
        named = naming.item_captions(self.catalog)
        return [named[row] for row in self.rows]

    @cached_property
    def names(self) -> naming.ClusterNames:
        """The names of the tree's clusters, each worked out when it is asked for."""
        classes = [name for column in self.label_columns for name in self.labels(column)[1]]
        ws, modality = Workspace(self.path), self.catalog.modality
        return naming.ClusterNames(self.hierarchy, self.catalog, self.rows, lambda: word_vectors(ws, modality, classes))

    def name(self, level: int, cluster: int) -> str:
        """A cluster's name: its number, then what a person called it or what its members are."""
        return self.names.name(level, cluster)

    def labels(self, column: str) -> tuple[np.ndarray, list[str]]:
        """A user column as classes on the tree's rows."""
        codes, names = self.catalog.labels(column)
        return codes[self.rows], names

    def by_distance(self, level: int, cluster: int) -> np.ndarray:
        """Rows of a cluster's members, nearest to its centroid first."""
        return by_distance(self.hierarchy, self.vectors, level, cluster)

    @cached_property
    def label_columns(self) -> list[str]:
        """User columns with few enough values to be classes."""
        return [name for name in self.catalog.columns if naming.is_label(self.catalog, name)]


def current() -> Workspace | None:
    """The workspace this tab looks at, None when there is none."""
    name = app_state().workspace
    return Workspace.open(workspace_path(name)) if name else None


def status(ws: Workspace) -> dict[str, StepStatus]:
    """How every step stands, by name."""
    return dict(_status(str(ws.path), stamp(ws)))


def done(ws: Workspace, step: str) -> StepStatus | None:
    """The state of a step when its result is there and current, else None."""
    found = status(ws)[step]
    return found if found.state == "done" else None


def check(ws: Workspace, name: str) -> StepStatus:
    """How a check stands: duplicates, quality, outliers or faces."""
    return dict(_checks(str(ws.path), stamp(ws)))[name]


def key_of(ws: Workspace, step: str) -> str:
    """The key of a step's current result; raises StepMissing with the reason when there is none."""
    found = status(ws)[step]
    if found.state != "done":
        raise StepMissing(f"{step} is {found.state}: {found.reason or 'it has not been run'}")
    return found.key


def catalog(ws: Workspace) -> Catalog:
    """The items; raises StepMissing before ingest."""
    return _catalog(str(ws.path), key_of(ws, "ingest"))


def pool(ws: Workspace) -> Pool:
    """The items with their tree; raises StepMissing before cluster."""
    return _pool(str(ws.path), key_of(ws, "cluster"), key_of(ws, "ingest"))


def xy(ws: Workspace) -> np.ndarray:
    """The map, (n, 2); raises StepMissing before project."""
    return _xy(str(ws.path), key_of(ws, "project"))


def decisions(ws: Workspace) -> ReviewDecisions:
    """All decisions folded onto the current tree."""
    items = pool(ws)
    found = _decisions(str(ws.path), items.key, ws.reviews.version(), items)
    items.names.given = found.labels
    return found


def draw(ws: Workspace, config: SampleConfig) -> SamplingPlan:
    """A draw that is not kept: what the slider shows."""
    items, may = pool(ws), eligible(ws, one_per_group=config.one_per_group)
    made_of = f"{decisions(ws).fingerprint}:{ws.plans.grouping() if config.one_per_group else ''}"
    return _draw(str(ws.path), items.key, made_of, config.model_dump_json(), items, may)


def eligible(ws: Workspace, *, one_per_group: bool) -> np.ndarray:
    """Items that may be drawn, (m,) bool: after review and, if asked, one per group of near-duplicates."""
    decided = decisions(ws)
    return (
        _standing(str(ws.path), decided.fingerprint, ws.plans.grouping(), decided)
        if one_per_group
        else decided.eligible
    )


def kept_draw(ws: Workspace) -> SamplingPlan | None:
    """The kept draw if it is current, else None."""
    found = done(ws, "sample")
    return _kept(str(ws.path), found.key) if found else None


def current_draw(ws: Workspace) -> SamplingPlan | None:
    """The kept draw, or what its settings would draw now where decisions moved on; None before a size was chosen."""
    kept, config = kept_draw(ws), ws.settings.sample
    return kept if kept is not None or config is None else draw(ws, config)


def drawn_mask(items: Pool, plan: SamplingPlan | None) -> np.ndarray:
    """Which items are in a draw, (n,) bool."""
    mask = np.zeros(items.hierarchy.n_items, dtype=bool)
    if plan is not None:
        mask[plan.indices] = True
    return mask


def stamp(ws: Workspace) -> str:
    """Changes whenever the state of a step can have changed."""
    toml = (ws.path / "workspace.toml").stat()
    found = sorted(str(path.relative_to(ws.path)) for path in (ws.path / "steps").glob("*/[0-9a-f]*/meta.json"))
    return f"{toml.st_mtime_ns}:{toml.st_size}:{ws.reviews.version()}:{','.join(found)}"


@st.cache_resource(max_entries=32, show_spinner=False)
def _status(path: str, stamp: str) -> Mapping[str, StepStatus]:  # noqa: ARG001 - the stamp is the cache's key
    return {step.step: step for step in Workspace(path).status()}


@st.cache_resource(max_entries=32, show_spinner=False)
def _checks(path: str, stamp: str) -> Mapping[str, StepStatus]:  # noqa: ARG001 - the stamp is the cache's key
    return {step.step: step for step in Workspace(path).checks()}


@st.cache_resource(max_entries=8, show_spinner=False)
def _catalog(path: str, key: str) -> Catalog:  # noqa: ARG001 - the key is the cache's key
    return Workspace(path).catalog()


@st.cache_resource(max_entries=8, show_spinner=False)
def _pool(path: str, key: str, ingest_key: str) -> Pool:
    ws = Workspace(path)
    rows: np.ndarray = ws.embeddings().rows
    return Pool(path, key, _catalog(path, ingest_key), rows, ws.hierarchy(), ws.vectors())


@st.cache_resource(max_entries=8, show_spinner=False)
def _xy(path: str, key: str) -> np.ndarray:  # noqa: ARG001 - the key is the cache's key
    return Workspace(path).projection().xy


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(path: str, key: str) -> SamplingPlan:  # noqa: ARG001 - the key is the cache's key
    return Workspace(path).sampling_plan()


@st.cache_resource(max_entries=8, show_spinner=False)
def _decisions(path: str, key: str, version: int, _items: Pool) -> ReviewDecisions:  # noqa: ARG001 - the version is the cache's key
    return fold(Workspace(path).reviews.events(), _items.hierarchy, key, _items.item_ids)


@st.cache_resource(max_entries=8, show_spinner=False)
def _standing(path: str, decided: str, grouping: str, _decided: ReviewDecisions) -> np.ndarray:  # noqa: ARG001
    return Workspace(path).standing(_decided.eligible)


@st.cache_resource(max_entries=64, show_spinner=False)
def _draw(path: str, key: str, made_of: str, config: str, _items: Pool, _eligible: np.ndarray) -> SamplingPlan:  # noqa: ARG001
    chosen = SampleConfig.model_validate_json(config)
    vectors: Any = Workspace(path).vectors() if chosen.strategy == "diverse" else None
    return sample(_items.hierarchy, chosen, eligible=_eligible, vectors=vectors)
