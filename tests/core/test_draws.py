"""What a workspace does with draws: columns, splits, budgets, names, sizes."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.budgets import target_of_budget, target_of_share
from curation_core.cli import app
from curation_core.config import SampleConfig
from curation_core.errors import ConfigError, StaleArtifact
from curation_core.hierarchy import Hierarchy, Level
from curation_core.item_costs import ItemCosts
from curation_core.retention import Retention, advice, beside, retention
from curation_core.sampling import drawing, sample
from curation_core.sharing import sharing
from curation_core.workspace import Workspace

WORDS = ["river", "stone", "paper", "light", "window", "garden", "winter", "number", "letter", "engine"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Texts of three kinds, one of them rare, every tenth twice."""
    folder = tmp_path_factory.mktemp("draws")
    rng = np.random.default_rng(0)
    kinds = rng.choice(["common", "some", "rare", ""], 240, p=[0.7, 0.2, 0.05, 0.05])
    texts = [f"{kind or 'none'} " + " ".join(rng.choice(WORDS, 3 + row % 9)) for row, kind in enumerate(kinds)]
    texts[10::10] = texts[9:-1:10]
    with (folder / "texts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "kind"), *zip(texts, kinds, strict=True)])
    ws = Workspace.create(folder / "ws", folder / "texts.csv", kind="text", text_column="text")
    ws.embed(embedder="hashing-text")
    ws.cluster(n_clusters=(30, 6))
    ws.duplicates()
    return ws


def of_kind(ws, plan):
    codes, names = ws.catalog().labels("kind")
    return dict(zip(names, np.bincount(codes[ws.embeddings().rows][plan.indices], minlength=len(names)), strict=True))


def test_a_column_is_balanced_and_kept_with_the_draw(made):
    plan = made.sample(30, column="kind")
    counts = of_kind(made, plan)
    assert counts["rare"] >= min(7, of_kind(made, made.draw(SampleConfig(target_size=240)))["rare"])
    assert max(counts.values()) - min(counts["common"], counts["some"]) <= 1
    assert made.sampling_plan().config == plan.config
    assert made.export("by-kind", plan, formats=("npy",)).is_dir()
    with pytest.raises(ConfigError, match="did you mean 'kind'"):
        made.draw(SampleConfig(target_size=5, column="knid"))
    made.sample(30, column=None)


def test_older_draws_keep_their_name_under_the_newer_settings(made):
    made.sample(20, column=None)
    assert made.plans.plan("sample").config == {
        "target_size": 20,
        "strategy": "random",
        "multiplier": 1,
        "seed": 0,
        "one_per_group": False,
    }


def test_a_share_of_a_reference_set_that_is_not_there_is_refused_and_not_kept(made):
    before = made.settings
    with pytest.raises(ConfigError, match=r"reference_share is 0\.2, but there is no reference set; read one first"):
        made.sample(20, reference_share=0.2)
    assert made.settings == before


def test_splits_of_a_workspace_part_no_copies(made):
    made.configure(split={"shares": {"train": 0.7, "test": 0.3}, "column": "kind"})
    plan = made.draw(SampleConfig(target_size=200))
    splits = made.splits(plan)
    leaks = made.leakage(splits)
    assert leaks.pairs == 0
    assert abs(splits.counts(plan.indices)["train"] - 140) <= 2
    texts = np.array(made.catalog().text)[made.embeddings().rows]
    side = {}
    for row in plan.indices.tolist():
        assert side.setdefault(texts[row], splits.code[row]) == splits.code[row]
    made.forget_splits()
    assert made.splits(plan) is None


def test_bytes_and_tokens_of_texts_are_counted(made):
    texts = [made.catalog().text[row] for row in made.embeddings().rows]
    by_bytes, by_tokens = made.costs("bytes"), made.costs("tokens")
    assert by_bytes.values.tolist() == [len(text.encode()) for text in texts]
    assert (by_tokens.values >= 3).all()
    assert "Llama 2" in by_tokens.sentence()
    target = made.target_of(SampleConfig(target_size=0), costs=by_bytes, budget=2_000)
    assert by_bytes.total(made.draw(SampleConfig(target_size=target)).indices) <= 2_000
    assert by_bytes.total(made.draw(SampleConfig(target_size=target + 1)).indices) > 2_000


def random_drawing(seed, n=60):
    rng = np.random.default_rng(seed)
    leaf = np.minimum(rng.geometric(0.3, n) - 1, 7).astype(np.int32)
    tree = Hierarchy(
        (
            Level(np.zeros((8, 2), np.float32), leaf, np.zeros(n, np.float32)),
            Level(np.zeros((3, 2), np.float32), np.array([0, 0, 0, 1, 1, 2, 2, 2], np.int32), np.zeros(8, np.float32)),
        )
    )
    return drawing(tree, SampleConfig(target_size=0, seed=seed)), rng


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.floats(0, 4_000))
def test_a_budget_is_used_as_far_as_it_goes(seed, budget):
    drawn, rng = random_drawing(seed)
    known = rng.pareto(1.0, 60) * 20
    known[rng.random(60) < 0.2] = np.nan
    costs = ItemCosts("bytes", known, "made up")
    target = target_of_budget(drawn, costs, budget)
    wanted = [t for t in range(61) if costs.total(drawn.plan(t).indices) <= budget]
    assert target == max(wanted)


