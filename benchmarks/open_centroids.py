"""How many centroids products in bfloat16 leave open for a point, with and without the means of groups subtracted.

    python -m benchmarks.open_centroids

On the first 4,000 points of each data set of `benchmarks.engines`, among as many random rows as its k; scored one by
one are these and the first centroid of each point.
"""

import numpy as np

from benchmarks.engines import SIZES, Size, vectors_of
from curation_core import kernels, settling
from curation_core.half_products import HalfSearch, _ready, _scratch
from curation_core.points import Points

_LOOKED_AT = 4_000


def main() -> None:
    """Print one table."""
    print("| data | open centroids a point | with groups |\n|---|---|---|")
    for name, size in SIZES.items():
        plain, grouped = (left_open(size, grouped=way) for way in (False, True))
        print(f"| {name} (d = {size.dim}, k = {size.k:,}) | {plain:.2f} | {grouped:.2f} |", flush=True)


def left_open(size: Size, *, grouped: bool) -> float:
    """Mean number of further centroids that have to be scored."""
    vectors = vectors_of(Size(size.kind, max(20_000, size.k), size.dim, size.k, 0))
    points = Points.of(vectors)
    table = points.table(vectors[np.random.default_rng(1).permutation(len(vectors))[: size.k]])
    search, ready = HalfSearch(table, kernels.scores_of), _ready(table, grouped=grouped)
    width, scratch = _scratch(_LOOKED_AT, len(table))
    left = 0
    for start in range(0, _LOOKED_AT, width):
        rows = np.arange(start, min(start + width, _LOOKED_AT))
        best = settling.Best(points.x, rows, table, kernels.scores_of)
        left += search._look(best, points.x[rows, :-1], ready, None, scratch)
    return left / _LOOKED_AT


if __name__ == "__main__":
    main()
