"""What a workspace holds and how it stands: the reading side; workspace.py adds what can be done."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation_core import quality, sources
from curation_core.artifacts import ArtifactStore, read_array, read_table
from curation_core.catalog import Catalog
from curation_core.column_groups import column_groups
from curation_core.config import Keeper
from curation_core.embed import Embeddings, read_embeddings
from curation_core.errors import ConfigError, StepMissing
from curation_core.face_corrections import FaceCorrections, corrected
from curation_core.face_results import Faces, read_faces
from curation_core.folding import fold
from curation_core.grouping import NearDuplicates
from curation_core.hierarchy import Hierarchy
from curation_core.lineage import StepStatus
from curation_core.neighbors import read_duplicates
from curation_core.origins import open_items
from curation_core.plans import Plans
from curation_core.projection import Projection
from curation_core.results import read_draw, read_hierarchy
from curation_core.review import ReviewDecisions
from curation_core.review_log import ReviewLog
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

    def checks(self) -> tuple[StepStatus, ...]:
        """How every check stands: duplicates, quality, outliers, faces."""
        return self.plans.checks()

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
        """The map; its preview while the refined one is missing."""
        key = self.plans.shown_map().key
        meta = self.store.meta("project", key)
        xy = read_array(self.store.folder("project", key) / "xy.npy")
        return Projection(xy, meta["method"], refined=meta.get("refined", True))

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
        key, vectors = self.plans.plan("cluster").key, self.vectors()
        return fold(self.reviews.events(), self.hierarchy(), key, self.item_ids(), vectors=vectors)

    @contextlib.contextmanager
    def originals(self) -> Iterator[Callable[[str], bytes]]:
        """Give ``read(uri)``: the bytes of an item as they lie in the source; raises IngestError like ingest."""
        if self.plans.meta("ingest")["modality"] != "image":
            raise ConfigError("the items are rows of a table, there are no files to read; leave files at reference")
        with open_items(self.plans.source) as media:
            yield media.read

    # ---- what the checks found

    def duplicate_threshold(self) -> float:
        """Similarity from which items are one group, as set or by modality."""
        return self.plans.duplicate_threshold()

    def near_duplicate_pairs(self) -> NearDuplicates:
        """Everything that was looked for, down to the floor; rows count in the tree's rows."""
        return read_duplicates(self.plans.folder("duplicates"), self.plans.meta("duplicates"))

    def near_duplicates(self) -> NearDuplicates:
        """The groups at the threshold in force."""
        found = self.near_duplicate_pairs()
        return found.at(max(self.duplicate_threshold(), found.threshold))

    def standing(self, eligible: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Items that may be drawn when one stands for each group: (m,) bool.

        eligible: (m,) bool, by review. kept: (m,) bool, in at any size; they stand for their group, all of them.
        """
        sizes = item_sizes(self.catalog())[self.embeddings().rows]
        distance = np.asarray(self.hierarchy().levels[0].distance)
        keeper = self.settings.duplicates.keeper
        return standing_rows(self.near_duplicates(), keeper, sizes, distance, eligible, kept)

    def eligible(self, *, one_per_group: bool = False) -> np.ndarray:
        """Items that may be drawn: (m,) bool, after review and, if asked, one per group of near-duplicates."""
        decided = self.decisions()
        found: np.ndarray = self.standing(decided.eligible, decided.kept) if one_per_group else decided.eligible
        return found

    def groups(self, column: str | None) -> np.ndarray | None:
        """Code of every item's value of a column, in rows of the tree: (m,) int64, -1 without one; None of no column.

        Raises ConfigError for a column that is not there.
        """
        return None if column is None else column_groups(self.catalog(), self.embeddings().rows, column)[0]

    def scores(self) -> pa.Table:
        """Every score there is: n rows of the catalog, one float32 column per score, NaN where it does not apply."""
        found: dict[str, pa.ChunkedArray | np.ndarray] = {}
        if self._has("quality"):
            table = quality.read_scores(self.plans.folder("quality"))
            found |= dict(zip(table.column_names, table.columns, strict=True))
        if self._has("outliers"):
            table, rows, n = self._outliers(), self.embeddings().rows, len(self.catalog())
            for name in table.column_names:
                column = np.full(n, np.nan, np.float32)
                column[rows] = table.column(name).to_numpy()
                found[name] = column
        return pa.table(found)

    def _outliers(self) -> pa.Table:
        return read_table(self.plans.folder("outliers") / "outliers.parquet")

    def flags(self) -> dict[str, np.ndarray]:
        """Which items each flag marks at the thresholds in force: (n,) bool by catalog row."""
        return quality.flagged(self.scores(), self.settings.quality.thresholds)

    @property
    def face_corrections(self) -> FaceCorrections:
        """What people said of detections."""
        return FaceCorrections(self.path / "faces.jsonl")

    def detected_faces(self) -> Faces:
        """All detections down to the floor, with people's verdicts on them."""
        found = read_faces(self.plans.folder("faces"))
        return corrected(found, self.face_corrections.read(), self.catalog())

    def _has(self, step: str) -> bool:
        return self.plans.has(step)


def standing_rows(
    found: NearDuplicates,
    keeper: Keeper,
    sizes: np.ndarray,
    distance: np.ndarray,
    eligible: np.ndarray,
    kept: np.ndarray,
) -> np.ndarray:
    """Items that may be drawn when one stands for each group: (n,) bool; kept ones stand for theirs, all of them.

    sizes, distance: (n,), what the largest and the central item of a group are told by. eligible, kept: (n,) bool.
    """
    standing = found.keepers(keeper, size=sizes, distance=distance, eligible=eligible)
    taken = np.unique(found.group[kept & (found.group >= 0)])
    standing[np.isin(found.group, taken)] = False
    standing |= kept
    return standing


def item_sizes(catalog: Catalog) -> np.ndarray:
    """What makes one of several equal items the largest: pixels, or characters of text: (n,) float64."""
    if catalog.modality == "text":
        return np.array([len(text or "") for text in catalog.text], dtype=np.float64)
    sides = [catalog.items.column(name).fill_null(0).to_numpy().astype(np.float64) for name in ("width", "height")]
    pixels: np.ndarray = sides[0] * sides[1]
    return pixels
