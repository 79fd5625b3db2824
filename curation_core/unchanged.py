"""Read an item again, as it was when it was ingested or not at all."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation_core.catalog import Catalog
from curation_core.errors import IngestError

Read = Callable[[str], bytes]  # uri -> bytes of the item; raises IngestError with a short reason
Place = Callable[[str], Path | None]  # uri -> the file of an item, None where it lies in an archive or a table


def _nowhere(_uri: str) -> None:
    return None


@dataclass(frozen=True)
class Originals:
    """The source's files, opened. others: names of the files beside the items, which `read` gives too."""

    read: Read
    place: Place = _nowhere
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, media: Any) -> "Originals":
        """Those of a Media; one that lies in files says where, by its method `place`."""
        return cls(media.read, getattr(media, "place", _nowhere), tuple(media.others))


def read_unchanged(read: Read, catalog: Catalog, row: int) -> bytes:
    """The bytes whose hash the catalog has; raises IngestError when they are gone or others."""
    data = read(catalog.uri[row])
    if hashlib.sha256(data).hexdigest() != catalog.content_hash[row]:
        raise IngestError("was changed since it was ingested; ingest again")
    return data
