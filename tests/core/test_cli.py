import json
import subprocess
import sys

import numpy as np
import pytest

from curation_core.cli import app
from curation_core.workspace import Workspace

VERBS = {
    "init",
    "ingest",
    "embed",
    "duplicates",
    "quality",
    "faces",
    "advise",
    "bias",
    "card",
    "use",
    "cluster",
    "project",
    "review",
    "compare",
    "repro",
    "reference",
    "sample",
    "export",
    "run",
    "status",
    "verify",
    "jobs",
    "app",
}


def curate(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "curation_core.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "v.npy"
    np.save(path, np.random.default_rng(0).normal(size=(120, 8)).astype("float32"))
    return path


def test_verbs_are_the_same_in_the_command_the_class_and_the_readme(request):
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert commands == VERBS
    readme = (request.config.rootpath / "README.md").read_text().splitlines()
    assert {line.removeprefix("### ") for line in readme if line.startswith("### ")} == VERBS
    assert commands - {"review", "jobs", "app"} <= set(dir(Workspace))  # those three have no single method


def test_each_verb_does_its_step(tmp_path, vectors):
    workspace = tmp_path / "ws"
    steps = [
        ("init", vectors, "-w", workspace),
        ("ingest", "-w", workspace),
        ("embed", "-w", workspace),
        ("cluster", "-w", workspace, "--n-clusters", "20,5"),
        ("project", "-w", workspace, "--method", "pca"),
        ("review", "-w", workspace, "--drop", "1:0"),
        ("sample", "-w", workspace, "--target-size", "30"),
        ("bias", "-w", workspace),
        ("card", "-w", workspace, "--set", "license=CC0-1.0"),
        ("export", "e", "-w", workspace),
        ("verify", workspace / "exports" / "e"),
        ("status", "-w", workspace),
    ]
    for step in steps:
        done = curate(*step)
        assert done.returncode == 0, (step, done.stderr)
    assert {line.split()[1] for line in done.stdout.splitlines()} == {"done"}


def test_what_clustering_takes_is_told_before_it_starts_and_not_on_standard_output(tmp_path, vectors):
    workspace = tmp_path / "ws"
    curate("run", vectors, "-w", workspace)
    done = curate("cluster", "-w", workspace, "--n-clusters", "20,5", "--json")
    assert done.stderr.splitlines()[0].startswith("clustering: about 1 s, ")
    assert json.loads(done.stdout)["n_clusters"] == [20, 5]
    again = curate("cluster", "-w", workspace, "--n-clusters", "20,5")
    assert "clustering:" not in again.stderr + again.stdout  # the tree is there
    assert "clustering:" not in curate("status", "-w", workspace).stderr


def test_a_run_ends_in_a_manifest_that_verifies_and_answers_in_json(tmp_path, vectors):
    done = curate("run", vectors, "-w", tmp_path / "ws", "--target-size", "20", "--export", "e", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer["steps"].values()) == {"done"}
    checked = curate("verify", answer["export"], "--source", vectors, "--json")
    assert json.loads(checked.stdout)["ok"]
    again = curate("run", vectors, "-w", tmp_path / "ws", "--target-size", "20", "--export", "e")
    assert again.returncode == 0


def test_a_config_file_drives_a_run(tmp_path, vectors):
    (tmp_path / "config.toml").write_text(
        f'workspace = "ws"\n[ingest]\nsource = "{vectors}"\n[cluster]\nn_clusters = [20, 5]\n'
        '[project]\nmethod = "pca"\n[sample]\ntarget_size = 10\n'
    )
    done = curate("run", tmp_path / "config.toml")
    assert done.returncode == 0, done.stderr
    assert len(Workspace.open(tmp_path / "ws").sampling_plan().indices) == 10


def test_a_manifest_that_was_changed_ends_with_exit_code_one(tmp_path, vectors):
    curate("run", vectors, "-w", tmp_path / "ws", "--target-size", "20", "--export", "e")
    manifest = tmp_path / "ws" / "exports" / "e" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("0", "1", 1))
    done = curate("verify", manifest.parent)
    assert done.returncode == 1
    assert "FAIL checksums: manifest.csv was changed" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ingest",), "curate init"),
        (("init", "nowhere", "-w", "ws"), "does not exist"),
        (("run", "nowhere"), "--workspace"),
        (("run", "missing.toml"), "does not exist"),
        (("verify", "nowhere"), "does not exist"),
        (("run", "V", "-w", "ws", "--target-size", "2.5"), "whole number"),
        (("run", "V", "-w", "ws", "--target-size", "-3"), "greater than or equal to 0"),
        (("run", "V", "-w", "ws", "--target-size", "500"), "choose at most 120"),
        (("run", "V", "-w", "ws", "--embedder", "nothing"), "nothing"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_two(tmp_path, vectors, arguments, says):
    done = curate(*(vectors if part == "V" else part for part in arguments), cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert [line.startswith("error: ") for line in done.stderr.splitlines() if not line.endswith("to do")] == [True]


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--n-clusters", "a,b", "whole numbers"),
        ("--n-clusters", "5,20", "fine to coarse"),
        ("--n-clusters", "500", "at most 120"),
        ("--mode", "slow", "'fast' or 'compatible'"),
    ],
)
def test_a_wrong_tree_is_one_sentence(tmp_path, vectors, option, value, says):
    curate("init", vectors, "-w", tmp_path / "ws")
    curate("ingest", "-w", tmp_path / "ws")
    curate("embed", "-w", tmp_path / "ws")
    done = curate("cluster", "-w", tmp_path / "ws", option, value)
    assert done.returncode == 2
    assert says in done.stderr


def test_help_names_every_verb():
    done = curate("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in VERBS)
