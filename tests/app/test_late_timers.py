"""A waiting click on another page outlives the timers and reruns of the page it leaves."""

import pytest
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

from curation_app.late_timers import guard


@pytest.fixture
def requests():
    guard()
    guard()  # twice is once
    return ScriptRequests()


def test_a_late_timer_keeps_the_page_that_was_clicked(requests):
    requests.request_rerun(RerunData(page_script_hash="explore"))
    requests.request_rerun(RerunData(page_script_hash="overview", fragment_id="badge", is_auto_rerun=True))
    found = requests.on_scriptrunner_ready().rerun_data
    assert (found.page_script_hash, found.fragment_id_queue) == ("explore", [])


def test_a_second_click_still_wins_over_the_first(requests):
    requests.request_rerun(RerunData(page_script_hash="explore"))
    requests.request_rerun(RerunData(page_script_hash="review"))
    assert requests.on_scriptrunner_ready().rerun_data.page_script_hash == "review"


def test_a_script_that_reruns_itself_keeps_the_page_that_was_clicked(requests, monkeypatch):
    class Running:
        page_script_hash = "overview"

    monkeypatch.setattr("curation_app.late_timers.get_script_run_ctx", lambda **_: Running)
    requests.request_rerun(RerunData(page_script_hash="explore"))
    requests.request_rerun(RerunData(page_script_hash="overview"))
    assert requests.on_scriptrunner_ready().rerun_data.page_script_hash == "explore"


def test_a_script_that_switches_pages_is_obeyed(requests, monkeypatch):
    class Running:
        page_script_hash = "overview"

    monkeypatch.setattr("curation_app.late_timers.get_script_run_ctx", lambda **_: Running)
    requests.request_rerun(RerunData(page_script_hash="overview"))
    requests.request_rerun(RerunData(page_script_hash="data"))
    assert requests.on_scriptrunner_ready().rerun_data.page_script_hash == "data"


def test_a_component_that_reports_by_itself_keeps_the_page_that_was_clicked(requests):
    requests.request_rerun(RerunData(page_script_hash="balance"))
    requests.request_rerun(RerunData(page_script_hash="review", fragment_id="deck"))
    found = requests.on_scriptrunner_ready().rerun_data
    assert (found.page_script_hash, found.fragment_id_queue) == ("balance", [])


def test_a_fragment_of_a_page_that_was_left_does_not_come_back_while_the_next_page_runs(requests):
    requests.request_rerun(RerunData(page_script_hash="balance"))
    assert requests.on_scriptrunner_ready().rerun_data.page_script_hash == "balance"
    assert requests.request_rerun(RerunData(page_script_hash="review", fragment_id="deck"))
    assert requests.on_scriptrunner_yield() is None
    assert requests.on_scriptrunner_ready().type == ScriptRequestType.STOP


def test_a_fragment_of_the_page_that_runs_is_run(requests):
    requests.request_rerun(RerunData(page_script_hash="review"))
    requests.on_scriptrunner_ready()
    requests.request_rerun(RerunData(page_script_hash="review", fragment_id="deck"))
    found = requests.on_scriptrunner_ready().rerun_data
    assert (found.page_script_hash, found.fragment_id_queue) == ("review", ["deck"])
