"""A real server in a process of its own and a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import write_shapes

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # WebGL2 without a GPU
ARGUMENTS = ["--no-sandbox", *SOFTWARE_GL, "--no-first-run", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="session")
def browser_path() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        said = "no Chromium on this machine (looked for " + ", ".join(BROWSERS) + "); install one to run browser tests"
        pytest.fail(said) if os.environ.get("CI") == "true" else pytest.skip(said)
    return found


class Server:
    """The app in a process of its own, with a root of 120 small pictures; may be killed and started anew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workspaces = folder, folder / "workspaces"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address, self.process = f"http://127.0.0.1:{self.port}", None

    def start(self) -> None:
        arguments = ["--workspaces", self.workspaces, "--root", f"data={self.folder / 'data'}"]
        arguments += ["--port", self.port, "--headless"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "curation_app", *map(str, arguments)],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        _wait(f"{self.address}/_stcore/health", self.process, self.folder / "log")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.process.kill()
        self.process.wait(20)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    write_shapes(folder / "data" / "pictures")
    made = Server(folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(running) -> tuple[str, Path]:
    """Address and workspaces folder of a server whose only root holds 120 small pictures."""
    return running.address, running.workspaces


@pytest.fixture
def page(browser_path):
    """A page of a headless browser at 1280 x 800; the test fails when the page logged an error of ours."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        opened = browser.new_page(viewport={"width": 1280, "height": 800})
        opened.set_default_timeout(60_000)
        wrong: list[str] = []
        outside: list[str] = []
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("request", lambda request: outside.append(request.url) if _leaves(request.url) else None)
        yield opened
        browser.close()
    assert not wrong, wrong
    assert not outside, outside


def _leaves(url: str) -> bool:
    return re.match(r"(https?|wss?)://(?!127\.0\.0\.1[:/])", url) is not None


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the server did not come up:\n{log.read_text()}")
