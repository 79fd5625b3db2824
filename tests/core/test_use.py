import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from curation_core.errors import Cancelled, ConfigError
from curation_core.exam import Exam, interval, shares, worst_group
from tests.core.test_advisor import long_tail, workspace_of


@pytest.fixture(scope="module")
def tailed(tmp_path_factory):
    ws = workspace_of(tmp_path_factory.mktemp("tailed"), *long_tail(n_classes=8, largest=400))
    ws.configure(cluster={"n_clusters": (60, 12)})
    return ws


@given(st.lists(st.integers(-1, 4), min_size=40, max_size=120), st.integers(0, 9))
def test_no_draw_can_take_a_tested_item_or_a_copy_of_one(labels, seed):
    label = np.array([0, 1] * 10 + labels)
    group = np.random.default_rng(seed).integers(-1, 12, len(label))
    exam = Exam.of(np.zeros((len(label), 2), np.float32), label, None, group)
    assert not set(exam.test.tolist()) & set(exam.pool.tolist())
    assert not (set(group[exam.test].tolist()) - {-1}) & set(group[exam.pool].tolist())
    assert len(exam.test) + len(exam.pool) + exam.kept_out == len(label)
    for one in range(5):
        n, tested = int((label == one).sum()), int((label[exam.test] == one).sum())
        assert tested == (max(5, round(0.25 * n)) if n >= 10 else 0)
    assert (label[exam.test] >= 0).all()


def test_a_test_needs_two_classes():
    with pytest.raises(ConfigError, match="a test needs two of them"):
        Exam.of(np.zeros((30, 2)), np.r_[np.zeros(25, int), 1, 1, 2, 3, 4], None, np.full(30, -1))


def test_intervals_are_those_of_student():
    values = [0.5, 0.6, 0.7, 0.55]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert interval(values) == pytest.approx((np.mean(values), low, high))


def test_the_worst_group_is_the_worst_on_average():
    marks = [{"0": 0.9, "1": 0.2, "2": 0.5}, {"0": 0.9, "1": 0.6, "2": 0.1}]
    assert worst_group(marks) == ("2", [0.5, 0.1])


def test_groups_of_too_few_items_are_not_told():
    right = np.array([True] * 6 + [False] * 4)
    assert shares(right, np.array([0] * 6 + [1] * 3 + [-1])) == {"0": 1.0}


def test_probes_learn_rare_classes_better_from_a_balanced_draw(tailed):
    report = tailed.use(column="kind", target_size=60)
    rows = {(row["draw"], row["probe"]): row for row in report["rows"]}
    assert set(rows) == {(draw, probe) for draw in ("random", "flat", "ours") for probe in ("knn", "linear")}
    assert rows["ours", "knn"]["balanced"] > rows["random", "knn"]["balanced"] + 0.1
    gap = next(
        one
        for one in report["differences"]
        if (one["against"], one["probe"], one["figure"]) == ("random", "knn", "balanced")
    )
    assert gap["mean"] == pytest.approx(rows["ours", "knn"]["balanced"] - rows["random", "knn"]["balanced"], abs=2e-6)
    assert gap["low"] > 0
    assert all(row["low"] <= row["mean"] <= row["high"] for row in report["rows"])
    assert report["size"] == 60
    assert tailed.reports()["use"] == json.loads(json.dumps(report)) == report


def test_where_labels_hang_on_nothing_neither_draw_is_better(tmp_path):
    rng = np.random.default_rng(5)
    ws = workspace_of(tmp_path, rng.normal(size=(400, 6)).astype(np.float32), rng.integers(0, 3, 400))
    ws.configure(cluster={"n_clusters": (60, 10)})
    assert "so neither is better" in ws.use(column="kind", target_size=50)["sentence"]


def test_a_second_column_has_a_worst_group_of_its_own(tmp_path):
    vectors, labels = long_tail()
    np.save(tmp_path / "v.npy", vectors)
    lines = [f"{row},{kind},{'north' if row % 3 else 'south'}" for row, kind in enumerate(labels)]
    (tmp_path / "c.csv").write_text("\n".join(["row,kind,region", *lines]))
    from curation_core.workspace import Workspace

    ws = Workspace.create(tmp_path / "ws", source=tmp_path / "v.npy", metadata=tmp_path / "c.csv")
    ws.embed()
    report = ws.use(column="kind", group_column="region", target_size=40, n_seeds=3)
    assert {row["second_worst_group"] for row in report["rows"]} <= {"north", "south"}


def test_a_stopped_report_goes_on_where_it_was_and_ends_the_same(tmp_path, tailed):
    whole = tailed.use(column="kind", target_size=40, n_seeds=3)
    ws = workspace_of(tmp_path, *long_tail(n_classes=8, largest=400))
    ws.configure(cluster={"n_clusters": (60, 12)})

    def stop_in_the_middle(stage, done, total, **figures):
        if done == 4:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        ws.use(column="kind", target_size=40, n_seeds=3, progress=stop_in_the_middle)
    marks = next((ws.path / "steps" / "use").glob(".partial-*")) / "marks"
    assert len(list(marks.iterdir())) == 4
    assert ws.use(column="kind", target_size=40, n_seeds=3) == whole


def test_without_a_column_there_is_nothing_to_learn(tmp_path):
    ws = workspace_of(tmp_path, np.eye(30, dtype=np.float32))
    with pytest.raises(ConfigError, match="curate use --column"):
        ws.use()


def test_of_many_items_a_part_is_used_with_a_tree_of_its_share(tailed):
    n = len(tailed.embeddings())
    report = tailed.use(column="kind", target_size=100, most_items=n // 2, n_seeds=3)
    assert report["size"] == report["target_tried"] == round(100 * (n // 2) / n)
    assert report["n_clusters"] == [round(60 * report["target_tried"] / 100), 12]
    tailed.configure(cluster={"n_clusters": None, "expected_target": 100})
    levels = tailed.use(column="kind", target_size=100, most_items=n // 2, n_seeds=3)["n_clusters"]
    assert 90 <= levels[0] <= 2 * report["size"]  # about two leaves per item drawn
    tailed.configure(cluster={"n_clusters": (60, 12), "expected_target": None}, use={"most_items": 10_000})
