"""The words that tell a cluster from the rest: class-based TF-IDF over its own texts, or the nearest of given words.

Class-based TF-IDF: Grootendorst 2022, "BERTopic: neural topic modeling with a class-based TF-IDF procedure"; a word's
count in the cluster times log(1 + mean number of words per cluster / count of the word over all clusters).
"""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.children import joined

MOST_CHARACTERS = 4_000  # of one text; what it is about is said by then
COMMON = 0.25  # a word in more of the texts than this says nothing about any cluster
_SAMPLE = 50_000  # texts that the commonness of a word is estimated on
_CHUNK = 100_000  # texts split at once
_BLOCK = 2_000_000  # words sorted at once
_SPACED = r"^[\p{Latin}\p{Greek}\p{Cyrillic}\p{M}]+$"  # scripts whose words of one or two letters say little
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"  # written without spaces
_DULL_TEXT = (
    "the and for with that this from are was were not but has have had its their his her any all one two who which "
    "used being into some such than when where what you your can may other very something someone usually"
)
_DULL = frozenset(_DULL_TEXT.split())


@dataclass(frozen=True)
class Words:
    """Words of n texts one after another. codes: (t,) int32 into vocabulary; starts: (n + 1,) int64, a slice per text.

    counts: (v,) int64, how often each word occurs in all texts.
    """

    codes: np.ndarray
    starts: np.ndarray
    vocabulary: list[str]
    counts: np.ndarray


def split_words(texts: pa.Array | pa.ChunkedArray) -> Words:
    """Words of texts (n,) in any script: letters in lower case, no digits, no words that are everywhere.

    Scripts without spaces give pairs of characters. Words of fewer than 3 letters are left out where words have spaces.
    """
    chunks = [_split(texts.slice(start, _CHUNK)) for start in range(0, max(1, len(texts)), _CHUNK)]
    coded = pa.chunked_array([words for words, _ in chunks]).unify_dictionaries().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):  # no text at all
        coded = pa.array([], pa.string()).dictionary_encode()
    lengths = np.concatenate([length for _, length in chunks])
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    codes, lengths, vocabulary = _paired(codes, lengths, coded.dictionary)
    return _kept(codes, lengths, vocabulary)


def telling_words(words: Words, starts: np.ndarray, stops: np.ndarray, mean_words: float, most: int = 3) -> np.ndarray:
    """The most telling words of clusters, best first: (m, most) int32 into the vocabulary, -1 where there are fewer.

    starts, stops: (m,) int64, the texts of each cluster are one slice. mean_words: words per cluster of the level.
    A word counts when it is more frequent here than in all texts, and is there twice or the cluster holds 1 or 2 texts.
    """
    found = np.full((len(starts), most), -1, dtype=np.int32)
    first, last = words.starts[starts], words.starts[stops]
    for clusters in _blocks(last - first):
        places, owner = joined(first[clusters], (last - first)[clusters])
        cluster, word, count = _counted(owner, words.codes[places], len(words.vocabulary), len(clusters))
        inside = (last - first)[clusters][cluster]
        lift = count * len(words.codes) > words.counts[word] * inside
        twice = (count > 1) | ((stops - starts)[clusters][cluster] < 3)
        keep = (lift | (inside == len(words.codes))) & twice
        cluster, word, score = cluster[keep], word[keep], (count * np.log1p(mean_words / words.counts[word]))[keep]
        order = np.lexsort((word, -score, cluster))
        cluster, word = cluster[order], word[order]
        rank = np.arange(len(cluster)) - np.searchsorted(cluster, cluster)
        best = rank < most
        found[clusters[cluster[best]], rank[best]] = word[best]
    return found


def nearest_words(directions: np.ndarray, word_vectors: np.ndarray) -> np.ndarray:
    """The word whose vector points most like a cluster's: (m,) int64. directions: (m, d); word_vectors: (w, d).

    Zero-shot naming as in Radford et al. 2021, "Learning transferable visual models from natural language supervision".
    """
    lengths = np.linalg.norm(word_vectors, axis=1, keepdims=True)
    best: np.ndarray = np.argmax(directions @ (word_vectors / np.maximum(lengths, 1e-12)).T, axis=1)
    return best


