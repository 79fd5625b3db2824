import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.changes import CAUSES, Cause, Change
from curation_core.comparison import compare_draws
from curation_core.comparison_report import sentences, write_changes
from curation_core.config import SampleConfig
from curation_core.draw_sides import WORDS, DrawSide, Why
from curation_core.errors import ConfigError, CurationError, ManifestMismatch
from curation_core.exported_draws import read_export
from curation_core.hierarchy import Hierarchy, Level
from curation_core.sampling import sample
from curation_core.workspace import Workspace
from tests.core.exported import fresh, largest, members, small_workspace
from tests.core.test_cli import curate


def tree_of(leaf, parent):
    def level(assignment, k):
        return Level(np.empty((k, 0), np.float32), assignment.astype(np.int32), np.zeros(len(assignment), np.float32))

    return Hierarchy((level(leaf, len(parent)), level(parent, 2)))


def side_of(rng, ids, target, *, leaves=5, multiplier=1):
    tree = tree_of(rng.integers(0, leaves, len(ids)), rng.integers(0, 2, leaves))
    config = SampleConfig(target_size=target, multiplier=multiplier, seed=int(rng.integers(0, 9)))
    plan = sample(tree, config)
    copies = np.bincount(plan.indices, minlength=len(ids))
    why = np.where(copies > 0, Why.DRAWN, Why.QUOTA).astype(np.int8)
    texts = pa.array([f"i{one}" for one in ids])
    return DrawSide("side", texts, texts, tree, copies, plan.quotas, why, pa.array([], pa.string()))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 30), st.integers(0, 30), st.integers(1, 2))
def test_changes_are_what_sets_of_ids_say_at_every_cluster_of_both_trees(seed, target_a, target_b, multiplier):
    rng = np.random.default_rng(seed)
    ids = [rng.permutation(40)[: rng.integers(1, 40)].tolist() for _ in range(2)]
    a, b = (
        side_of(rng, one, target, multiplier=multiplier) for one, target in zip(ids, (target_a, target_b), strict=True)
    )
    found = compare_draws(a, b)
    drawn = [
        {f"i{one}" for one, n in zip(names, side.copies, strict=True) if n}
        for names, side in zip(ids, (a, b), strict=True)
    ]
    told = {change: set(found.item_ids(found.rows(change)).to_pylist()) for change in Change}
    assert told[Change.STAYED] == drawn[0] & drawn[1]
    assert told[Change.ENTERED] == drawn[1] - drawn[0]
    assert told[Change.LEFT] == drawn[0] - drawn[1]
    either = len(drawn[0] | drawn[1])
    assert found.jaccard == (len(drawn[0] & drawn[1]) / either if either else 1.0)
    for number, (names, side) in enumerate(zip(ids, (a, b), strict=True)):
        place = {f"i{one}": row for row, one in enumerate(names)}
        for level in (1, 2):
            node, cluster = found.nodes[number][level - 1], side.hierarchy.point_assignment(level)
            for name, meant in (("entered", Change.ENTERED), ("left", Change.LEFT), ("stayed", Change.STAYED)):
                inside = [cluster[place[one]] for one in told[meant] if one in place]
                assert getattr(node, name).tolist() == np.bincount(inside, minlength=len(node.items)).tolist()
            for of, copies, own in zip((0, 1), (a, b), ids, strict=True):
                taken = np.zeros(len(node.items), int)
                for one, n in zip(own, copies.copies.tolist(), strict=True):
                    if f"i{one}" in place:
                        taken[cluster[place[f"i{one}"]]] += n
                assert node.taken[of].tolist() == taken.tolist()
    table = found.as_table().to_pydict()
    assert set(table["item_id"]) == drawn[0] ^ drawn[1]
    gone = [one for one, cause in zip(table["item_id"], table["cause"], strict=True) if cause == CAUSES[Cause.POOL]]
    assert set(gone) == {one for one in drawn[0] ^ drawn[1] if int(one[1:]) not in set(ids[0]) & set(ids[1])}


