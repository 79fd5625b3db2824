import os
import signal
import time

import numpy as np
import pytest

from curation_core import jobs
from curation_core.errors import ConfigError
from curation_core.kernels import CHOICE
from curation_core.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(3000, 16)).astype("float32"))
    made = Workspace.init(tmp_path / "ws", tmp_path / "v.npy")
    made.configure(project={"method": "pca"}, cluster={"n_clusters": (300, 30)})
    return made


def wait(job, until=lambda state: not state.active, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = job.state()
        if until(state):
            return state
        time.sleep(0.02)
    raise AssertionError(f"still {job.state()}; log: {job.log()}")


def slow(workspace):
    """A job that takes a while: many resampling steps in the paper's procedure."""
    workspace.ingest()
    workspace.embed()
    return jobs.start(workspace.path, "cluster", {"mode": "compatible", "n_resamples": 100})


def test_a_job_runs_to_its_end_and_leaves_its_result(workspace):
    job = jobs.start(workspace.path, "run")
    assert wait(job).status == "done", job.log()
    assert [step.state for step in workspace.status()][:5] == ["done"] * 5
    assert jobs.list_jobs(workspace.path) == [job]
    assert "done" in job.log()


def test_a_cancelled_job_says_so_and_goes_on_when_resumed(workspace):
    job = slow(workspace)
    wait(job, lambda state: state.status == "running" and state.stage.startswith("level"))
    with pytest.raises(ConfigError, match="still running"):
        job.resume()
    job.cancel()
    assert wait(job).status == "cancelled"
    workspace.configure(cluster={"n_resamples": 1})
    assert {step.step: step.state for step in workspace.status()}["cluster"] == "missing"


def test_a_killed_job_shows_as_interrupted_and_resumes(workspace):
    job = slow(workspace)
    pid = wait(job, lambda state: state.status == "running").pid
    os.kill(pid, signal.SIGKILL)
    state = wait(job)
    assert state.status == "interrupted"
    assert "resume it" in state.error
    job.resume()
    wait(job, lambda state: state.status == "running")
    job.cancel()
    assert wait(job).status == "cancelled"


def test_a_failing_job_tells_one_sentence(workspace):
    job = jobs.start(workspace.path, "cluster")
    state = wait(job)
    assert state.status == "failed"
    assert "run ingest" in state.error


def test_an_unknown_verb_is_refused(workspace):
    with pytest.raises(ConfigError, match="there is no job 'dance'"):
        jobs.start(workspace.path, "dance")


def test_a_worker_that_does_not_listen_is_stopped_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setenv(CHOICE, "blas")  # umap-learn lays out, which tells nothing in between
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(20_000, 32)).astype("float32"))
    workspace = Workspace.init(tmp_path / "ws", tmp_path / "v.npy")
    workspace.ingest()
    workspace.embed()
    job = jobs.start(workspace.path, "project", {"n_epochs": 5000})
    wait(job, lambda state: state.stage == "layout")
    job.cancel()
    assert wait(job, seconds=30).status == "cancelled"
    assert {step.step: step.state for step in workspace.status()}["project"] == "missing"
