"""The drawn items' bytes as they may go out: unchanged since they were ingested, with faces blurred where asked."""

import contextlib
import io
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from curation_core.blurring import blur_faces
from curation_core.errors import ConfigError, IngestError, StepMissing
from curation_core.executors import n_cpus
from curation_core.export_folder import ExportFolder
from curation_core.face_model import FaceDetector, detector
from curation_core.images import decode_image
from curation_core.manifest import Copies, ExportContents
from curation_core.safe_paths import KNOWN, SUFFIXES
from curation_core.unchanged import Read, read_unchanged

MAX_THREADS = 4  # each holds one whole picture, decoded
_AT_ONCE = 8  # items of a thread's turn: small files cost less together
LARGE = 16_000_000  # pixels; larger pictures with faces are blurred one at a time, they take up to 0.5 GB


@dataclass(frozen=True)
class Payloads:
    """Reads what goes out. with_faces: catalog rows that are blurred first; unsearched: uris that must not go out."""

    contents: ExportContents
    read: Read
    with_faces: frozenset[int]
    unsearched: frozenset[str]
    detector: FaceDetector | None
    one_large: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, contents: ExportContents, read: Read) -> "Payloads":
        """Raises ConfigError when the items have no files, StepMissing when faces are to be blurred and nobody looked.

        read: uri -> the bytes that were ingested, may raise IngestError.
        """
        config, catalog = contents.face_config, contents.catalog
        if catalog.modality != "image":
            raise ConfigError(
                f"items of kind {catalog.modality!r} have no files to copy, their content is in the manifest or the "
                "source; export with files = reference"
            )
        if not config.blur:
            return cls(contents, read, frozenset(), frozenset(), None)
        if contents.faces is None:
            raise StepMissing("faces are to be blurred, but have not been looked for; run faces, or switch blur off")
        found = frozenset(np.intersect1d(contents.faces.above(config.threshold).row, contents.drawn).tolist())
        return cls(contents, read, found, frozenset(contents.unsearched), detector() if found else None)

    @property
    def n_threads(self) -> int:
        """How many items may be read side by side."""
        return min(MAX_THREADS, n_cpus())

    def get(self, row: int) -> bytes:
        """What goes out for a row of the catalog; raises IngestError with the reason why nothing does.

        Blurred pictures are upright PNG, so that every pixel outside the blurred areas equals the decoded original.
        """
        catalog = self.contents.catalog
        if catalog.uri[row] in self.unsearched:
            raise IngestError("could not be searched for faces; run faces again")
        data = read_unchanged(self.read, catalog, row)
        if row not in self.with_faces:
            return data
        with self.one_large if self._n_pixels(row) > LARGE else contextlib.nullcontext():
            return self._blurred(row, data)

    def _n_pixels(self, row: int) -> int:
        items = self.contents.catalog.items
        return int((items["width"][row].as_py() or 0) * (items["height"][row].as_py() or 0))

    def _blurred(self, row: int, data: bytes) -> bytes:
        assert self.contents.faces is not None and self.detector is not None  # noqa: PT018 (both go with with_faces)
        found = self.contents.faces.of(row)
        done = blur_faces(decode_image(data), found, self.contents.face_config, self.detector)
        if not done.held:
            raise IngestError("still shows a face after blurring; check its boxes")
        sink = io.BytesIO()
        done.image.save(sink, "PNG", compress_level=3)  # half the time of the default for a tenth more bytes
        return sink.getvalue()


@dataclass(frozen=True)
class Outgoing:
    """The drawn items' files for formats that hold them: those put into the export already, else read again."""

    payloads: Payloads
    folder: ExportFolder
    copies: Copies | None

    def get(self, row: int) -> tuple[bytes, str]:
        """Bytes of a row of the catalog, and the ending of its name, without a dot; raises IngestError."""
        if self.copies is not None:
            name = self.copies.file.get(row)
            if name is None:
                raise IngestError("was left out")
            data = (self.folder.path / name).read_bytes()
            return data, _ending(name, data)
        data = self.payloads.get(row)
        return data, "png" if row in self.payloads.with_faces else _ending(self._uri(row), data)

    def stream(self, rows: Sequence[int]) -> Iterator[tuple[bytes | None, str]]:
        """The same for many rows in their order, None and the reason where there is nothing; some are read ahead."""
        pool = ThreadPoolExecutor(self.payloads.n_threads)
        ahead = deque[Future[list[tuple[bytes | None, str]]]]()
        try:
            for start in range(0, len(rows), _AT_ONCE):
                ahead.append(pool.submit(self._some, rows[start : start + _AT_ONCE]))
                if len(ahead) > self.payloads.n_threads:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _some(self, rows: Sequence[int]) -> list[tuple[bytes | None, str]]:
        found: list[tuple[bytes | None, str]] = []
        for row in rows:
            try:
                found.append(self.get(row))
            except IngestError as error:
                found.append((None, str(error)))
        return found

    def _uri(self, row: int) -> str:
        return self.payloads.contents.catalog.uri[row]


def _ending(name: str, data: bytes = b"") -> str:
    """What a name ends with, without a dot; of one that says nothing what its bytes begin with. "" for neither."""
    stem, _, ending = name.rpartition("/")[2].rpartition(".")
    if stem and f".{ending.lower()}" in KNOWN:
        return ending.lower()
    return next((suffix[1:] for start, suffix in SUFFIXES.items() if data.startswith(start)), "")