def test_from_a_to_b_and_back_only_the_direction_turns():
    rng = np.random.default_rng(3)
    a, b = side_of(rng, range(30), 12), side_of(rng, range(5, 40), 20)
    there, back = compare_draws(a, b).summary(), compare_draws(b, a).summary()
    assert (there["entered"], there["left"], there["stayed"]) == (back["left"], back["entered"], back["stayed"])
    assert there["causes"]["entered"] == back["causes"]["left"]
    assert there["trees"]["finest"]["adjusted_rand"] == pytest.approx(back["trees"]["finest"]["adjusted_rand"])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    workspace = small_workspace(folder)
    workspace.sample(20)
    return workspace


def causes(found, change):
    return found.causes(change)


def test_a_larger_target_only_adds_and_says_that_quotas_moved(made, tmp_path):
    ws = fresh(made, tmp_path)
    ws.sample(30)
    found = ws.compare()
    assert found.summary()["left"] == 0
    assert found.summary()["entered"] == 10
    assert causes(found, Change.ENTERED) == {CAUSES[Cause.QUOTA]: 10}
    assert found.trees.same
    node = found.nodes[0][0]
    assert (node.quota[1] - node.quota[0]).tolist() == (node.entered - node.left).tolist()
    assert found.node_table(2).to_pydict()["taken_b"] == np.asarray(found.b.quotas[1]).tolist()


def test_another_seed_takes_other_items_of_the_same_clusters(made, tmp_path):
    ws = fresh(made, tmp_path)
    ws.sample(20, seed=5)
    found = ws.compare("previous", "current")
    assert found.a.settings["seed"] == 0
    assert set(causes(found, Change.ENTERED)) <= {CAUSES[Cause.SIBLING], CAUSES[Cause.QUOTA]}
    assert causes(found, Change.ENTERED)


def test_every_decision_is_the_reason_that_is_told(made, tmp_path):
    ws = fresh(made, tmp_path)
    drawn, cluster = set(ws.sampling_plan().indices.tolist()), largest(ws)
    dropped = members(ws, 1, cluster)
    outside = next(row for row in range(90) if row not in drawn and row not in dropped)
    ws.decide_cluster(1, cluster, "drop")
    ws.decide_items([outside], "keep")
    ws.sample(20)
    found = ws.compare()
    table = found.as_table().to_pydict()
    told = dict(zip(table["item_id"], zip(table["change"], table["cause"], table["why_b"], strict=True), strict=True))
    ids = ws.item_ids()
    assert told[ids[outside]] == ("entered", CAUSES[Cause.KEPT], WORDS[Why.KEPT])
    for row in drawn & set(dropped):
        assert told[ids[row]] == ("left", CAUSES[Cause.DROPPED], WORDS[Why.DROPPED])
    undone = fresh(ws, tmp_path / "later") if (tmp_path / "later").mkdir() is None else None
    undone.decide_cluster(1, cluster, "keep")
    undone.sample(20)
    earlier = undone.compare()  # the draw before, under the decisions of its time, found in the log
    back = earlier.as_table(Change.ENTERED).to_pydict()
    assert WORDS[Why.DROPPED] in back["why_a"]


def test_a_draw_whose_decisions_are_lost_says_so(made, tmp_path):
    ws = fresh(made, tmp_path)
    ws.decide_cluster(1, largest(ws), "drop")
    ws.sample(25)
    (ws.path / "reviews.sqlite").unlink()
    ws.sample(25)
    assert CAUSES[Cause.UNKNOWN] in causes(ws.compare(), Change.ENTERED)


