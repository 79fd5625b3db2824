"""Where faces are in the pictures of a catalog: what the search found, and what people said of it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation_core.artifacts import read_table
from curation_core.errors import ShapeError

BOX = ("x", "y", "w", "h")  # left, top, width, height as shares of the upright picture
FACES_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),  # of the catalog
        ("item_id", pa.string()),
        *((name, pa.float32()) for name in BOX),
        ("score", pa.float32()),
    ]
)


@dataclass(frozen=True)
class Faces:
    """Detections in the pictures of a catalog, ascending by row, best first within a picture.

    row: (k,) int64. box: (k, 4) float32, left, top, width, height as shares of the upright picture. score: (k,)
    float32, 1 for a box drawn by hand. verdict: (k,) int8, 1 where a person said it is a face, -1 none, 0 no word.
    """

    row: np.ndarray
    box: np.ndarray
    score: np.ndarray
    verdict: np.ndarray

    def __post_init__(self) -> None:
        if self.box.shape != (len(self.row), 4) or not len(self.row) == len(self.score) == len(self.verdict):
            raise ShapeError(f"{self.box.shape} boxes for {len(self.row)} rows; search for faces again")

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def _spans(self) -> dict[int, slice]:
        rows, starts = np.unique(self.row, return_index=True)
        stops = [*starts[1:].tolist(), len(self.row)]
        return {row: slice(*span) for row, *span in zip(rows.tolist(), starts.tolist(), stops, strict=True)}

    def of(self, row: int) -> "Faces":
        """Those of one picture; needs the order by row."""
        return self.take(self._spans.get(int(row), slice(0, 0)))

    def take(self, places: np.ndarray | slice | list[int]) -> "Faces":
        """Some of the detections: places, a mask or a slice."""
        places = np.asarray(places, np.int64) if isinstance(places, list) else places
        return Faces(self.row[places], self.box[places], self.score[places], self.verdict[places])

    def above(self, threshold: float) -> "Faces":
        """What is a face: by its score where nobody said anything, else by a person's word."""
        return self.take((self.verdict > 0) | ((self.verdict == 0) & (self.score >= np.float32(threshold))))

    def below(self, threshold: float) -> "Faces":
        """The near-misses: found, but below the threshold, and nobody has said anything."""
        return self.take((self.verdict == 0) & (self.score < np.float32(threshold)))

    def denied(self) -> "Faces":
        """What a person said is no face."""
        return self.take(self.verdict < 0)

    def by_score(self) -> "Faces":
        """The same, best first: the order of a page to check. No longer by row."""
        return self.take(np.argsort(-self.score, kind="stable"))

    def counts(self, n_items: int) -> np.ndarray:
        """Boxes per row of a catalog of n_items: (n_items,) int32."""
        return np.bincount(self.row, minlength=n_items).astype(np.int32)

    @property
    def n_items(self) -> int:
        """Pictures with at least one box."""
        return len(np.unique(self.row))


def make_faces(row: np.ndarray, box: np.ndarray, score: np.ndarray, verdict: np.ndarray | None = None) -> Faces:
    """Faces from columns in any order: sorted by row, best first."""
    said = np.zeros(len(row), np.int8) if verdict is None else np.asarray(verdict, np.int8)
    boxes, scores = np.asarray(box, np.float32).reshape(-1, 4), np.asarray(score, np.float32)
    order = np.lexsort((-scores, row)) if len(row) else np.zeros(0, np.int64)
    return Faces(np.asarray(row, np.int64)[order], boxes[order], scores[order], said[order])


def read_faces(folder: Path) -> Faces:
    """What detect_faces wrote; raises StaleArtifact when the file is missing or torn."""
    table = read_table(folder / "faces.parquet")
    box = np.stack([table.column(name).to_numpy() for name in BOX], axis=1)
    return make_faces(table.column("row").to_numpy(), box, table.column("score").to_numpy())


def faces_table(faces: Faces, item_ids: list[str]) -> pa.Table:
    """Rows of FACES_SCHEMA."""
    columns = [pa.array(faces.row), pa.array([item_ids[row] for row in faces.row.tolist()], pa.string())]
    columns += [pa.array(np.ascontiguousarray(faces.box[:, place])) for place in range(4)]
    return pa.Table.from_arrays([*columns, pa.array(faces.score)], schema=FACES_SCHEMA)
