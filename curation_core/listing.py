"""Whether a source changed since it was read, told from names, sizes and times alone."""

import hashlib
from pathlib import Path

from curation_core.config import IngestConfig
from curation_core.media import file_fingerprint, open_media
from curation_core.origins import find_origin, open_origin
from curation_core.remote import is_remote, open_store
from curation_core.table_media import files_fingerprint
from curation_core.tables import is_table_name


def source_fingerprint(config: IngestConfig) -> str:
    """16 hex digits that change when the source's or the metadata's listing, sizes or times change; reads no item."""
    parts = [_listing_fingerprint(config)]
    if config.metadata is not None:
        parts.append(file_fingerprint(Path(config.metadata).expanduser()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _listing_fingerprint(config: IngestConfig) -> str:
    if is_remote(config.source):
        with open_store(config.source, allow_http=config.allow_http) as store:
            return store.fingerprint()
    path = Path(config.source).expanduser()
    if path.is_dir():
        with open_media(path) as media:
            return media.fingerprint()
    if path.is_file() and not (is_table_name(path.name) and config.kind != "text" and config.text_column is None):
        return file_fingerprint(path)
    origin = find_origin(config)  # the images that a table names count too
    if origin.form == "paths":
        with open_origin(origin, config) as media:
            return media.fingerprint()
    return files_fingerprint(origin.files or (origin.path,))