def test_exports_are_compared_by_id_across_workspaces_and_pools_that_grew(made, tmp_path):
    ws = fresh(made, tmp_path)
    first = ws.export("first", formats=("parquet",))
    vectors = np.load(ws.settings.ingest.source)
    more = np.concatenate((vectors, vectors[:20] + 9)).astype("float32")
    np.save(tmp_path / "v.npy", more)
    other = Workspace.create(tmp_path / "grown", tmp_path / "v.npy")
    other.embed()
    other.cluster(n_clusters=(12, 4))
    other.sample(30)
    second = other.export("second", formats=("csv",))
    zipped = shutil.make_archive(str(tmp_path / "z"), "zip", second.parent, second.name)
    found = ws.compare("first", zipped)
    assert found.summary()["common_items"] == 90
    direct = other.compare(first, "current")
    assert found.summary()["entered"] == direct.summary()["entered"]
    assert found.causes(Change.ENTERED) == direct.causes(Change.ENTERED)
    assert CAUSES[Cause.POOL] in found.causes(Change.ENTERED)
    assert 0 < found.trees.finest.adjusted_mutual_information < 1
    same = ws.compare("first", "current")
    assert (same.jaccard, same.trees.same) == (1.0, True)


def test_two_trees_and_two_embedders_are_held_against_each_other(made, tmp_path):
    ws = fresh(made, tmp_path)
    before = ws.plans.plan("cluster").key
    ws.cluster(n_clusters=(6, 2), seed=3)
    ws.sample(20)
    found = ws.compare("previous", "current")
    assert not found.trees.same
    assert found.embedders is None
    assert Cause.TREE in set(found.cause.tolist())
    assert ws.compare(f"tree:{before[:6]}", "current").a.settings["target_size"] == 20
    ws.embed(storage="float16")
    ws.cluster()
    ws.sample(20)
    told = ws.compare("previous", "current").embedders
    assert told.shared > 0.95  # the same vectors, rounded
    assert told.jaccard == pytest.approx(ws.compare("previous", "current").summary()["embedders"]["jaccard"])
    assert told.by_chance == pytest.approx(10 / 89)


def test_saved_plans_are_sides_by_their_names(made, tmp_path):
    ws = fresh(made, tmp_path)
    ws.save_plan("small", SampleConfig(target_size=10))
    ws.save_plan("e", SampleConfig(target_size=15))
    ws.export("e", formats=("parquet",))
    found = ws.compare("small", "current")
    assert (found.summary()["stayed"], found.summary()["entered"]) == (10, 10)
    assert int(ws.compare("plan:e", "e").a.copies.sum()) == 15
    assert int(ws.compare("e", "current").a.copies.sum()) == 20  # an export comes first
    assert {"plan:small", "plan:e", "e"} <= set(ws.comparable())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing", "no draw or export 'nothing'.*draw:"),
        ("draw:zz", "no draws are called 'zz'"),
        ("previous", "no previous draw.*twice"),
        ("tree:", "no draw or export"),
    ],
)
def test_wrong_names_are_answered_with_what_there_is(made, tmp_path, name, says):
    with pytest.raises(CurationError, match=says):
        fresh(made, tmp_path).compare(name, "current")


def test_a_broken_export_is_refused(made, tmp_path):
    folder = fresh(made, tmp_path).export("e", formats=("parquet",))
    rejected = pq.read_table(folder / "rejected.parquet")
    pq.write_table(rejected.slice(1), folder / "rejected.parquet")
    with pytest.raises(ManifestMismatch, match="do not make up the 90"):
        read_export(folder)
    (folder / "tree.parquet").unlink()
    with pytest.raises(ManifestMismatch, match=r"tree\.parquet missing"):
        read_export(folder)


def test_the_command_compares_and_writes_the_changes(made, tmp_path):
    ws = fresh(made, tmp_path)
    ws.export("e", formats=("parquet",))
    ws.sample(30)
    done = curate("compare", "e", "current", "-w", ws.path, "--changes", tmp_path / "c.parquet", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["entered"], answer["left"], answer["stayed"]) == (10, 0, 20)
    assert pq.read_table(tmp_path / "c.parquet").num_rows == 10
    found = ws.compare("e", "current")
    write_changes(found, tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text().splitlines()[0].startswith('"item_id","path","change","cause"')
    with pytest.raises(ConfigError, match=r"expected \.csv or \.parquet"):
        write_changes(found, tmp_path / "c.txt")
    assert "10 entered, 0 left" in "\n".join(sentences(found))
