"""Names of clusters: computed from the members when asked, and what people call a cluster wins."""

import numpy as np
import pyarrow as pa
import pytest

from curation_app import name_sources, naming
from curation_app.name_sources import WordVectors, word_vectors
from curation_app.naming import ClusterNames
from curation_core.catalog import FAILURE_SCHEMA, Catalog
from curation_core.hierarchy import Hierarchy, Level
from curation_core.workspace import Workspace
from tests.tiny_models import WRITERS


def items(n, texts=None, **columns):
    numbers = [str(i) for i in range(n)]
    table = {
        "item_id": numbers,
        "uri": numbers,
        "content_hash": numbers,
        "width": pa.nulls(n, pa.int32()),
        "height": pa.nulls(n, pa.int32()),
        "text": texts or pa.nulls(n, pa.string()),
        "source_row": list(range(n)),
    }
    return Catalog("text" if texts else "vector", pa.table(table), pa.table(columns), FAILURE_SCHEMA.empty_table())


def tree(*owners):
    levels, lower = [], None
    for owner in owners:
        k = max(owner) + 1
        assert lower is None or len(owner) == lower
        levels.append(Level(np.zeros((k, 2), np.float32), np.array(owner, np.int32), np.zeros(len(owner), np.float32)))
        lower = k
    return Hierarchy(tuple(levels))


@pytest.fixture
def shapes():
    """Leaf 0: a, a, b. Leaf 1: a, b, c. Leaf 2: c. Leaves 0 and 1 are fine-grained within coarse x."""
    fine = ["a", "a", "b", "a", "b", "c", "c"]
    coarse = ["x", "x", "x", "x", "x", "y", "y"]
    return tree([0, 0, 0, 1, 1, 1, 2], [0, 0, 1]), items(7, fine=fine, coarse=coarse)


def test_a_cluster_is_called_by_the_finest_class_that_half_of_it_has(shapes):
    names = ClusterNames(*shapes, np.arange(7))
    assert names.names(1, [0, 1, 2]) == ["0 · a", "1 · x", "2 · c"]
    assert names.name(2, 0) == "0 · a"  # 3 of its own 6 members, whatever its children are called


def test_rows_of_the_tree_need_not_be_those_of_the_catalog(shapes):
    hierarchy, catalog = shapes
    turned = np.arange(7)[::-1].copy()
    moved = Catalog(catalog.modality, catalog.items.take(turned), catalog.metadata.take(turned), catalog.failures)
    assert ClusterNames(hierarchy, moved, turned).names(1, [0, 1, 2]) == ["0 · a", "1 · x", "2 · c"]


def test_texts_are_named_by_their_own_words_at_every_level():
    texts = ["oak leaf", "oak bark", "pine leaf", "pine needle", "ship sail", "ship mast"]
    names = ClusterNames(tree([0, 0, 1, 1, 2, 2], [0, 0, 1]), items(6, texts), np.arange(6))
    assert [name.split(", ")[0] for name in names.names(1, [0, 1, 2])] == ["0 · oak", "1 · pine", "2 · ship"]
    assert names.name(2, 0) == "0 · leaf, oak, pine"


def test_the_persons_name_wins_and_is_taken_away_again(shapes):
    names = ClusterNames(*shapes, np.arange(7))
    names.given = ({1: "odd ones"}, {})
    assert names.names(1, [0, 1]) == ["0 · a", "1 · odd ones"]
    assert names.name(1, 1, ({1: "theirs"}, {})) == "1 · theirs"
    names.given = ({}, {})
    assert names.name(1, 1) == "1 · x"


def test_only_what_is_asked_for_is_named(monkeypatch, shapes):
    asked = []
    seen = name_sources.ClassWords.codes

    def codes(self, level, clusters):
        asked.append((level, clusters.tolist()))
        return seen(self, level, clusters)

    monkeypatch.setattr(name_sources.ClassWords, "codes", codes)
    monkeypatch.setattr(naming, "AT_ONCE", 2)
    names = ClusterNames(*shapes, np.arange(7))
    names.name(1, 2)
    names.names(1, [2, 0])
    names.name(2, 1)
    assert asked == [(1, [2]), (1, [0]), (2, [0, 1])]  # few clusters are named together


def test_names_asked_for_one_by_one_are_those_asked_for_together(monkeypatch):
    rng = np.random.default_rng([7])
    owner = np.r_[np.arange(20), rng.integers(0, 20, 180)].tolist()
    catalog = items(200, kind=rng.choice(list("abcd"), 200).tolist(), word=rng.choice(list("xyz"), 200).tolist())
    together = ClusterNames(tree(owner, [0] * 10 + [1] * 10), catalog, np.arange(200)).names(1, np.arange(20))
    monkeypatch.setattr(naming, "AT_ONCE", 0)
    single = ClusterNames(tree(owner, [0] * 10 + [1] * 10), catalog, np.arange(200))
    assert together == [single.name(1, c) for c in range(20)]


