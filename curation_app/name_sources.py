"""Where the words in a cluster's name come from: its texts, the classes of its members, or a model that knows words."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from curation_core.artifacts import read_array, write_array
from curation_core.catalog import Catalog
from curation_core.children import joined
from curation_core.cluster_words import Words, nearest_words, split_words, telling_words, word_like
from curation_core.config import EmbedConfig, Modality
from curation_core.embedders import open_embedder
from curation_core.errors import CurationError
from curation_core.hierarchy import Hierarchy
from curation_core.node_figures import commonest
from curation_core.search import text_side
from curation_core.workspace import Workspace

_LOG = logging.getLogger("curation_app")
TOLD = 3  # words in the name of a cluster of texts
MOST_WORDS = 1_000  # that a model is asked for
_BLOCK = 4_096  # clusters whose members' vectors are read at once
_WITNESSES = 16  # members whose mean direction stands for a cluster where a model is asked for a word
# what pictures often show, for pools whose items have no classes of their own
_GENERAL = (
    "a person, a face, a group of people, a child, hands, clothes, shoes, a cat, a dog, a horse, a cow, a bird, a "
    "fish, an insect, a wild animal, a flower, a tree, a leaf, grass, a forest, a field, a mountain, a rock, "
    "sand, a desert, snow, ice, a river, a lake, the sea, a beach, clouds, the sky, a sunset, stars, fire, smoke, "
    "a city, a street, a road, a bridge, a house, a tall building, a church, a window, a door, a room, a kitchen, "
    "a table, a chair, a bed, a lamp, a car, a truck, a bus, a train, a bicycle, a motorcycle, a ship, an "
    "airplane, a machine, a tool, a computer, a telephone, a screen, a camera, a clock, a book, a page of text, "
    "handwriting, a sign, a logo, a chart, a map, a satellite image, a drawing, a painting, a cartoon, a pattern, "
    "a statue, a toy, a ball, a sports game, a musical instrument, food, a plate of food, fruit, vegetables, "
    "bread, cake, a drink, a bottle, a cup, jewellery, money, a flag, a medical scan, a microscope image, a black "
    "picture, a white picture, a blurred picture,"
)
GENERAL_WORDS = tuple(_GENERAL.split(", "))


@dataclass(frozen=True)
class WordVectors:
    """Words, and how a model of texts and pictures sees them beside its pictures.

    vectors: (w, d) float32. embeddings: (n, d), the items' as the same model gave them, rows as in the tree.
    """

    words: list[str]
    vectors: np.ndarray
    embeddings: np.ndarray


class TextWords:
    """The most telling words of clusters of texts. rows: (n,) the catalog row of every item of the tree."""

    def __init__(self, hierarchy: Hierarchy, catalog: Catalog, rows: np.ndarray) -> None:
        self._hierarchy, self._catalog, self._rows = hierarchy, catalog, rows

    @property
    def vocabulary(self) -> list[str]:
        """All words there are."""
        return self._words.vocabulary

    def codes(self, level: int, clusters: np.ndarray) -> np.ndarray:
        """Words of clusters, best first: (m, 3) int32 into the vocabulary, -1 for none."""
        starts, sizes = _slices(self._hierarchy, level, clusters)
        filled = max(1, int(np.count_nonzero(self._hierarchy.sizes(level))))
        return telling_words(self._words, starts, starts + sizes, len(self._words.codes) / filled, TOLD)

    @cached_property
    def _words(self) -> Words:
        """Words of all texts in tree order: a cluster's are one slice."""
        return split_words(self._catalog.items.column("text").take(pa.array(self._rows[self._hierarchy.order])))


