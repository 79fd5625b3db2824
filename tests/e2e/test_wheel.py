"""The wheel, built from the tree and installed into an environment that has nothing of this tree."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    tree = tmp_path_factory.mktemp("tree") / "source"
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in names.stdout.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tree / "out")]
    subprocess.run(build, cwd=tree, check=True, capture_output=True)
    return next((tree / "out").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with the wheel. In CI its dependencies are installed too; elsewhere those of this one are lent."""
    folder = tmp_path_factory.mktemp("empty") / "env"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if os.environ.get("CI"):
        subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), f"{wheel}[cpu]"], check=True, capture_output=True)
    else:
        subprocess.run([*pip, "--no-deps", str(wheel)], check=True, capture_output=True)
        here = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
        site = next((folder / "lib").glob("python*/site-packages"))
        (site / "lent.pth").write_text(f"{here}\n")  # .pth files in there are not read, so this tree stays out
    return folder / "bin"


def run(*command, cwd):
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=clean, check=False
    )


def test_the_wheel_holds_pages_components_configuration_and_samples(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"curation_app/pages/{page.name}" for page in (ROOT / "pages").glob("*.py")} <= names
    assert "curation_app/.streamlit/config.toml" in names
    assert "curation_core/sample_data/emoji.zip" in names
    components = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "curation_app" / "components").rglob("*")
        if path.suffix in (".js", ".css")
    ]
    assert components
    assert set(components) <= names
    assert not any(name.startswith(("tests/", "benchmarks/", "pages/")) for name in names)


def test_the_command_answers_outside_the_tree(installed, tmp_path):
    done = run(installed / "curate", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "verify" in done.stdout
    where = run(installed / "python", "-c", "import curation_core; print(curation_core.__file__)", cwd=tmp_path)
    assert str(ROOT) not in where.stdout


def test_the_app_serves_from_the_wheel(installed, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(installed / "curate"), "app", "--workspaces", "runs", "--port", str(port), "--headless"]
    log = (tmp_path / "log.txt").open("w")
    server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
    try:
        assert _answer(f"http://127.0.0.1:{port}/_stcore/health") == "ok", (tmp_path / "log.txt").read_text()
        assert "<html" in _answer(f"http://127.0.0.1:{port}/explore")
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)
        log.close()
    assert f"http://127.0.0.1:{port}" in (tmp_path / "log.txt").read_text()


def _answer(url):
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.read().decode()
        except OSError:
            time.sleep(0.5)
    return "no answer"
