"""Decoding images in processes of their own, so that hostile bytes cost one item and never the job.

Each process (curation_core.decoder) has a limit of memory and, per picture, of processor time. One that dies or hangs
is replaced; the picture it held is tried once more in a fresh process, and refused with a reason if that dies too. So
what comes out hangs on the bytes alone: not on the number of processes, nor on what was decoded before.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from curation_core import decoder
from curation_core.errors import CurationError
from curation_core.executors import ONE_THREAD, n_cpus
from curation_core.images import MAX_PIXELS, OUT_OF_MEMORY

MEMORY = 2 << 30  # bytes of address space for one decoder: a picture of 50 million pixels needs about half
SECONDS = 10.0  # of processor time for one picture
CRASHED = "the decoder crashed on it"
_WALL = 60.0  # seconds without an answer, on a machine however busy, after which a decoder hangs
_MAX_DECODERS = 8
_BATCH_ITEMS, _BATCH_BYTES = 16, 1 << 20  # small enough to share out, large enough that pipes cost little
_MAX_REPLY = 4 * MAX_PIXELS
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "TMPDIR")  # no keys of anybody's cloud

# A namesake stands in for the package, whose own __init__ would load pyarrow and pydantic into every decoder.
_PROGRAM = """
import json, sys, types
paths, folder, memory, seconds = json.loads(sys.argv[1])
sys.path[:0] = paths
package = types.ModuleType("curation_core")
package.__path__ = [folder]
sys.modules["curation_core"] = package
from curation_core import decoder
decoder.serve(memory, seconds)
"""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Job:
    """One picture to decode. wanted: decoder.SIZE, CHECK, THUMBNAIL or PIXELS; max_side: of the pixels, 0 for all."""

    data: bytes
    wanted: int
    max_side: int = 0


@dataclass(frozen=True)
class Decoded:
    """Width and height in pixels, and what was asked for: nothing, a WebP, or width x height x 3 bytes of RGB."""

    width: int
    height: int
    data: bytes = b""


Result = Decoded | str  # or the reason why there is none


def thumbnail_job(data: bytes) -> Job:
    """Decode it whole; give its size in full and a thumbnail."""
    return Job(data, decoder.THUMBNAIL)


def check_job(data: bytes) -> Job:
    """Decode it whole; give its size in full."""
    return Job(data, decoder.CHECK)


def size_job(data: bytes) -> Job:
    """Give its size in full from the header alone."""
    return Job(data, decoder.SIZE)


def pixels_job(data: bytes, max_side: int | None) -> Job:
    """Give its pixels, the longer side at most max_side."""
    return Job(data, decoder.PIXELS, max_side or 0)


class Decoders:
    """A pool of decoder processes, started as they are needed; safe to use from several threads."""

    def __init__(
        self, n: int | None = None, *, memory: int = MEMORY, seconds: float = SECONDS, program: str = _PROGRAM
    ) -> None:
        self.n = n or min(_MAX_DECODERS, n_cpus())
        self._start = partial(_Process, program, memory, seconds)
        self._too_long = f"decoding it took longer than {seconds:g} s"
        self._idle: list[_Process] = []
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(self.n, thread_name_prefix="decoding")

    def map(self, jobs: Iterable[tuple[Key, Job | Result]]) -> Iterator[tuple[Key, Result]]:
        """Results in the order of the jobs; a result among the jobs comes back as it is.

        Takes from `jobs` only a little ahead of what it gives: at most two batches per process, each of at most 16
        pictures and of about 1 MB, or of one picture.
        """
        waiting: deque[tuple[list[tuple[Key, Job | Result]], Future[list[Result]]]] = deque()
        try:
            for batch in _batches(jobs):
                waiting.append((batch, self._threads.submit(self._run, [job for _, job in batch])))
                while len(waiting) > self.n and (len(waiting) > 2 * self.n or waiting[0][1].done()):
                    yield from _keyed(*waiting.popleft())
            while waiting:
                yield from _keyed(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

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
                        raise _Died(0)  # memory may have been taken by what came before
                    found.append(result)
                    fresh = False
            except _Died as died:
                process.end()
                found.append(self._once_more(jobs[len(found)], died))
            except BaseException:
                process.end()
                raise
            else:
                with self._lock:
                    self._idle.append(process)
        return found

    def _once_more(self, job: Job, died: "_Died") -> Result:
        """What a fresh process makes of a picture on which another died."""
        if died.of_time:
            return self._too_long
        process = self._start()
        try:
            return next(process.decode([job]))
        except _Died as again:
            return self._too_long if again.of_time else CRASHED
        finally:
            process.end()

    def _idle_or_new(self) -> "_Process":
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


class _Died(Exception):
    """A decoder ended in the middle of its work. of_time: because its time was up."""

    def __init__(self, returncode: int | None) -> None:
        super().__init__(returncode)
        self.of_time = returncode in (None, -signal.SIGPROF)


class _Process:
    """One decoder process."""

    def __init__(self, program: str, memory: int, seconds: float) -> None:
        package = Path(__file__).resolve().parent
        paths = [path for path in sys.path if path]
        arguments = json.dumps([paths, str(package), memory, seconds])
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program, arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, **dict.fromkeys(ONE_THREAD, "1")},
        )
        self.pid, self.is_fresh = self._process.pid, True
        assert self._process.stdin is not None  # both are pipes
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        try:
            self._reply()
        except _Died:
            self.end()
            raise CurationError(
                f"a decoder process cannot be started (it ended with {self._process.returncode}); "
                "check that the machine has memory and processes left"
            ) from None

    def decode(self, jobs: list[Job]) -> Iterator[Result]:
        """Results one by one; raises _Died when the process ends or hangs before the last."""
        self.is_fresh = False
        self._send(decoder.COUNT.pack(len(jobs)))
        for job in jobs:
            self._send(decoder.REQUEST.pack(job.wanted, job.max_side, len(job.data)))
            self._send(job.data)
        for _ in jobs:
            yield self._reply()

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _reply(self) -> Result:
        how, width, height, n_bytes = decoder.REPLY.unpack(self._receive(decoder.REPLY.size))
        if how not in (decoder.DONE, decoder.REFUSED) or n_bytes > _MAX_REPLY:
            raise self._died(0)  # it does not speak our language any more: whoever does, it is not our decoder
        data = self._receive(n_bytes)
        return Decoded(width, height, data) if how == decoder.DONE else data.decode(errors="replace")

    def _send(self, data: bytes) -> None:
        left, until = memoryview(data), time.monotonic() + _WALL
        while left:
            self._wait_for(self._in, select.POLLOUT, until)
            try:
                left = left[os.write(self._in, left) :]
            except BrokenPipeError:
                raise self._died() from None

    def _receive(self, n_bytes: int) -> bytes:
        found, until = bytearray(), time.monotonic() + _WALL
        while len(found) < n_bytes:
            self._wait_for(self._out, select.POLLIN, until)
            piece = os.read(self._out, min(n_bytes - len(found), 1 << 20))
            if not piece:
                raise self._died()
            found += piece
        return bytes(found)

    def _wait_for(self, descriptor: int, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise _Died(None)

    def _died(self, returncode: int | None = None) -> _Died:
        """Its end, with the reason; it closes its pipes a moment before it can be waited for."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return _Died(self._process.wait(timeout=5) if returncode is None else returncode)
        return _Died(0)


def _batches(jobs: Iterable[tuple[Key, Job | Result]]) -> Iterator[list[tuple[Key, Job | Result]]]:
    batch: list[tuple[Key, Job | Result]] = []
    n_bytes = 0
    for key, job in jobs:
        batch.append((key, job))
        n_bytes += _cost(job) if isinstance(job, Job) else 0
        if len(batch) == _BATCH_ITEMS or n_bytes >= _BATCH_BYTES:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch


def _cost(job: Job) -> int:
    """Bytes that a job holds: what is sent, and what may come back."""
    if job.wanted != decoder.PIXELS:
        return len(job.data)
    return len(job.data) + (3 * job.max_side**2 if job.max_side else 3 * MAX_PIXELS)


def _keyed(batch: list[tuple[Key, Job | Result]], future: "Future[list[Result]]") -> Iterator[tuple[Key, Result]]:
    yield from zip((key for key, _ in batch), future.result(), strict=True)
