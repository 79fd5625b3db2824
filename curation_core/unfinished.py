"""What a long work has done so far, kept on the disk, so that it goes on after a kill and ends with the same bytes.

A work is made of units, each of which either stands at some point between its first and its last state, or is finished.
A unit is one .npz file, replaced as a whole. Files of another identity (other vectors, settings or kernels) are not
gone on from.
"""

import hashlib
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from curation_core.artifacts import write_arrays

EVERY_SECONDS = 20.0  # between two saved states; writing one must stay a small part of the work
_IDENTITY = "made_of"


@dataclass
class Unit:
    """One unit: its last saved state."""

    path: Path
    identity: np.ndarray
    every: float
    _saved: float = field(default_factory=time.monotonic)

    def load(self) -> dict[str, np.ndarray] | None:
        """The arrays last saved; None where nothing is, or another work's."""
        try:
            with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError):
            return None
        made_of = arrays.pop(_IDENTITY, None)
        return arrays if made_of is not None and np.array_equal(made_of, self.identity) else None

    def save(self, arrays: Callable[[], Mapping[str, np.ndarray]]) -> None:
        """Keep a state, unless the last one is only a moment old."""
        if time.monotonic() - self._saved >= self.every:
            self.finish(arrays())

    def finish(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a state now."""
        write_arrays(self.path, {**arrays, _IDENTITY: self.identity})
        self._saved = time.monotonic()

    def forget(self) -> None:
        """Remove what was saved."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Unfinished:
    """The units of a work in a folder of their own; made_of: text that tells this work from others."""

    folder: Path
    made_of: str
    every: float = EVERY_SECONDS

    def unit(self, name: str) -> Unit:
        """A unit by its name, such as level-1/cell-00007."""
        digest = hashlib.sha256(self.made_of.encode()).digest()
        return Unit(self.folder / f"{name}.npz", np.frombuffer(digest, dtype=np.uint8), self.every)

    def clear(self) -> None:
        """Remove all: the work is done."""
        shutil.rmtree(self.folder, ignore_errors=True)
