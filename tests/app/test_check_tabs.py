"""Data › Duplicates, Quality and Faces: before and after their jobs, and what their buttons do."""

import shutil

import pytest
from PIL import Image

from curation_app import places
from curation_core.workspace import Workspace
from tests.conftest import write_shapes


@pytest.fixture(scope="module")
def checked_workspace(tmp_path_factory):
    from skimage import data

    folder = write_shapes(tmp_path_factory.mktemp("checked") / "pictures", 40)
    for number, name in enumerate(sorted(path.name for path in folder.glob("*.png"))[:4]):
        Image.open(folder / name).resize((72, 72)).save(folder / f"copy_{number}.jpg", quality=90)
    Image.fromarray(data.astronaut()).resize((200, 200)).save(folder / "portrait.jpg")
    ws = Workspace.create(folder.parent / "ws" / "checked", folder)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(8, 2))
    return ws.path


@pytest.fixture
def checked(tmp_path, monkeypatch, checked_workspace):
    shutil.copytree(checked_workspace, tmp_path / "checked")
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path))
    monkeypatch.delenv(places.ROOTS, raising=False)
    return Workspace(tmp_path / "checked")


@pytest.fixture
def open_tab(open_page):
    def opened(name, **chosen):
        app = open_page("data", ws="checked")
        app.session_state["data-tab"] = name
        app = app.run()
        for key, value in chosen.items():
            app.session_state[key] = value
        return app.run() if chosen else app

    return opened


def button(app, key):
    return next(found for found in app.button if found.key == key)


def labels(app):
    return [found.label for found in app.button]


@pytest.mark.parametrize(
    ("tab", "label"),
    [("Duplicates", "Compare 45 items"), ("Quality", "Score 45 items"), ("Faces", "Search 45 pictures")],
)
def test_a_tab_before_its_job_offers_the_job_with_its_size(tab, label, checked, open_tab):
    app = open_tab(tab)
    assert not app.exception
    assert label in labels(app)


def test_duplicates_shows_groups_and_applies_what_was_chosen(checked, open_tab):
    found = checked.duplicates()
    app = open_tab("Duplicates")
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Groups"] == f"{found.n_groups:,}"
    assert figures["Left out by one per group"] == f"{int(found.sizes().sum()) - found.n_groups:,}"
    toggle = next(found for found in app.toggle if found.key == "duplicates-on")
    app = toggle.set_value(True).run()
    button(app, "duplicates-apply").click().run()
    assert checked.settings.sample.one_per_group
    assert checked.settings.duplicates.threshold == pytest.approx(checked.duplicate_threshold())


def test_a_higher_threshold_regroups_without_another_search(checked, open_tab):
    checked.duplicates()
    app = open_tab("Duplicates")
    slider = next(found for found in app.slider if found.key.startswith("duplicates-threshold"))
    app = slider.set_value(1.0).run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Groups"] == "0"


def test_quality_drops_the_flagged_on_request_and_undo_takes_them_back(checked, open_tab):
    checked.quality(thresholds={"too_small": 60})
    app = open_tab("Quality", **{"quality-flag": "too_small"})
    assert not app.exception
    assert "Drop 40 flagged items" in labels(app)
    app = button(app, "drop-too_small").click().run()
    assert checked.decisions().n_dropped == 40
    button(app, "undo-too_small").click().run()
    assert checked.decisions().n_dropped == 0


def test_a_moved_threshold_counts_at_once_and_is_kept_only_when_saved(checked, open_tab):
    checked.quality(thresholds={"too_small": 60})
    app = open_tab("Quality", **{"quality-flag": "too_small"})
    slider = next(found for found in app.slider if found.key.endswith("too_small"))
    moved = min(300.0, slider.max)
    app = slider.set_value(moved).run()
    assert any("flagged items" in label and "40" not in label for label in labels(app))
    assert checked.settings.quality.thresholds == {"too_small": 60}
    button(app, f"{slider.key}-save").click().run()
    assert checked.settings.quality.thresholds["too_small"] == pytest.approx(moved)


def test_faces_are_counted_and_shown(checked, open_tab):
    checked.faces()
    app = open_tab("Faces")
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Faces"] == "1"
    assert "Not a face: pick detections below" in labels(app)


def test_texts_have_no_tab_of_faces(tmp_path, monkeypatch, open_page):
    (tmp_path / "t.jsonl").write_text("".join(f'{{"text": "a text of number {n}"}}\n' for n in range(20)))
    Workspace.create(tmp_path / "ws" / "texts", tmp_path / "t.jsonl")
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path / "ws"))
    app = open_page("data", ws="texts")
    assert not app.exception
    assert [tab.label for tab in app.tabs][:4] == ["This workspace", "Duplicates", "Quality", "New workspace"]


def test_balance_offers_one_per_group_only_after_the_search(checked, open_page):
    checked.sample(20)
    toggle = next(found for found in open_page("balance", ws="checked").toggle if "one-per-group" in found.key)
    assert toggle.disabled
    checked.duplicates()
    app = open_page("balance", ws="checked")
    toggle = next(found for found in app.toggle if "one-per-group" in found.key)
    assert not toggle.disabled
    most = app.slider[0].max
    app = toggle.set_value(True).run()
    assert not app.exception
    assert app.slider[0].max < most


def test_the_export_of_texts_counts_what_it_would_mask(tmp_path, monkeypatch, open_page):
    lines = [f'{{"text": "text {n}, ask person{n}@example.org"}}\n' for n in range(12)]
    (tmp_path / "t.jsonl").write_text("".join(lines))
    ws = Workspace.create(tmp_path / "ws" / "texts", tmp_path / "t.jsonl")
    ws.embed(embedder="hashing-text")
    ws.cluster(n_clusters=(2,))
    ws.sample(5)
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path / "ws"))
    app = open_page("export", ws="texts")
    toggle = next(found for found in app.toggle if found.key == "export-mask")
    app = toggle.set_value(True).run()
    assert not app.exception
    assert any("12 mail addresses" in caption.value for caption in app.caption)
