"""What makes an export the one it is: a hash of all that decides its bytes."""

import hashlib
import json
from collections.abc import Iterator

import numpy as np

from curation_core.config import ExportConfig
from curation_core.manifest import ExportContents
from curation_core.table_text import data_of


def fingerprint(version: int, contents: ExportContents, config: ExportConfig) -> str:
    """Sha256 of contents and settings, in hex: an interrupted export goes on only with the same one."""
    digest = hashlib.sha256(f"{version}\n".encode())
    for data in _told(contents, config):
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def _told(contents: ExportContents, config: ExportConfig) -> Iterator[bytes | memoryview]:
    settings = config.model_dump(mode="json", exclude={"name"})
    faces = contents.face_config.model_dump(mode="json")
    told = [dict(contents.provenance), settings, faces, contents.masked, contents.split_names, dict(contents.reports)]
    told.append(sorted(set(contents.unsearched)))
    yield json.dumps(told, sort_keys=True, default=str).encode()
    yield "\n".join(event.as_json() for event in contents.events).encode()
    yield contents.decisions.fingerprint.encode()
    for name in ("item_id", "content_hash"):
        for chunk in contents.catalog.items.column(name).chunks:
            yield data_of(chunk)
    yield from (np.ascontiguousarray(array).tobytes() for array in _arrays(contents))


def _arrays(contents: ExportContents) -> Iterator[np.ndarray]:
    yield from (contents.plan.indices, *contents.plan.quotas, *contents.plan.capacity, contents.rows)
    for array in (contents.near_duplicates, contents.keeper, contents.groups, contents.retrieved):
        yield np.zeros(0) if array is None else np.asarray(array)
    yield np.zeros(0) if contents.splits is None else np.asarray(contents.splits.code)
    if contents.faces is not None:
        yield from (contents.faces.row, contents.faces.box, contents.faces.score, contents.faces.verdict)