class ClassWords:
    """The class that at least half of a cluster's members have, else the word that a model puts nearest.

    columns: label columns, the finest first; a coarser one speaks where no finer one has a majority.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        catalog: Catalog,
        rows: np.ndarray,
        columns: Sequence[str],
        meanings: Callable[[], WordVectors | None],
    ) -> None:
        self._hierarchy, self._catalog, self._rows, self._columns = hierarchy, catalog, rows, columns
        self._meanings = meanings

    @property
    def vocabulary(self) -> list[str]:
        """All class names, then the model's words once it was asked."""
        return self._all_words if "_meaning" in vars(self) else self._class_names

    def codes(self, level: int, clusters: np.ndarray) -> np.ndarray:
        """The word of each cluster: (m, 3) int32 into the vocabulary, -1 for none."""
        found = np.full((len(clusters), TOLD), -1, dtype=np.int32)
        places, owner = joined(*_slices(self._hierarchy, level, clusters))
        first = 0
        for codes, names in self._classes:
            major = majorities(owner, codes[places], names, len(clusters))
            found[:, 0] = np.where((found[:, 0] < 0) & (major >= 0), major + first, found[:, 0])
            first += len(names)
        nameless = np.flatnonzero((found[:, 0] < 0) & (self._hierarchy.sizes(level)[clusters] > 0))
        if len(nameless) and self._meaning is not None:
            found[nameless, 0] = first + self._nearest(level, clusters[nameless], self._meaning)
        return found

    def _nearest(self, level: int, clusters: np.ndarray, meaning: WordVectors) -> np.ndarray:
        """The word nearest to the mean direction of a few members spread over each cluster: (m,) int64."""
        starts, sizes = _slices(self._hierarchy, level, clusters)
        found = np.empty(len(clusters), dtype=np.int64)
        for first in range(0, len(clusters), _BLOCK):
            size, start = sizes[first : first + _BLOCK], starts[first : first + _BLOCK]
            taken = np.minimum(size, _WITNESSES)
            step, owner = joined(np.zeros_like(taken), taken)
            rows = self._hierarchy.order[start[owner] + step * size[owner] // taken[owner]]
            vectors = np.asarray(meaning.embeddings[rows], dtype=np.float32)
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            sums = np.add.reduceat(vectors, np.cumsum(taken) - taken, axis=0)  # (b, d), all that a direction needs
            found[first : first + _BLOCK] = nearest_words(sums, meaning.vectors)
        return found

    @cached_property
    def _classes(self) -> list[tuple[np.ndarray, list[str]]]:
        """Per column the classes of all items in tree order, (n,) int32, and their names."""
        coded = (self._catalog.labels(name) for name in self._columns)
        return [(codes.astype(np.int32)[self._rows[self._hierarchy.order]], names) for codes, names in coded]

    @cached_property
    def _all_words(self) -> list[str]:
        return self._class_names if self._meaning is None else [*self._class_names, *self._meaning.words]

    @cached_property
    def _class_names(self) -> list[str]:
        return [name for _, names in self._classes for name in names]

    @cached_property
    def _meaning(self) -> WordVectors | None:
        return self._meanings()


def word_vectors(ws: Workspace, modality: Modality, class_names: Sequence[str]) -> WordVectors | None:
    """The vectors of words in the space of the workspace's pictures; None unless one model made both.

    class_names: what the items' own columns call things; without any that read as words, some general ones. The model
    is asked once, its answer is kept in the workspace.
    """
    if modality != "image" or not text_side(ws.settings.embed.embedder, modality):
        return None
    words = list(dict.fromkeys(name for name in class_names if word_like(name)))[:MOST_WORDS] or list(GENERAL_WORDS)
    embedded = ws.embeddings()
    digest = hashlib.sha256("\n".join([embedded.model, *words]).encode()).hexdigest()[:16]
    file = ws.path / "words" / f"{digest}.npy"
    try:
        if not file.exists():
            write_array(file, _asked(ws.settings.embed, words))
    except (CurationError, OSError) as error:  # names are a help; the page must not hang on a model
        _LOG.warning("no words for clusters from %s: %s", embedded.model, error)
        return None
    return WordVectors(words, read_array(file), embedded.vectors)


def _asked(config: EmbedConfig, words: Sequence[str]) -> np.ndarray:
    """How the model sees words, (w, d) float32; the sentence around them is that of CLIP's own zero-shot test."""
    embedder: Any = open_embedder(config.embedder, "image", device=config.device)
    sentences = [f"a photo of {word}" for word in words]
    found = [embedder.embed_text(sentences[first : first + 64]) for first in range(0, len(sentences), 64)]
    return np.concatenate(found).astype(np.float32)


def majorities(owner: np.ndarray, codes: np.ndarray, names: Sequence[str], m: int) -> np.ndarray:
    """The class of at least half of each group's items: (m,) int64, -1 where none is or it has no name.

    owner: (t,) group of every item. codes: (t,) its class in names.
    """
    best, most, total = commonest(owner, codes, len(names), m)
    named = np.array([bool(name) for name in names], dtype=bool)
    return np.where((most * 2 >= total) & (total > 0) & named[best], best, -1)


def _slices(hierarchy: Hierarchy, level: int, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return hierarchy.offsets[level - 1][clusters], hierarchy.sizes(level)[clusters]
