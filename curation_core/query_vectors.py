"""A new item's vector brought into the space that the tree was made in."""

from collections.abc import Callable

import numpy as np

from curation_core.config import Preset
from curation_core.pca import apply_pca, fit_pca
from curation_core.presets import COMPONENTS, unit

_COMPARED = 4_096  # rows that tell how components were scaled


def preparing(vectors: np.ndarray, prepared: np.ndarray, preset: Preset) -> Callable[[np.ndarray], np.ndarray]:
    """A function that does to vectors (m, d) what `presets.prepare` did to (n, d), giving (m, d') float32.

    vectors: (n, d), as embedded; prepared: (n, d'), what prepare made of them. Components are fitted again to the same
    rows, which gives the same ones; a few seconds at d = 1,280.
    """
    if preset not in COMPONENTS:
        return unit if preset == "l2" else lambda found: np.array(found, dtype=np.float32)
    rows, n_components, whitened = COMPONENTS[preset]
    pca = fit_pca(vectors, n_components, rows)
    if not whitened:
        return lambda found: apply_pca(pca, found, rows)
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(len(vectors), _COMPARED)).astype(np.int64))
    components, wanted = apply_pca(pca, vectors[chosen], rows), np.asarray(prepared[chosen])
    scale = np.einsum("ij,ij->j", components, wanted) / np.maximum(np.einsum("ij,ij->j", components, components), 1e-30)
    return lambda found: apply_pca(pca, found, rows) * scale.astype(np.float32)
