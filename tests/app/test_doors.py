"""The doors: clicking through a root, what a path holds, the preview and its corrections, uploads as sources."""

import io
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from curation_app import browse, earlier_uploads, glimpses, places, preview, state, upload_limits, upload_store
from curation_app.components.upload import upload_data
from curation_app.upload_names import File
from curation_core.config import IngestConfig
from curation_core.errors import ConfigError
from curation_core.workspace import Workspace


def button(app, key):
    return next(found for found in app.button if found.key == key)


def shown(app) -> str:
    kinds = ("title", "subheader", "markdown", "caption")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind)).replace("\\", "")


def uploaded(*files: tuple[str, bytes]) -> str:
    """The id of a finished upload."""
    upload = upload_store.reserve([File(path, len(data)) for path, data in files], upload_limits.Limits(keep_free=0))
    writer = upload_store.ChunkWriter(upload, 0, keep_free=0)
    writer.write(b"".join(data for _, data in files))
    assert writer.commit(writer._checksum) == upload.total
    return upload.id


@pytest.fixture
def root(tmp_path_factory, monkeypatch, empty_folder) -> Path:
    folder = tmp_path_factory.mktemp("root")
    for name in ("b", "a", ".hidden"):
        (folder / name).mkdir()
    (folder / "texts.csv").write_text("text,topic\n" + "\n".join(f"a gloss of word {n},t{n % 3}" for n in range(30)))
    (folder / "program.exe").write_text("x")
    (folder / ".secret.csv").write_text("x")
    np.save(folder / "vectors.npy", np.zeros((7, 3), np.float32))
    monkeypatch.setenv(places.ROOTS, f"r={folder}")
    return folder


@pytest.fixture
def started(monkeypatch) -> list[tuple[str, str]]:
    """Jobs that were asked for, instead of processes."""
    found: list[tuple[str, str]] = []
    monkeypatch.setattr("curation_core.jobs.start", lambda path, verb, options=None: found.append((path.name, verb)))
    return found


def look_inside(app, path: str):
    next(box for box in app.text_input if box.key == "door-path").set_value(path).run()
    return button(app, "door-look").click().run()


# ---- clicking through


def test_folders_come_first_and_hidden_and_foreign_files_are_left_out(root):
    found = browse.listing(root, root)
    assert found.folders == ("a", "b")
    assert [name for name, _ in found.files] == ["texts.csv", "vectors.npy"]
    assert (found.more, found.whole) == (0, True)


def test_links_that_leave_the_root_pipes_and_loops_are_left_out(root, tmp_path):
    (root / "out").symlink_to(tmp_path)
    (root / "out.csv").symlink_to("/etc/hostname")
    (root / "loop").symlink_to(root / "loop")
    (root / "inside").symlink_to(root / "a")
    os.mkfifo(root / "pipe.csv")
    found = browse.listing(root, root)
    assert found.folders == ("a", "b", "inside")
    assert [name for name, _ in found.files] == ["texts.csv", "vectors.npy"]


def test_a_folder_of_very_many_entries_says_how_many_are_not_listed(root):
    for number in range(browse.MOST + 20):
        (root / "a" / f"{number:04d}").mkdir()
    found = browse.listing(root, root / "a")
    assert (len(found.folders), found.more) == (browse.MOST, 20)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("texts.csv", "a table of 2 columns"),
        ("vectors.npy", "7 vectors of 3 numbers"),
        ("a", "nothing that is read"),
        ("", "1 table, 1 matrix"),
        ("shapes.zip", "a zip of 1 image"),
        ("broken.zip", "cannot be read"),
        ("broken.npy", "cannot be read"),
        ("rows.jsonl", "a table of 2 columns"),
        ("table.parquet", "a table of 4 rows and 1 column"),
    ],
)
def test_what_a_path_holds_is_told_from_names_and_headers(root, path, said):
    import pyarrow as pa
    import pyarrow.parquet

    if path == "shapes.zip":
        with zipfile.ZipFile(root / path, "w") as archive:
            archive.writestr("a.png", "x")
            archive.writestr("notes.txt", "x")
    elif path.startswith("broken"):
        (root / path).write_bytes(b"no such thing")
    elif path == "rows.jsonl":
        (root / path).write_text('{"a": 1, "b": 2}\n{"a": 1}\n')
    elif path == "table.parquet":
        pyarrow.parquet.write_table(pa.table({"x": [1, 2, 3, 4]}), root / path)
    assert said in browse.holds(root / path)


