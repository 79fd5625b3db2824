"""Long work as a detached process per job: it outlives the browser and the server, and its truth is a folder of files.

``jobs/<id>/`` holds spec.json (what to do, written once), state.json (written only by the worker, at most four times a
second), log.txt, cancel (created by anyone who wants it to stop) and lock (held by the worker for its life, so that "is
it alive?" is "can the lock be taken?"). Resuming is starting the same job again: finished shards and artefacts are
kept.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from curation_core.artifacts import write_json
from curation_core.errors import Cancelled, ConfigError, CurationError, StepMissing
from curation_core.reproduction import Reproduction
from curation_core.workspace import Workspace

Status = Literal["starting", "running", "done", "failed", "cancelled", "interrupted"]
VERBS = (
    "ingest",
    "embed",
    "duplicates",
    "quality",
    "faces",
    "cluster",
    "project",
    "reference",
    "advise",
    "sample",
    "use",
    "export",
    "run",
    "repro",
)
_WRITE_EVERY = 0.25  # seconds between two writes of state.json
_GRACE = 5.0  # seconds a cancelled worker has to stop by itself


@dataclass(frozen=True)
class JobState:
    """How a job stands: stage with counts, figures worth showing, an error for people, UTC times (ISO 8601)."""

    status: Status
    stage: str = ""
    done: int = 0
    total: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    started: str = ""
    updated: str = ""
    rate: float = 0.0  # items per second in this stage
    seconds_left: float | None = None  # of this stage
    pid: int = 0  # of the worker

    @property
    def active(self) -> bool:
        """Whether a worker is, or is about to be, at work."""
        return self.status in ("starting", "running")


@dataclass(frozen=True)
class Job:
    """One job folder."""

    folder: Path

    @property
    def id(self) -> str:
        """Name of the folder: sorts by time of submission."""
        return self.folder.name

    @property
    def spec(self) -> dict[str, Any]:
        """What was asked for: verb, options, workspace, submitted."""
        spec: dict[str, Any] = json.loads((self.folder / "spec.json").read_text())
        return spec

    def state(self) -> JobState:
        """Read the state; a worker that died without a word shows as interrupted."""
        try:
            state = JobState(**json.loads((self.folder / "state.json").read_text()))
        except FileNotFoundError:
            state = JobState("starting")
        if not state.active or _held(self.folder / "lock"):
            return state
        if state.status == "starting" and time.time() - (self.folder / "spec.json").stat().st_mtime < 30:
            return state  # the interpreter is still coming up
        return replace(state, status="interrupted", error="the process ended before its work was done; resume it")

    def cancel(self) -> None:
        """Ask the worker to stop at the next batch."""
        (self.folder / "cancel").touch()

    def resume(self) -> "Job":
        """Start the same job again where it stopped; raises ConfigError while it is running."""
        if self.state().active:
            raise ConfigError(f"job {self.id} is still running; cancel it first")
        (self.folder / "cancel").unlink(missing_ok=True)
        (self.folder / "state.json").unlink(missing_ok=True)
        (self.folder / "spec.json").touch()
        _spawn(self.folder)
        return self

    def remove(self) -> None:
        """Delete its log and state; what it made stays. Raises ConfigError while it is running."""
        if self.state().active:
            raise ConfigError(f"job {self.id} is still running; cancel it first")
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, n_lines: int = 20) -> str:
        """The last lines of the log."""
        path = self.folder / "log.txt"
        return "\n".join(path.read_text(errors="replace").splitlines()[-n_lines:]) if path.exists() else ""


def start(workspace: str | Path, verb: str, options: Mapping[str, Any] | None = None) -> Job:
    """Start a verb of a workspace in a process of its own; options are the keyword arguments of the method."""
    if verb not in VERBS:
        raise ConfigError(f"there is no job {verb!r}; expected one of {', '.join(VERBS)}")
    moment = datetime.now(UTC)
    folder = Path(workspace).resolve() / "jobs" / f"{moment:%Y%m%d-%H%M%S-%f}-{verb}"
    folder.mkdir(parents=True)
    spec = {"verb": verb, "options": dict(options or {}), "submitted": moment.isoformat(timespec="seconds")}
    write_json(folder / "spec.json", spec)
    _spawn(folder)
    return Job(folder)


def list_jobs(workspace: str | Path) -> list[Job]:
    """All jobs of a workspace, newest first."""
    folder = Path(workspace) / "jobs"
    return [Job(path.parent) for path in sorted(folder.glob("*/spec.json"), reverse=True)]


def _spawn(folder: Path) -> None:
    with (folder / "log.txt").open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "curation_core.jobs", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            close_fds=True,
        )
    # a child that nobody waits for stays a zombie for as long as its parent lives
    threading.Thread(target=worker.wait, daemon=True).start()


def _held(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


# ---- the worker


class _Reporter:
    """The worker's progress: writes state.json now and then, a log line per stage, and raises when asked to stop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = JobState("running", started=_now(), pid=os.getpid())
        self.written = self.stage_began = 0.0
        self.stage_from = 0

    def __call__(self, stage: str, done: int, total: int, **figures: float) -> None:
        now = time.monotonic()
        if stage != self.state.stage:
            self.stage_began, self.stage_from, self.written = now, done, 0.0
            log(f"{stage}: {total:,} to do")
        spent = now - self.stage_began
        rate = (done - self.stage_from) / spent if spent > 0 else 0.0
        left = (total - done) / rate if rate > 0 else None
        self.state = replace(
            self.state, stage=stage, done=done, total=total, figures=figures, rate=rate, seconds_left=left
        )
        if (self.folder / "cancel").exists():
            raise Cancelled("stopped on request; what is finished is kept, resume to go on")
        if now - self.written >= _WRITE_EVERY or done == total:
            self.written = now
            self.write()

    def write(self, **changes: Any) -> None:
        self.state = replace(self.state, updated=_now(), **changes)
        write_json(self.folder / "state.json", {**asdict(self.state), "figures": dict(self.state.figures)})


