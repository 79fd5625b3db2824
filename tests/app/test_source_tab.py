"""The source of a workspace on later visits: what changed on disk, what could not be read and why."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from curation_app import source_tab
from curation_core.catalog import FAILURE_SCHEMA
from curation_core.workspace import Workspace


@pytest.fixture
def own(empty_folder, shapes_folder, tmp_path_factory) -> Workspace:
    """A workspace whose source may be changed."""
    source = tmp_path_factory.mktemp("own") / "pictures"
    shutil.copytree(shapes_folder, source)
    (source / "broken.png").write_bytes(b"no picture")
    (source / "=broken.png").write_bytes(b"no picture")
    return Workspace.create(empty_folder / "own", source)


def failures(*rows: tuple[str, str]) -> pa.Table:
    return pa.Table.from_pylist([{"uri": uri, "reason": reason} for uri, reason in rows], FAILURE_SCHEMA)


def test_new_changed_and_gone_pictures_are_counted(own):
    source = Path(own.settings.ingest.source)
    assert source_tab.find_changes(own, own.catalog()).sentence() == ""
    pictures = sorted(source.glob("*_*.png"))
    pictures[0].unlink()
    shutil.copy(pictures[1], source / "new1.png")
    shutil.copy(pictures[1], source / "new2.png")
    pictures[2].write_bytes(pictures[3].read_bytes())
    assert source_tab.find_changes(own, own.catalog()).sentence() == "2 new, 1 changed, 1 gone"


def test_the_page_says_what_changed_since_the_last_read(own, open_page):
    source = Path(own.settings.ingest.source)
    app = open_page("data", ws="own")
    assert not app.exception
    assert "unchanged" in badges(app)
    shutil.copy(next(source.glob("*_*.png")), source / "new.png")
    next(found for found in app.button if found.key == "check-source").click().run()
    assert not app.exception
    assert "1 new" in badges(app)


def test_the_page_counts_failures_by_reason(own, open_page):
    app = open_page("data", ws="own")
    table = next(found for found in app.dataframe if "files" in found.value.columns)
    assert table.value["files"].tolist() == [2]
    assert [found for found in app.get("download_button") if "CSV" in found.label]


def test_reasons_come_with_their_counts_commonest_first():
    table = failures(("a", "is empty"), ("b", "not an image"), ("c", "not an image"))
    assert source_tab.reasons(table) == [("not an image", 2), ("is empty", 1)]


def test_failures_in_a_csv_are_text_to_a_spreadsheet():
    made = source_tab.as_csv(failures(("=cmd()|x.png", "is empty"), ('a "b", c.png', "-1 bytes")))
    assert made.splitlines() == ["uri,reason", "'=cmd()|x.png,is empty", '"a ""b"", c.png",\'-1 bytes']


def test_a_source_that_is_gone_is_said_and_the_page_stays(own, open_page):
    shutil.rmtree(own.settings.ingest.source)
    app = open_page("data", ws="own")
    assert not app.exception
    assert "does not exist" in badges(app)


def badges(app) -> str:
    return " ".join(str(found.value) for found in app.markdown).replace("\\", "")
