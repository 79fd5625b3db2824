"""Which rows a selection means, in which order."""

import numpy as np
import pyarrow as pa
import pytest

from curation_core.errors import ConfigError
from curation_core.finding import find, mean_direction, named_items, nearest, rows_of
from curation_core.hierarchy import Hierarchy, Level
from curation_core.presets import prepare
from curation_core.query_vectors import preparing
from curation_core.selection import Area, Selection

VECTORS = np.array([[1, 0], [0, 1], [3, 0.1], [-1, 0], [0, 2], [1, 1]], np.float32)
IDS = [f"{number:016x}" for number in range(6)]
XY = np.array([[0, 0], [1, 1], [2, 2], [3, 3], [4, 4], [np.nan, 0]], np.float32)


def tree():
    leaf = np.array([0, 1, 0, 2, 1, 0], np.int32)
    low = np.array([[1.7, 0.4], [0, 1.5], [-1, 0]], np.float32)
    distance = np.linalg.norm(VECTORS - low[leaf], axis=1).astype(np.float32)
    top = np.array([0, 0, 1], np.int32)
    high = np.array([[0.85, 0.95], [-1, 0]], np.float32)
    return Hierarchy((Level(low, leaf, distance), Level(high, top, np.zeros(3, np.float32))))


def found(selection, **options):
    rows, score = find(selection, hierarchy=tree(), vectors=VECTORS, item_ids=IDS, xy=XY, **options)
    assert rows.dtype == np.int64
    return rows.tolist(), score


def test_a_cluster_is_its_members_nearest_first():
    rows, score = found(Selection("cluster", 1, 0))
    gaps = np.linalg.norm(VECTORS[[0, 2, 5]] - tree().levels[0].centroids[0], axis=1)
    assert rows == np.array([0, 2, 5])[np.argsort(gaps)].tolist()
    assert score is None
    rows, _ = found(Selection("cluster", 2, 0))
    gaps = np.linalg.norm(VECTORS[rows] - tree().levels[1].centroids[0], axis=1)
    assert sorted(rows) == [0, 1, 2, 4, 5]
    assert gaps.tolist() == sorted(gaps.tolist())


def test_areas_are_added_and_taken_out_in_their_order():
    wide = Area(((-1, -1), (5, -1), (5, 5), (-1, 5)))
    hole = Area(((0.5, 0.5), (2.5, 0.5), (2.5, 2.5), (0.5, 2.5)), adds=False)
    assert found(Selection("area", areas=(wide,)))[0] == [0, 1, 2, 3, 4]
    assert found(Selection("area", areas=(wide, hole)))[0] == [0, 3, 4]
    assert found(Selection("area", areas=(hole, wide)))[0] == [0, 1, 2, 3, 4]


def test_items_come_as_they_are_listed_once_each():
    wanted = (IDS[4], IDS[1], "unknown", IDS[4], IDS[0])
    assert found(Selection("items", items=wanted))[0] == [4, 1, 0]
    assert rows_of(wanted, pa.chunked_array([IDS[:2], IDS[2:]])).tolist() == [4, 1, 0]
    assert rows_of((), IDS).tolist() == []


def test_items_of_a_kept_list_are_asked_for_by_its_name():
    lists = {"2-a": pa.array([IDS[4], IDS[1]])}
    rows, score = found(Selection("items", kept="2-a"), kept_items=lists.__getitem__)
    assert (rows, score) == ([4, 1], None)
    by_name = found(Selection("nearest", kept="2-a", n=3), kept_items=lists.__getitem__)
    by_item = found(Selection("nearest", items=(IDS[4], IDS[1]), n=3))
    assert by_name[0] == by_item[0]
    np.testing.assert_array_equal(by_name[1], by_item[1])
    with pytest.raises(ConfigError, match="pick them again"):
        found(Selection("items", kept="2-a"))


def test_the_mean_of_many_directions_does_not_hang_on_blocks(monkeypatch):
    vectors = np.random.default_rng([1]).normal(size=(500, 8)).astype(np.float32)
    whole = mean_direction(vectors, np.arange(500))
    monkeypatch.setattr("curation_core.finding._MEAN_VALUES", 56)
    np.testing.assert_allclose(mean_direction(vectors, np.arange(500)), whole, rtol=0, atol=1e-7)