def test_what_can_be_unreadable_is_a_sentence_and_the_door_stays(root, open_page):
    app = open_page("data")
    next(box for box in app.text_input if box.key == "door-path").set_value("../..").run()
    assert not app.exception
    assert "leads out of the root" in shown(app)
    look_inside(app, "texts.csv")
    assert button(app, "ingest").label == "Ingest 30 items"


def test_the_folder_door_says_what_the_path_holds(root, open_page):
    app = open_page("data")
    next(box for box in app.text_input if box.key == "door-path").set_value("vectors.npy").run()
    assert "7 vectors of 3 numbers" in shown(app)


def test_a_remote_root_takes_a_typed_path(root, open_page, monkeypatch):
    monkeypatch.setenv(places.ROOTS, "far=s3://bucket/prefix")
    app = open_page("data")
    assert not app.exception
    assert next(box for box in app.text_input if box.key == "door-path").label == "Path below it"
    assert places.source_below("far", "a/b.parquet") == "s3://bucket/prefix/a/b.parquet"


# ---- the preview


def test_a_table_is_ingested_with_corrected_settings(root, open_page, started):
    (root / "two.csv").write_text("title,review\n" + "\n".join(f"t{n},a long review {n}" for n in range(12)))
    app = open_page("data")
    look_inside(app, "two.csv")
    column = next(box for box in app.selectbox if (box.key or "").endswith("-text_column"))
    assert column.value == "review"  # the longer texts: a guess where the table does not tell
    column.set_value("title").run()
    assert not app.error
    button(app, "ingest").click().run()
    assert started == [("two", "run")]
    assert Workspace(places.workspace_path("two")).settings.ingest.text_column == "title"


def test_meanings_that_values_do_not_fit_are_said_before_anything_is_made(root, open_page, monkeypatch, started):
    monkeypatch.setattr(preview, "_columns", lambda config, seen: {"text": "number"})
    app = open_page("data")
    look_inside(app, "texts.csv")
    assert "text" in app.error[0].value
    assert not [found for found in app.button if found.key == "ingest"]


def test_only_changed_meanings_become_settings(root, open_page, monkeypatch, started):
    def edited(shown, **options):
        return {**shown, "meaning": ["text", "text"]}  # topic was a category

    monkeypatch.setattr(preview.st, "data_editor", edited)
    app = open_page("data")
    look_inside(app, "texts.csv")
    button(app, "ingest").click().run()
    assert Workspace(places.workspace_path("texts")).settings.ingest.column_types == {"topic": "text"}


def test_a_table_beside_the_source_becomes_its_metadata(root, open_page, started):
    (root / "labels.csv").write_text("label\n" + "\n".join(f"l{n % 2}" for n in range(7)))
    app = open_page("data")
    look_inside(app, "vectors.npy")
    next(box for box in app.selectbox if (box.key or "").endswith("-metadata")).set_value("labels.csv").run()
    assert "1 column" in [badge.value for badge in app.get("badge")] or "label" in str(app.dataframe[0].value)
    button(app, "ingest").click().run()
    assert Workspace(places.workspace_path("vectors")).settings.ingest.metadata == str(root / "labels.csv")


def test_a_scene_is_previewed_as_tiles_and_cut_as_it_is_asked(root, open_page, started):
    rasterio = pytest.importorskip("rasterio")
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(
        root / "scene.tif", "w", driver="GTiff", width=128, height=128, count=3, dtype="uint8", **place
    ) as scene:
        scene.write(np.random.default_rng(0).integers(1, 255, (3, 128, 128), dtype=np.uint8))
    app = open_page("data")
    look_inside(app, "scene.tif")
    next(box for box in app.number_input if (box.key or "").endswith("-size")).set_value(32).run()
    assert not app.exception
    assert "16 tiles" in shown(app)
    next(box for box in app.text_input if (box.key or "").endswith("-bands")).set_value("9, 9, 9").run()
    assert "3 bands" in app.error[0].value.replace("\\", "")
    next(box for box in app.text_input if (box.key or "").endswith("-bands")).set_value("3, 2, 1").run()
    button(app, "ingest").click().run()
    settings = Workspace(places.workspace_path("scene")).settings.ingest
    assert (settings.tile_size, settings.tile_bands) == (32, (3, 2, 1))


def test_faces_are_to_be_blurred_before_the_job_starts(empty_folder, open_page, monkeypatch, shapes_folder, started):
    monkeypatch.setenv(places.ROOTS, f"r={shapes_folder.parent}")
    app = open_page("data")
    look_inside(app, "pictures")
    next(switch for switch in app.toggle if switch.key == "door-blur").set_value(True).run()
    assert "shown after their faces are blurred" in shown(app)
    button(app, "ingest").click().run()
    assert started
    assert Workspace(places.workspace_path("pictures")).settings.faces.blur