def work(folder: Path) -> int:
    """Do one job in this process; returns the exit status."""
    with _lock(folder / "lock"):
        job, report = Job(folder), _Reporter(folder)
        report.write()
        log(f"{job.spec['verb']} started")
        threading.Thread(target=_stop_stragglers, args=(folder, report), daemon=True).start()
        try:
            _do(folder.parent.parent, job.spec, report)
        except Cancelled as error:
            return _end(report, "cancelled", str(error))
        except CurationError as error:
            return _end(report, "failed", str(error))
        except Exception as error:  # the log keeps the traceback; a person reads one sentence
            traceback.print_exc()
            return _end(report, "failed", f"{type(error).__name__}: {error}; the log of job {job.id} has the details")
        return _end(report, "done", "")


def _stop_stragglers(folder: Path, report: _Reporter) -> None:
    """End the process when it was asked to stop and is deep in a library that does not listen.

    Safe at any moment: what is half-written is never read, and a later run goes on from the last whole shard.
    """
    while not (folder / "cancel").exists():
        time.sleep(_WRITE_EVERY)
    time.sleep(_GRACE)
    os._exit(_end(report, "cancelled", "stopped on request in the middle of a stage; resume to go on"))


def _do(path: Path, spec: Mapping[str, Any], report: _Reporter) -> None:
    workspace, verb = Workspace.open(path), spec["verb"]
    if verb not in VERBS:
        raise StepMissing(f"there is no job {verb!r}")
    found = getattr(workspace, verb)(progress=report, **spec["options"])
    if isinstance(found, Reproduction):
        found.require()  # nobody reads what a job returns: it fails where bytes differ


def _end(report: _Reporter, status: Status, error: str) -> int:
    report.write(status=status, error=error, seconds_left=None)
    log(f"{status}{': ' + error if error else ''}")
    return 0 if status == "done" else 2


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def log(message: str) -> None:
    """One line of the job's log: the worker's standard output is the file."""
    sys.stdout.write(f"{_now()} {message}\n")
    sys.stdout.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    os.chdir("/")  # the worker must not keep a folder busy that its submitter stood in
    raise SystemExit(work(Path(sys.argv[1])))
