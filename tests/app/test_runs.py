"""Runs: results side by side, draws compared, what is old deleted."""

import numpy as np
import pytest

from curation_app import draws
from curation_app.chart_changes import change_map
from curation_core.changes import Change
from curation_core.workspace import Workspace


def part(app, name):
    return app.segmented_control(key="runs-part").set_value(name).run()


def button(app, key):
    return next(found for found in app.button if found.key == key)


@pytest.fixture
def two_draws(full_folder):
    ws = Workspace.open(full_folder / "shapes")
    ws.decide_cluster(1, int(ws.decisions().tree.sizes(1).argmax()), "drop")
    ws.sample(40)
    return ws


def test_one_draw_alone_teaches_how_to_get_another(full_folder, open_page):
    ws = Workspace.open(full_folder / "shapes")
    for folder in ws.exports():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    ws.store.remove("sample", ws.plans.plan("sample").key)
    app = part(open_page("runs", ws="shapes"), "Compare")
    assert [found.label for found in app.button if found.key == "compare-to-balance"] == ["Go to Balance"]


def test_the_draw_before_is_compared_with_the_present_one(two_draws, open_page):
    app = part(open_page("runs", ws="shapes"), "Compare")
    assert not app.exception
    assert not app.error
    found = two_draws.compare("previous", "current")
    told = {metric.label: metric.value for metric in app.metric}
    assert told["Entered"] == f"{found.counts[Change.ENTERED]:,}"
    assert told["Left"] == f"{found.counts[Change.LEFT]:,}"
    assert told["Overlap"] == f"{found.jaccard:.3f}"
    causes = next(frame.value for frame in app.dataframe if "reason" in frame.value)
    assert causes["left"].sum() == found.counts[Change.LEFT]
    assert "dropped on one side" in causes["reason"].tolist()
    button(app, "compare-swap").click()
    app.run()
    assert {metric.label: metric.value for metric in app.metric}["Entered"] == f"{found.counts[Change.LEFT]:,}"


def test_every_choice_can_be_compared_and_the_table_leads_down_the_tree(two_draws, open_page):
    app = part(open_page("runs", ws="shapes"), "Compare")
    choice = app.selectbox(key="compare-a")
    assert len(choice.options) == len(draws.choices(two_draws))
    for name in draws.choices(two_draws):
        app.selectbox(key="compare-a").set_value(name)
        app.run()
        assert not app.exception
        assert not app.error
    app.session_state["compare-at-" + f"{name}-draw:{two_draws.plans.plan('sample').key}-a"] = (2, 0)
    app.run()
    table = next(frame.value for frame in app.dataframe if "overlap" in frame.value)
    inside = int((two_draws.decisions().tree.parents(1) == 0).sum())
    assert 0 < len(table) <= inside


def test_a_draw_that_nothing_needs_can_be_deleted(two_draws, open_page):
    old = next(meta["key"] for meta in two_draws.store.all_meta("sample") if meta["n_items"] == 30)
    app = open_page("runs", ws="shapes")
    app.segmented_control(key="runs-step").set_value("sample").run()
    assert any("It cannot be deleted: it is current" in caption.value for caption in app.caption)
    app.selectbox(key="runs-key-sample").set_value(old)
    app.run()
    assert "frees" in button(app, f"runs-delete-sample-{old}").label
    button(app, f"runs-delete-sample-{old}").click()
    app.run()
    assert not app.exception
    assert [meta["n_items"] for meta in two_draws.store.all_meta("sample")] == [40]


def test_what_was_begun_and_never_finished_can_be_deleted(two_draws, open_page):
    folder = two_draws.store.root / "cluster" / ".partial-0123456789abcdef"
    (folder / "unfinished").mkdir(parents=True)
    (folder / "unfinished" / "state.npz").write_bytes(b"x" * 2048)
    app = open_page("runs", ws="shapes")
    found = button(app, "runs-begun-cluster-0123456789abcdef")
    assert "frees 2" in found.label
    found.click()
    app.run()
    assert not app.exception
    assert not folder.exists()
    assert not any(one.key == "runs-begun-cluster-0123456789abcdef" for one in app.button)


def test_what_changed_is_never_lost_in_a_sample_of_the_map():
    change = np.zeros(120_000, np.int64)
    change[::1000] = Change.ENTERED
    made = change_map(np.zeros((120_000, 2)), change, "Changes", captions=[""] * 120_000)
    sizes = {trace.name: len(trace.x) for trace in made.figure.data}
    assert sizes == {"in neither": 50_000 - 120, "stayed": 0, "entered": 120, "left": 0}
    assert made.table["items"] == [120_000 - 120, 0, 120, 0]
