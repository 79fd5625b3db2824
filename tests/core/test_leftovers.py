import contextlib

import pytest

from curation_core import leftovers
from curation_core.config import SampleConfig
from curation_core.errors import Cancelled, ConfigError, StepMissing
from curation_core.jobs import Job
from tests.core.exported import fresh, small_workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    ws = small_workspace(tmp_path_factory.mktemp("leftovers"))
    ws.sample(10)
    return ws


def states(ws):
    return (*ws.status(), *ws.checks())


def test_what_is_current_or_was_built_upon_cannot_be_deleted(made, tmp_path):
    ws = fresh(made, tmp_path)
    old_tree, old_draw = ws.plans.plan("cluster").key, ws.plans.plan("sample").key
    assert leftovers.needed_by(ws.store, states(ws), "sample", old_draw) == ["it is current"]
    ws.cluster(seed=1)
    ws.sample(12)
    assert leftovers.needed_by(ws.store, states(ws), "cluster", old_tree) == [f"sample {old_draw} was made from it"]
    with pytest.raises(ConfigError, match="is needed: sample"):
        leftovers.remove(ws.store, states(ws), "cluster", old_tree)
    for step, key in (("sample", old_draw), ("cluster", old_tree)):
        assert leftovers.size_of(ws.store.folder(step, key)) > 0
        leftovers.remove(ws.store, states(ws), step, key)
        with pytest.raises(StepMissing):
            ws.store.folder(step, key)
    assert {one.state for one in ws.status() if one.step != "project"} == {"done"}
    assert "it is current" in leftovers.needed_by(ws.store, states(ws), "embed", ws.plans.plan("embed").key)


def test_a_draw_that_a_plan_names_stays(made, tmp_path):
    ws = fresh(made, tmp_path)
    key = ws.save_plan("mine", SampleConfig(target_size=7)).key
    assert leftovers.needed_by(ws.store, states(ws), "sample", key) == ["plan 'mine' is it"]
    ws.saved_plans.delete("mine")
    assert leftovers.needed_by(ws.store, states(ws), "sample", key) == []


def test_the_catalog_of_kept_vectors_stays(made, tmp_path):
    ws = fresh(made, tmp_path)
    key = ws.settings.current_ingest
    ws.configure(ingest={"column_types": {}})
    assert any("embed" in reason for reason in leftovers.needed_by(ws.store, (), "ingest", key))


def test_a_job_that_is_over_can_be_deleted(tmp_path):
    folder = tmp_path / "20260101-000000-000000-sample"
    folder.mkdir()
    (folder / "spec.json").write_text('{"verb": "sample", "options": {}, "submitted": ""}')
    (folder / "state.json").write_text('{"status": "done"}')
    Job(folder).remove()
    assert not folder.exists()


def test_what_was_begun_and_is_not_done_can_be_deleted_unless_it_is_being_written(made, tmp_path):
    ws = fresh(made, tmp_path)
    assert ws.store.partials() == []
    with contextlib.suppress(Cancelled), ws.store.writing("cluster", "abc", {}) as folder:
        (folder / "kept.npz").write_bytes(b"1234")
        with pytest.raises(ConfigError, match="being written by another process"):
            ws.store.remove_partial("cluster", "abc")
        raise Cancelled("stopped")
    [(step, key, folder)] = ws.store.partials()
    assert (step, key, leftovers.size_of(folder)) == ("cluster", "abc", 4)
    ws.store.remove_partial(step, key)
    assert ws.store.partials() == []
