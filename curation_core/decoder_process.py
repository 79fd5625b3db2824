"""One decoder process, as its parent sees it: pictures go in, results come out, and it may die at any moment."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation_core import decoder
from curation_core.errors import CurationError
from curation_core.executors import ONE_THREAD
from curation_core.images import MAX_PIXELS

_WALL = 60.0  # seconds without an answer, on a machine however busy, after which a decoder hangs
_JOINED_BYTES = 4 << 20  # jobs together this small are sent in one piece
_MAX_REPLY = 4 * MAX_PIXELS
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "TMPDIR")  # no keys of anybody's cloud

# A namesake stands in for the package, whose own __init__ would load pyarrow and pydantic into every decoder.
PROGRAM = """
import json, sys, types
paths, folder, memory, seconds = json.loads(sys.argv[1])
sys.path[:0] = paths
package = types.ModuleType("curation_core")
package.__path__ = [folder]
sys.modules["curation_core"] = package
from curation_core import decoder
decoder.serve(memory, seconds)
"""


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


class Died(Exception):
    """A decoder ended in the middle of its work. of_time: because its time was up."""

    def __init__(self, returncode: int | None) -> None:
        super().__init__(returncode)
        self.of_time = returncode in (None, -signal.SIGPROF)


class DecoderProcess:
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
        self._received = bytearray()
        os.set_blocking(self._in, False)
        try:
            self._reply()
        except Died:
            self.end()
            raise CurationError(
                f"a decoder process cannot be started (it ended with {self._process.returncode}); "
                "check that the machine has memory and processes left"
            ) from None

    def decode(self, jobs: list[Job]) -> Iterator[Result]:
        """Results one by one; raises Died when the process ends or hangs before the last."""
        self.is_fresh = False
        self._send(decoder.COUNT.pack(len(jobs)))
        if sum(len(job.data) for job in jobs) <= _JOINED_BYTES:
            self._send(b"".join(piece for job in jobs for piece in (_head(job), job.data)))
        else:
            for job in jobs:
                self._send(_head(job))
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
            try:
                left = left[os.write(self._in, left) :]
            except BlockingIOError:
                self._wait_for(self._in, select.POLLOUT, until)
            except BrokenPipeError:
                raise self._died() from None

    def _receive(self, n_bytes: int) -> bytes:
        until = time.monotonic() + _WALL
        while len(self._received) < n_bytes:
            self._wait_for(self._out, select.POLLIN, until)
            piece = os.read(self._out, max(n_bytes - len(self._received), 1 << 16))
            if not piece:
                raise self._died()
            self._received += piece
        found = bytes(memoryview(self._received)[:n_bytes])
        del self._received[:n_bytes]
        return found

    def _wait_for(self, descriptor: int, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise Died(None)

    def _died(self, returncode: int | None = None) -> Died:
        """Its end, with the reason; it closes its pipes a moment before it can be waited for."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return Died(self._process.wait(timeout=5) if returncode is None else returncode)
        return Died(0)


def _head(job: Job) -> bytes:
    return decoder.REQUEST.pack(job.wanted, job.max_side, len(job.data))
