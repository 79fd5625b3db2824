"""Find faces in all pictures of a catalog, shard by shard, and keep where they are and how sure the detector is."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curation_core.artifacts import read_table, write_table
from curation_core.catalog import FAILURE_SCHEMA, Catalog
from curation_core.config import FacesConfig
from curation_core.errors import ConfigError, IngestError
from curation_core.face_corrections import Correction, corrected, fold, judged
from curation_core.face_model import NAME, FaceDetector, detector
from curation_core.face_results import BOX, Faces, faces_table, make_faces, read_faces
from curation_core.face_thumbnails import drop_unseen, is_current, put_thumbnail
from curation_core.images import decode_image
from curation_core.progress import Progress, silent
from curation_core.threads import side_by_side
from curation_core.thumbnails import MAX_SIDE
from curation_core.unchanged import Read, read_unchanged

if TYPE_CHECKING:
    from PIL.Image import Image

SHARD = 64  # pictures that a killed run may have to search again
LARGE = 1600  # pixels; searched larger than this, one picture takes gigabytes, so they go one by one
_SHARD_SCHEMA = pa.schema(
    [("place", pa.int64()), ("reason", pa.string()), *((name, pa.float32()) for name in (*BOX, "score"))]
)


@dataclass(frozen=True)
class _Look:
    """What one picture gave: box (k, 4) float32 shares and score (k,) float32, or why it could not be searched."""

    box: np.ndarray
    score: np.ndarray
    reason: str | None = None


@dataclass(frozen=True)
class _Search:
    """All that looking at one picture needs."""

    catalog: Catalog
    read: Read
    config: FacesConfig
    detector: FaceDetector
    thumbnails: Path | None
    standing: Mapping[str, Sequence[Correction]]
    known: Mapping[str, _Look]

    def look(self, row: int) -> _Look:
        """Search one picture and see to its thumbnail; a picture that cannot be read is a reason, not an error."""
        content = self.catalog.content_hash[row]
        known = self.known.get(content)
        if known is not None and self._has_thumbnail(content, known):
            return known
        try:
            image = open_picture(self.read, self.catalog, row, max(self.config.max_side, MAX_SIDE))
        except IngestError as error:
            drop_unseen(self.thumbnails, content, self.config)
            return _Look(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), str(error))
        found = known or self._detect(image)
        if self.thumbnails is not None and not self._has_thumbnail(content, found):
            put_thumbnail(image, self.thumbnails, content, self._judged(content, found), self.config, self.detector)
        return found

    def _detect(self, image: "Image") -> _Look:
        found = self.detector.detect(image, floor=self.config.floor, max_side=self.config.max_side)
        return _Look(found.xywh / np.array([*image.size, *image.size], np.float32), found.score)

    def _judged(self, content: str, found: _Look) -> Faces:
        rows = np.zeros(len(found.score), np.int64)
        return judged(make_faces(rows, found.box, found.score), self.standing.get(content, ()))

    def _has_thumbnail(self, content: str, found: _Look) -> bool:
        return self.thumbnails is None or is_current(
            self.thumbnails, content, self._judged(content, found), self.config
        )


def detect_faces(
    catalog: Catalog,
    read: Read,
    config: FacesConfig,
    folder: Path,
    thumbnails: Path | None = None,
    progress: Progress = silent,
    *,
    previous: Path | None = None,
    corrections: Sequence[Correction] = (),
) -> Faces:
    """Search every picture of a catalog for faces with a score of at least config.floor.

    read: uri -> the bytes that were ingested; may raise IngestError. Whole shards of an earlier, killed run are kept;
    equal contents are searched once; what `previous`, the folder of an earlier search, knows of a content is taken
    over if it was searched in the same way. Thumbnails that are missing are written, blurred where config.blur asks
    for it and a face is at or above config.threshold or by a correction; those that show what they should not are
    replaced. Writes faces-NNNNN.parquet per shard, at the end searched.parquet, failures.parquet and faces.parquet.
    Raises ConfigError when the items are no pictures, MissingExtra without the detector's weights.
    """
    if catalog.modality != "image":
        raise ConfigError(f"faces are looked for in pictures; this workspace holds items of kind {catalog.modality!r}")
    firsts = _first_rows(catalog)
    known = {} if previous is None else _known(previous, config)
    search = _Search(catalog, read, config, detector(), thumbnails, fold(corrections), known)
    if not (folder / "faces.parquet").is_file():
        _search_shards(search, firsts, folder, progress)
        _join(catalog, firsts, config, folder)
    for part in folder.glob("faces-*.parquet"):
        part.unlink()
    found = read_faces(folder)
    if thumbnails is not None:  # of shards that an earlier, killed run has searched
        refresh_thumbnails(catalog, read, found, corrections, config, thumbnails, progress)
    return found


def refresh_thumbnails(
    catalog: Catalog,
    read: Read,
    faces: Faces,
    corrections: Sequence[Correction],
    config: FacesConfig,
    thumbnails: Path,
    progress: Progress = silent,
    *,
    rows: Sequence[int] | None = None,
) -> int:
    """Make thumbnails show what config and corrections ask for; those that do are left alone. Returns how many changed.

    faces: as read_faces gives them. rows: only these pictures, after a correction of theirs; None: all. A picture
    that cannot be read any more loses a thumbnail that shows too much.
    """
    found = corrected(faces, corrections, catalog)
    wanted = _first_rows(catalog, range(len(catalog)) if rows is None else rows)
    stale = [
        row for row in wanted.tolist() if not is_current(thumbnails, catalog.content_hash[row], found.of(row), config)
    ]
    progress("thumbnails", 0, len(stale))

    def rewrite(row: int) -> bool:
        content = catalog.content_hash[row]
        try:
            image = open_picture(read, catalog, row, max(config.max_side, MAX_SIDE))
        except IngestError:
            drop_unseen(thumbnails, content, config)
            return False
        put_thumbnail(image, thumbnails, content, found.of(row), config, detector())
        return True

    changed = 0
    for done, was_written in enumerate(side_by_side(rewrite, stale, n_threads=_n_threads(config)), start=1):
        changed += was_written
        progress("thumbnails", done, len(stale))
    return changed


def open_picture(read: Read, catalog: Catalog, row: int, max_side: int | None = None) -> "Image":
    """A picture of the catalog, upright RGB; raises IngestError when it is gone or not what was ingested."""
    return decode_image(read_unchanged(read, catalog, row), max_side=max_side)


def face_crop(image: "Image", box: np.ndarray, *, side: int = 128, margin: float = 0.3) -> "Image":
    """What a box shows, with some of what is around it, as a square of `side` pixels. box: (4,) shares."""
    from PIL import Image

    x, y, w, h = np.asarray(box, np.float64) * np.array([*image.size, *image.size])
    half = max(w, h, 1.0) * (1 + 2 * margin) / 2
    area = (x + w / 2 - half, y + h / 2 - half, x + w / 2 + half, y + h / 2 + half)
    return image.transform((side, side), Image.Transform.EXTENT, area, Image.Resampling.BICUBIC)


# ---- shards


def _search_shards(search: _Search, firsts: np.ndarray, folder: Path, progress: Progress) -> None:
    began, here, n_faces = time.perf_counter(), 0, 0
    progress("faces", 0, len(firsts))
    for number, start in enumerate(range(0, len(firsts), SHARD)):
        rows, path = firsts[start : start + SHARD].tolist(), _shard_path(folder, number)
        if path.is_file():
            progress("faces", start + len(rows), len(firsts))
            continue
        looks = []
        for look in side_by_side(search.look, rows, n_threads=_n_threads(search.config)):
            looks.append(look)
            here, n_faces = here + 1, n_faces + int((look.score >= search.config.threshold).sum())
            rate = here / max(time.perf_counter() - began, 1e-9)
            progress("faces", start + len(looks), len(firsts), items_per_s=rate, faces=n_faces)
        write_table(path, _shard_table(looks, start))


def _n_threads(config: FacesConfig) -> int | None:
    return 1 if config.max_side > LARGE else None


def _shard_path(folder: Path, number: int) -> Path:
    return folder / f"faces-{number:05d}.parquet"


def _shard_table(looks: Sequence[_Look], start: int) -> pa.Table:
    rows: list[dict[str, object]] = []
    for place, look in enumerate(looks, start=start):
        if look.reason is not None:
            rows.append({"place": place, "reason": look.reason})
        rows += [
            {"place": place, **dict(zip((*BOX, "score"), values, strict=True))}
            for values in np.column_stack([look.box, look.score]).tolist()
        ]
    return pa.Table.from_pylist(rows, _SHARD_SCHEMA)


def _join(catalog: Catalog, firsts: np.ndarray, config: FacesConfig, folder: Path) -> None:
    parts = [read_table(_shard_path(folder, number)) for number in range(-(-len(firsts) // SHARD))]
    table = pa.concat_tables([_SHARD_SCHEMA.empty_table(), *parts]).combine_chunks()
    refused = np.asarray(table.column("reason").is_valid(), dtype=bool)
    place, of_content = table.column("place").to_numpy(), _content_numbers(catalog)
    columns = np.column_stack([table.column(name).to_numpy(zero_copy_only=False) for name in (*BOX, "score")])
    found = make_faces(place[~refused], columns[~refused, :4], columns[~refused, 4])
    write_table(
        folder / "failures.parquet", _failures(catalog, of_content, place[refused], table.filter(pa.array(refused)))
    )
    searched = pa.table({"row": firsts, "content_hash": [catalog.content_hash[row] for row in firsts.tolist()]})
    bad = np.isin(np.arange(len(firsts)), place[refused])
    write_table(folder / "searched.parquet", searched.filter(pa.array(~bad)).replace_schema_metadata(_way(config)))
    write_table(folder / "faces.parquet", faces_table(_spread(found, of_content), catalog.item_id))  # last: all is done


def _spread(found: Faces, of_content: np.ndarray) -> Faces:
    """Faces of contents to faces of all items. found.row: number of the content; of_content: (n,) likewise per item."""
    counts = found.counts(int(of_content.max(initial=-1)) + 1)
    starts = np.cumsum(counts) - counts
    per_item = counts[of_content]
    rows = np.repeat(np.arange(len(of_content)), per_item)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(per_item) - per_item, per_item)
    places = starts[of_content][rows] + within
    return make_faces(rows, found.box[places], found.score[places])


def _failures(catalog: Catalog, of_content: np.ndarray, bad: np.ndarray, refused: pa.Table) -> pa.Table:
    reasons = dict(zip(bad.tolist(), refused.column("reason").to_pylist(), strict=True))
    rows = np.flatnonzero(np.isin(of_content, bad)).tolist()
    failures = [{"uri": catalog.uri[row], "reason": reasons[int(of_content[row])]} for row in rows]
    return pa.Table.from_pylist(failures, FAILURE_SCHEMA)


def _first_rows(catalog: Catalog, rows: Sequence[int] | None = None) -> np.ndarray:
    """The first row of every content, ascending: (c,) int64."""
    first: dict[str, int] = {}
    for row in range(len(catalog)) if rows is None else rows:
        first.setdefault(catalog.content_hash[row], int(row))
    return np.array(list(first.values()), dtype=np.int64)


def _content_numbers(catalog: Catalog) -> np.ndarray:
    """Which content every item has, counted in the order of first rows: (n,) int64."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(content, len(numbers)) for content in catalog.content_hash], dtype=np.int64)


def _way(config: FacesConfig) -> dict[str, str]:
    return {"detector": NAME, "floor": repr(config.floor), "max_side": str(config.max_side)}


def _known(previous: Path, config: FacesConfig) -> dict[str, _Look]:
    """What an earlier search found, by content hash; nothing when it was made in another way."""
    if not all((previous / name).is_file() for name in ("searched.parquet", "faces.parquet")):
        return {}
    searched = read_table(previous / "searched.parquet")
    if {key.decode(): value.decode() for key, value in (searched.schema.metadata or {}).items()} != _way(config):
        return {}
    faces = read_faces(previous)
    pairs = zip(searched.column("content_hash").to_pylist(), searched.column("row").to_pylist(), strict=True)
    return {content: _Look(of_row.box, of_row.score) for content, row in pairs for of_row in [faces.of(row)]}
