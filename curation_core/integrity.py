"""Whether a source still holds the bytes that a manifest names."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from curation_core.config import IngestConfig
from curation_core.errors import IngestError
from curation_core.origins import find_origin, open_items
from curation_core.readers import open_reader


def changed_items(config: IngestConfig, wanted: Mapping[str, str]) -> dict[str, str]:
    """Items that differ, by uri, with what is wrong. wanted: sha256 hex by uri."""
    found = dict(_images(config, wanted) if find_origin(config).modality == "image" else _rows(config))
    missing = {uri: "is not in the source any more" for uri in wanted if uri not in found}
    return missing | {uri: "was changed" for uri, content in wanted.items() if uri in found and found[uri] != content}


def _images(config: IngestConfig, wanted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    with open_items(config) as media:
        there = set(media.names)
        for uri in sorted(there & wanted.keys()):
            with contextlib.suppress(IngestError):  # what cannot be read any more is as good as gone
                yield uri, _hash(media.read(uri))


def _rows(config: IngestConfig) -> Iterator[tuple[str, str]]:
    with open_reader(find_origin(config), config) as reader:
        for shard in reader.shards(0, Path(), lambda _: None):
            yield from zip(shard.items["uri"].to_pylist(), shard.items["content_hash"].to_pylist(), strict=True)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
