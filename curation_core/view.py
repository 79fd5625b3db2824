"""What a workspace holds and how it stands: the reading side; workspace.py adds what can be done."""

import re
from pathlib import Path

import numpy as np

from curation_core import sources
from curation_core.artifacts import ArtifactStore, read_array
from curation_core.catalog import Catalog
from curation_core.embed import Embeddings, read_embeddings
from curation_core.errors import ConfigError, StepMissing
from curation_core.hierarchy import Hierarchy
from curation_core.lineage import StepStatus
from curation_core.plans import Plans
from curation_core.projection import Projection
from curation_core.results import read_draw, read_hierarchy
from curation_core.review import ReviewDecisions, ReviewLog, fold
from curation_core.sampling import SamplingPlan
from curation_core.settings import Settings, parse
from curation_core.thumbnails import thumbnail_path


class WorkspaceView:
    """A workspace to read. Every method takes the truth from the folder, so two processes may hold the same one."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.store = ArtifactStore(self.path / "steps")
        self.reviews = ReviewLog(self.path / "reviews.sqlite")

    @property
    def settings(self) -> Settings:
        """What workspace.toml says now."""
        file = self.path / "workspace.toml"
        if not file.is_file():
            raise StepMissing(
                f"{str(self.path)!r} is not a workspace (it has no workspace.toml); make one with `curate init`"
            )
        return parse(file.read_text(encoding="utf-8"), "workspace.toml")

    @property
    def name(self) -> str:
        """The name for people."""
        return self.settings.name or self.path.resolve().name

    @property
    def plans(self) -> Plans:
        """What every step would be made from now."""
        return Plans(self.store, self.settings, lambda: self.decisions().fingerprint)

    def status(self, *, check_source: bool = False) -> tuple[StepStatus, ...]:
        """How every step stands. check_source looks whether the source changed on disk since ingest."""
        found = list(self.plans.status())
        first = found[0]
        if (
            check_source
            and first.state == "done"
            and first.meta["inputs"]["source"] != sources.fingerprint(self.plans.source)
        ):
            found[0] = StepStatus("ingest", "stale", "the source changed on disk; ingest again", first.key, first.meta)
        return tuple(found)

    # ---- reading results

    def catalog(self) -> Catalog:
        """The items; raises StepMissing before ingest, as every method here does before its step."""
        return sources.read_catalog(self.plans.folder("ingest"), self.plans.meta("ingest")["modality"])

    def embeddings(self) -> Embeddings:
        """The vectors as the embedder gave them."""
        return read_embeddings(self.plans.folder("embed"), self.plans.meta("embed")["model"])

    def vectors(self) -> np.ndarray:
        """The prepared vectors that tree and map are made from: (m, d') float32, memory-mapped."""
        return read_array(self.plans.folder("prepare") / "vectors.npy")

    def hierarchy(self) -> Hierarchy:
        """The tree."""
        return read_hierarchy(self.plans.folder("cluster"), self.plans.meta("cluster"))

    def projection(self) -> Projection:
        """The map."""
        return Projection(
            xy=read_array(self.plans.folder("project") / "xy.npy"), method=self.plans.meta("project")["method"]
        )

    def sampling_plan(self) -> SamplingPlan:
        """The kept draw."""
        return read_draw(self.plans.folder("sample"), self.plans.meta("sample"))

    def thumbnail(self, content_hash: str) -> Path:
        """Where the thumbnail of a content lies (or would lie)."""
        if not re.fullmatch(r"[0-9a-f]{64}", content_hash):
            raise ConfigError("a content hash is 64 hexadecimal digits")
        return thumbnail_path(self.path / "thumbnails", content_hash)

    def exports(self) -> list[Path]:
        """Folders of all whole exports, newest first."""
        found = [
            path.parent for path in (self.path / "exports").glob("*/SHA256SUMS") if not path.parent.name.startswith(".")
        ]
        return sorted(found, key=lambda folder: folder.stat().st_mtime, reverse=True)

    def item_ids(self) -> list[str]:
        """Ids of the tree's items, in row order."""
        ids = self.catalog().item_id
        return [ids[row] for row in self.embeddings().rows]

    def decisions(self) -> ReviewDecisions:
        """All decisions folded onto the current tree."""
        return fold(self.reviews.events(), self.hierarchy(), self.plans.plan("cluster").key, self.item_ids())
