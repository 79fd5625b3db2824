"""Time of filters, expressions, facets, nearest neighbours and links at n items of d dimensions.

    python -m benchmarks.finding                   # 1,000,000 x 256, the table of docs/explore.md, about a minute
    python -m benchmarks.finding --items 100000    # a quick look

Everything is made up from a seed; vectors lie in a temporary file and are memory-mapped, as a workspace's are.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa

from curation_core import links
from curation_core.expression import evaluate
from curation_core.facets import class_facet, number_facet
from curation_core.filters import matching
from curation_core.finding import by_distance, find, nearest, rows_of, scores_of
from curation_core.hierarchy import Hierarchy, Level
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.selection import Area, Filter, Selection

WORDS = ("red", "blue", "green", "large", "small", "Über", "café", "kitten", "market", "stocks", "rain", "wool", "sofa")


def timed(what: str, work: Callable[[], object], repeats: int = 5) -> None:
    """Print the least and the median wall time of some calls, in ms."""
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        took.append(1_000 * (time.perf_counter() - began))
    print(f"| {what} | {min(took):.1f} | {float(np.median(took)):.1f} |", flush=True)


def made_columns(n: int) -> ItemColumns:
    """A class, a flag, numbers with gaps, a year of few values, ids and texts of eight words."""
    rng = np.random.default_rng([n, 0])
    codes, numbers = rng.integers(0, 200, n), rng.normal(size=n)
    numbers[::7] = np.nan
    texts = pa.array([" ".join(row) for row in np.array(WORDS)[rng.integers(0, len(WORDS), (n, 8))]])
    years = rng.integers(1990, 2020, n).astype(np.float64)
    ids = pa.array([f"{number:016x}" for number in range(n)])
    columns = [
        ItemColumn("shape", "class", "yours", lambda: (codes, [str(code) for code in range(200)])),
        ItemColumn("drawn", "flag", "draw", lambda: numbers > 0),
        ItemColumn("score", "number", "quality", lambda: numbers),
        ItemColumn("year", "number", "yours", lambda: years, classes=True),
        ItemColumn("text", "text", "item", lambda: texts),
        ItemColumn("item_id", "text", "item", lambda: ids),
    ]
    found = ItemColumns.of(n, columns)
    for column in found.values():
        column.values()
    return found


def filters_and_expressions(columns: ItemColumns) -> None:
    """Print the time of one filter of every kind and of some expressions."""
    asked = {
        "class is one of 2": Filter("one_of", "shape", values=("3", "77")),
        "flag is set": Filter("one_of", "drawn", values=("drawn",)),
        "number as class": Filter("one_of", "year", values=("1999",)),
        "number between": Filter("between", "score", low=0.0, high=1.0),
        "text contains, any case": Filter("contains", "text", text="Kitten market"),
    }
    for what, one in asked.items():
        timed(f"filter: {what}", lambda one=one: matching([one], columns))  # type: ignore[misc]
    for text in (
        "score between 0 and 1 and shape in ['3', '77']",
        "abs(score) * 2 + 1 > log(year) and not drawn",
        "contains(lower(text), 'kitten') or len(text) > 50",
    ):
        timed(f"expression: `{text}`", lambda text=text: evaluate(text, columns))  # type: ignore[misc]


def facets(columns: ItemColumns) -> None:
    """Print the time of what an open filter form counts."""
    passing = matching([Filter("between", "score", low=0.0)], columns)
    timed("facet of 200 classes", lambda: class_facet("shape", columns, passing))
    timed("facet of a number", lambda: number_facet("score", columns, passing))


def selections(columns: ItemColumns, vectors: np.ndarray) -> None:
    """Print the time of the nearest to an example, of ids and of the members of a cluster."""
    n, dim = vectors.shape
    ids, within = columns.texts("item_id"), matching([Filter("between", "score", low=0.0)], columns)
    leaf = np.random.default_rng([n, 1]).integers(0, 1_000, n).astype(np.int32)
    low = np.zeros((1_000, dim), np.float32)
    parents = (np.arange(1_000) // 50).astype(np.int32)
    tree = Hierarchy(
        (
            Level(low, leaf, np.zeros(n, np.float32)),
            Level(np.zeros((20, dim), np.float32), parents, np.zeros(1_000, np.float32)),
        )
    )
    example = Selection("nearest", items=tuple(f"{number:016x}" for number in (3, 30, 300)), n=100)
    timed("100 nearest to 3 examples", lambda: find(example, hierarchy=tree, vectors=vectors, item_ids=ids))
    scores = scores_of(example, vectors=vectors, item_ids=ids)
    timed("the same, scores kept, among half of the items", lambda: nearest(scores, 100, within))
    picked = tuple(f"{number:016x}" for number in range(0, n, n // 500))
    timed(f"{len(picked)} items by id", lambda: rows_of(picked, ids))
    tree.offsets  # noqa: B018 - made once per tree
    timed(f"members of a cluster of {n // 20:,}, nearest first", lambda: by_distance(tree, vectors, 2, 7))


def link_sizes() -> None:
    """Print how long links are."""
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    outline = Area(tuple((float(x), float(y)) for x, y in np.stack([np.cos(turn), np.sin(turn)], axis=1)))
    for what, selection in {
        "outline of 200 corners": Selection("area", areas=(outline,)),
        "300 picked items": Selection("items", items=tuple(f"{number:016x}" for number in range(300))),
        "3 examples": Selection("nearest", items=tuple(f"{number:016x}" for number in range(3))),
    }.items():
        print(f"| {what} | {len(urlencode(links.write(selection))):,} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    asked = parser.parse_args()
    columns = made_columns(asked.items)
    print(f"{asked.items:,} items, {asked.dim} dimensions\n\n| what | least, ms | median, ms |\n|---|---|---|")
    filters_and_expressions(columns)
    facets(columns)
    with tempfile.TemporaryDirectory() as folder:
        path, rng = Path(folder) / "vectors.npy", np.random.default_rng([asked.items, 2])
        made = np.lib.format.open_memmap(path, "w+", np.float32, (asked.items, asked.dim))
        for start in range(0, asked.items, 50_000):
            block = made[start : start + 50_000]
            block[:] = rng.standard_normal(block.shape, dtype=np.float32)
        selections(columns, np.load(path, mmap_mode="r"))
    print("\n| link | characters |\n|---|---|")
    link_sizes()


if __name__ == "__main__":
    main()
