"""Scores of single texts: length, repetition, foreign script, information."""

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

COLUMNS = ("length", "repetition", "foreign", "entropy")
_LONGEST = 1 << 17  # characters of a text that are looked at
_WORDS = 3  # in a run that may come again
_CHARACTERS = 10  # in a run of a text that is written without spaces
_ENOUGH = 4  # runs below which coming again means nothing
_LETTERS = 10  # below which the entropy of a text means nothing
_TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "IDEOGRAPHIC": "CJK"}  # scripts that one text mixes


def text_scores(texts: Sequence[str], script: str | None) -> np.ndarray:
    """Scores of texts: (len(texts), 4) float32, in the order of COLUMNS.

    length: characters, without the space around them. repetition: share of the lines, or of the runs of three words,
    that were there before, whichever is higher; NaN for a short text. foreign: share of the letters in another script
    than the given one, NaN without letters. entropy: bits per character, NaN below ten characters.
    """
    rows = []
    for text in texts:
        plain = text[:_LONGEST].strip()
        rows.append((len(text.strip()), repetition(plain), _foreign(plain, script), entropy(plain)))
    return np.array(rows, dtype=np.float32).reshape(len(texts), len(COLUMNS))


def main_script(texts: Iterable[str]) -> str | None:
    """The script that most letters of a collection belong to, such as LATIN; None without letters."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_scripts(text[:_LONGEST]))
    return min(counts, key=lambda script: (-counts[script], script)) if counts else None


def repetition(text: str) -> float:
    """Share of what was there before: of the lines' characters, or of runs of words (of characters without spaces)."""
    words = text.casefold().split()
    spaced = len(words) * 12 > len(text)  # a word of more than twelve characters on average: written without spaces
    runs = _runs(words, _WORDS) if spaced else _runs(text.casefold(), _CHARACTERS)
    if len(runs) < _ENOUGH:
        return float("nan")
    return max(1.0 - len(set(runs)) / len(runs), _repeated_lines(text))


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits; NaN for a text too short to tell."""
    if len(text) < _LETTERS:
        return float("nan")
    counts = np.array(sorted(Counter(text.casefold()).values()), dtype=np.float64)
    share = counts / counts.sum()
    return max(0.0, float(-(share * np.log2(share)).sum()))


def _runs(parts: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(parts[start : start + length]) for start in range(len(parts) - length + 1)]


def _repeated_lines(text: str) -> float:
    seen: set[str] = set()
    total = again = 0
    for line in filter(None, map(str.strip, text.splitlines())):
        total += len(line)
        again += len(line) if line in seen else 0
        seen.add(line)
    return again / total if total else 0.0


def _foreign(text: str, script: str | None) -> float:
    counts = _scripts(text)
    total = sum(counts.values())
    return 1.0 - counts[script or ""] / total if total else float("nan")


def _scripts(text: str) -> Counter[str]:
    """Letters of a text by script."""
    counts: Counter[str] = Counter()
    for letter, n in Counter(text).items():
        if letter.isalpha():
            counts[_script(letter)] += n
    return counts


@functools.lru_cache(maxsize=1 << 16)
def _script(letter: str) -> str:
    """The first word of a letter's name, which for letters is that of its script."""
    first = unicodedata.name(letter, "UNKNOWN").split()[0].split("-")[0]
    if first in ("FULLWIDTH", "HALFWIDTH", "MATHEMATICAL"):
        return _script(unicodedata.normalize("NFKC", letter)[0])
    return _TOGETHER.get(first, first)