def test_search_finds_words_numbers_and_peoples_names(shapes):
    names = ClusterNames(*shapes, np.arange(7))
    assert np.flatnonzero(names.matching(1, "X")).tolist() == [1]
    assert np.flatnonzero(names.matching(1, "2")).tolist() == [2]
    names.given = ({0: "Odd Ones"}, {})
    assert np.flatnonzero(names.matching(1, "ones odd")).tolist() == [0]
    assert np.flatnonzero(names.matching(1, "a")).tolist() == []  # 0 was called a; a person said otherwise
    assert names.matching(1, "").all()


def test_numbers_are_found_by_how_they_begin():
    found = naming._numbers_starting("12", 1_300)
    assert np.flatnonzero(found).tolist() == [c for c in range(1_300) if str(c).startswith("12")]
    assert np.flatnonzero(naming._numbers_starting("0", 50)).tolist() == [0]
    assert not naming._numbers_starting("012", 50).any()
    assert not naming._numbers_starting("²", 50).any()


def test_sorting_by_name_puts_peoples_names_in_their_place_and_the_nameless_last(shapes):
    hierarchy, catalog = shapes
    names = ClusterNames(hierarchy, catalog, np.arange(7))
    names.given = ({2: "b"}, {})
    assert np.argsort(names.alphabetical(1)).tolist() == [0, 2, 1]  # a, b, x
    bare = ClusterNames(hierarchy, items(7), np.arange(7))
    assert np.isinf(bare.alphabetical(1)).all()
    assert bare.name(1, 2) == "2"


def test_an_empty_cell_and_an_empty_cluster_have_no_name():
    catalog = items(6, kind=["", "", "a", "a", "a", "b"])
    names = ClusterNames(tree([0, 0, 0, 2, 2, 2]), catalog, np.arange(6))
    assert names.names(1, [0, 1, 2]) == ["0", "1", "2 · a"]


def test_a_name_of_any_length_is_one_short_line():
    catalog = items(6, kind=["x\n" * 5_000] * 3 + ["b"] * 3)
    name = ClusterNames(tree([0, 0, 0, 1, 1, 1]), catalog, np.arange(6)).name(1, 0)
    assert len(name) <= naming.MOST_NAME + 4
    assert "\n" not in name


def test_a_models_word_names_what_no_class_does():
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 1], [1, 1]], dtype=np.float32)
    asked = []

    def meanings():
        asked.append(1)
        return WordVectors(["cat", "ship"], np.array([[5, 0], [0, 0.2]], np.float32), vectors)

    names = ClusterNames(tree([0, 0, 1, 1, 2, 2]), items(6), np.arange(6), meanings)
    assert names.names(1, [0]) == ["0 · cat"]
    assert names.names(1, [1]) == ["1 · ship"]
    assert np.flatnonzero(names.matching(1, "ship")).tolist() == [1]
    assert asked == [1]


def test_a_model_of_pictures_and_words_is_asked_once_and_others_never(tmp_path, shapes_folder):
    (tmp_path / "clip").mkdir()
    WRITERS["clip"](tmp_path / "clip")
    ws = Workspace.create(tmp_path / "ws", shapes_folder)
    ws.embed(embedder="color-hog")
    assert word_vectors(ws, "image", ["cat"]) is None
    ws.embed(embedder=f"hf:{tmp_path / 'clip'}")
    ws.cluster(n_clusters=(12, 4))
    found = word_vectors(ws, "image", ["cat", "n0021", "dog", "cat"])
    assert found.words == ["cat", "dog"]
    assert found.vectors.shape == (2, found.embeddings.shape[1])
    kept = next((ws.path / "words").glob("*.npy"))
    stamp = kept.stat().st_mtime_ns
    assert word_vectors(ws, "image", ["cat", "dog"]).vectors.tolist() == found.vectors.tolist()
    assert kept.stat().st_mtime_ns == stamp
    assert word_vectors(ws, "image", []).words == list(name_sources.GENERAL_WORDS)
    assert word_vectors(ws, "text", ["cat"]) is None
    (ws.path / "words").rename(ws.path / "elsewhere")
    (ws.path / "words").write_text("in the way")
    assert word_vectors(ws, "image", ["cat"]) is None  # names are a help, the page goes on without
    names = ClusterNames(ws.hierarchy(), ws.catalog(), np.asarray(ws.embeddings().rows), lambda: found)
    said = {name.split(" · ")[1] for name in names.names(1, np.arange(12)) if " · " in name}
    assert said <= {"red circle", "blue square", "green bar", "cat", "dog"}
