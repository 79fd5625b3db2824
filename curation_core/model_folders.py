"""A model that a person brings: a local folder or what lies in the local hub cache; never the network.

``hf:PATH`` and ``st:PATH`` name a folder, ``hf:ORG/NAME`` a model of the hub that was downloaded before. What is
recorded with the vectors is a name that means the same on every machine: the model's name and a short hash of its
configuration and of samples of its weights, not the path.
"""

import functools
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation_core.errors import ConfigError, MissingExtra

PREFIXES = ("hf:", "st:")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_WEIGHTS = (".safetensors", ".bin")
_DESCRIBING = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "modules.json",
    "1_Pooling/config.json",
)
_SAMPLES, _SAMPLE_BYTES = 16, 4096  # per file of weights: any training changes nearly every number


@dataclass(frozen=True)
class ModelFolder:
    """A folder with config.json and weights. name: as recorded, "hf:NAME@hash"; path: where it lies here."""

    name: str
    path: Path

    def read_json(self, file: str) -> dict[str, Any]:
        """One of the model's JSON files, {} where there is none; raises ConfigError when it is torn."""
        path = self.path / file
        if not path.is_file():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file} of {self.name} cannot be read ({error}); copy the model again") from None
        if not isinstance(found, dict):
            raise ConfigError(f"{file} of {self.name} holds no JSON object; copy the model again")
        return found

    @property
    def has_safetensors(self) -> bool:
        """Whether the weights are there in the format that can hold nothing but numbers."""
        return any(self.path.glob("*.safetensors"))

    @property
    def has_tokenizer(self) -> bool:
        """Whether texts can be turned into tokens."""
        files = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model")
        return any((self.path / file).is_file() for file in files)


def is_model_spec(name: str) -> bool:
    """Whether a name asks for a person's own model."""
    return name.startswith(PREFIXES)


def find_model(spec: str) -> ModelFolder:
    """The folder behind "hf:..." or "st:...".

    Raises MissingExtra when the hub's cache on this machine lacks the model (and says how to get it without a
    network), ConfigError when the folder is none or holds no model.
    """
    prefix, given = spec[:3], spec[3:].strip()
    path = Path(given).expanduser()
    if given and path.is_dir():
        return _checked(prefix, path.resolve())
    if _HUB_ID.fullmatch(given):
        return _checked(prefix, _cached(prefix, given))
    raise ConfigError(f"{spec!r} names no folder on this machine; give {prefix}/path/to/model or {prefix}ORG/NAME")


def absolute_spec(name: str) -> str:
    """A spec that means the same from every working folder; other names as they are."""
    if not is_model_spec(name):
        return name
    path = Path(name[3:].strip()).expanduser()
    return f"{name[:3]}{path.resolve()}" if name[3:].strip() and path.is_dir() else name


def recorded_name(spec: str, known: Sequence[str] = ()) -> str:
    """The name that a spec's vectors bear. known: names recorded before, newest first.

    A workspace may be opened where the model is not: then the newest known name of the same model stands, and the
    spec itself where there is none.
    """
    try:
        return find_model(spec).name
    except (ConfigError, MissingExtra):
        path = Path(spec[3:])
        titles = {f"{spec[:3]}{_title(path)}", f"{spec[:3]}{spec[3:]}"}
        return next((name for name in known if name.rpartition("@")[0] in titles), spec)


def _checked(prefix: str, path: Path) -> ModelFolder:
    if not (path / "config.json").is_file() and not (path / "modules.json").is_file():
        raise ConfigError(
            f"{path.name} is no model: expected config.json, *.safetensors and, for images, preprocessor_config.json "
            "in the folder; give the folder that save_pretrained or a download wrote"
        )
    weights = _files(path, _WEIGHTS)
    if not weights:
        raise ConfigError(
            f"{path.name} has no weights: expected *.safetensors beside config.json; copy the whole model"
        )
    stamps = tuple((str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime_ns) for file in weights)
    return ModelFolder(f"{prefix}{_title(path)}@{_digest(path, stamps)}", path)


def _files(path: Path, suffixes: Sequence[str]) -> list[Path]:
    below = [*path.glob("*"), *path.glob("*/*")]  # modules of sentence-transformers keep theirs one folder down
    return sorted(file for file in below if file.suffix in suffixes and file.is_file())


def _title(path: Path) -> str:
    """The folder's name; ORG/NAME where it is a snapshot in the hub's cache (models--ORG--NAME/snapshots/COMMIT)."""
    store = path.parent.parent.name
    if path.parent.name == "snapshots" and store.startswith("models--"):
        return store.removeprefix("models--").replace("--", "/")
    return path.name


@functools.lru_cache(maxsize=64)
def _digest(path: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    """8 hex digits of configuration, names and sizes of weights, and blocks spread over them; times only mark a hit."""
    digest = hashlib.sha256()
    for name in _DESCRIBING:
        if (path / name).is_file():
            digest.update(name.encode() + b"\0" + (path / name).read_bytes())
    for name, size, _ in stamps:
        digest.update(f"{name}\0{size}\0".encode())
        with (path / name).open("rb") as file:
            for block in range(_SAMPLES):
                file.seek(block * max(0, size - _SAMPLE_BYTES) // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:8]


def _cached(prefix: str, hub_id: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise MissingExtra(
            f"{prefix}{hub_id} is no folder here, and hub models need transformers; install curation-studio[models]"
        ) from None
    try:
        return Path(snapshot_download(hub_id, local_files_only=True))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError, ValueError):
        folder = hub_id.rpartition("/")[2]
        raise MissingExtra(
            f"{hub_id} is neither a folder here nor in this machine's hub cache, and nothing is downloaded; on a "
            f"connected machine run `hf download {hub_id} --local-dir {folder}` (older: huggingface-cli download), "
            f"copy the folder over and give {prefix}/path/to/{folder}"
        ) from None
