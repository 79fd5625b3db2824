"""Work on many items side by side in threads, with results in order and a bounded number under way."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from curation_core.executors import n_cpus

T = TypeVar("T")
R = TypeVar("R")
MAX_THREADS = 8
WINDOW = 64  # items handed out at once; what waits for its turn holds memory


def side_by_side(work: Callable[[T], R], items: Sequence[T], *, n_threads: int | None = None) -> Iterator[R]:
    """Results in the order of items; leaving early drops what has not begun. None: one thread per core, 8 at most.

    For work that lets other threads run: reading files, decoding pictures, running a model.
    """
    pool = ThreadPoolExecutor(n_threads or min(MAX_THREADS, n_cpus()))
    try:
        for start in range(0, len(items), WINDOW):
            yield from pool.map(work, items[start : start + WINDOW])
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
