import numpy as np
import pytest

from curation_core import presets
from curation_core.config import ReferenceConfig
from curation_core.errors import ConfigError, CurationError, StepMissing
from curation_core.workspace import Workspace
from tests.core.test_cli import curate

N = 80


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(N, 6)).astype("float32")
    np.save(folder / "v.npy", vectors)
    np.save(folder / "trusted.npy", np.concatenate((vectors[[3, 50]], vectors[[7]] + 100)))
    np.save(folder / "other.npy", rng.normal(size=(3, 5)).astype("float32"))
    (folder / "side.csv").write_text("kind,size\n" + "".join(f"{'rare' if i < 5 else 'plain'},{i}\n" for i in range(N)))
    workspace = Workspace.create(folder / "ws", folder / "v.npy", metadata=str(folder / "side.csv"))
    workspace.embed()
    workspace.cluster(n_clusters=(8, 3))
    return workspace, folder, vectors


def test_copies_of_examples_are_found_first_and_strange_ones_stay_uncovered(made):
    workspace, folder, vectors = made
    found = workspace.reference(folder / "trusted.npy")
    assert found.found.rows[:2, 0].tolist() == [3, 50]
    assert found.found.distance[:2, 0].tolist() == [0, 0]
    assert found.coverage.covered.tolist() == [True, True, False]
    ranks = workspace.retrieved()
    assert sorted(ranks.tolist()) == list(range(N))
    assert set(np.argsort(ranks)[:2].tolist()) == {3, 50}
    drawn = found.coverage_by(workspace.vectors(), np.array([50, 60]))
    assert drawn.distance[1] == 0
    assert not drawn.covered[2]
    gaps = np.linalg.norm(vectors[:, None] - vectors[[3, 50]][None], axis=2).min(axis=1)
    assert np.allclose(np.asarray(found.found.nearest), gaps, atol=1e-5)  # the third lies far from everything


def test_examples_may_be_items_picked_by_a_condition_or_by_id(made):
    workspace = made[0]
    found = workspace.reference(where="kind = 'rare' and size < 3")
    assert found.rows.tolist() == [0, 1, 2]
    assert found.in_pool
    assert found.coverage.share == 1.0
    ids = workspace.item_ids()
    assert workspace.reference(items=(ids[9], ids[4])).rows.tolist() == [4, 9]


def test_a_set_is_stale_when_the_vectors_change_and_absent_before_it_is_chosen(made, tmp_path):
    workspace, folder, _ = made
    states = {step.step: step.state for step in workspace.checks()}
    workspace.reference(folder / "trusted.npy")
    assert {step.step: step.state for step in workspace.checks()}["reference"] == "done"
    workspace.configure(cluster={"preset": "l2"})
    try:
        assert {step.step: step.state for step in workspace.checks()}["reference"] == "stale"
    finally:
        workspace.configure(cluster={"preset": "auto"})
    workspace.forget_reference()
    with pytest.raises(StepMissing, match="run reference"):
        workspace.reference_set()
    assert states["faces"] == "missing"


def test_files_that_changed_are_read_again(made, tmp_path):
    workspace, _, vectors = made
    np.save(tmp_path / "t.npy", vectors[:1])
    assert len(workspace.reference(tmp_path / "t.npy")) == 1
    np.save(tmp_path / "t.npy", vectors[:4])
    assert len(workspace.reference()) == 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"where": "kind = 'nothing'"}, "no item fits"),
        ({"where": "colour = 'red'"}, "colour"),
        ({"items": ("abc",)}, "'abc'"),
        ({"source": "nowhere"}, "does not exist"),
        ({"source": "a", "where": "b"}, "give one of them"),
        ({"source": "OTHER"}, "same embedder|one embedder|dimension|shape"),
        ({"source": "TEXT"}, "text items"),
    ],
)
def test_wrong_sets_are_one_sentence_and_change_nothing(made, tmp_path, options, says):
    workspace, folder, _ = made
    (tmp_path / "t.csv").write_text("text\nhello world\n")
    places = {"OTHER": str(folder / "other.npy"), "TEXT": str(tmp_path / "t.csv")}
    before = workspace.settings
    with pytest.raises(CurationError, match=says):
        workspace.reference(**{name: places.get(value, value) for name, value in options.items()})
    assert workspace.settings == before


@pytest.mark.parametrize("preset", ["none", "l2", "pca-64", "sqrt-pca-128", "whiten-128"])
def test_other_vectors_come_into_the_space_of_the_pool(preset):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, 9)).astype("float32") * np.arange(1, 10, dtype=np.float32)
    found = presets.prepare_beside(vectors[10:14].copy(), vectors, preset)
    assert np.allclose(found, presets.prepare(vectors, preset)[10:14], atol=1e-5)


def test_the_command_tells_coverage_of_pool_and_draw(made):
    workspace, folder, _ = made
    workspace.sample(40)
    done = curate("reference", folder / "trusted.npy", "-w", workspace.path)
    assert done.returncode == 0, done.stderr
    assert "3 reference items; the pool covers 66.7%" in done.stdout
    assert "the draw" in done.stdout


def test_a_set_needs_an_origin():
    with pytest.raises(ConfigError, match="give one of them"):
        ReferenceConfig()
