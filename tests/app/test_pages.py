"""Every page on nothing and on a full workspace, and what its buttons do."""

import pytest

from curation_app.navigation import VIEWS
from curation_core.workspace import Workspace

NAMES = [view.name for view in VIEWS]


def shown(app) -> str:
    return "\n".join(
        str(element.value) for kind in ("title", "subheader", "markdown", "caption") for element in app.get(kind)
    )


def button(app, key):
    return next(found for found in app.button if found.key == key)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_opens_without_a_workspace(name, empty_folder, open_page):
    app = open_page(name)
    assert not app.exception
    assert not app.error
    assert app.title[0].value == next(view.title for view in VIEWS if view.name == name)
    assert "workspace" in shown(app) or "Where are your items" in shown(app)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_opens_with_a_full_workspace(name, full_folder, open_page):
    app = open_page(name, ws="shapes")
    assert not app.exception
    assert not app.error, app.error[0].value
    assert app.query_params["ws"] in ("shapes", ["shapes"])


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_at_most_one_primary_button(name, full_folder, open_page):
    app = open_page(name, ws="shapes")
    primary = [found.label for found in app.button if found.proto.type == "primary"]
    assert len(primary) <= 1, primary


@pytest.mark.parametrize("name", ["cluster", "explore", "review", "balance", "export"])
def test_a_page_before_its_step_says_what_is_missing(name, empty_folder, open_page, shapes_folder):
    Workspace.init(empty_folder / "new", shapes_folder)
    app = open_page(name, ws="new")
    assert not app.exception
    assert [found.label for found in app.button if found.key and "needs" in found.key]


def test_an_unknown_workspace_in_a_link_is_said_and_another_is_opened(full_folder, open_page):
    app = open_page("overview", ws="gone")
    assert "gone" in app.warning[0].value
    assert app.query_params["ws"] in ("shapes", ["shapes"])


def test_a_workspace_name_that_leads_elsewhere_opens_nothing(full_folder, open_page):
    app = open_page("overview", ws="../../etc")
    assert not app.exception
    assert app.query_params["ws"] in ("shapes", ["shapes"])


def test_a_broken_workspace_is_a_sentence_and_not_a_traceback(full_folder, open_page):
    (full_folder / "shapes" / "workspace.toml").write_text("not toml [")
    app = open_page("overview", ws="shapes")
    assert not app.exception
    assert "is not valid TOML" in app.error[0].value.replace("\\", "")


def test_an_unexpected_error_is_an_apology_with_a_reference(full_folder, open_page, monkeypatch):
    monkeypatch.setattr("curation_core.workspace.Workspace.exports", lambda ws: 1 / 0)
    app = open_page("overview", ws="shapes")
    assert not app.exception
    assert "Something went wrong" in app.error[0].value
    assert "division" not in app.error[0].value


