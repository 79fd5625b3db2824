"""Decoding images in processes of their own, so that hostile bytes cost one item and never the job.

Each process (curation_core.decoder) has a limit of memory and, per picture, of processor time. One that dies or hangs
is replaced; the picture it held is tried once more in a fresh process, and refused with a reason if that dies too. So
what comes out hangs on the bytes alone: not on the number of processes, nor on what was decoded before.
"""

import atexit
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from curation_core import decoder
from curation_core.decoder_process import PROGRAM, DecoderProcess, Died, Job, Result
from curation_core.errors import IngestError
from curation_core.executors import n_cpus
from curation_core.images import MAX_PIXELS, OUT_OF_MEMORY

if TYPE_CHECKING:
    from PIL.Image import Image

MEMORY = 2 << 30  # bytes of address space for one decoder: a picture of 50 million pixels needs about half
SECONDS = 10.0  # of processor time for one picture
CRASHED = "the decoder crashed on it"
_MAX_DECODERS = 8
_BATCH_ITEMS, _BATCH_BYTES = 16, 1 << 20  # small enough to share out, large enough that pipes cost little
_AHEAD_BYTES = 1 << 28  # 256 MB sent or waiting to be sent

Key = TypeVar("Key")


def thumbnail_job(data: bytes) -> Job:
    """Decode it whole; give its size in full and a thumbnail."""
    return Job(data, decoder.THUMBNAIL)


def check_job(data: bytes) -> Job:
    """Decode it whole; give its size in full."""
    return Job(data, decoder.CHECK)


def size_job(data: bytes) -> Job:
    """Give its size in full, from the header where it tells."""
    return Job(data, decoder.SIZE)


def pixels_job(data: bytes, max_side: int | None) -> Job:
    """Give its pixels, the longer side at most max_side."""
    return Job(data, decoder.PIXELS, max_side or 0)


def image_of(found: Result) -> "Image":
    """The picture that a job for pixels gave; raises IngestError with the reason when there is none."""
    from PIL import Image

    if isinstance(found, str):
        raise IngestError(found)
    return Image.frombytes("RGB", (found.width, found.height), found.data)


class Decoders:
    """A pool of decoder processes, started as they are needed; safe to use from several threads."""

    def __init__(
        self, n: int | None = None, *, memory: int = MEMORY, seconds: float = SECONDS, program: str = PROGRAM
    ) -> None:
        self.n = n or min(_MAX_DECODERS, n_cpus())
        self._start = partial(DecoderProcess, program, memory, seconds)
        self._too_long = f"decoding it took longer than {seconds:g} s"
        self._idle: list[DecoderProcess] = []
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(self.n, thread_name_prefix="decoding")

    def map(self, jobs: Iterable[tuple[Key, Job | Result]]) -> Iterator[tuple[Key, Result]]:
        """Results in the order of the jobs; a result among the jobs comes back as it is.

        Takes from `jobs` only a little ahead of what it gives: at most two batches per process, each of at most 16
        pictures and of about 1 MB, or of one picture; and no more than 256 MB, or one picture, in all.
        """
        waiting: deque[tuple[_Batch[Key], Future[list[Result]]]] = deque()
        try:
            for batch in _batches(jobs):
                waiting.append((batch, self._threads.submit(self._run, [job for _, job in batch.jobs])))
                while waiting and self._is_enough(waiting):
                    yield from _keyed(*waiting.popleft())
            while waiting:
                yield from _keyed(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _is_enough(self, waiting: "deque[tuple[_Batch[Key], Future[list[Result]]]]") -> bool:
        """Whether to wait for the first result before more is taken; what is ready is given once all are busy."""
        if len(waiting) > 2 * self.n or sum(batch.n_bytes for batch, _ in waiting) > _AHEAD_BYTES:
            return True
        return len(waiting) > self.n and waiting[0][1].done()

    def close(self) -> None:
        """End the processes; those at work finish their batch first."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while self._idle:
            self._idle.pop().end()

    def __enter__(self) -> "Decoders":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def pids(self) -> list[int]:
        """Process ids of the decoders that wait for work."""
        with self._lock:
            return [process.pid for process in self._idle]

    def _run(self, jobs: list[Job | Result]) -> list[Result]:
        todo = [job for job in jobs if isinstance(job, Job)]
        done = iter(self._decode(todo))
        return [next(done) if isinstance(job, Job) else job for job in jobs]

    def _decode(self, jobs: list[Job]) -> list[Result]:
        found: list[Result] = []
        while len(found) < len(jobs):
            process = self._idle_or_new()
            fresh = process.is_fresh
            try:
                for result in process.decode(jobs[len(found) :]):
                    if result == OUT_OF_MEMORY and not fresh:
                        raise Died(0)  # memory may have been taken by what came before
                    found.append(result)
                    fresh = False
            except Died as died:
                process.end()
                found.append(self._once_more(jobs[len(found)], died))
            except BaseException:
                process.end()
                raise
            else:
                with self._lock:
                    self._idle.append(process)
        return found

    def _once_more(self, job: Job, died: "Died") -> Result:
        """What a fresh process makes of a picture on which another died."""
        if died.of_time:
            return self._too_long
        process = self._start()
        try:
            return next(process.decode([job]))
        except Died as again:
            return self._too_long if again.of_time else CRASHED
        finally:
            process.end()

    def _idle_or_new(self) -> "DecoderProcess":
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return self._start()
            if process.is_alive():
                return process
            process.end()


_shared: dict[int, Decoders] = {}  # by process id: a forked copy must not talk to its parent's decoders
_shared_lock = threading.Lock()


def decoders() -> Decoders:
    """The pool that this process shares; started on first use, ended with the process."""
    with _shared_lock:
        pool = _shared.get(os.getpid())
        if pool is None:
            pool = _shared[os.getpid()] = Decoders()
            atexit.register(pool.close)
        return pool


def decode_apart(data: bytes, *, max_side: int | None = None) -> "Image":
    """Like images.decode_image, in a decoder process: for bytes that nobody vouches for. Raises IngestError."""
    ((_, found),) = decoders().map([(0, pixels_job(data, max_side))])
    return image_of(found)


@dataclass
class _Batch(Generic[Key]):
    """Jobs that go to a process together, and the bytes they hold."""

    jobs: list[tuple[Key, Job | Result]] = field(default_factory=list)
    n_bytes: int = 0


def _batches(jobs: Iterable[tuple[Key, Job | Result]]) -> Iterator[_Batch[Key]]:
    batch: _Batch[Key] = _Batch()
    for key, job in jobs:
        batch.jobs.append((key, job))
        batch.n_bytes += _cost(job) if isinstance(job, Job) else 0
        if len(batch.jobs) == _BATCH_ITEMS or batch.n_bytes >= _BATCH_BYTES:
            yield batch
            batch = _Batch()
    if batch.jobs:
        yield batch


def _cost(job: Job) -> int:
    """Bytes that a job holds: what is sent, and what may come back."""
    if job.wanted != decoder.PIXELS:
        return len(job.data)
    return len(job.data) + (3 * job.max_side**2 if job.max_side else 3 * MAX_PIXELS)


def _keyed(batch: _Batch[Key], future: "Future[list[Result]]") -> Iterator[tuple[Key, Result]]:
    yield from zip((key for key, _ in batch.jobs), future.result(), strict=True)
