import json
import os
import signal

import numpy as np
import pytest

from curation_core import jobs
from curation_core.advisor import pooled_spread, verdict
from curation_core.errors import Cancelled, ConfigError, StepMissing
from curation_core.workspace import Workspace
from tests.core.test_jobs import wait


def workspace_of(folder, vectors, labels=None):
    np.save(folder / "v.npy", vectors)
    options = {}
    if labels is not None:
        lines = ["row,kind", *(f"{row},{kind}" for row, kind in enumerate(labels))]
        (folder / "columns.csv").write_text("\n".join(lines))
        options = {"metadata": folder / "columns.csv"}
    ws = Workspace.create(folder / "ws", source=folder / "v.npy", **options)
    ws.embed()
    return ws


def long_tail(n_classes=6, largest=300, dim=12, seed=0):
    """Classes in places of their own, each half as common as the one before."""
    rng = np.random.default_rng(seed)
    sizes = [max(12, largest >> number) for number in range(n_classes)]
    labels = np.repeat(np.arange(n_classes), sizes)
    centres = rng.normal(size=(n_classes, dim)) * 6
    return (centres[labels] + rng.normal(size=(len(labels), dim))).astype(np.float32), labels


@pytest.fixture(scope="module")
def tailed(tmp_path_factory):
    return workspace_of(tmp_path_factory.mktemp("tailed"), *long_tail())


def test_on_a_long_tail_trees_draw_more_evenly_than_random_and_the_report_says_so(tailed):
    report = tailed.advise(target_size=60, column="kind")
    rows = {row["title"]: row for row in report["rows"]}
    assert rows["(2B, B/3)"]["figures"]["entropy"]["mean"] > rows["random"]["figures"]["entropy"]["mean"] + 0.1
    assert "more evenly than random does" in report["sentence"]
    assert not rows["random"]["front"]
    assert any(row["front"] for row in report["rows"])
    assert rows["(2B, B/3)"]["adopt"]["n_clusters"] == [120, 20]
    assert rows["random"]["adopt"] is None
    assert json.loads(json.dumps(report)) == report
    assert tailed.reports()["advise"] == report


def test_where_labels_hang_on_nothing_it_says_that_balancing_does_not_pay(tmp_path):
    rng = np.random.default_rng(3)
    ws = workspace_of(tmp_path, rng.normal(size=(600, 8)).astype(np.float32), rng.integers(0, 5, 600))
    sentence = ws.advise(target_size=60, column="kind")["sentence"]
    assert "nothing beats a random draw" in sentence
    assert "balancing does not pay" in sentence


def test_advice_goes_stale_with_what_it_was_made_from_and_comes_back(tailed):
    tailed.advise(target_size=60, column="kind")
    key = tailed.plans.plan("advise").key
    tailed.configure(advise={"target_size": 50})
    assert {step.step: step.state for step in tailed.plans.reports()}["advise"] == "stale"
    with pytest.raises(StepMissing):
        tailed.report("advise")
    tailed.configure(advise={"target_size": 60}, cluster={"n_clusters": (120, 20)})
    assert tailed.plans.plan("advise").key == key  # adopting a row changes nothing of what was tried


def test_of_many_items_a_part_is_tried_with_its_share_of_the_target(tailed):
    n = len(tailed.embeddings())
    report = tailed.advise(target_size=100, column=None, most_items=200, n_seeds=2)
    assert (report["n_tried"], report["target_tried"]) == (200, round(100 * 200 / n))
    assert any("taken at random" in note for note in report["notes"])
    adopted = {row["title"]: row["adopt"] for row in report["rows"]}
    assert adopted["(2B, B/3)"]["n_clusters"] == [200, 33]
    tailed.configure(advise={"most_items": 10_000, "n_seeds": 3})


def test_what_it_would_try_is_known_before(tailed):
    ahead = tailed.advice_ahead(target_size=60)
    assert ahead.n_draws == 3 * ahead.n_candidates
    assert ahead.n_candidates == len(tailed.advise(target_size=60, column=None)["rows"])
    assert ahead.seconds > 0


def test_a_stopped_run_goes_on_with_the_next_candidate_and_ends_the_same(tmp_path, tailed):
    whole = tailed.advise(target_size=40, column="kind")
    ws = workspace_of(tmp_path, *long_tail())

    def stop_after_five_candidates(stage, done, total, **figures):
        if done == 15:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        ws.advise(target_size=40, column="kind", progress=stop_after_five_candidates)
    partial = next((ws.path / "steps" / "advise").glob(".partial-*"))
    kept = {path.name: path.stat().st_mtime_ns for path in (partial / "rows").iterdir()}
    assert len(kept) == 5
    assert ws.advise(target_size=40, column="kind") == whole
    folder = ws.plans.folder("advise") / "rows"
    assert {name: (folder / name).stat().st_mtime_ns for name in kept} == kept


def test_a_killed_job_resumes_and_leaves_its_report(tmp_path):
    ws = workspace_of(tmp_path, *long_tail(largest=700))
    job = jobs.start(ws.path, "advise", {"target_size": 120, "column": "kind", "n_seeds": 4})
    pid = wait(job, lambda state: state.stage == "advise" and state.done >= 9).pid
    os.kill(pid, signal.SIGKILL)
    assert wait(job).status == "interrupted"
    job.resume()
    assert wait(job).status == "done", job.log()
    assert ws.report("advise")["target_size"] == 120


def test_another_embedder_is_judged_by_labels_alone(tmp_path, shapes_folder):
    ws = Workspace.create(tmp_path / "ws", source=shapes_folder)
    ws.embed(embedder="color-hog")
    with pytest.raises(ConfigError, match="choose a column as well"):
        ws.advise(target_size=20, embed_with=("spectral",))
    report = ws.advise(target_size=20, column="shape", n_seeds=2, embed_with=("spectral",))
    assert ws.embeddings().model == "color-hog"  # the one in use stays
    other = [row for row in report["rows"] if row["model"] == "spectral"]
    assert other
    assert all(set(row["figures"]) == {"copies", "shortfall", "entropy"} for row in other)
    assert all(row["adopt"]["embedder"] == "spectral" for row in other)
    assert any("compared by their labels alone" in note for note in report["notes"])
    assert all(row["model"] != "spectral" for row in ws.advise(column=None, embed_with=())["rows"])


@pytest.mark.parametrize("column", ["nothing", "row"])
def test_a_column_without_classes_is_one_sentence_and_changes_no_setting(tailed, column):
    before = tailed.settings
    with pytest.raises(ConfigError, match="column"):
        tailed.advise(target_size=60, column=column)
    assert tailed.settings == before


def test_a_lucky_row_of_small_spread_does_not_beat_random():
    def row(kind, mean, spread):
        return {"kind": kind, "front": True, "figures": {"entropy": {"mean": mean, "spread": spread}}}

    trees = [row("tree", 0.5, 0.06), row("tree", 0.52, 0.05), row("tree", 0.56, 0.001)]
    rows = [row("random", 0.5, 0.001), row("flat", 0.5, 0.05), *trees]
    assert pooled_spread(rows, "entropy") == pytest.approx(np.sqrt((0.06**2 + 2 * 0.05**2 + 2e-6) / 5))
    assert "nothing beats a random draw" in verdict(rows, "kind")
