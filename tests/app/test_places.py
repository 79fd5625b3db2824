"""Which folders a browser can reach: workspaces and roots as the operator named them, and nothing else."""

from pathlib import Path

import pytest

from curation_app import __main__ as command
from curation_app import places
from curation_app.samples import SAMPLES, sample_path
from curation_app.server import SCRIPT, options, prepare
from curation_app.upload_limits import limits
from curation_core.errors import ConfigError


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", ".hidden", "a\\b", "a\x00b", "-x", "a" * 101, "a\n"])
def test_a_name_that_is_no_plain_folder_is_refused(name, empty_folder):
    assert not places.valid_name(name)
    with pytest.raises(ConfigError, match="there is no workspace"):
        places.workspace_path(name)
    with pytest.raises(ConfigError, match="cannot be a folder's name"):
        places.new_workspace_path(name)


def test_only_folders_with_settings_are_workspaces(full_folder):
    (full_folder / "stray").mkdir()
    assert places.workspace_names() == ["shapes"]
    with pytest.raises(ConfigError, match="exists already"):
        places.new_workspace_path("stray")


def test_the_disk_and_the_home_folder_cannot_be_mounted():
    for folder in ("/", str(Path.home())):
        with pytest.raises(ConfigError, match="mount a folder below it"):
            places.parse_root(f"all={folder}")


@pytest.mark.parametrize("text", ["nothing", "=x", "../a=x", "a=/does/not/exist"])
def test_a_root_that_is_not_name_and_folder_is_refused(text):
    with pytest.raises(ConfigError, match="root"):
        places.parse_root(text)


def test_a_path_stays_below_its_root(tmp_path, monkeypatch):
    (tmp_path / "root" / "in").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "out")
    monkeypatch.setenv(places.ROOTS, f"r={tmp_path / 'root'}")
    assert places.below_root("r", "in") == tmp_path / "root" / "in"
    for wrong in ("..", "../out", "link", "in/../../out", str(tmp_path / "out")):
        with pytest.raises(ConfigError, match="leads out of the root"):
            places.below_root("r", wrong)
    with pytest.raises(ConfigError, match="does not exist"):
        places.below_root("r", "gone")
    with pytest.raises(ConfigError, match="there is no root"):
        places.below_root("other", "in")


def test_the_server_takes_its_theme_along_and_listens_on_this_machine_only():
    chosen = options(8600, "127.0.0.1", headless=True)
    assert chosen["server.address"] == "127.0.0.1"
    assert chosen["server.headless"] is True
    assert chosen["browser.gatherUsageStats"] is False
    assert chosen["theme.dark.backgroundColor"].startswith("#")
    assert command.parser().parse_args([]).address == "127.0.0.1"


def test_every_option_of_the_config_file_is_known_to_streamlit():
    from streamlit import config

    unknown = set(options(1, "", headless=True)) - set(config._config_options_template)
    assert not unknown


def test_prepare_names_the_folders_for_this_process(tmp_path, monkeypatch):
    monkeypatch.setenv(places.WORKSPACES, "")
    monkeypatch.setenv(places.ROOTS, "")
    prepare(tmp_path / "ws", [f"a={tmp_path}"])
    assert places.workspaces_folder() == tmp_path / "ws"
    assert places.roots() == {"a": tmp_path}


def test_a_wrong_root_ends_the_command_with_a_sentence(tmp_path, capsys):
    assert command.main(["--workspaces", str(tmp_path), "--root", "all=/"]) == 2
    assert "mount a folder below it" in capsys.readouterr().err


def test_pages_theme_and_samples_are_found():
    assert (places.pages_folder() / "explore.py").is_file()
    assert places.theme_file().is_file()
    for sample in SAMPLES:
        assert sample_path(sample.file).is_file()
    with pytest.raises(ConfigError, match="not installed"):
        sample_path("gone.zip")


def test_streamlit_run_finds_the_application_in_app_py():
    from streamlit.web.server.app_discovery import discover_asgi_app

    found = discover_asgi_app(Path(places.__file__).resolve().parents[1] / "app.py")
    assert found.is_asgi_app
    assert found.app_name == "app"


def test_no_pages_lie_beside_the_script_or_they_would_be_served_without_the_shell():
    assert SCRIPT.is_file()
    assert not (SCRIPT.parent / "pages").exists()


def test_stores_may_be_roots_and_http_only_when_it_is_allowed(monkeypatch):
    assert places.parse_root("far=s3://bucket/prefix/") == ("far", "s3://bucket/prefix")
    assert places.parse_root("far=gs://bucket")[1] == "gs://bucket"
    with pytest.raises(ConfigError, match="--allow-http"):
        places.parse_root("web=https://example.org/data")
    monkeypatch.setenv(places.ALLOW_HTTP, "1")
    assert places.parse_root("web=https://example.org/data")[1] == "https://example.org/data"


@pytest.mark.parametrize("address", ["file:///etc", "ftp://host/x", "s3://", "s3:///"])
def test_addresses_of_other_kinds_are_refused(address):
    with pytest.raises(ConfigError, match="root far"):
        places.parse_root(f"far={address}")


def test_a_typed_path_stays_below_a_remote_root(monkeypatch):
    monkeypatch.setenv(places.ROOTS, "far=s3://bucket/prefix")
    assert places.source_below("far", "./a//b.csv") == "s3://bucket/prefix/a/b.csv"
    assert places.source_below("far", "") == "s3://bucket/prefix"
    for wrong in ("../other", "a/../../b", "s3://other/x", "a\\..\\b"):
        with pytest.raises(ConfigError, match="leads out of the root"):
            places.source_below("far", wrong)
    with pytest.raises(ConfigError, match="is an address"):
        places.below_root("far", "a")


@pytest.mark.parametrize("path", ["a\x00b", "x" * 5_000])
def test_a_path_that_no_disk_can_have_is_a_sentence(path, tmp_path, monkeypatch):
    monkeypatch.setenv(places.ROOTS, f"r={tmp_path}")
    with pytest.raises(ConfigError):
        places.below_root("r", path)


def test_prepare_checks_the_size_of_uploads(tmp_path, monkeypatch):
    for name in (places.WORKSPACES, places.ROOTS, "CURATE_MAX_UPLOAD"):
        monkeypatch.setenv(name, "")
    prepare(tmp_path, [], max_upload="5GB")
    assert limits().max_upload == 5 * 10**9
    with pytest.raises(ConfigError, match="write a number with its unit"):
        prepare(tmp_path, [], max_upload="many")


def test_a_model_folder_must_lie_below_a_root(tmp_path, monkeypatch):
    inside, outside = tmp_path / "models" / "mine", tmp_path / "elsewhere"
    inside.mkdir(parents=True)
    outside.mkdir()
    monkeypatch.setenv(places.ROOTS, f"models={tmp_path / 'models'}")
    assert places.allowed_model(f"hf:{inside}") == f"hf:{inside}"
    assert places.allowed_model("color-hog") == "color-hog"
    assert places.allowed_model("hf:org/name") == "hf:org/name"
    with pytest.raises(ConfigError, match="not below a root"):
        places.allowed_model(f"hf:{outside}")
    with pytest.raises(ConfigError, match="not below a root"):
        places.allowed_model(f"st:{inside}/../../elsewhere")
