"""Quotas and draws at scale: CPU-seconds and peak memory, beside the naive way and a database.

    python -m benchmarks.sampler                         # up to 100,000,000 items, needs 4 GB
    python -m benchmarks.sampler --scale 0.01 --write    # a hundredth; puts the table into benchmarks/README.md

Every case runs in a process of its own, so that its peak memory is its own. Naive is what one writes first: one parent
after the other, the water level found by halving with numpy, then the items of each leaf chosen from its own list. The
database is DuckDB on one thread: it numbers the items of each leaf by a random order that it is given, and keeps those
below the quota, which it is given too. Both choose the same items as we do, or the case fails.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb
import numpy as np

from curation_core.config import SampleConfig
from curation_core.hierarchy import Hierarchy, Level
from curation_core.sampling import DrawOrder, drawing, sample
from curation_core.water_filling import Filling

README = Path(__file__).with_name("README.md")
ROUNDS = 5
Rows = list[tuple[str, str]]


def long_tailed(n: int, sizes: tuple[int, ...]) -> Hierarchy:
    """A tree whose clusters grow like a square; made block by block, no vectors."""
    rng, levels, below = np.random.default_rng(0), [], n
    for k in sizes:
        assignment = np.empty(below, np.int32)
        for start in range(0, below, 1 << 20):
            part = assignment[start : start + (1 << 20)]
            part[:] = k * rng.random(len(part)) ** 2
        levels.append(Level(np.empty((k, 0), np.float32), assignment, np.zeros(below, np.float32)))
        below = k
    return Hierarchy(tuple(levels))


def quotas(scale: float) -> Rows:
    """A million clusters under ten thousand parents."""
    k, p, rng = int(1_000_000 * scale), int(10_000 * scale), np.random.default_rng(0)
    parent = (p * rng.random(k) ** 1.5).astype(np.int64)
    capacity, priority = np.minimum(rng.zipf(1.3, k), 100_000), rng.random(k)
    room = np.bincount(parent, capacity, p)
    budget = (room * rng.random(p) / 2).astype(np.int64)
    cold, filling = timed(lambda: Filling(capacity, parent, priority, p), 3)
    warm, found = timed(lambda: filling(budget))
    weight, floor = rng.choice([0.5, 1.0, 2.0], k), np.where(rng.random(k) < 0.1, capacity // 2, 0)
    least = np.maximum(budget, np.bincount(parent, floor, p).astype(np.int64))
    floored = timed(lambda: Filling(capacity, parent, priority, p, floor=floor)(least), 3)[0]
    weighted = timed(lambda: Filling(capacity, parent, priority, p, floor=floor, weight=weight)(least), 3)[0]
    naive, expected = timed(lambda: by_parent(capacity, parent, priority, budget), 1)
    assert (found == expected).all()
    return [
        ("**ours**, first", f"{cold + warm:.3f} s"),
        ("**ours**, another budget", f"{warm:.3f} s"),
        ("ours with floors everywhere, first", f"{floored:.3f} s"),
        ("ours with floors and weights everywhere, first", f"{weighted:.2f} s"),
        ("naive", f"{naive:.2f} s"),
    ]


def million(scale: float) -> Rows:
    """A fifth of a million items in 100,000 and 1,000 clusters."""
    tree = long_tailed(int(1_000_000 * scale), (int(100_000 * scale), int(1_000 * scale)))
    config = SampleConfig(target_size=tree.n_items // 5)
    cold, plan = timed(lambda: sample(fresh(tree), config), 3)
    order = DrawOrder(tree, 0)
    made = drawing(tree, config, order=order)
    _ = made.plan(0)
    warm = timed(lambda: made.plan(config.target_size))[0]
    naive, rows = timed(lambda: naive_draw(tree, config.target_size, order), 1)
    assert (rows == plan.indices).all()
    base, rows = timed(lambda: by_database(tree, plan.quotas[0], order.priority), 3)
    assert (rows == plan.indices).all()
    return [
        (f"**ours**, {len(plan):,} items, first", f"{cold:.3f} s"),
        ("**ours**, another target", f"{warm:.4f} s"),
        ("naive, with the orders at hand", f"{naive:.2f} s"),
        ("database, with orders and quotas at hand", f"{base:.2f} s"),
    ]


def hundred_millions(scale: float) -> Rows:
    """A hundred million items; a million of them drawn."""
    tree = long_tailed(int(100_000_000 * scale), tuple(int(k * scale) for k in (1_000_000, 100_000, 10_000)))
    before, config = peak(), SampleConfig(target_size=tree.n_items // 100)
    order = DrawOrder(tree, 0)
    cold = timed(lambda: (order.priority, order.by_chance, order.ties), 1)[0]
    made = drawing(tree, config, order=order)
    first = timed(lambda: made.plan(config.target_size), 1)[0]
    shares = iter(np.linspace(0.3, 2, 3 * ROUNDS))
    quota, _ = timed(lambda: made.tree.quotas(int(next(shares) * config.target_size)))
    draw, plan = timed(lambda: made.plan(int(next(shares) * config.target_size)))
    half = timed(lambda: made.plan(tree.n_items // 4), 1)[0]
    drawn_peak = peak()
    dropped = np.ones(tree.n_items, bool)
    dropped[np.isin(tree.levels[0].assignment, np.arange(0, tree.n_clusters[0], 50))] = False
    whole = timed(lambda: drawing(tree, config, eligible=dropped, order=order).plan(config.target_size), 1)[0]
    dropped[::97] = False
    single = timed(lambda: drawing(tree, config, eligible=dropped, order=order).plan(config.target_size), 1)[0]
    return [
        ("orders, once per tree and seed", f"{cold:.1f} s"),
        ("first draw of 1 %", f"{first:.2f} s"),
        ("**another target**: quotas of all clusters", f"{quota:.3f} s"),
        (f"**another target**: quotas and draw of {len(plan):,}", f"{draw:.3f} s"),
        ("a quarter of all items", f"{half:.2f} s"),
        ("clusters dropped, then 1 %", f"{whole:.2f} s"),
        ("items dropped in all clusters, then 1 %", f"{single:.2f} s"),
        ("memory: tree; at most until drawn", f"{before:,.0f} MB; {drawn_peak:,.0f} MB"),
    ]


def fresh(tree: Hierarchy) -> Hierarchy:
    """The same tree with nothing worked out."""
    return Hierarchy(tree.levels)


def water_level(capacity: np.ndarray, budget: int, priority: np.ndarray) -> np.ndarray:
    """Quotas of the children of one parent: the level by halving, the rest one by one."""
    low, high = 0, int(capacity.max(initial=0)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if np.minimum(capacity, middle).sum() <= budget else (low, middle)
    quota = np.minimum(capacity, low)
    waiting = np.flatnonzero(quota < capacity)
    quota[waiting[np.argsort(priority[waiting], kind="stable")][: budget - quota.sum()]] += 1
    return quota


def by_parent(capacity: np.ndarray, parent: np.ndarray, priority: np.ndarray, budget: np.ndarray) -> np.ndarray:
    """Quotas of all children, one parent after the other."""
    order = np.argsort(parent, kind="stable")
    ends = np.searchsorted(parent[order], np.arange(len(budget) + 1))
    quota = np.zeros(len(capacity), np.int64)
    for one, units in enumerate(budget):
        rows = order[ends[one] : ends[one + 1]]
        quota[rows] = water_level(capacity[rows], int(units), priority[rows])
    return quota


def naive_draw(tree: Hierarchy, target: int, order: DrawOrder) -> np.ndarray:
    """Quotas parent by parent from the top, then items leaf by leaf."""
    quota = np.array([target])
    for number in range(tree.n_levels, 0, -1):
        quota = by_parent(tree.sizes(number), tree.parents(number), order.ties[number - 1], quota)
    leaf, found = tree.levels[0].assignment, []
    items = np.argsort(leaf, kind="stable")
    ends = np.searchsorted(leaf[items], np.arange(len(quota) + 1))
    for one, units in enumerate(quota):
        rows = items[ends[one] : ends[one + 1]]
        found.append(rows[np.argsort(order.priority[rows])[:units]])
    return np.sort(np.concatenate(found))


def by_database(tree: Hierarchy, quota: np.ndarray, priority: np.ndarray) -> np.ndarray:
    """The first items of each leaf by a window function and a join."""
    items = {"leaf": tree.levels[0].assignment, "priority": priority, "item": np.arange(tree.n_items)}
    leaves = {"leaf": np.arange(len(quota)), "quota": quota}
    with duckdb.connect(config={"threads": 1}) as base:
        base.register("items", items)
        base.register("leaves", leaves)
        query = """SELECT item FROM (SELECT item, leaf, row_number() OVER (PARTITION BY leaf ORDER BY priority) AS place
            FROM items) JOIN leaves USING (leaf) WHERE place <= quota ORDER BY item"""
        return base.execute(query).fetchnumpy()["item"]


def timed(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, object]:
    """Median CPU-seconds, and the last result."""
    took, found = [], None
    for _ in range(rounds):
        began = time.process_time()
        found = work()
        took.append(time.process_time() - began)
    return median(took), found


def peak() -> float:
    """Largest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


