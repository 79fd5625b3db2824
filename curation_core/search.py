"""Search by words: texts and items in one space, nearest first."""

import numpy as np

from curation_core.config import Modality
from curation_core.embedders import Embedder
from curation_core.errors import ConfigError, CurationError, ShapeError
from curation_core.model_folders import find_model

_VALUES = 1 << 18  # of vectors at once: 1 MB of float32, which stays in a core's cache


def text_side(name: str, modality: Modality) -> bool:
    """Whether rank_by_text works with the embedder of a name; looks at files, loads no weights.

    Texts are always in the space of texts; pictures share one with texts by CLIP, SigLIP and the like.
    """
    if modality == "text":
        return True
    if modality != "image" or not name.startswith("hf:"):
        return False
    try:
        folder = find_model(name)
        return "text_config" in folder.read_json("config.json") and folder.has_tokenizer
    except CurationError:
        return False


def rank_by_text(query: str, embedder: Embedder, vectors: np.ndarray) -> np.ndarray:
    """Cosine similarity of every item to a query: (n,) float32 between -1 and 1.

    vectors: (n, d), as this embedder gave them, not prepared for clustering. Raises ConfigError for an empty query and
    for an embedder that knows no texts.
    """
    if not query.strip():
        raise ConfigError("the query is empty; type a few words")
    if embedder.modality == "text":
        found = embedder([query])
    elif hasattr(embedder, "embed_text"):
        found = embedder.embed_text([query])
    else:
        raise ConfigError(f"{embedder.name} knows no texts; for text search embed with a CLIP or SigLIP model")
    return similarity(vectors, np.asarray(found)[0])


def search(vectors: np.ndarray, query_vector: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The n rows most similar to a vector, best first, equals by row: rows (n,) int64, similarity (n,) float32."""
    found = similarity(vectors, query_vector)
    rows = best_rows(found, n)
    return rows, found[rows]


def best_rows(scores: np.ndarray, n: int) -> np.ndarray:
    """The n rows of the highest scores (n_items,), best first, equals by row: (min(n, n_items),) int64."""
    n = max(0, min(n, len(scores)))
    if not n:
        return np.empty(0, dtype=np.int64)
    least = np.partition(scores, len(scores) - n)[len(scores) - n]
    above = np.flatnonzero(scores > least)
    level = np.flatnonzero(scores == least)[: n - len(above)]
    rows = np.concatenate([above, level])
    return rows[np.lexsort((rows, -scores[rows]))].astype(np.int64)


def similarity(vectors: np.ndarray, query_vector: np.ndarray) -> np.ndarray:
    """Cosine of every row (n, d) of any float with a vector (d,): (n,) float32; 0 where either has no length."""
    query = np.asarray(query_vector, dtype=np.float32).ravel()
    if vectors.ndim != 2 or vectors.shape[1] != len(query):
        raise ShapeError(
            f"the query has {len(query)} numbers, the vectors have shape {vectors.shape}; use the embedder that made "
            "them"
        )
    query = query / max(float(np.linalg.norm(query)), 1e-30)
    found = np.empty(len(vectors), dtype=np.float32)
    step = max(1, _VALUES // max(1, vectors.shape[1]))
    for start in range(0, len(vectors), step):
        block = np.asarray(vectors[start : start + step], dtype=np.float32)
        lengths = np.linalg.norm(block, axis=1)
        found[start : start + step] = (block @ query) / np.where(lengths > 0, lengths, 1.0)
    return np.clip(found, -1.0, 1.0)
