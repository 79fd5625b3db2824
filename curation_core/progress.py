"""How long work tells what it is doing, and how it is asked to stop.

A progress is any callable ``progress(stage, done, total, **figures)``. It is called often and must be cheap.
To stop the work it raises :class:`~curation_core.errors.Cancelled`; every step leaves only whole shards behind.
"""

from typing import Protocol


class Progress(Protocol):
    """Called with a stage's name, the count done, the total, and figures worth showing (inertia, items/s)."""

    def __call__(self, stage: str, done: int, total: int, **figures: float) -> None:
        """Report; raises Cancelled when the work should stop."""


def silent(stage: str, done: int, total: int, **figures: float) -> None:
    """Report nothing; the default everywhere."""
