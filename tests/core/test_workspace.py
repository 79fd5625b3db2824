import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from curation_core.errors import Cancelled, ConfigError, StaleArtifact, StepMissing
from curation_core.workspace import Workspace


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 8)) * 5
    vectors = centres[rng.choice(6, 300, p=[0.6, 0.2, 0.1, 0.05, 0.03, 0.02])] + rng.normal(size=(300, 8))
    np.save(tmp_path / "vectors.npy", vectors.astype("float32"))
    return tmp_path / "vectors.npy"


def finished(path, source, target=60):
    workspace = Workspace.init(path, source)
    workspace.configure(
        cluster={"n_clusters": (40, 8)},
        project={"method": "pca"},
        sample={"target_size": target},
        export={"name": "first"},
    )
    workspace.run()
    return workspace


def states(workspace, **options):
    return {step.step: step.state for step in workspace.status(**options)}


def test_the_six_lines_of_the_readme_work(tmp_path, source):
    ws = Workspace.create(tmp_path / "ws", source=source)
    ws.embed()
    ws.cluster(n_clusters=(40, 8))
    ws.project(method="pca")
    plan = ws.sample(target_size=60)
    folder = ws.export("e", plan, formats=("parquet", "csv"))
    assert len(plan.indices) == 60
    assert ws.verify("e").ok, ws.verify("e")
    others = {"rejected.parquet", "tree.parquet", "decisions.jsonl", "run.json", "SHA256SUMS"}
    others |= {"card.md", "card.html", "croissant.json", "bias.json"}
    assert {path.name for path in folder.iterdir()} == {"manifest.parquet", "manifest.csv", *others}


def test_every_step_is_missing_before_and_done_after(tmp_path, source):
    workspace = Workspace.init(tmp_path / "ws", source)
    assert set(states(workspace).values()) == {"missing"}
    with pytest.raises(StepMissing, match="run ingest"):
        workspace.catalog()
    workspace.configure(cluster={"n_clusters": (40, 8)}, project={"method": "pca"}, sample={"target_size": 60})
    workspace.run()
    assert set(states(workspace, check_source=True).values()) == {"done"}


def test_a_changed_setting_makes_stale_what_depends_on_it_and_says_why(tmp_path, source):
    workspace = finished(tmp_path / "ws", source)
    workspace.configure(cluster={"seed": 5})
    found = {step.step: step for step in workspace.status()}
    assert [name for name, step in found.items() if step.state == "stale"] == ["cluster", "sample"]
    assert found["cluster"].reason == "seed changed from 0 to 5"
    workspace.configure(cluster={"seed": 0})
    assert set(states(workspace).values()) == {"done"}  # the old result is still there


def test_a_changed_source_is_noticed_when_asked(tmp_path, source):
    workspace = finished(tmp_path / "ws", source)
    np.save(source, np.load(source)[:200])
    assert states(workspace)["ingest"] == "done"
    assert states(workspace, check_source=True)["ingest"] == "stale"
    workspace.run()
    assert len(workspace.catalog()) == 200


def manifest_bytes(workspace):
    folder = workspace.path / "exports" / "first"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes_anywhere(tmp_path, source):
    first = finished(tmp_path / "one", source)
    elsewhere = tmp_path / "moved" / "deeper"
    elsewhere.mkdir(parents=True)
    shutil.copy(source, elsewhere / "vectors.npy")
    second = finished(tmp_path / "two", elsewhere / "vectors.npy")
    assert manifest_bytes(first) == manifest_bytes(second)
    assert str(tmp_path).encode() not in b"".join(manifest_bytes(first).values())


@pytest.mark.parametrize("victim", ["ingest", "embed", "prepare", "cluster", "project", "sample", "export"])
def test_a_run_killed_in_any_step_ends_with_the_same_bytes(tmp_path, source, victim):
    whole = finished(tmp_path / "whole", source)
    workspace = Workspace.init(tmp_path / "killed", source)
    workspace.configure(
        cluster={"n_clusters": (40, 8)}, project={"method": "pca"}, sample={"target_size": 60}, export={"name": "first"}
    )
    script = f"""
import os, sys
from curation_core.workspace import Workspace
def kill(stage, done, total, **figures):
    names = {{"level 1": "cluster", "level 2": "cluster", "layout": "project", "neighbours": "project"}}
    if names.get(stage, stage) == {victim!r}:
        os._exit(9)
Workspace.open({str(workspace.path)!r}).run(progress=kill)
"""
    code = subprocess.run([sys.executable, "-c", script], check=False).returncode
    assert code == 9, f"the run never reached {victim}"
    workspace.run()
    assert manifest_bytes(workspace) == manifest_bytes(whole)


def test_cancelling_keeps_what_is_finished(tmp_path, source):
    workspace = Workspace.init(tmp_path / "ws", source)

    def stop(stage, done, total, **figures):
        if stage.startswith("level"):
            raise Cancelled("enough")

    workspace.configure(cluster={"n_clusters": (40, 8)})
    with pytest.raises(Cancelled):
        workspace.run(progress=stop)
    assert states(workspace)["prepare"] == "done"
    assert states(workspace)["cluster"] == "missing"


