"""How many items a model is given at once: as asked, as the embedder prefers, or found by trying on a GPU."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from curation_core.devices import is_out_of_memory, release_memory
from curation_core.embedders import Embedder

DEFAULT_BATCH = 32
_FIRST, LARGEST = 8, 256
_GAIN = 1.1  # a doubled batch must be so much faster per item to be worth its memory


def is_tried(embedder: Embedder) -> bool:
    """Whether the batch size is found by trying: on a GPU alone, unless the embedder knows what suits it.

    On a CPU larger batches gain nothing (benchmarks/README.md), and a size that hangs on the clock would let the same
    data give vectors that differ in their last bits from run to run.
    """
    return getattr(embedder, "device", "cpu") != "cpu" and not hasattr(embedder, "preferred_batch")


def default_batch(embedder: Embedder) -> int:
    """What an embedder is given where nothing is tried."""
    return int(getattr(embedder, "preferred_batch", DEFAULT_BATCH))


def fitting_batch(
    embedder: Callable[[Sequence[Any]], Any], payloads: Sequence[Any], clock: Callable[[], float] = time.perf_counter
) -> int:
    """The batch size with the best speed: doubled from 8 while items per second rise by a tenth and memory holds.

    payloads are worked on and the vectors thrown away; no size above their number is tried.
    """
    best, best_rate, size = 1, 0.0, _FIRST
    if not _attempt(embedder, payloads[:_FIRST]):  # also warms the model up, so that the first size is not wronged
        return best
    while size <= min(len(payloads), LARGEST):
        began = clock()
        if not _attempt(embedder, payloads[:size]):
            break
        rate = size / max(clock() - began, 1e-9)
        if rate < best_rate * _GAIN:
            break
        best, best_rate, size = size, rate, size * 2
    return best


def _attempt(embedder: Callable[[Sequence[Any]], Any], payloads: Sequence[Any]) -> bool:
    try:
        embedder(payloads)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        release_memory()
        return False
    return True