def test_what_is_most_like_an_item_comes_first_with_its_cosine():
    rows, score = found(Selection("nearest", items=(IDS[0],), n=3))
    assert rows == [0, 2, 5]
    assert score.dtype == np.float32
    assert score.tolist() == pytest.approx([1, 3 / np.hypot(3, 0.1), np.sqrt(0.5)], abs=1e-6)


def test_of_several_examples_a_long_one_counts_no_more_than_a_short_one():
    direction = mean_direction(VECTORS, [0, 4])
    assert direction.tolist() == pytest.approx([0.5, 0.5])
    assert found(Selection("nearest", items=(IDS[0], IDS[4]), n=1))[0] == [5]


def test_the_nearest_are_sought_among_what_matches():
    within = np.array([False, True, False, True, True, True])
    assert found(Selection("nearest", items=(IDS[0],), n=2), within=within)[0] == [5, 1]
    assert found(Selection("cluster", 1, 1), within=within & (np.arange(6) != 1))[0] == [4]


def test_words_and_pictures_are_asked_for_only_where_they_are_meant():
    scores = np.array([0, 0.5, 1, 0.5, 0, 0], np.float32)
    rows, score = found(Selection("nearest", text="sea", n=3), text_scores=lambda words: scores * (words == "sea"))
    assert (rows, score.tolist()) == ([2, 1, 3], [1, 0.5, 0.5])
    asked = Selection("nearest", image="ab", n=1)
    assert found(asked, image_vector=lambda digest: np.array([-2.0, 0.0]))[0] == [3]
    with pytest.raises(ConfigError, match="cannot be searched by words"):
        found(Selection("nearest", text="sea"))
    with pytest.raises(ConfigError, match="cannot be searched by a picture"):
        found(asked)


@pytest.mark.parametrize(
    "old",
    [
        Selection(),
        Selection("cluster", 1, 99),
        Selection("cluster", 0, 0),
        Selection("cluster", 3, 0),
        Selection("cluster", 1, -1),
        Selection("items", items=("gone",)),
        Selection("nearest", items=("gone",)),
        Selection("area"),
    ],
)
def test_what_is_not_there_means_nothing(old):
    assert found(old)[0] == []


def test_without_a_map_an_outline_means_nothing():
    square = Selection("area", areas=(Area(((0, 0), (9, 0), (9, 9))),))
    assert find(square, hierarchy=tree(), vectors=VECTORS, item_ids=IDS, xy=None)[0].tolist() == []


def test_more_than_there_are_is_all_there_are():
    rows, score = nearest(np.array([0.1, 0.3, -np.inf], np.float32), 99)
    assert (rows.tolist(), len(score)) == ([1, 0], 2)


def test_blocks_change_nothing():
    rng = np.random.default_rng([7])
    vectors = rng.normal(size=(5000, 300)).astype(np.float32)
    ids = [str(row) for row in range(5000)]
    rows, score = find(Selection("nearest", items=("17",), n=20), hierarchy=tree(), vectors=vectors, item_ids=ids)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit[17]
    assert rows.tolist() == np.argsort(-cosine, kind="stable")[:20].tolist()
    assert score == pytest.approx(cosine[rows], abs=1e-5)


def test_items_are_found_by_what_people_type():
    ids, uris = pa.array(["abcd1111", "abcd2222", "ffff0000"]), pa.array(["a b, c.png", "x.png", "y.png"])
    assert named_items("ffff0000 x.png", ids, uris) == (("ffff0000", "abcd2222"), ())
    assert named_items(" a b, c.png ", ids, uris) == (("abcd1111",), ())
    assert named_items("ffff, nothing;x.png", ids, uris) == (("ffff0000", "abcd2222"), ("nothing",))
    assert named_items("abcd", ids, uris) == ((), ("abcd",))  # two begin so
    assert named_items("fff", ids, uris) == ((), ("fff",))  # too short to be the start of one


@pytest.mark.parametrize("preset", ["none", "l2", "pca-64", "sqrt-pca-128", "whiten-128"])
def test_a_new_vector_is_prepared_as_the_items_were(preset):
    vectors = np.random.default_rng([5]).normal(size=(300, 150)).astype(np.float32) * np.linspace(1, 3, 150, dtype="f4")
    prepared = prepare(vectors, preset)
    assert preparing(vectors, prepared, preset)(vectors[7:9]) == pytest.approx(prepared[7:9], abs=1e-4)
