"""What an earlier ingest found, so that what has not changed since need not be read again."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from curation_core.artifacts import read_table
from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA
from curation_core.errors import StaleArtifact

DECODING = 1  # raised when the same bytes may give another size, or be refused where they were not
STAMP_SCHEMA = pa.schema([("uri", pa.string()), ("stamp", pa.string())], metadata={"decoding": str(DECODING)})


@dataclass(frozen=True)
class Known:
    """One picture as it was found: its hash and size in pixels, or the reason why it was refused."""

    content_hash: str = ""
    width: int = 0
    height: int = 0
    reason: str = ""


class Earlier:
    """Pictures of an earlier ingest by uri and stamp; without a folder, or with one that is broken, it knows none."""

    def __init__(self, folder: Path | None = None) -> None:
        stamps = _read(folder, "stamps-*.parquet", STAMP_SCHEMA)
        if (stamps.schema.metadata or {}).get(b"decoding") != str(DECODING).encode():
            stamps = STAMP_SCHEMA.empty_table()
        self._stamp_of = dict(zip(stamps["uri"].to_pylist(), stamps["stamp"].to_pylist(), strict=True))
        items = _read(folder if self._stamp_of else None, "items-*.parquet", ITEM_SCHEMA)
        self._row_of = {uri: row for row, uri in enumerate(items["uri"].to_pylist())}
        self._hash, self._width, self._height = (
            items[name].combine_chunks() for name in ("content_hash", "width", "height")
        )
        failures = _read(folder if self._stamp_of else None, "failures.parquet", FAILURE_SCHEMA)
        self._reason_of = dict(zip(failures["uri"].to_pylist(), failures["reason"].to_pylist(), strict=True))

    def find(self, uri: str, stamp: str) -> Known | None:
        """What was found, if the stamp is still the same."""
        if not stamp or self._stamp_of.get(uri) != stamp:
            return None
        if uri in self._reason_of:
            return Known(reason=self._reason_of[uri])
        row = self._row_of.get(uri)
        if row is None or not self._width[row].is_valid:  # not a picture
            return None
        return Known(self._hash[row].as_py(), self._width[row].as_py(), self._height[row].as_py())


def make_stamps(stamps: dict[str, str]) -> pa.Table:
    """A table of STAMP_SCHEMA from stamps by uri; items without one are left out, and so are read again."""
    kept = {uri: stamp for uri, stamp in stamps.items() if stamp}
    return pa.table({"uri": list(kept), "stamp": list(kept.values())}, schema=STAMP_SCHEMA)


def _read(folder: Path | None, pattern: str, schema: pa.Schema) -> pa.Table:
    try:
        tables = [read_table(path) for path in sorted(folder.glob(pattern))] if folder else []
        return pa.concat_tables(tables) if tables else schema.empty_table()
    except (StaleArtifact, pa.ArrowException):  # torn, or of another version: it is only there to save time
        return schema.empty_table()
