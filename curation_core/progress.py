"""How long work tells what it is doing, and how it is asked to stop.

A progress is any callable ``progress(stage, done, total, **figures)``. It is called often and must be cheap.
To stop the work it raises :class:`~curation_core.errors.Cancelled`; every step leaves only whole shards behind.
"""

from collections.abc import Callable
from typing import Protocol

Tick = Callable[[], None]  # called now and then in the midst of work; raises when the work should stop


class Progress(Protocol):
    """Called with a stage's name, the count done, the total, and figures worth showing (inertia, items/s)."""

    def __call__(self, stage: str, done: int, total: int, **figures: float) -> None:
        """Report; raises Cancelled when the work should stop."""


def silent(stage: str, done: int, total: int, **figures: float) -> None:
    """Report nothing; the default everywhere."""


def counted(progress: Progress, stage: str, done: int, total: int) -> Progress:
    """A progress for a part of a longer stage: whatever the part reports, the stage stands at `done` of `total`."""
    outer, at, of = stage, done, total

    def report(stage: str, done: int, total: int, **figures: float) -> None:  # noqa: ARG001 - the part's are not told
        progress(outer, at, of)

    return report


def unheard() -> None:
    """A tick that stops nothing; the default everywhere."""