def test_the_balance_slider_moves_the_quotas_and_keeps_the_draw(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    app.slider[0].set_value(60).run()
    assert app.number_input[0].value == 60
    button(app, "keep-draw").click().run()
    ws = Workspace(full_folder / "shapes")
    assert len(ws.sampling_plan().indices) == 60
    assert not app.error


def test_balance_measures_over_a_column(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    groups = next(box for box in app.selectbox if box.key == "balance-groups")
    groups.set_value("column shape").run()
    assert not app.exception
    assert "Every value of shape" in [one.value for one in app.subheader]


def test_explore_opens_the_cluster_of_a_link_and_drops_it(full_folder, open_page):
    ws = Workspace(full_folder / "shapes")
    app = open_page("explore", ws="shapes", level="2", cluster="3")
    size = int(ws.hierarchy().sizes(2)[3])
    assert f"{size:,} item" in shown(app)
    button(app, "explore-drop").click().run()
    assert ws.decisions().verdicts[1][3] == -1


def test_explore_forgives_a_link_to_a_cluster_that_is_not_there(full_folder, open_page):
    app = open_page("explore", ws="shapes", level="9", cluster="12345")
    assert not app.exception
    assert "A cluster of another tree" in shown(app)


def test_export_shows_the_finished_export_as_verified(full_folder, open_page):
    app = open_page("export", ws="shapes")
    assert any("verified" in str(element.value) for element in app.markdown)
    assert "read_parquet" in app.code[0].value
    assert any("load_dataset" in code.value for code in app.code)


def test_export_asks_for_a_new_draw_when_decisions_moved_on(full_folder, open_page):
    ws = Workspace(full_folder / "shapes")
    ws.decide_cluster(2, 0, "drop")
    app = open_page("export", ws="shapes")
    button(app, "redraw").click().run()
    assert not app.error
    drawn = ws.sampling_plan().indices
    assert not (ws.hierarchy().point_assignment(2)[drawn] == 0).any()


def test_data_previews_a_mounted_folder_and_ingests_it(empty_folder, open_page, monkeypatch, shapes_folder):
    monkeypatch.setenv("CURATE_ROOTS", f"pictures={shapes_folder.parent}")
    started = []
    monkeypatch.setattr("curation_core.jobs.start", lambda path, verb, options=None: started.append((path.name, verb)))
    app = open_page("data")
    next(box for box in app.text_input if box.key == "door-path").set_value("pictures").run()
    button(app, "door-look").click().run()
    assert "120 images" in shown(app)
    assert button(app, "ingest").label == "Ingest 120 items"
    button(app, "ingest").click().run()
    assert started == [("pictures", "run")]
    assert (empty_folder / "pictures" / "workspace.toml").is_file()


def test_data_refuses_a_path_that_leaves_the_root(empty_folder, open_page, monkeypatch, shapes_folder):
    monkeypatch.setenv("CURATE_ROOTS", f"pictures={shapes_folder}")
    app = open_page("data")
    next(box for box in app.text_input if box.key == "door-path").set_value("../..").run()
    button(app, "door-look").click().run()
    assert "leads out of the root" in app.error[0].value.replace("\\", "")


def test_cluster_reports_a_wrong_list_of_levels_as_a_sentence(full_folder, open_page):
    app = open_page("cluster", ws="shapes")
    next(box for box in app.text_input if box.key == "cluster-levels").set_value("many").run()
    assert not app.exception
    assert "write whole numbers" in app.error[0].value


def test_cluster_tells_what_it_will_take_and_what_will_not_fit(full_folder, open_page, monkeypatch):
    app = open_page("cluster", ws="shapes")
    told = next(one.value for one in app.caption if one.value.startswith("Clustering here: about "))
    assert "of memory, " in told
    assert "on disk" in told
    assert not app.warning
    monkeypatch.setattr("curation_core.forecast.free_memory", lambda: 1_000)
    monkeypatch.setattr("curation_core.forecast.free_disk", lambda folder: 1_000)
    app = open_page("cluster", ws="shapes")
    assert [one.value.split(":")[0].split(" and ")[0].split()[1] for one in app.warning] == ["needs", "writes"]


def test_cluster_again_starts_a_job_with_the_settings(full_folder, open_page, monkeypatch):
    started = []
    monkeypatch.setattr("curation_core.jobs.start", lambda path, verb, options=None: started.append(verb))
    app = open_page("cluster", ws="shapes")
    next(box for box in app.text_input if box.key == "cluster-levels").set_value("30, 5").run()
    button(app, "cluster-start").click().run()
    assert started == ["run"]
    assert Workspace(full_folder / "shapes").settings.cluster.n_clusters == (30, 5)


def test_a_hostile_name_stays_text(empty_folder, open_page, tmp_path_factory):
    source = tmp_path_factory.mktemp("hostile") / "texts.csv"
    rows = "\n".join(f"{n},<img src=x onerror=alert({n})> ![a](http://evil) [b](javascript:x)" for n in range(20))
    source.write_text(f"id,text\n{rows}\n")
    ws = Workspace.create(empty_folder / "bad", source, name="<b>![x](http://evil)</b>", text_column="text")
    ws.embed(embedder="hashing-text")
    ws.cluster(n_clusters=(4,))
    app = open_page("explore", ws="bad", level="1", cluster="0")
    assert not app.exception
    for element in app.markdown:
        assert "](http" not in element.value.replace("\\", "~")
