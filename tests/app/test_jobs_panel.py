"""Long work on screen, in every state that a worker can leave behind."""

import fcntl
import json

import pytest

from curation_app import jobs_panel
from curation_core.jobs import JobState


def write_job(folder, verb, **state):
    job = folder / "shapes" / "jobs" / f"20260101-000000-000000-{verb}"
    job.mkdir(parents=True)
    (job / "spec.json").write_text(json.dumps({"verb": verb, "options": {}, "submitted": "2026-01-01T00:00:00+00:00"}))
    (job / "state.json").write_text(json.dumps({"stage": "embed", "done": 30, "total": 120, **state}))
    (job / "log.txt").write_text("embed: 120 to do\n<b>line</b>\n")
    return job


def buttons(app):
    return {button.label for button in app.button}


def markdown(app):
    return " ".join(str(element.value) for element in app.markdown)


def test_a_running_job_shows_stage_counts_rate_and_can_be_cancelled(full_folder, open_page):
    job = write_job(full_folder, "run", status="running", rate=12.0, seconds_left=7.5, figures={"inertia": 3.25})
    with (job / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as the worker does for its life
        app = open_page("overview", ws="shapes")
        assert not app.exception
        assert "Cancel" in buttons(app)
        assert "Resume" not in buttons(app)
        assert any("inertia 3\\.25" in element.value for element in app.caption)
        next(button for button in app.button if button.label == "Cancel").click().run()
        assert (job / "cancel").exists()


@pytest.mark.parametrize("status", ["cancelled", "failed", "interrupted"])
def test_a_job_that_stopped_says_why_and_can_be_resumed(full_folder, open_page, monkeypatch, status):
    resumed = []
    monkeypatch.setattr("curation_core.jobs.Job.resume", lambda job: resumed.append(job.id))
    write_job(full_folder, "run", status=status, error="the disk is full: free some space")
    app = open_page("overview", ws="shapes")
    said = [element.value for element in (*app.error, *app.info)]
    assert any("The disk is full" in text.replace("\\", "") for text in said)
    next(button for button in app.button if button.label == "Resume").click().run()
    assert resumed == ["20260101-000000-000000-run"]


def test_a_worker_that_vanished_is_shown_as_interrupted(full_folder, open_page):
    write_job(full_folder, "run", status="running")
    app = open_page("overview", ws="shapes")
    assert "Resume" in buttons(app)


def test_a_finished_job_leaves_the_page_to_its_result(full_folder, open_page):
    write_job(full_folder, "run", status="done")
    app = open_page("overview", ws="shapes")
    assert not {"Cancel", "Resume"} & buttons(app)


def test_the_runs_page_lists_jobs_with_their_log(full_folder, open_page):
    write_job(full_folder, "cluster", status="failed", error="out of memory")
    app = open_page("runs", ws="shapes")
    app.segmented_control(key="runs-part").set_value("Jobs").run()
    assert any("<b>line</b>" in block.value for block in app.code)
    assert "out of memory" in markdown(app)


def test_one_job_at_a_time_is_started(full_folder, open_page, monkeypatch):
    started = []
    monkeypatch.setattr("curation_core.jobs.start", lambda path, verb, options=None: started.append(verb))
    job = write_job(full_folder, "run", status="running")
    with (job / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        app = open_page("cluster", ws="shapes")
        start = next(button for button in app.button if button.key == "cluster-start")
        assert start.disabled
    assert started == []


def test_progress_is_a_share_whatever_the_counts():
    assert jobs_panel.fraction(JobState("running")) == 0.0
    assert jobs_panel.fraction(JobState("running", done=5, total=4)) == 1.0
    assert jobs_panel.sentence(JobState("starting")) == "Starting"
    running = JobState("running", stage="embed", done=1_000, total=4_000, rate=50.0, seconds_left=60)
    assert jobs_panel.sentence(running) == "Embedding · 1,000 of 4,000 · 50/s · 60 s left in this stage"
