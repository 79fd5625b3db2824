"""The next pieces are fetched while this one is worked on: one thread, order unchanged, a bounded number ahead."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(make: Callable[[T], R], pieces: Iterable[T], depth: int = 2) -> Generator[R, None, None]:
    """Yield make(piece) for every piece, in order; up to `depth` pieces are made in a thread meanwhile.

    make is called by one thread at a time. Its error comes where its result would have come. When the caller stops
    early, what is under way is waited for and the rest is dropped.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as pool:
        try:
            for piece in pieces:
                waiting.append(pool.submit(make, piece))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
