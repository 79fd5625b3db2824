"""Rows in the order of several keys: what np.lexsort gives, in a fraction of its time and memory.

A key and the place of its row share a word of 64 bits, and words are sorted by value. No two words are equal, so any
sorting of numbers gives the one answer, and numpy's is several times as fast as its sorting of places.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_WORD = 64
_ROWS = 1 << 18  # rows handled at once, so that what is worked out on the way stays in the cache


def lexsort(keys: Sequence[np.ndarray]) -> np.ndarray:
    """Rows in ascending order of the last key, equals by the one before it, and at last by row.

    keys: (n,) whole numbers, bool or floats without NaN. Returns (n,) int32, int64 from 2^31 rows on. Takes 12 bytes a
    row beyond what it returns.
    """
    words = _Words(len(keys[-1]))
    for key in keys:
        words.add(key)
    return words.sorted()


def counts(group: np.ndarray, n_groups: int, chosen: np.ndarray | None = None) -> np.ndarray:
    """Rows of each group: (n_groups,) int64, without a copy of the groups. chosen: (n,) bool, all rows unless given."""
    found = np.zeros(n_groups, dtype=np.int64)
    step = max(_ROWS, n_groups)
    for start in range(0, len(group), step):
        part = group[start : start + step]
        found += np.bincount(part if chosen is None else part[chosen[start : start + step]], minlength=n_groups)
    return found


class _Words:
    """Words that hold as many keys as fit above the place of a row; once full, they are sorted and begun anew."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.place = max(1, (n - 1).bit_length())  # bits
        self.rows: np.ndarray | None = None
        self._begin()

    def _begin(self) -> None:
        self.words, self.used = np.arange(self.n, dtype=np.uint64), self.place

    def add(self, key: np.ndarray) -> None:
        """One key more, of more weight than all before."""
        code = _Code.of(key)
        taken = 0
        while taken < code.bits:
            if self.used == _WORD:
                self.rows = self.sorted()
                self._begin()
            width = min(_WORD - self.used, code.bits - taken)
            mask = np.uint64((1 << width) - 1)
            for start in range(0, self.n, _ROWS):
                stop = min(start + _ROWS, self.n)
                part = code(key[start:stop] if self.rows is None else key[self.rows[start:stop]])
                self.words[start:stop] |= (part >> np.uint64(taken) & mask) << np.uint64(self.used)
            self.used, taken = self.used + width, taken + width

    def sorted(self) -> np.ndarray:
        """The rows in the order of all keys so far."""
        self.words.sort()
        found = np.empty(self.n, dtype=np.int32 if self.n <= 1 << 31 else np.int64)
        mask = np.uint64((1 << self.place) - 1)
        for start in range(0, self.n, _ROWS):
            part = (self.words[start : start + _ROWS] & mask).astype(np.int64)
            found[start : start + _ROWS] = part if self.rows is None else self.rows[part]
        return found


@dataclass(frozen=True)
class _Code:
    """Numbers as uint64 in the same order, the lowest at 0. bits: of the highest."""

    bits: int
    lowest: np.uint64
    convert: Callable[[np.ndarray], np.ndarray]

    @classmethod
    def of(cls, key: np.ndarray) -> "_Code":
        convert = {"f": _of_floats, "i": _of_signed}.get(key.dtype.kind, _of_unsigned)
        if not len(key):
            return cls(0, np.uint64(0), convert)
        lowest, highest = convert(np.array([key.min(), key.max()]))
        return cls(int(highest - lowest).bit_length(), lowest, convert)

    def __call__(self, part: np.ndarray) -> np.ndarray:
        return self.convert(part) - self.lowest


def _of_unsigned(part: np.ndarray) -> np.ndarray:
    return part.astype(np.uint64)


def _of_signed(part: np.ndarray) -> np.ndarray:
    return part.astype(np.int64).view(np.uint64) ^ np.uint64(1 << 63)


def _of_floats(part: np.ndarray) -> np.ndarray:
    """The bits of a float grow with it above 0, and shrink with it below."""
    if part.dtype.itemsize < 8:
        bits = (part.astype(np.float32) + np.float32(0)).view(np.uint32).astype(np.uint64)  # + 0: no minus 0
        top, every = np.uint64(1 << 31), np.uint64((1 << 32) - 1)
    else:
        bits = (part.astype(np.float64) + 0.0).view(np.uint64)
        top, every = np.uint64(1 << 63), np.uint64((1 << 64) - 1)
    return np.where(bits & top, bits ^ every, bits | top)