def test_costs_that_nobody_knows_are_said():
    costs = ItemCosts("bytes", np.array([10.0, np.nan]), "bytes of files")
    assert costs.values.tolist() == [10, 10]
    assert "of 1 items the size is not known" in costs.sentence()
    with pytest.raises(ConfigError, match="not known"):
        _ = ItemCosts("bytes", np.array([np.nan]), "bytes of files").values
    with pytest.raises(ConfigError, match="0 to 1"):
        target_of_share(10, 1.5)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 60), st.booleans())
def test_what_some_are_short_of_their_siblings_receive(seed, target, weighted):
    drawn, rng = random_drawing(seed)
    tree = drawn.order.hierarchy
    weights = tuple(rng.choice([1.0, 2.0], k) if weighted else np.ones(k) for k in tree.n_clusters)
    rules = drawn.rules
    rules = type(rules)(rules.kept, rules.caps, weights)
    plan = sample(tree, SampleConfig(target_size=target, seed=seed), rules=rules)
    for level in (1, 2):
        found = sharing(tree, plan, level, weights[level - 1])
        parent = tree.parents(level)
        for node in np.unique(parent):
            mine = parent == node
            slack = 2 * mine.sum()
            assert abs(found.short[mine].sum() - found.received[mine].sum()) <= slack
            assert abs(found.even[mine].sum() - plan.quotas[level - 1][mine].sum()) < 1e-6
        free = plan.quotas[level - 1] < plan.capacity[level - 1]
        assert (found.short[free] <= 1e-9).all()


def test_a_plan_is_kept_by_name_and_compared_and_deleted(made):
    made.sample(25, column=None)
    first = made.save_plan("first")
    made.save_plan("along kind", SampleConfig(target_size=40, column="kind"))
    assert [one.name for one in made.saved_plans.all()] == ["along kind", "first"]
    assert made.settings.sample.target_size == 25
    assert len(made.saved_draw("along kind").indices) == 40
    assert made.saved_draw("first").indices.tolist() == made.sampling_plan().indices.tolist()
    assert 0 < first.figures["entropy"] <= 1
    with pytest.raises(ConfigError, match="already"):
        made.save_plan("first")
    made.saved_plans.delete("first")
    with pytest.raises(ConfigError, match="there is no plan 'first'; the plans are 'along kind'"):
        made.saved_plans.get("first")
    (made.path / "plans.json").write_text('{"format": 99, "saved": []}')
    with pytest.raises(StaleArtifact, match="update"):
        made.saved_plans.all()
    (made.path / "plans.json").unlink()


def test_retention_is_measured_beside_random_draws(made):
    found = made.retention(SampleConfig(target_size=30), "kind")
    assert found.sizes[-1] == 240
    assert found.random["entropy"].shape == (5, len(found.sizes))
    whole = {name: values[-1] for name, values in found.drawn.items()}
    assert all(np.allclose(found.random[name][:, -1], value) for name, value in whole.items())
    along = made.retention(SampleConfig(target_size=30, column="kind"), "kind")
    assert along.gain("entropy")[3] > found.gain("entropy")[3]
    assert "Balancing pays" in advice(along, 20, "values of kind")
    assert beside(along, 20).startswith("Without groups: sparseness of the places")
    assert "can hardly differ" in advice(along, 240, "values of kind")


def test_an_even_pool_is_told_to_be_even():
    rng = np.random.default_rng(0)
    groups = np.arange(400) % 4
    level = Level(np.zeros((4, 2), np.float32), rng.integers(0, 4, 400).astype(np.int32), np.zeros(400, np.float32))
    found = retention(drawing(Hierarchy((level,)), SampleConfig(target_size=0)), groups)
    assert found.measured_on == 0
    said = advice(found, 200, "values of kind")
    assert said.startswith("Balancing does not pay")


def run(capsys, *arguments):
    app(list(arguments), standalone_mode=False)
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_command_tells_targets_in_every_way(made, capsys):
    path = ("--workspace", str(made.path), "--json")
    assert run(capsys, "sample", *path, "--target-share", "0.1") == {"drawn": 24, "target": 24}
    told = run(capsys, "sample", *path, "--target-bytes", "3000", "--column", "kind", "--cover", "clusters")
    assert 0 < told["drawn"] < 240
    told = run(
        capsys, "sample", *path, "--target-tokens", "900", "--split", "a=0.5", "--split", "b=0.5", "--save-as", "mine"
    )
    assert sum(told["splits"].values()) == told["drawn"]
    assert told["leaked_pairs"] == 0
    assert made.saved_plans.get("mine").config.column == "kind"
    with pytest.raises(ConfigError, match="two ways"):
        run(capsys, "sample", *path, "--target-share", "0.1", "--target-size", "5")
    with pytest.raises(ConfigError, match=r"train=0\.8"):
        run(capsys, "sample", *path, "--split", "half")


@pytest.mark.parametrize(
    ("sizes", "ours", "random", "target", "says"),
    [
        ([5, 100], [0.3, 0.9], [[0.2, 0.5], [0.4, 0.5]], 5, "so small a draw is what chance makes it"),
        ([100, 900], [0.9, 0.51], [[0.5, 0.5], [0.5, 0.51]], 900, "so large a draw can hardly differ"),
        ([900], [0.51], [[0.5], [0.51]], 900, "the pool is even already"),
        ([100], [0.9], [[0.5], [0.6]], 100, "Balancing pays"),
    ],
)
def test_advice_says_why(sizes, ours, random, target, says):
    found = Retention(np.array(sizes), {"entropy": np.array(ours)}, {"entropy": np.array(random)}, 1000, 0)
    assert says in advice(found, target, "values of x")
