"""The Export page: formats by what they are for, a preview of real rows, the lines that load what was written."""

from typing import get_args

import pytest

from curation_app import exporting
from curation_app.format_words import GROUPS, load_lines, offered
from curation_core import jobs
from curation_core.config import ManifestFormat
from curation_core.workspace import Workspace


def test_every_format_is_in_one_group_with_a_line_and_lines_that_are_python():
    listed = [kind for kinds in GROUPS.values() for kind in kinds]
    assert sorted(listed) == sorted(get_args(ManifestFormat))
    for kind in listed:
        for has_files in (True, False):
            compile(load_lines(kind, "an-export", ["train", "test"], has_files), kind, "exec")


def test_formats_are_offered_where_they_fit():
    text = [kind for kinds in offered("text", False).values() for kind in kinds]
    assert "coco" not in text
    assert "webdataset" in text
    assert "wds-index" in offered("image", True)["For training"]
    assert "wds-index" not in offered("image", False)["For training"]
    assert "webdataset" not in offered("vector", False)["For training"]


def test_the_page_asks_shows_the_first_rows_and_starts_the_job(full_folder, open_page, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start", lambda path, verb, options: started.append((verb, options)))
    app = open_page("export", ws="shapes")
    assert not app.exception
    rows = next(frame.value for frame in app.dataframe if "item_id" in frame.value)
    ws = Workspace(full_folder / "shapes")
    ids = ws.catalog().items.column("item_id").to_pylist()
    drawn = ws.embeddings().rows[ws.sampling_plan().indices[: len(rows)]]
    assert rows["item_id"].tolist() == [ids[row] for row in drawn]
    next(found for found in app.button if found.key == "export").click().run()
    ((verb, options),) = started
    assert verb == "export"
    assert options["formats"] == ["parquet", "csv", "jsonl", "npy"]
    assert options["name"] == "shapes-30"


def test_folders_of_an_export_are_told_as_one_line_each(tmp_path):
    (tmp_path / "files" / "a").mkdir(parents=True)
    for name in ("files/a/1.png", "files/a/2.png", "run.json"):
        (tmp_path / name).write_bytes(b"12345")
    assert exporting.files_of(tmp_path) == ([("files/a/ · 2 files", 10, False), ("run.json", 5, True)], 15)


@pytest.mark.parametrize("run", [{}, {"counts": dict.fromkeys(("drawn", "items", "unreadable", "dropped", "kept"), 1)}])
def test_provenance_is_told_in_at_most_five_lines(run):
    run = {name: {**value, "decisions": 0} for name, value in run.items()}
    lines = exporting.provenance({**run, "splits": {"a": 1, "b": 2}, "sample": {"seed": 0}} if run else run)
    assert len(lines) <= 5
    assert bool(lines) is bool(run)
