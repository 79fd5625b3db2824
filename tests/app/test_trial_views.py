import shutil

import numpy as np
import pytest

from curation_app import chart_trials, places
from curation_app.places import workspace_path
from curation_core import jobs
from curation_core.workspace import Workspace


@pytest.fixture(scope="module")
def tried_once(tmp_path_factory, made_workspace):
    folder = shutil.copytree(made_workspace, tmp_path_factory.mktemp("tried") / "shapes")
    ws = Workspace.open(folder)
    ws.advise(target_size=30, column="shape", n_seeds=2)
    ws.use(column="shape", target_size=30, n_seeds=3)
    return folder


@pytest.fixture
def advised(empty_folder, tried_once):
    """A workspace of 120 pictures in which settings were tried and probes trained."""
    return Workspace.open(shutil.copytree(tried_once, empty_folder / "shapes"))


def part(open_page, name):
    app = open_page("balance", ws="shapes")
    app.session_state["balance-part"] = name
    app.run()
    assert not app.exception
    assert not app.error
    return app


def said(app):
    return "\n".join(str(element.value) for kind in ("markdown", "caption") for element in app.get(kind))


def button(app, key):
    return next(found for found in app.button if found.key == key)


def primary(app):
    return [found.label for found in app.button if found.proto.type == "primary"]


def test_before_anything_was_tried_the_advisor_says_what_it_would_do(full_folder, open_page):
    app = part(open_page, "Advisor")
    start = button(app, "start-advise")
    assert primary(app) == [start.label]
    assert start.label.startswith("Try ")
    assert "draws of 30 from 120 items" in said(app)


def test_starting_starts_a_job_with_the_target_of_the_slider(full_folder, open_page, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start", lambda *asked: started.append(asked))
    app = part(open_page, "Advisor")
    button(app, "start-advise").click().run()
    ((path, verb, options),) = started
    assert path == workspace_path("shapes")
    assert verb == "advise"
    assert options == {"target_size": 30, "column": "shape", "n_seeds": 3, "embed_with": ()}


def test_adopting_a_row_changes_the_settings_and_builds_the_tree(advised, open_page, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start", lambda path, verb, options: started.append(verb))
    advised.decide_cluster(1, 0, "keep")
    app = part(open_page, "Advisor")
    assert primary(app) == [button(app, "adopt").label]
    assert "1 cluster of the present tree has decisions" in said(app).replace("\\", "")
    row = next(one for one in app.selectbox if one.label == "Setting to use")
    report = advised.report("advise")
    wanted = {one["title"]: one["adopt"] for one in report["rows"]}
    row.set_value("(2B, B/10)").run()
    button(app, "adopt").click().run()
    after = Workspace.open(advised.path).settings.cluster
    assert list(after.n_clusters) == wanted["(2B, B/10)"]["n_clusters"]
    assert (after.n_resamples, after.expected_target) == (3, 30)
    assert started == ["cluster"]
    assert Workspace.open(advised.path).report("advise") == report  # what was tried stays current


def test_figures_of_another_target_are_told_as_such(advised, open_page):
    app = part(open_page, "Advisor")
    app.number_input(key="target-number-shapes").set_value(20).run()
    assert "These figures are for 30 items drawn, not for 20" in said(app)


def test_the_report_of_use_is_shown_with_its_sentence(advised, open_page):
    app = part(open_page, "Use")
    assert "Learning shape from 30 items" in said(app).replace("\\", "")
    assert primary(app) == []


def test_use_without_labels_says_what_is_missing(empty_folder, open_page):
    np.save(empty_folder / "v.npy", np.random.default_rng(0).normal(size=(60, 4)).astype("float32"))
    ws = Workspace.create(empty_folder / "shapes", source=empty_folder / "v.npy")
    ws.embed()
    ws.cluster(n_clusters=(6,))
    assert places.workspace_path("shapes") == ws.path
    assert "Join a table with labels" in said(part(open_page, "Use"))


def figure(mean, spread=0.01):
    return {"mean": mean, "spread": spread}


def test_the_chart_of_settings_keeps_baselines_apart_and_leaves_out_what_has_no_such_figure():
    def row(kind, title, front, **figures):
        return {"kind": kind, "title": title, "front": front, "n_clusters": [4, 2], "figures": figures}

    names = (("uncrowding", True), ("copies", False))
    report = {
        "sentence": "So it is.",
        "figures": [{"name": name, "title": name, "higher": higher} for name, higher in names],
        "rows": [
            row("random", "random", False, uncrowding=figure(0.1), copies=figure(0.0)),
            row("flat", "flat k-means, 4", False, uncrowding=figure(0.2), copies=figure(0.0)),
            row("tree", "(2B, <b>)", True, uncrowding=figure(12.5, 1.25), copies=figure(0.0)),
            row("tree", "other · spectral", False, copies=figure(0.5)),
        ],
    }
    made = chart_trials.settings_chart(report, "uncrowding", "copies")
    assert [trace.name for trace in made.figure.data] == ["random", "flat k-means", "tree, on the front"]
    assert [trace.marker.symbol for trace in made.figure.data] == ["square-open", "diamond-open", "circle"]
    assert made.figure.data[2].text == ("(2B, &lt;b&gt;)",)
    assert made.figure.data[2].error_x.array == (1.25,)
    assert made.table["uncrowding"] == ["0.100 ± 0.010", "0.200 ± 0.010", "12.5 ± 1.2", "–"]
    assert made.table["front"] == ["", "", "✓", ""]
    assert "lower is better" in made.figure.layout.yaxis.title.text
    assert made.alt.endswith("So it is.")


def test_the_chart_of_use_has_every_figure_of_every_draw(advised):
    report = advised.report("use")
    made = chart_trials.use_chart(report)
    assert [trace.name for trace in made.figure.data] == ["random", "flat k-means", "ours"]
    ours = next(row for row in report["rows"] if (row["draw"], row["probe"]) == ("ours", "linear"))
    assert made.figure.data[2].x[0] == pytest.approx(100 * ours["balanced"])
    assert len(made.table["draw"]) == 6
    assert made.table["worst class"][0] == report["rows"][0]["worst_group"]
