"""What people say of detected faces: an append-only file, folded so that the last word on a box counts."""

import fcntl
import json
import os
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from curation_core.artifacts import explained
from curation_core.catalog import Catalog
from curation_core.errors import ConfigError
from curation_core.face_model import overlap
from curation_core.face_results import Faces, make_faces

SAME_BOX = 0.5  # intersection over union from which two boxes mean one face: a later search moves boxes a little


@dataclass(frozen=True)
class Correction:
    """A person's word on one box of one picture; a box where nothing was found adds a face by hand.

    box: left, top, width, height as shares of the upright picture. content_hash: of the picture that was looked at; the
    word counts for every item with this content, and for none once the content has changed.
    """

    item_id: str
    content_hash: str
    box: tuple[float, float, float, float]
    is_face: bool
    reviewer: str = ""
    op: str = field(default_factory=lambda: uuid.uuid4().hex)
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    def __post_init__(self) -> None:
        x, y, w, h = self.box
        if not (0 <= x < 1 and 0 <= y < 1 and 0 < w <= 1 - x + 1e-4 and 0 < h <= 1 - y + 1e-4):
            raise ConfigError(
                f"box is {self.box}; expected left, top, width and height between 0 and 1, inside the picture"
            )


@dataclass(frozen=True)
class FaceCorrections:
    """The file faces.jsonl of a workspace: one line per correction, safe to share between processes of one machine."""

    path: Path

    def append(self, corrections: Iterable[Correction]) -> None:
        """Write corrections durably, below what is there."""
        lines = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in corrections)
        with explained(self.path), self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            torn = file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n"
            file.write(b"\n" * bool(torn) + lines.encode())
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> tuple[Correction, ...]:
        """All corrections in the order they were written; a line that a crash has torn was never confirmed."""
        if not self.path.exists():
            return ()
        lines = self.path.read_bytes().splitlines()
        return tuple(found for line in lines if (found := _parse(line)) is not None)

    def version(self) -> int:
        """Bytes of the file: changes whenever anybody says anything."""
        return self.path.stat().st_size if self.path.exists() else 0


def fold(corrections: Sequence[Correction]) -> dict[str, tuple[Correction, ...]]:
    """What stands, by content hash: of several corrections of one box the last."""
    standing: dict[str, list[Correction]] = defaultdict(list)
    for one in corrections:
        of_content = standing[one.content_hash]
        others = np.array([other.box for other in of_content]).reshape(-1, 4)
        same = np.flatnonzero(overlap(np.array(one.box), others) >= SAME_BOX)
        standing[one.content_hash] = [other for place, other in enumerate(of_content) if place not in same] + [one]
    return {content: tuple(found) for content, found in standing.items()}


def judged(faces: Faces, standing: Sequence[Correction]) -> Faces:
    """The detections of one content with people's verdicts, and the boxes that were added by hand.

    A word is on the detection that it overlaps most, if by half at least. A denied box that meets no detection stays
    as a denied one, so that a later search which finds it again finds it judged.
    """
    box, score, verdict = faces.box.copy(), faces.score.copy(), faces.verdict.copy()
    row = faces.row[:1] if len(faces) else np.zeros(1, np.int64)
    for one in standing:
        likeness = overlap(np.array(one.box), box)
        place = int(np.argmax(likeness)) if len(likeness) else 0
        if len(likeness) and likeness[place] >= SAME_BOX:
            verdict[place] = 1 if one.is_face else -1
        else:
            box = np.concatenate([box, np.array([one.box], np.float32)])
            score = np.append(score, np.float32(one.is_face))
            verdict = np.append(verdict, np.int8(1 if one.is_face else -1))
    return Faces(np.repeat(row, len(box)), box, score, verdict)


def corrected(faces: Faces, corrections: Sequence[Correction], catalog: Catalog) -> Faces:
    """All detections with people's verdicts, on every item whose content they have seen."""
    standing = fold(corrections)
    rows = _rows_of(standing, catalog)
    if not rows:
        return faces
    untouched = faces.take(~np.isin(faces.row, list(rows)))
    parts = [untouched]
    for row, content in rows.items():
        part = judged(faces.of(row), standing[content])
        parts.append(Faces(np.full(len(part), row, np.int64), part.box, part.score, part.verdict))
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "box", "score", "verdict"))
    return make_faces(*columns)


def effective(faces: Faces, corrections: Sequence[Correction], catalog: Catalog, threshold: float) -> Faces:
    """What counts as a face, by score and by people's words: what is blurred and counted."""
    return corrected(faces, corrections, catalog).above(threshold)


def _rows_of(standing: Mapping[str, Sequence[Correction]], catalog: Catalog) -> dict[int, str]:
    if not standing:
        return {}
    return {row: content for row, content in enumerate(catalog.content_hash) if content in standing}


def _parse(line: bytes) -> Correction | None:
    try:
        values = json.loads(line)
        return Correction(**{**values, "box": tuple(values["box"])})
    except (ValueError, TypeError, KeyError, ConfigError):
        return None
