"""Decisions in any mix, exported, shown by the files alone, and replayed elsewhere to the same bytes."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.errors import ConfigError, StaleArtifact
from tests.core.exported import Exported, N, fresh, largest, small_workspace

CODES = st.integers(0, 99)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_workspace(tmp_path_factory.mktemp("replay"))


@pytest.fixture
def ws(made, tmp_path):
    return fresh(made, tmp_path)


decided = st.lists(
    st.tuples(
        st.sampled_from(["keep", "drop", "cap", "weight", "items keep", "items drop", "merge", "split", "label"]),
        st.integers(1, 2),
        CODES,
        CODES,
    ),
    min_size=1,
    max_size=6,
)


def act(ws, verdict, level, which, other):
    """One thing that a person does, where it can be done."""
    sizes = ws.decisions().tree.sizes(level)
    full = np.flatnonzero(sizes).tolist()
    cluster, into = full[which % len(full)], full[other % len(full)]
    match verdict:
        case "items keep" | "items drop":
            ws.decide_items([which % N, other % N], verdict[6:])
        case "merge" if cluster != into:
            ws.merge(level, cluster, into)
        case "split" if len(ws.decisions().tree.children(level, cluster)) > 1:
            try:
                ws.split(level, cluster, 2)
            except ConfigError:
                return  # too few that differ
        case "keep" | "drop" | "cap" | "weight" | "label":
            value = {"cap": str(other % 9), "weight": str(1 + other % 4), "label": f"n{other % 3}"}.get(verdict, "")
            ws.decide_cluster(level, cluster, verdict, value)


@settings(deadline=None, max_examples=6)
@given(decided, st.integers(0, N), st.sampled_from(["random", "closest", "diverse"]))
def test_the_files_alone_show_that_all_was_kept_to_and_a_replay_gives_the_same_bytes(made, acts, target, strategy):
    with tempfile.TemporaryDirectory() as folder:
        ws, other = (fresh(made, Path(folder) / one) for one in "ab")
        for one in acts:
            act(ws, *one)
        found = Exported(ws, target, strategy=strategy)
        state = ws.decisions()
        assert found.kept == set(np.flatnonzero(state.kept).tolist())
        assert not set(found.rows) & set(np.flatnonzero(~state.eligible).tolist())
        assert len(found.rows) == len(set(found.rows)) >= min(target, found.node(2, 0)["capacity"])
        budget = {None: len(found.rows)}
        for level in (2, 1):
            kept = {}
            for row in found.manifest:
                kept[row[f"cluster_{level}"]] = kept.get(row[f"cluster_{level}"], 0) + (row["row"] in found.kept)
            for parent, total in budget.items():
                rows = [row for row in found.level(level) if row["parent"] == parent]
                assert sum(row["quota"] for row in rows) == total
                last = [(r["quota"] - 1) / r["weight"] for r in rows if r["quota"] > kept.get(r["cluster"], 0)]
                following = [r["quota"] / r["weight"] for r in rows if r["quota"] < r["capacity"]]
                assert max(last, default=-1) <= min(following, default=np.inf)
            for row in found.level(level):
                assert row["quota"] == found.drawn(level, row["cluster"]) <= row["capacity"] <= row["items"]
                assert row["cap"] is None or row["quota"] <= max(row["cap"], kept.get(row["cluster"], 0))
            budget = {row["cluster"]: row["quota"] for row in found.level(level)}
        assert other.import_decisions(found.folder / "decisions.jsonl") == len(ws.reviews.events())
        again = Exported(other, target, strategy=strategy)
        assert {one.name: one.read_bytes() for one in again.folder.iterdir()} == {
            one.name: one.read_bytes() for one in found.folder.iterdir()
        }


def test_notes_with_any_end_of_line_come_back(ws, made, tmp_path):
    ws.decide_cluster(1, 0, "note", "one\u2028two\x85three\nfour\x0cfive")
    lines = (Exported(ws, 5).folder / "decisions.jsonl").read_text(encoding="utf-8")
    (tmp_path / "d.jsonl").write_text(f"\n{lines}\r\n", encoding="utf-8")
    other = fresh(made, tmp_path / "other")
    assert other.import_decisions(tmp_path / "d.jsonl") == 1
    assert other.import_decisions(tmp_path / "d.jsonl") == 0
    assert other.reviews.events() == ws.reviews.events()


def test_a_file_with_a_line_that_is_no_decision_adds_nothing(ws, tmp_path):
    ws.decide_cluster(1, 0, "drop")
    line = ws.reviews.events()[0].as_json()
    other = json.dumps({**json.loads(line), "op_id": "other"})
    (tmp_path / "d.jsonl").write_text(f"{other}\n{line[:-3]}\n")
    with pytest.raises(ConfigError, match=r"line 2 of d\.jsonl: not a line of decisions\.jsonl"):
        ws.import_decisions(tmp_path / "d.jsonl")
    assert len(ws.reviews.events()) == 1


@pytest.mark.parametrize("later", ["keep", "drop", "cap", "weight", "split", "merge"])
def test_a_draw_made_before_later_decisions_is_not_exported(ws, later):
    plan = ws.sample(30)
    cluster = largest(ws)
    match later:
        case "keep":
            ws.decide_items(np.setdiff1d(np.arange(N), plan.indices)[:1], "keep")
        case "split":
            ws.split(1, cluster)
        case "merge":
            ws.merge(1, cluster, (cluster + 1) % 9)
        case verdict:
            ws.decide_cluster(1, cluster, verdict, {"cap": "1", "weight": "9"}.get(verdict, ""))
    with pytest.raises(StaleArtifact, match="sample again, then export"):
        ws.export("e", plan)
    assert not (ws.path / "exports" / "e").exists()
    ws.reviews.undo()
    ws.export("e", plan)
