"""Where shards of work run: here one after the other, or in several one-thread processes; the results are the same."""

import contextlib
import importlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol

from curation_core.errors import ConfigError, CurationError

Step = Callable[[int, Mapping[str, Any]], Any]
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_MARK = "__shard_step__"


def n_cpus() -> int:
    """Cores that this process may use, at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shard_step(function: Step) -> Step:
    """Mark a module-level function (shard id, broadcast) -> result as one that an executor may run by its name.

    It must be idempotent and take and give plain data: it may run again after a lost worker.
    """
    setattr(function, _MARK, True)
    return function


class Executor(Protocol):
    """Runs one step over many shards."""

    def map_shards(self, step_name: str, shard_ids: Sequence[int], broadcast: Mapping[str, Any]) -> list[Any]:
        """Results of a step ("module:function") in the order of shard_ids, whatever finished first."""


@dataclass(frozen=True)
class Serial:
    """One shard after the other, in this process."""

    def map_shards(self, step_name: str, shard_ids: Sequence[int], broadcast: Mapping[str, Any]) -> list[Any]:
        """Results in the order of shard_ids; the step's own errors come through."""
        step = find_step(step_name)
        return [step(shard_id, broadcast) for shard_id in shard_ids]


@dataclass(frozen=True)
class Processes:
    """Fresh processes of one thread each; a lost worker's shards are run once more."""

    n_workers: int = 2

    def __post_init__(self) -> None:
        if self.n_workers < 1:
            raise ConfigError(f"n_workers is {self.n_workers}; expected at least 1")

    def map_shards(self, step_name: str, shard_ids: Sequence[int], broadcast: Mapping[str, Any]) -> list[Any]:
        """Results in the order of shard_ids; raises CurationError when workers die twice."""
        find_step(step_name)  # a wrong name fails here, not in every worker
        done: dict[int, Any] = {}
        for attempt in (1, 2):
            waiting = [place for place in range(len(shard_ids)) if place not in done]
            if not waiting:
                break
            try:
                self._run(step_name, shard_ids, waiting, broadcast, done)
            except BrokenProcessPool:
                if attempt == 2:
                    raise CurationError(
                        f"a worker process died twice in {step_name}, perhaps for lack of memory; use fewer workers"
                    ) from None
        return [done[place] for place in range(len(shard_ids))]

    def _run(
        self,
        step_name: str,
        shard_ids: Sequence[int],
        places: Sequence[int],
        broadcast: Mapping[str, Any],
        done: dict[int, Any],
    ) -> None:
        spawn = multiprocessing.get_context("spawn")  # a fork would copy the parent's threads and locks half-way
        with ProcessPoolExecutor(min(self.n_workers, len(places)), mp_context=spawn) as pool:
            with _one_thread_each():
                futures = {place: pool.submit(_run_step, step_name, shard_ids[place], broadcast) for place in places}
            try:
                for place, future in futures.items():
                    done[place] = future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def find_step(step_name: str) -> Step:
    """The function behind "module:function"; raises ConfigError unless it is marked with shard_step."""
    module, _, name = step_name.partition(":")
    try:
        step: Step | None = getattr(importlib.import_module(module), name, None) if module and name else None
    except ImportError:
        step = None
    if step is None or not getattr(step, _MARK, False):
        raise ConfigError(f"{step_name!r} is no step; expected module:function, marked with @shard_step")
    return step


def _run_step(step_name: str, shard_id: int, broadcast: Mapping[str, Any]) -> Any:
    return find_step(step_name)(shard_id, broadcast)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Workers started inside take these from the environment, before their BLAS is loaded."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
