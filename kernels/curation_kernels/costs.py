"""What a search takes in each of its forms, so that the cheapest can be chosen; never what it finds.

Times in ns of one thread, fitted on Zen 5 to 8 widths, 4 numbers of centroids and 3 kinds of points, within 5 % at the
median. On other processors their ratios differ; every form finds the same labels and scores, bit by bit.
"""

from dataclasses import dataclass

PANEL = 32
_CANDIDATES = 5.0  # of a point, where none were counted


@dataclass(frozen=True)
class Form:
    """The parts of a time: for every multiplication, score, panel, value of a point, and point."""

    multiplication: float
    score: float
    panel: float
    value: float
    point: float


_PLAIN = Form(0.0077, 0.019, 0, 0.19, 26)  # all centroids, in float32
_PANELS = Form(0.0080, 0.036, 0.43, 0.26, 17)  # panels of neighbours, in float32
_BYTES = Form(0.0022, 0.110, 0.83, 0.96, 42)  # panels of neighbours, in bytes first
_TILES = Form(0.0005, 0.140, 0.83, 0.96, 42)  # in bytes on AMX: from the rate of its instructions, not measured
_MEANS = 0.008  # a multiplication of a point with the mean of a panel
_SETTLED = (0.09, 9.9)  # a value, and a candidate whose score is computed in float32
_ORDER = (6.5, 450)  # a value, and a centroid, to put a table in panels


def plain(k: int, dim: int) -> float:
    """A point on all k centroids of dim columns."""
    return _of(_PLAIN, k, dim, 1.0)


def panels(k: int, dim: int, share: float) -> float:
    """A point on the share of the panels that is not passed over, in float32."""
    return _of(_PANELS, k, dim, share) + _panels(k) * _MEANS * dim


def in_bytes(k: int, dim: int, share: float, candidates: float = _CANDIDATES, *, tiled: bool = False) -> float:
    """The same in bytes, in tiles of AMX or not, and then on some candidates."""
    found = _of(_TILES if tiled else _BYTES, k, dim, share) + _panels(k) * _MEANS * dim
    return found + candidates * (_SETTLED[0] * dim + _SETTLED[1])


def order(k: int, dim: int) -> float:
    """A table put in panels."""
    return k * (_ORDER[0] * dim + _ORDER[1])


def _of(form: Form, k: int, dim: int, share: float) -> float:
    scores = _panels(k) * PANEL * share * (form.multiplication * dim + form.score)
    return scores + _panels(k) * form.panel + dim * form.value + form.point


def _panels(k: int) -> int:
    return -(-k // PANEL)
