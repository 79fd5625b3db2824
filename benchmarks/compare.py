"""Two draws of a pool of a million items held against each other: seconds and memory.

    python -m benchmarks.compare                       # 1,000,000 items
    python -m benchmarks.compare --n 100000 --write    # puts the table into benchmarks/README.md

Every case runs in a process of its own, so that its peak memory is its own. What the two draws themselves take (ids,
paths, trees) is there before the clock starts, and named.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.review import hex_ids, tree_of
from curation_core.comparison import compare_draws
from curation_core.comparison_report import changes_csv
from curation_core.config import SampleConfig
from curation_core.draw_sides import DrawSide, Why
from curation_core.hierarchy import Hierarchy
from curation_core.retrieval import neighborhood
from curation_core.sampling import sample

SIZES, SHARE, ROUNDS = (10_000, 1_000, 100), 0.15, 3
README = Path(__file__).with_name("README.md")


def side(tree: Hierarchy, ids: pa.Array, target: int, seed: int) -> DrawSide:
    """A plain draw as a side."""
    plan = sample(tree, SampleConfig(target_size=target, seed=seed))
    copies = np.bincount(plan.indices, minlength=tree.n_items).astype(np.int64)
    why = np.where(copies > 0, Why.DRAWN, Why.QUOTA).astype(np.int8)
    return DrawSide(f"seed {seed}", ids, ids, tree, copies, plan.quotas, why, pa.array([], pa.string()))


def same_tree(n: int) -> tuple[DrawSide, DrawSide]:
    """Another seed and target."""
    tree, ids = tree_of(n, SIZES), hex_ids(n)
    return side(tree, ids, int(SHARE * n), 0), side(tree, ids, int(1.2 * SHARE * n), 1)


def other_tree(n: int) -> tuple[DrawSide, DrawSide]:
    """Another tree, and a tenth of the pool is another."""
    ids, cut = hex_ids(n + n // 10), n // 10
    return (
        side(tree_of(n, SIZES), ids[:n], int(SHARE * n), 0),
        side(tree_of(n, SIZES, seed=7), ids[cut:].take(pa.array(np.arange(n)[::-1])), int(SHARE * n), 0),
    )


def compared(make: Callable[[int], tuple[DrawSide, DrawSide]], n: int) -> list[tuple[str, str]]:
    """Seconds of the comparison and of its files, and what memory it added at most."""
    a, b = make(n)
    for one in (a, b):
        _ = one.hierarchy.assignments, one.hierarchy.sizes(1)
    before, took = peak(), []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = compare_draws(a, b)
        took.append(time.perf_counter() - began)
    began = time.perf_counter()
    table = found.as_table()
    listed = time.perf_counter() - began
    began = time.perf_counter()
    changes_csv(found)
    written = time.perf_counter() - began
    return [
        ("compared", f"{statistics.median(took):.2f} s"),
        (f"table of {table.num_rows:,} changes", f"{listed:.2f} s"),
        ("the same as CSV", f"{written:.2f} s"),
        ("memory before, at most", f"{before:,.0f} MB, {peak():,.0f} MB"),
    ]


def retrieved(n: int) -> list[tuple[str, str]]:
    """1,000 reference items against a pool of 64 numbers an item."""
    rng = np.random.default_rng(0)
    pool, examples = rng.normal(size=(n, 64)).astype(np.float32), rng.normal(size=(1_000, 64)).astype(np.float32)
    before, began = peak(), time.perf_counter()
    found = neighborhood(pool, examples)
    searched = time.perf_counter() - began
    began = time.perf_counter()
    _ = found.ranks
    return [
        ("exact search both ways", f"{searched:.1f} s"),
        ("order of retrieval", f"{time.perf_counter() - began:.2f} s"),
        ("memory before, at most", f"{before:,.0f} MB, {peak():,.0f} MB"),
    ]


def peak() -> float:
    """Largest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


CASES: dict[str, Callable[[int], list[tuple[str, str]]]] = {
    "same tree, another seed and target": lambda n: compared(same_tree, n),
    "another tree, a tenth of the pool another": lambda n: compared(other_tree, n),
    "1,000 reference items": retrieved,
}


def main() -> None:
    """Run every case in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--case")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    if asked.case:
        print("\n".join(f"| {asked.case} | {what} | {value} |" for what, value in CASES[asked.case](asked.n)))
        return
    lines = [f"| {asked.n:,} items in {SIZES[0]:,} clusters | what | measured |", "|---|---|---|"]
    for case in CASES:
        command = [sys.executable, "-m", "benchmarks.compare", "--n", str(asked.n), "--case", case]
        lines.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip())
        print(lines[-1], flush=True)
    if asked.write:
        start, end = "<!-- compare:begin -->", "<!-- compare:end -->"
        text = README.read_text()
        head, rest = text.split(start)
        README.write_text(f"{head}{start}\n" + "\n".join(lines) + f"\n{end}{rest.split(end)[1]}")


if __name__ == "__main__":
    main()
