"""Read an item again, as it was when it was ingested or not at all."""

import hashlib
from collections.abc import Callable

from curation_core.catalog import Catalog
from curation_core.errors import IngestError

Read = Callable[[str], bytes]  # uri -> bytes of the item; raises IngestError with a short reason


def read_unchanged(read: Read, catalog: Catalog, row: int) -> bytes:
    """The bytes whose hash the catalog has; raises IngestError when they are gone or others."""
    data = read(catalog.uri[row])
    if hashlib.sha256(data).hexdigest() != catalog.content_hash[row]:
        raise IngestError("was changed since it was ingested; ingest again")
    return data
