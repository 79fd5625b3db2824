"""The preview of a large map in a workspace: there first, replaced by the refined one, and never taken for it."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from curation_core import map_layout, projection
from curation_core.cli import app
from curation_core.errors import Cancelled
from curation_core.workspace import Workspace

pytest.importorskip("curation_kernels.layout")


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setattr(map_layout, "MANY", 1000)
    monkeypatch.setattr(projection, "MANY", 1000)
    monkeypatch.setattr(projection, "PREVIEW_FROM", 1000)
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(1500, 12)).astype(np.float32))
    made = Workspace.init(tmp_path / "ws", tmp_path / "v.npy")
    made.ingest()
    made.embed()
    made.configure(project={"n_epochs": 10})
    return made


def stop_in(stage):
    def stop(at, done, total, **figures):
        if at == stage:
            raise Cancelled("enough")

    return stop


def state_of(ws):
    return next(step for step in ws.status() if step.step == "project")


def test_the_preview_is_there_while_the_map_is_refined_and_the_refined_one_replaces_it(ws):
    seen = []

    def look(stage, done, total, **figures):
        if stage == "layout":
            seen.append((ws.projection().refined, state_of(ws).state))

    found = ws.project(progress=look)
    assert set(seen) == {(False, "stale")}
    assert found.refined
    assert state_of(ws).state == "done"
    metas = {meta["refined"]: meta for meta in ws.store.all_meta("project")}
    assert metas[True]["engine"] == metas[False]["engine"] == "curation_kernels"
    assert metas[True]["n_epochs"] == 10
    assert set(metas[True]["parts"]) == {"preview", "neighbours", "layout"}
    assert set(metas[False]["parts"]) == {"preview"}
    assert metas[False]["seconds"] >= metas[False]["parts"]["preview"] - 0.01
    assert "refine" not in metas[True]["config"]
    assert metas[False]["config"]["refine"] is False


def test_after_a_stop_the_preview_stays_and_the_next_run_ends_with_the_same_bytes(ws):
    with pytest.raises(Cancelled):
        ws.project(progress=stop_in("neighbours"))
    early = ws.projection()
    assert not early.refined
    assert state_of(ws).state == "stale"
    assert state_of(ws).reason == "only the preview is there; run project to refine it"
    before = np.array(early.xy)
    refined = np.array(ws.project().xy)
    assert ws.projection().refined
    (folder,) = [ws.store.folder("project", m["key"]) for m in ws.store.all_meta("project") if not m["refined"]]
    assert np.load(folder / "xy.npy").tobytes() == before.tobytes()
    for meta in ws.store.all_meta("project"):
        ws.store.remove("project", meta["key"])
    assert np.array(ws.project().xy).tobytes() == refined.tobytes()


def test_other_settings_do_not_show_a_preview_of_these(ws):
    with pytest.raises(Cancelled):
        ws.project(progress=stop_in("neighbours"))
    ws.configure(project={"seed": 5})
    assert state_of(ws).reason == "seed changed from 0 to 5"
    assert not ws.store.has("project", ws.plans.shown_map().key)


def test_a_preview_may_be_all_that_is_asked_for(ws):
    found = ws.project(refine=False)
    assert not found.refined
    assert state_of(ws).state == "done"
    assert len(ws.store.all_meta("project")) == 1
    assert ws.project(refine=True).refined


def test_a_map_of_before_there_were_previews_is_a_refined_one(ws):
    ws.project(method="pca")
    path = ws.plans.folder("project") / "meta.json"
    meta = json.loads(path.read_text())
    assert "refine" not in meta["config"]  # its key is what it was
    path.write_text(json.dumps({name: value for name, value in meta.items() if name not in ("refined", "engine")}))
    assert ws.projection().refined
    assert state_of(ws).state == "done"


def test_the_command_tells_the_state(ws):
    told = CliRunner().invoke(app, ["project", "-w", str(ws.path), "--preview"])
    assert "1,500 items laid out by umap, a preview; run project --refine to refine it" in told.stdout
    told = CliRunner().invoke(app, ["project", "-w", str(ws.path), "--refine", "--json"])
    assert json.loads(told.stdout) == {"items": 1500, "method": "umap", "refined": True}