def test_a_name_that_cannot_be_a_folder_is_a_sentence_and_nothing_is_made(root, open_page, started):
    app = open_page("data")
    look_inside(app, "texts.csv")
    next(box for box in app.text_input if (box.key or "").startswith("name-")).set_value("../out").run()
    button(app, "ingest").click().run()
    assert "cannot be a folder" in app.error[0].value.replace("\\", "")
    assert started == []


def test_the_first_items_are_small_pictures_and_unreadable_ones_say_why(tmp_path, shapes_folder):
    (tmp_path / "a.png").write_bytes(b"no picture")
    next(shapes_folder.glob("*.png")).copy(tmp_path / "b.png") if hasattr(Path, "copy") else (
        tmp_path / "b.png"
    ).write_bytes(next(shapes_folder.glob("*.png")).read_bytes())
    first, second = glimpses.first_items(IngestConfig(source=str(tmp_path)), "image")
    assert first.reason
    assert not first.picture
    assert second.picture[:4] == b"RIFF"


def test_names_and_texts_of_items_stay_text():
    hostile = '"><img src=x onerror=alert(1)>'
    made = glimpses.as_html(
        (
            glimpses.Glimpse(hostile, picture=b"x"),
            glimpses.Glimpse("t", text=hostile),
            glimpses.Glimpse("r", reason=hostile),
        )
    )
    assert "<img src=x" not in made
    assert made.count("&lt;img src=x") == 5


def test_free_names_are_plain_and_differ(full_folder):
    assert preview.free_name("shapes") == "shapes-2"
    assert preview.free_name("größe & mehr.zip") == "gr--e---mehr.zip"
    assert preview.free_name("...") == "workspace"


# ---- uploads


def test_a_finished_upload_is_looked_into_and_ingested(empty_folder, open_page, shapes_folder, started):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(shapes_folder.glob("*.png"))[:9]:
            archive.write(path, path.name)
    upload_id = uploaded(("nine.zip", buffer.getvalue()))
    app = open_page("data")
    app.session_state[state._KEY] = state.AppState(source=("upload", upload_id))
    app.run()
    assert "nine" in shown(app)
    button(app, "ingest").click().run()
    assert started == [("nine", "run")]


def test_an_earlier_upload_is_used_again_and_removed_when_no_workspace_reads_it(empty_folder, open_page, started):
    text = b"text\n" + b"some words of a text\n" * 9
    upload_id = uploaded(("texts.csv", text))
    app = open_page("data")
    button(app, "earlier-use").click().run()
    button(app, "ingest").click().run()
    assert earlier_uploads.used_by() == {upload_id: ["texts"]}
    app = open_page("data")
    app.session_state["data-tab"] = "New workspace"
    app.run()
    assert button(app, "earlier-remove").disabled
    shutil.rmtree(empty_folder / "texts")
    app = open_page("data")
    button(app, "earlier-remove").click().run()
    assert not app.exception
    assert upload_store.finished() == []
    assert not (upload_store.uploads_folder() / upload_id).exists()


def test_an_upload_that_is_gone_is_said(empty_folder, open_page):
    app = open_page("data")
    app.session_state[state._KEY] = state.AppState(source=("upload", "0" * 32))
    app.run()
    assert "not known here any more" in app.error[0].value.replace("\\", "")
    assert button(app, "sample-emoji.zip")


def test_the_upload_door_gets_limits_types_and_a_token(empty_folder, monkeypatch):
    monkeypatch.setenv(upload_limits.MAX_UPLOAD, "5GB")
    data = upload_data(upload_limits.limits())
    assert data["max_upload"] == 5 * 10**9
    assert ".png" in data["suffixes"]
    assert "." in data["token"]


def test_uploads_can_be_turned_off(empty_folder, open_page, monkeypatch):
    monkeypatch.setenv(upload_limits.MAX_UPLOAD, "0")
    assert "Uploads are off" in shown(open_page("data"))


def test_the_news_of_an_upload_is_heard_once(empty_folder, monkeypatch):
    heard: dict[str, int] = {}
    monkeypatch.setattr(state.st, "session_state", heard)
    assert [state.is_news(number) for number in (5, 5, 4, 6)] == [True, False, False, True]


def test_an_upload_below_another_folder_is_no_source(empty_folder):
    with pytest.raises((ConfigError, upload_store.UploadRefused)):
        upload_store.source("../shapes")
