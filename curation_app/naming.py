"""Names for people: what an item and a cluster are called, computed from their own columns and words."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_app.name_sources import TOLD, ClassWords, TextWords, WordVectors
from curation_core.catalog import Catalog
from curation_core.hierarchy import Hierarchy

MOST_CLASSES = 1_000
MOST_NAME = 60  # characters of a computed name
_CAPTION_COLUMNS = ("name", "title", "caption", "label")
AT_ONCE = 2_000  # clusters of a level up to which all are named together
_OPEN = -2  # not named yet

Labels = Sequence[Mapping[int, str]]


def item_captions(catalog: Catalog) -> list[str]:
    """One short line per catalog row: a name column, else the start of the text, else the file's name."""
    column = next((name for name in _CAPTION_COLUMNS if name in {c.lower() for c in catalog.columns}), None)
    if column is not None:
        actual = next(name for name in catalog.columns if name.lower() == column)
        values = catalog.metadata.column(actual).cast(pa.string()).to_pylist()
        return [value or PurePosixPath(uri).stem for value, uri in zip(values, catalog.uri, strict=True)]
    if catalog.modality == "text":
        return [(text or "")[:60] for text in catalog.text]
    return [PurePosixPath(uri).stem if catalog.modality == "image" else uri for uri in catalog.uri]


def is_label(catalog: Catalog, column: str) -> bool:
    """Whether a column's values are classes: at least 2, far fewer than items, and not free text."""
    values = catalog.metadata.column(column)
    if not (
        pa.types.is_string(values.type)
        or pa.types.is_boolean(values.type)
        or pa.types.is_integer(values.type)
        or pa.types.is_dictionary(values.type)
    ):
        return False
    distinct = len(values.unique())
    return 2 <= distinct <= min(MOST_CLASSES, max(2, len(catalog) // 2))


def label_columns(catalog: Catalog) -> list[str]:
    """User columns whose values are classes, the finest first."""
    columns = [name for name in catalog.columns if is_label(catalog, name)]
    return sorted(columns, key=lambda name: -len(catalog.metadata.column(name).unique()))


class ClusterNames:
    """What clusters are called, worked out when somebody asks and then remembered as a few numbers per cluster.

    Texts: the most telling words of the cluster's own members. Everything else: the class that most members have, of
    the finest label column in which one has a majority; where none has and a model of texts and pictures made the
    vectors, the word it puts nearest. meanings: gives that model's words, asked for once and only when needed.
    given: what people called clusters, per level; set it whenever decisions were folded anew.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        catalog: Catalog,
        rows: np.ndarray,
        meanings: Callable[[], WordVectors | None] = lambda: None,
    ) -> None:
        self.hierarchy = hierarchy
        self.given: Labels = ()
        self._source: TextWords | ClassWords = (
            TextWords(hierarchy, catalog, rows)
            if catalog.modality == "text"
            else ClassWords(hierarchy, catalog, rows, label_columns(catalog), meanings)
        )
        self._known: dict[int, np.ndarray] = {}
        self._lexicons: dict[int, tuple[list[str], np.ndarray]] = {}

    def name(self, level: int, cluster: int, labels: Labels | None = None) -> str:
        """A cluster's name: its number, then what a person called it, or what was computed."""
        return self.names(level, [cluster], labels)[0]

    def names(self, level: int, clusters: Sequence[int] | np.ndarray, labels: Labels | None = None) -> list[str]:
        """Names of some clusters of a level. labels: what people called clusters, instead of `given`."""
        chosen = np.asarray(clusters, dtype=np.int64)
        given = self._given(level, labels)
        codes, vocabulary = self._codes(level, chosen), self._source.vocabulary
        said = []
        for cluster, row in zip(chosen.tolist(), codes.tolist(), strict=True):
            word = given.get(cluster) or ", ".join(vocabulary[code] for code in row if code >= 0)
            said.append(f"{cluster} · {_cut(word)}" if word else str(cluster))
        return said

    def matching(self, level: int, query: str, labels: Labels | None = None) -> np.ndarray:
        """Which clusters of a level have every word of a query in their name: (k,) bool, without regard to case."""
        k = self.hierarchy.n_clusters[level - 1]
        fits, codes = np.ones(k, dtype=bool), self._all(level)
        given = {cluster: label.lower() for cluster, label in self._given(level, labels).items()}
        for part in query.lower().replace(",", " ").replace("·", " ").split():
            holds = np.asarray(pc.match_substring(pa.array(self._lexicon()[0], pa.string()), part), dtype=bool)
            named = np.r_[holds, False][codes].any(axis=1)  # -1, no word, reads the last place
            named[list(given)] = [part in label for label in given.values()]
            fits &= named | _numbers_starting(part, k)
        return fits

    def alphabetical(self, level: int, labels: Labels | None = None) -> np.ndarray:
        """A key to sort the clusters of a level by their words: (k,) float64; those without words come last."""
        codes, (lowered, ordered) = self._all(level), self._lexicon()
        ranks = np.r_[np.searchsorted(ordered, np.array(lowered, dtype=object)).astype(np.float64), np.inf]
        found: np.ndarray = ranks[codes[:, 0]]
        for cluster, label in self._given(level, labels).items():
            found[cluster] = float(np.searchsorted(ordered, label.lower())) - 0.5
        return found

    def _given(self, level: int, labels: Labels | None) -> Mapping[int, str]:
        found = self.given if labels is None else labels
        return found[level - 1] if found else {}

    def _all(self, level: int) -> np.ndarray:
        return self._codes(level, np.arange(self.hierarchy.n_clusters[level - 1]))

    def _codes(self, level: int, clusters: np.ndarray) -> np.ndarray:
        """Words of clusters as places in the vocabulary: (m, 3) int32, -1 for none."""
        if level not in self._known:
            self._known[level] = np.full((self.hierarchy.n_clusters[level - 1], TOLD), _OPEN, dtype=np.int32)
        known = self._known[level]
        new = np.unique(clusters[known[clusters, 0] == _OPEN])
        if len(new):
            if len(known) <= AT_ONCE:
                new = np.arange(len(known))
            known[new] = self._source.codes(level, new)
        found: np.ndarray = known[clusters]
        return found

    def _lexicon(self) -> tuple[list[str], np.ndarray]:
        """The vocabulary in lower case, and the same sorted; a model's words may join it later."""
        vocabulary = self._source.vocabulary
        if len(vocabulary) not in self._lexicons:
            lowered = [word.lower() for word in vocabulary]
            self._lexicons[len(vocabulary)] = lowered, np.array(sorted(lowered), dtype=object)
        return self._lexicons[len(vocabulary)]


def _numbers_starting(part: str, k: int) -> np.ndarray:
    """Which numbers below k begin with some digits: (k,) bool; none when they are no number."""
    found = np.zeros(k, dtype=bool)
    if not (part.isascii() and part.isdecimal()) or (part != "0" and part.startswith("0")) or len(part) > len(str(k)):
        return found
    low, high = int(part), int(part) + 1
    while low < k:
        found[low:high] = True
        low, high = low * 10 or k, high * 10
    return found


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_NAME else line[: MOST_NAME - 1] + "…"
