"""A preview in a real browser: it says what it is, and the refined map takes its place without a click."""

import fcntl
import json
import shutil

import pytest

from curation_core.workspace import Workspace
from tests.conftest import write_shapes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SAID = "Preview: the refined map takes its place when it is done."


@pytest.fixture(scope="module")
def early(server, tmp_path_factory):
    """A workspace that has only the preview of its map."""
    ws = Workspace.create(server[1] / "early", write_shapes(tmp_path_factory.mktemp("early") / "pictures", 40))
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(6, 2))
    ws.project(method="pca")
    made, preview = ws.plans.folder("project"), ws.plans.preview()
    meta = json.loads((made / "meta.json").read_text()) | {"refined": False, "key": preview.key}
    meta["config"] = dict(preview.config)
    shutil.move(made, made.with_name(preview.key))
    (made.with_name(preview.key) / "meta.json").write_text(json.dumps(meta))
    return ws


@pytest.fixture
def at_work(early):
    """A job that holds its lock, as one that refines the map does."""
    folder = early.path / "jobs" / "20260101-000000-000000-project"
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"verb": "project", "options": {}, "submitted": ""}))
    state = {"status": "running", "stage": "layout", "done": 10, "total": 200}
    (folder / "state.json").write_text(json.dumps(state))
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def test_the_refined_map_takes_the_place_of_its_preview_by_itself(server, page, early, at_work):
    page.goto(f"{server[0]}/explore?ws=early")
    page.get_by_text(SAID).wait_for()
    page.locator("canvas").first.wait_for()
    # tall enough: the line takes little of the map
    page.wait_for_function("document.querySelector('canvas').getBoundingClientRect().height > 300")
    early.project()
    page.get_by_text(SAID).wait_for(state="hidden", timeout=20_000)
    page.locator("canvas").first.wait_for()