@pytest.mark.parametrize(
    ("target", "says"),
    [(301, "choose at most 300, or set multiplier to 2"), (-1, "greater than or equal to 0"), (2.5, "whole number")],
)
def test_a_target_that_cannot_be_is_one_sentence_and_changes_nothing(tmp_path, source, target, says):
    workspace = finished(tmp_path / "ws", source)
    with pytest.raises(ConfigError, match=says):
        workspace.sample(target_size=target)
    assert workspace.settings.sample.target_size == 60


def test_oversampling_draws_more_than_there_is(tmp_path, source):
    plan = finished(tmp_path / "ws", source).sample(target_size=400, multiplier=2)
    assert len(plan.indices) == 400
    assert np.bincount(plan.indices).max() == 2


def test_dropping_a_cluster_moves_the_quotas_and_undo_moves_them_back(tmp_path, source):
    workspace = finished(tmp_path / "ws", source)
    tree, before = workspace.hierarchy(), workspace.sampling_plan()
    biggest = int(tree.sizes(2).argmax())
    workspace.decide_cluster(2, biggest, "drop", reviewer="ada")
    assert states(workspace)["sample"] == "stale"
    after = workspace.sample()
    assert after.quotas[1][biggest] == 0
    assert len(after.indices) == 60
    assert not np.isin(after.indices, tree.members(2, biggest)).any()
    workspace.reviews.undo()
    assert np.array_equal(workspace.sample().indices, before.indices)


def test_a_dropped_item_is_rejected_with_its_reason(tmp_path, source):
    import pyarrow.parquet as pq

    workspace = finished(tmp_path / "ws", source)
    victims = workspace.sampling_plan().indices[:3]
    workspace.decide_items(victims, "drop")
    workspace.sample()
    folder = workspace.export("second")
    rejected = pq.read_table(folder / "rejected.parquet").to_pylist()
    reasons = {row["row"]: row["reason"] for row in rejected}
    assert {reasons[int(row)] for row in victims} == {"dropped in review: this item"}
    assert workspace.verify("second").ok


def test_review_that_leaves_too_few_items_gives_a_shortfall_not_an_error(tmp_path, source):
    workspace = finished(tmp_path / "ws", source, target=250)
    biggest = int(workspace.hierarchy().sizes(2).argmax())
    left = 300 - workspace.hierarchy().sizes(2)[biggest]
    workspace.decide_cluster(2, biggest, "drop")
    plan = workspace.sample()
    assert len(plan.indices) == min(250, left)


def test_a_folder_that_is_no_workspace_is_named(tmp_path, source):
    with pytest.raises(StepMissing, match="curate init"):
        Workspace.open(tmp_path)
    with pytest.raises(ConfigError, match="not empty"):
        Workspace.init(tmp_path, source)
    with pytest.raises(ConfigError, match="does not exist"):
        Workspace.init(tmp_path / "ws", tmp_path / "nowhere")
    Workspace.init(tmp_path / "ws", source)
    with pytest.raises(ConfigError, match="workspace already"):
        Workspace.init(tmp_path / "ws", source)


def test_a_cluster_that_does_not_exist_cannot_be_decided(tmp_path, source):
    workspace = finished(tmp_path / "ws", source)
    with pytest.raises(
        ConfigError, match=r"cluster 2:99 does not exist; this tree has level 1: 0 to 39, level 2: 0 to 7"
    ):
        workspace.decide_cluster(2, 99, "drop")


def test_a_workspace_of_a_newer_version_is_refused(tmp_path, source):
    workspace = Workspace.init(tmp_path / "ws", source)
    path = workspace.path / "workspace.toml"
    path.write_text(path.read_text().replace("format = 1", "format = 9"))
    with pytest.raises(StaleArtifact, match="newer version"):
        Workspace.open(workspace.path)


def test_provenance_names_settings_versions_and_keys(tmp_path, source):
    workspace = finished(tmp_path / "ws", source)
    run = json.loads((workspace.path / "exports" / "first" / "run.json").read_text())
    assert run["sample"] == {"target_size": 60, "strategy": "random", "multiplier": 1, "seed": 0}
    assert run["steps"]["cluster"]["config"]["n_clusters"] == [40, 8]
    assert run["source"]["source"] == "vectors.npy"
    assert run["counts"]["items"] == 300


def test_a_setting_that_does_not_fit_the_data_is_taken_back(tmp_path, source):
    workspace = finished(tmp_path / "ws", source)
    for step, options in (
        ("cluster", {"n_clusters": (500, 8)}),
        ("embed", {"embedder": "nothing"}),
        ("sample", {"target_size": 900}),
    ):
        with pytest.raises(ConfigError):
            getattr(workspace, step)(**options)
    assert set(states(workspace).values()) == {"done"}
