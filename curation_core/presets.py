"""How vectors are prepared before they are clustered: which normalisation, how many dimensions."""

from collections.abc import Iterable, Iterator

import numpy as np

from curation_core.config import Preset
from curation_core.errors import ConfigError, ShapeError
from curation_core.pca import Rows, apply_pca, fit_pca

_BLOCK = 8192  # rows at once
_LEAST_SPREAD = 1e-3  # of the strongest component
_OF_MODEL: dict[str, Preset] = {
    "efficientnet-lite0": "sqrt-pca-128",
    "color-hog": "pca-64",
    "spectral": "pca-64",
    "wordllama": "l2",
    "hashing-text": "l2",
    "minilm": "pca-64",
}


def default_preset(model: str) -> Preset:
    """The preset that suits an embedder; "none" for vectors that a person brought and for unknown models.

    Models of one's own (hf:, st:) are trained for cosines: l2.
    """
    return "l2" if model.startswith(("hf:", "st:")) else _OF_MODEL.get(model, "none")


def resolve_preset(preset: Preset, model: str) -> Preset:
    """The preset that is meant: "auto" is the model's default."""
    return default_preset(model) if preset == "auto" else preset


def prepare(vectors: np.ndarray, preset: Preset) -> np.ndarray:
    """Vectors as k-means wants them: (n, d) of any float to (n, d') float32, in blocks.

    none: as they are. l2: each of length 1. pca-64: length 1, then 64 principal components. sqrt-pca-128: signed square
    roots, length 1, then 128 principal components. whiten-128: length 1, then 128 principal components, each of the
    same spread. d' is at most n; components are not brought to length 1 again.
    Raises ConfigError for "auto" (use resolve_preset) and unknown names, ShapeError unless vectors are (n, d).
    """
    found: np.ndarray | None = None
    for start, block in prepared_blocks(vectors, preset):
        if found is None:
            found = np.empty((len(vectors), block.shape[1]), dtype=np.float32)
        found[start : start + len(block)] = block
    return np.empty(vectors.shape, dtype=np.float32) if found is None else found


def prepared_blocks(vectors: np.ndarray, preset: Preset) -> Iterator[tuple[int, np.ndarray]]:
    """What `prepare` gives, a block of rows at a time: the first row of each, and the block, (b, d') float32."""
    block_of = _preparing(vectors, preset)
    return ((start, block_of(vectors[start : start + _BLOCK])) for start in range(0, len(vectors), _BLOCK))


def _preparing(vectors: np.ndarray, preset: Preset) -> Rows:
    """What is done to a block of rows; components and spreads are those of all vectors."""
    if vectors.ndim != 2:
        raise ShapeError(f"vectors have shape {vectors.shape}; expected (items, dimensions)")
    if preset == "none":
        return lambda block: np.array(block, dtype=np.float32)
    if preset == "l2" or (preset in COMPONENTS and not len(vectors)):
        return unit
    if preset not in COMPONENTS:
        raise ConfigError(f"preset is {preset!r}; expected none, l2, {', '.join(COMPONENTS)}")
    rows, n_components, whitened = COMPONENTS[preset]
    pca = fit_pca(vectors, n_components, rows)
    if not whitened:
        return lambda block: apply_pca(pca, block, rows)
    scale = _scale(apply_pca(pca, vectors[start : start + _BLOCK], rows) for start in range(0, len(vectors), _BLOCK))
    return lambda block: apply_pca(pca, block, rows) * scale


def prepare_beside(others: np.ndarray, vectors: np.ndarray, preset: Preset) -> np.ndarray:
    """Other vectors (m, d) brought into the space that `prepare` gives `vectors` (n, d): (m, d') float32.

    Components and spreads are those of `vectors`; a row that is in both gets the same coordinates in both.
    """
    if vectors.ndim != 2 or others.ndim != 2 or others.shape[1] != vectors.shape[1]:
        raise ShapeError(f"the vectors have shapes {others.shape} and {vectors.shape}; embed both by one embedder")
    if preset not in COMPONENTS or not len(vectors):
        return prepare(others, preset)
    rows, n_components, whitened = COMPONENTS[preset]
    pca = fit_pca(vectors, n_components, rows)
    found = apply_pca(pca, others, rows)
    if whitened:
        found *= _scale([apply_pca(pca, vectors, rows)])
    return found


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, d) at length 1, float32; zeros stay zeros."""
    rows = np.asarray(vectors, dtype=np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    scaled: np.ndarray = rows / np.where(norms > 0, norms, 1.0)[:, None]
    return scaled.astype(np.float32, copy=False)


def root_unit(vectors: np.ndarray) -> np.ndarray:
    """Signed square roots at length 1: what is strong in a feature no longer drowns the rest (Hellinger distance)."""
    rows = np.asarray(vectors, dtype=np.float32)
    return unit(np.sign(rows) * np.sqrt(np.abs(rows)))


def _scale(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """What to multiply components by, to give each the same spread: (k,) float32; blocks of (b, k), strongest first."""
    squares: np.ndarray | float = 0.0
    n = 0
    for block in blocks:
        for start in range(0, len(block), _BLOCK):
            squares = squares + np.square(block[start : start + _BLOCK], dtype=np.float64).sum(axis=0)
        n += len(block)
    spread = np.sqrt(squares / n)
    floor = _LEAST_SPREAD * spread.max()  # below, there is rounding, not signal
    scale: np.ndarray = 1.0 / np.where(spread > floor, spread, 1.0)
    return scale.astype(np.float32)


COMPONENTS: dict[str, tuple[Rows, int, bool]] = {  # applied to rows first; how many; whether of the same spread
    "pca-64": (unit, 64, False),
    "sqrt-pca-128": (root_unit, 128, False),
    "whiten-128": (unit, 128, True),
}
