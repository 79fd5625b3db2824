"""Workspaces for the app's tests: none, and a full small one made without model weights."""

import shutil
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation_app import places
from curation_core.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def same_main():
    """AppTest puts its script in the place of __main__; a later test's worker process would look for that file."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def made_workspace(tmp_path_factory, shapes_folder) -> Path:
    ws = Workspace.create(tmp_path_factory.mktemp("made") / "shapes", shapes_folder)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(24, 6))
    ws.project(method="pca")
    ws.sample(30)
    ws.export("shapes-30", formats=("parquet", "csv"))
    return ws.path


@pytest.fixture
def empty_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path))
    monkeypatch.delenv(places.ROOTS, raising=False)
    return tmp_path


@pytest.fixture
def full_folder(tmp_path, monkeypatch, made_workspace) -> Path:
    shutil.copytree(made_workspace, tmp_path / "shapes")
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path))
    monkeypatch.delenv(places.ROOTS, raising=False)
    return tmp_path


@pytest.fixture
def open_page():
    """Open the app on a page, as a deep link does."""

    def opened(name: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "curation_app" / "shell.py"), default_timeout=60)
        app.query_params.update(query)
        if name != "overview":
            app.run()
            app.switch_page(f"../pages/{name}.py")
        return app.run()

    return opened
