"""What a decision costs: from the event to new quotas and a new draw, at 100,000 and 10,000,000 items.

python -m benchmarks.review [--n 100000 --n 10000000]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation_core.anchors import Anchors
from curation_core.config import SampleConfig
from curation_core.decisions import Decision, ItemTarget, MergeTarget
from curation_core.folding import fold, parted
from curation_core.hierarchy import Hierarchy, Level
from curation_core.review_log import ReviewLog
from curation_core.sampling import DrawOrder, sample

ROUNDS = 5


def tree_of(n: int, sizes: tuple[int, ...], seed: int = 0) -> Hierarchy:
    """A tree with long-tailed clusters; vectors of two dimensions."""
    rng = np.random.default_rng(seed)
    levels, below = [], n
    for k in sizes:
        share = 1 / np.arange(1, k + 1) ** 0.8
        assignment = rng.choice(k, below, p=share / share.sum()).astype(np.int32)
        assignment[:k] = np.arange(k)
        levels.append(
            Level(rng.normal(size=(k, 2)).astype(np.float32), assignment, rng.random(below, dtype=np.float32))
        )
        below = k
    return Hierarchy(tuple(levels))


def hex_ids(n: int) -> pa.Array:
    """Ids as ingest makes them: 16 hex digits."""
    numbers = np.random.default_rng(1).integers(0, 1 << 63, n, dtype=np.uint64)
    return pa.array(np.char.mod("%016x", numbers) if n <= 200_000 else _hex(numbers))


def _hex(numbers: np.ndarray) -> np.ndarray:
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    found = np.empty((len(numbers), 16), np.uint8)
    for place in range(16):
        found[:, place] = digits[(numbers >> np.uint64(4 * (15 - place))) & np.uint64(15)]
    return found.view("S16").ravel().astype("U16")


def timed(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median of some rounds, in ms."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return 1_000 * statistics.median(took)


def measure(n: int) -> None:
    """Print one column of the table."""
    sizes = (max(100, n // 100), max(20, n // 2_000), 50) if n > 1_000_000 else (n // 100, n // 2_000)
    tree, ids = tree_of(n, sizes), hex_ids(n)
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(n, 2)).astype(np.float32)
    config, order = SampleConfig(target_size=n // 10), DrawOrder(tree, 0)
    print(f"\n{n:,} items, {' / '.join(f'{k:,}' for k in sizes)} clusters")
    anchors = Anchors(tree, "T", ids)
    once = time.perf_counter()
    _ = anchors.prints, order.ties, order.by_chance
    print(f"once per tree and seed: {time.perf_counter() - once:.2f} s")
    picked = rng.choice(n, min(100_000, n // 10), replace=False)
    events = [
        Decision(anchors.target(1, c), "drop" if c % 3 else "keep") for c in range(0, sizes[0], max(1, sizes[0] // 300))
    ]
    events += [Decision(anchors.target(2, c), "cap", value="10 %") for c in range(5, 15)]
    events += [Decision(anchors.target(2, c), "weight", value="2") for c in range(15, 20)]
    events.append(Decision(ItemTarget(tuple(ids.take(pa.array(picked)).to_pylist())), "drop"))
    print(f"events: {len(events)}, one of them on {len(picked):,} items")

    def folded(more: list[Decision]) -> object:
        return fold([*events, *more], tree, "T", ids, vectors=vectors, anchors=anchors)

    drop = Decision(anchors.target(len(sizes), 3), "drop")
    decided = fold([*events, drop], tree, "T", ids, vectors=vectors, anchors=anchors)

    def quotas() -> object:
        return sample(tree, config, eligible=decided.eligible, rules=decided.rules, order=order)

    print(f"anchor of a cluster of {tree.sizes(2)[0]:,}: {timed(lambda: anchors.target(2, 0)):.1f} ms")
    print(f"decision to state: {timed(lambda: folded([drop])):.0f} ms")
    print(f"state to quotas and draw: {timed(quotas):.0f} ms")
    merge = Decision(MergeTarget(anchors.target(2, 1), anchors.target(2, 2)), "merge")
    print(f"merge to state: {timed(lambda: folded([merge])):.0f} ms")
    leaf = int(np.argsort(tree.sizes(1))[len(tree.sizes(1)) // 2])
    split = Decision(parted(anchors, vectors, 1, leaf, 2), "split")
    print(f"split to state: {timed(lambda: folded([split])):.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        log = ReviewLog(Path(folder) / "reviews.sqlite")
        log.append(events)
        print(f"append, durable: {timed(lambda: log.append([Decision(anchors.target(2, 4), 'keep')]), 50):.1f} ms")


def main() -> None:
    """Measure every size that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, action="append")
    for n in parser.parse_args().n or [100_000, 10_000_000]:
        measure(n)


if __name__ == "__main__":
    main()
