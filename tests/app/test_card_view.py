import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curation_app.routes import routes
from curation_core.workspace import Workspace


@pytest.fixture
def ws(full_folder):
    return Workspace(full_folder / "shapes")


def test_what_people_say_is_kept_and_stands_in_the_next_card(ws, open_page):
    app = open_page("export", ws="shapes")
    assert not app.exception
    assert any(one.label.startswith("Dataset card · 12 of 12") for one in app.expander)
    app.text_input(key="card-shapes-license").set_value("CC0-1.0")
    app.text_area(key="card-shapes-motivation").set_value("To test <b>cards</b>.")
    next(button for button in app.button if button.label == "Keep").click()
    app.run()
    assert not app.exception
    assert ws.settings.card.license == "CC0-1.0"
    assert any(one.label.startswith("Dataset card · 10 of 12") for one in app.expander)
    folder = ws.export("said", formats=("parquet",))
    text = (folder / "card.html").read_text()
    assert "To test &lt;b&gt;cards&lt;/b&gt;." in text
    assert "card.motivation" not in text


def test_a_finished_export_shows_the_lines_that_load_it(ws, open_page):
    app = open_page("export", ws="shapes")
    lines = "\n".join(code.value for code in app.code)
    assert 'load_dataset("parquet", data_files="shapes-30/manifest.parquet", split="train")' in lines
    assert 'ManifestDataset("shapes-30"' in lines


def test_the_card_opens_as_a_page_that_may_run_and_load_nothing(ws):
    client = TestClient(Starlette(routes=routes()))
    ws.export("said", formats=("parquet",))
    found = client.get("/api/card/shapes/said")
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("text/html")
    assert "sandbox; default-src 'none'" in found.headers["content-security-policy"]
    for elsewhere in ("/api/card/shapes/nothing", "/api/card/..%2F/said", "/api/card/shapes/..", "/api/card/none/said"):
        assert client.get(elsewhere).status_code == 404
