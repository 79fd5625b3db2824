"""Immutable results on disk: a folder named by the hash of what made it, complete only when meta.json exists.

A step writes into ``steps/<step>/.partial-<key>/`` and the folder is renamed when everything, meta.json last, is on the
disk. A killed run leaves a partial folder that the next run of the same key continues; nothing ever reads one.
"""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core.errors import ConfigError, CurationError, ShapeError, StaleArtifact, StepMissing

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1  # raised when a reader of today could misread what is written
_DISK_FULL = (28, 122)  # ENOSPC, EDQUOT


def canonical_json(value: Any) -> str:
    """JSON that is the same bytes for the same value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def artefact_key(step: str, version: int, config: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """First 16 hex digits of the sha256 of what makes a result: step, its version, configuration, keys of inputs."""
    made_of = {"step": step, "version": version, "config": dict(config), "inputs": dict(inputs)}
    return hashlib.sha256(canonical_json(made_of).encode()).hexdigest()[:16]


def file_hash(path: Path) -> str:
    """Sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is whole or absent: temporary file, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with explained(path):
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people and machines, whole or absent."""
    write_bytes(path, (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file, whole or absent."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with explained(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_stacked(path: Path, parts: Iterator[np.ndarray], n_rows: int) -> None:
    """One .npy of all parts below each other, with one part in memory at a time; whole or absent."""
    first = next(parts)
    stored = first.dtype.newbyteorder("<")
    header = {"descr": stored.str, "fortran_order": False, "shape": (n_rows, first.shape[1])}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with explained(path):
        try:
            with temporary.open("wb") as file:
                np.lib.format.write_array_header_1_0(file, header)
                file.write(first.astype(stored, copy=False).tobytes())
                for part in parts:
                    if part.shape[1] != first.shape[1]:
                        raise ShapeError(
                            f"vectors of {part.shape[1]} and {first.shape[1]} numbers; embed again from the start"
                        )
                    file.write(part.astype(stored, copy=False).tobytes())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write several arrays into one .npz file, whole or absent."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with explained(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def read_array(path: Path) -> np.ndarray:
    """Open a .npy file as a read-only memory map; raises StaleArtifact when it is torn."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise StaleArtifact(f"{path.name} cannot be read ({error}); run the step that wrote it again") from None
    return array


def write_table(path: Path, table: "pa.Table") -> None:
    """Write a Parquet file, whole or absent."""
    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    write_bytes(path, buffer.getvalue())


def read_table(path: Path) -> "pa.Table":
    """Read a Parquet file; raises StaleArtifact when it is missing or torn."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise StaleArtifact(f"{path.name} cannot be read ({error}); run the step that wrote it again") from None


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn a full or unwritable disk into a sentence."""
    try:
        yield
    except OSError as error:
        place = path.parent
        if error.errno in _DISK_FULL or (error.errno is None and shutil.disk_usage(_existing(place)).free < 1 << 20):
            raise CurationError(
                f"the disk is full: could not write {path.name}; free some space in {place} and run again"
            ) from None
        if isinstance(error, PermissionError):
            raise CurationError(
                f"not allowed to write {path.name} in {place}; choose a folder that you may write to"
            ) from None
        raise


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


@dataclass(frozen=True)
class ArtifactStore:
    """The folder ``steps/`` of a workspace."""

    root: Path

    def folder(self, step: str, key: str) -> Path:
        """Where an artefact lies; raises StepMissing unless it is complete."""
        folder = self.root / step / key
        if not (folder / "meta.json").is_file():
            raise StepMissing(f"{step} has not been run with these settings; run {step}")
        return folder

    def has(self, step: str, key: str) -> bool:
        """Whether an artefact is there and complete."""
        return (self.root / step / key / "meta.json").is_file()

    def meta(self, step: str, key: str) -> dict[str, Any]:
        """The provenance of an artefact: config, inputs, counts, times, hashes."""
        path = self.folder(step, key) / "meta.json"
        meta: dict[str, Any] = json.loads(path.read_text())
        if meta.get("format", 0) > FORMAT:
            raise StaleArtifact(
                f"{step} {key} was written by a newer version (format {meta['format']}, here {FORMAT}); update"
            )
        return meta

    def all_meta(self, step: str) -> list[dict[str, Any]]:
        """Provenance of all complete artefacts of a step, newest first."""
        folders = (self.root / step).glob("*/meta.json") if (self.root / step).is_dir() else ()
        found = [(self.meta(step, path.parent.name), path) for path in folders if not path.parent.name.startswith(".")]
        # two of one second: by when their files were written, which copies keep
        found.sort(key=lambda pair: (str(pair[0].get("finished", "")), pair[1].stat().st_mtime_ns), reverse=True)
        return [meta for meta, _ in found]

    @contextlib.contextmanager
    def writing(self, step: str, key: str, meta: dict[str, Any]) -> Iterator[Path]:
        """Yield the partial folder of an artefact; on a clean exit write meta.json and put the folder in place.

        What the block adds to `meta` is saved with it. After an error or a kill the partial folder stays, so that the
        next run continues it; raises ConfigError when another process is writing the same artefact.
        """
        partial, final = self.root / step / f".partial-{key}", self.root / step / key
        with explained(partial / "folder"):
            partial.mkdir(parents=True, exist_ok=True)
        with _locked(self.root / step / f".lock-{key}", f"{step} {key}"):
            yield partial
            meta = {**meta, "step": step, "key": key, "format": FORMAT}
            write_json(partial / "meta.json", meta)
            _sync(partial)
            if final.exists():
                shutil.rmtree(final)
            partial.rename(final)
            _sync(final.parent)

    def partials(self) -> list[tuple[str, str, Path]]:
        """Step, key and folder of what was begun and is not done, by name."""
        found = sorted(self.root.glob("*/.partial-*"))
        return [(path.parent.name, path.name.removeprefix(".partial-"), path) for path in found if path.is_dir()]

    def remove_partial(self, step: str, key: str) -> None:
        """Delete what was begun of an artefact; raises ConfigError while another process is writing it."""
        with _locked(self.root / step / f".lock-{key}", f"{step} {key}"):
            shutil.rmtree(self.root / step / f".partial-{key}", ignore_errors=True)

    def remove(self, step: str, key: str) -> None:
        """Delete an artefact: meta.json first, so that nothing half-deleted is ever read."""
        folder = self.root / step / key
        (folder / "meta.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path, what: str) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{what} is being written by another process; wait for it or cancel that job") from None
        yield


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