def _split(texts: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """Runs of letters of some texts as one dictionary-encoded array, and how many each text has."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    lowered = pc.utf8_lower(pc.utf8_slice_codeunits(pc.fill_null(texts.cast(pa.string()), ""), 0, MOST_CHARACTERS))
    runs = pc.split_pattern_regex(pc.utf8_normalize(lowered, form="NFC"), pattern=r"[^\p{L}\p{M}]+")
    return runs.flatten().dictionary_encode(), np.asarray(pc.list_value_length(runs), dtype=np.int64)


def _paired(codes: np.ndarray, lengths: np.ndarray, runs: pa.Array) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Runs of scripts without spaces become pairs of neighbouring characters; everything else stays one word."""
    vocabulary = runs.to_pylist()
    unspaced = np.flatnonzero(np.asarray(pc.match_substring_regex(runs, _UNSPACED)))
    if not len(unspaced):
        return codes, lengths, vocabulary
    number = {word: code for code, word in enumerate(vocabulary)}
    parts = [[code] for code in range(len(vocabulary))]
    for run in unspaced.tolist():
        text = vocabulary[run]
        pairs = [text[i : i + 2] for i in range(max(1, len(text) - 1))]
        parts[run] = [number.setdefault(pair, len(number)) for pair in pairs]
    per_run = np.array([len(found) for found in parts])
    flat, first = np.concatenate([np.array(found) for found in parts]), np.cumsum(per_run) - per_run
    places, _ = joined(first[codes], per_run[codes])
    text_of = np.repeat(np.arange(len(lengths)), lengths)
    longer = np.bincount(text_of, weights=per_run[codes], minlength=len(lengths)).astype(np.int64)
    return flat[places].astype(np.int32), longer, list(number)


def _kept(codes: np.ndarray, lengths: np.ndarray, vocabulary: list[str]) -> Words:
    """Without words that are too short, dull or everywhere; the vocabulary in alphabetical order."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    useful = _long_enough(vocabulary) & ~_everywhere(codes, lengths, len(vocabulary))
    useful &= np.bincount(codes, minlength=len(vocabulary)) > 0
    useful &= np.array([word not in _DULL for word in vocabulary], dtype=bool)
    order = sorted(np.flatnonzero(useful).tolist(), key=vocabulary.__getitem__)
    renumbered = np.full(len(vocabulary), -1, dtype=np.int32)
    renumbered[order] = np.arange(len(order))
    codes = renumbered[codes]
    owner, codes = owner[codes >= 0], codes[codes >= 0]
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(lengths)), out=starts[1:])
    return Words(codes, starts, [vocabulary[i] for i in order], np.bincount(codes, minlength=len(order)))


def _long_enough(vocabulary: list[str]) -> np.ndarray:
    named = pa.array(vocabulary, pa.string())
    letters, spaced = np.asarray(pc.utf8_length(named)), np.asarray(pc.match_substring_regex(named, _SPACED))
    enough: np.ndarray = letters >= np.where(spaced.astype(bool), 3, 2)
    return enough


def _everywhere(codes: np.ndarray, lengths: np.ndarray, n_words: int) -> np.ndarray:
    """Words in more than a quarter of the texts, on a regular sample of them; none where there are few texts."""
    n = len(lengths)
    if n < 20:
        return np.zeros(n_words, dtype=bool)
    chosen = np.arange(0, n, -(-n // _SAMPLE))
    places, owner = joined((np.cumsum(lengths) - lengths)[chosen], lengths[chosen])
    pairs = np.unique(owner * np.int64(n_words) + codes[places])
    common: np.ndarray = np.bincount(pairs % n_words, minlength=n_words) > COMMON * len(chosen)
    return common


def _blocks(sizes: np.ndarray) -> list[np.ndarray]:
    """Clusters in groups of at most _BLOCK words, a larger one alone."""
    filled = np.cumsum(sizes)
    return [
        part for part in np.split(np.arange(len(sizes)), np.flatnonzero(np.diff(filled // _BLOCK)) + 1) if len(part)
    ]


def _counted(owner: np.ndarray, codes: np.ndarray, n_words: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often each word occurs in each cluster: cluster, word, count, by cluster and word."""
    keys = owner * np.int64(max(1, n_words)) + codes
    if m * n_words <= 4 * len(keys):  # few clusters of many words: counting beats sorting
        counts = np.bincount(keys, minlength=m * n_words)
        pairs = np.flatnonzero(counts)
        counts = counts[pairs]
    else:
        pairs, counts = np.unique(keys, return_counts=True)
    return pairs // max(1, n_words), pairs % max(1, n_words), counts


def word_like(text: str) -> bool:
    """Whether a class name reads as words (and not as a code or a number), so that a model can be asked for it."""
    return re.search(r"[^\W\d_]{3,}", text) is not None