CASES: dict[str, tuple[str, Callable[[float], Rows]]] = {
    "quotas": ("quotas of {:,} clusters under {:,}, long tails", quotas),
    "million": ("draw from {:,} items in {:,} and {:,} clusters", million),
    "hundred millions": ("{:,} items in {:,}, {:,} and {:,} clusters", hundred_millions),
}
SIZES = {
    "quotas": (1_000_000, 10_000),
    "million": (1_000_000, 100_000, 1_000),
    "hundred millions": (100_000_000, 1_000_000, 100_000, 10_000),
}


def main() -> None:
    """Run every case in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    if asked.case:
        title = CASES[asked.case][0].format(*(int(size * asked.scale) for size in SIZES[asked.case]))
        print("\n".join(f"| {title} | {what} | {value} |" for what, value in CASES[asked.case][1](asked.scale)))
        return
    lines = ["| work | what | CPU-seconds |", "|---|---|---:|"]
    for name in CASES:
        command = [sys.executable, "-m", "benchmarks.sampler", "--case", name, "--scale", str(asked.scale)]
        lines += subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    table = "\n".join(lines)
    print(table)
    if asked.write:
        before, rest = README.read_text("utf-8").split("<!-- sampler:begin -->\n")
        after = rest.split("<!-- sampler:end -->")[1]
        README.write_text(f"{before}<!-- sampler:begin -->\n{table}\n<!-- sampler:end -->{after}", "utf-8")


if __name__ == "__main__":
    main()
