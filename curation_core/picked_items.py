"""Items that a person picked one by one, too many for a link: the link names a file of the workspace that lists them.

Files are ``selections/<count>-<hash>.parquet``, named by what they hold: the same items are one file, whoever picks
them. The newest are kept, and those that a saved selection names; reading one makes it new again.
"""

import hashlib
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.artifacts import explained, read_table, write_table
from curation_core.errors import ConfigError, StaleArtifact
from curation_core.kept_files import is_used, prune
from curation_core.selection import KEPT_NAME

MOST_KEPT, MOST_BYTES = 200, 1 << 30  # of files that no saved selection names
_one_writer = threading.Lock()  # two threads of a process would write one temporary file
_NAME, _NAMED = re.compile(KEPT_NAME), re.compile(rf"@({KEPT_NAME})")


class PickedItems:
    """The picked items of a workspace folder; every call reads or writes the disk."""

    def __init__(self, workspace: Path) -> None:
        self._folder, self._saved = workspace / "selections", workspace / "selections.json"

    def keep(self, ids: Any) -> str:
        """Keep items, in their order; returns the name that a link carries. ids: n >= 1 strings, a list or Arrow."""
        listed = _as_array(ids)
        if not len(listed):
            raise ConfigError("no items are picked; pick at least one")
        name = _name(listed)
        with explained(self._path(name)):
            self._folder.mkdir(exist_ok=True)
        with _one_writer:
            if not is_used(self._path(name)):
                write_table(self._path(name), pa.table({"item_id": listed}))
                prune(self._folder, "*.parquet", most=MOST_KEPT, most_bytes=MOST_BYTES, spared=self._named_by_people())
        return name

    def ids(self, name: str) -> pa.Array:
        """The items of a name, (n,) strings in the order they were kept; raises ConfigError when they are gone."""
        try:
            if not _NAME.fullmatch(name):
                raise StaleArtifact(name)
            found = _as_array(read_table(self._path(name)).column("item_id"))
            if _name(found) != name:
                raise StaleArtifact(name)
        except (StaleArtifact, KeyError):
            raise ConfigError(
                "the list of picked items that this link names is not kept here any more; pick them again"
            ) from None
        is_used(self._path(name))
        return found

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.parquet"

    def _named_by_people(self) -> frozenset[str]:
        """Lists that saved selections name, those included that were removed and may be brought back."""
        try:
            return frozenset(_NAMED.findall(self._saved.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            return frozenset()


def _as_array(ids: Any) -> pa.Array:
    if not isinstance(ids, pa.Array | pa.ChunkedArray):
        return pa.array(ids, pa.string())
    return pa.concat_arrays(ids.cast(pa.string()).chunks) if isinstance(ids, pa.ChunkedArray) else ids.cast(pa.string())


def _name(ids: pa.Array) -> str:
    """How many, and a hash of what they are: 128 bits over lengths and letters."""
    joined = ids.take(pa.array(np.arange(len(ids))))  # a slice of a larger array would bring all its letters along
    lengths = np.asarray(pc.binary_length(joined), dtype="<i4")
    digest = hashlib.blake2b(lengths.tobytes(), digest_size=16)
    digest.update(joined.buffers()[2] or b"")
    return f"{len(ids)}-{digest.hexdigest()}"
