"""Near-duplicates: pairs, groups, keepers, and the step that finds them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import curation_core.pairs
from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA, Catalog
from curation_core.config import DuplicatesConfig, Modality
from curation_core.embed import Embeddings
from curation_core.errors import Cancelled, ConfigError, IngestError, ShapeError, StaleArtifact
from curation_core.neighbors import (
    NearDuplicates,
    default_floor,
    default_threshold,
    find,
    near_duplicates,
    read_duplicates,
)


def at_angles(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane: the cosine of two is that of the angle between them."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def clouds(n: int, *, seed: int = 0, dim: int = 16) -> np.ndarray:
    """Vectors in clusters, the last tenth near-copies of the first ones."""
    rng = np.random.default_rng([seed, n])
    x = rng.standard_normal((max(4, n // 50), dim))[rng.integers(max(4, n // 50), size=n)]
    x += 0.6 * rng.standard_normal((n, dim))
    copies = n // 10
    x[n - copies :] = x[:copies] + rng.uniform(0.01, 0.3, (copies, 1)) * rng.standard_normal((copies, dim))
    return x.astype(np.float32)


def brute_force(vectors: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    first, second = np.nonzero(np.triu(unit @ unit.T >= threshold, 1))
    return set(zip(first.tolist(), second.tolist(), strict=True))


def as_set(found: NearDuplicates) -> set[tuple[int, int]]:
    return {(first, second) for first, second in found.pairs.tolist()}


def partition(group: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(group == number).tolist()) for number in range(group.max(initial=-1) + 1)}


def test_two_close_vectors_are_a_pair_and_a_far_one_is_alone():
    found = near_duplicates(at_angles(0, 5, 90), 0.95)
    assert found.pairs.tolist() == [[0, 1]]
    assert found.group.tolist() == [0, 0, -1]
    assert found.similarity[0] == pytest.approx(np.cos(np.deg2rad(5)), abs=1e-6)
    assert found.sizes().tolist() == [2]


def test_length_does_not_count():
    vectors = at_angles(0, 1, 60) * np.array([[1e-20], [1e20], [3.0]])
    assert as_set(near_duplicates(vectors, 0.99)) == {(0, 1)}


def test_equal_content_is_an_exact_duplicate_whatever_the_vectors_say():
    found = near_duplicates(at_angles(0, 90, 45, 44), 0.999, content=["a", "a", "b", "c"])
    assert found.pairs.tolist() == [[0, 1], [2, 3]]
    assert found.similarity[0] == 1.0
    assert found.similarity[1] < 1.0


def test_many_copies_are_each_paired_with_the_first_only():
    vectors = np.repeat(at_angles(0, 90), 500, axis=0)
    found = near_duplicates(vectors, 0.9)
    assert len(found.pairs) == 998
    assert (found.similarity == 1.0).all()
    assert found.sizes().tolist() == [500, 500]


def test_copies_follow_their_first_into_a_group():
    found = near_duplicates(at_angles(0, 2, 2, 2, 3, 4), 0.999, content=list("abbbcd"))
    assert found.n_groups == 1
    assert (found.group == 0).all()


def test_vectors_of_zeros_resemble_nothing():
    assert not len(near_duplicates(np.zeros((3, 4)), 0.5).pairs)


def test_looks_confirm_or_refuse_what_vectors_suggest():
    found = near_duplicates(at_angles(0, 1, 2), 0.9, looks=at_angles(0, 10, 90))
    assert as_set(found) == {(0, 1)}
    assert found.similarity[0] == pytest.approx(np.cos(np.deg2rad(10)), abs=1e-6)


def test_mirror_images_pair_when_they_are_given():
    vectors, turned = at_angles(0, 60, 61), at_angles(62, 120, 121)
    assert as_set(near_duplicates(vectors, 0.999)) == {(1, 2)}
    found = near_duplicates(vectors, 0.999, flipped=turned)
    assert as_set(found) == {(0, 1), (0, 2), (1, 2)}
    assert found.similarity == pytest.approx(np.cos(np.deg2rad([2, 1, 1])), abs=1e-6)


def test_an_item_is_no_duplicate_of_its_own_mirror_image():
    assert not len(near_duplicates(at_angles(0, 90), 0.99, flipped=at_angles(0, 90)).pairs)


def test_groups_do_not_chain():
    chain = near_duplicates(at_angles(*range(0, 90, 3)), float(np.cos(np.deg2rad(3.5))))
    assert len(chain.pairs) == 29  # each with the next: connected components would be one group over 87 degrees
    spans = [np.ptp(chain.members(group)) for group in range(chain.n_groups)]
    assert max(spans) == 2


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60), threshold=st.sampled_from([0.6, 0.8, 0.9, 0.97]))
def test_every_member_is_paired_with_one_of_its_group_that_is_paired_with_all(seed: int, n: int, threshold: float):
    found = near_duplicates(clouds(n, seed=seed, dim=3), threshold)
    pairs = as_set(found)
    for members in partition(found.group):
        leads = [row for row in members if all((min(row, o), max(row, o)) in pairs for o in members - {row})]
        assert leads


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 80), threshold=st.sampled_from([0.5, 0.8, 0.95, 0.99]))
def test_the_pairs_are_those_of_brute_force(seed: int, n: int, threshold: float):
    vectors = clouds(n, seed=seed, dim=5)
    assert as_set(near_duplicates(vectors, threshold)) == brute_force(vectors, threshold)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), raised=st.sampled_from([0.85, 0.9, 0.97, 1.0]))
def test_raising_the_threshold_equals_computing_there(seed: int, n: int, raised: float):
    vectors = np.concatenate([clouds(n, seed=seed, dim=4), clouds(n, seed=seed, dim=4)[: n // 3]])
    before, after = near_duplicates(vectors, 0.8).at(raised), near_duplicates(vectors, raised)
    assert before.threshold == raised
    assert np.array_equal(before.pairs, after.pairs)
    assert np.array_equal(before.similarity, after.similarity)
    assert np.array_equal(before.group, after.group)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60))
def test_groups_do_not_depend_on_the_order_of_rows(seed: int, n: int):
    vectors = clouds(n, seed=seed, dim=4)
    order = np.random.default_rng([seed]).permutation(n)
    straight, shuffled = near_duplicates(vectors, 0.9), near_duplicates(vectors[order], 0.9)
    back = np.empty(n, dtype=np.int32)
    back[order] = shuffled.group
    assert partition(back) == partition(straight.group)


@settings(max_examples=60, deadline=None)
@given(
    group=arrays(np.int32, st.integers(1, 40), elements=st.integers(-1, 5)),
    rule=st.sampled_from(["largest", "first", "central"]),
    seed=st.integers(0, 100),
)
def test_one_of_each_group_and_all_that_are_alone_are_kept(group: np.ndarray, rule: Any, seed: int):
    numbers = np.unique(group[group >= 0])
    group = np.where(group < 0, -1, np.searchsorted(numbers, group)).astype(np.int32)
    found = NearDuplicates(group, np.empty((0, 2), np.int64), np.empty(0, np.float32), 0.9)
    values = np.random.default_rng([seed]).integers(0, 4, len(group)).astype(float)
    kept = found.keepers(rule, size=values, distance=values)
    assert kept[group < 0].all()
    assert [int(kept[group == number].sum()) for number in range(found.n_groups)] == [1] * found.n_groups


def test_the_keeper_is_the_largest_the_first_or_the_most_central():
    found = near_duplicates(at_angles(0, 2, 4, 90), 0.99)
    assert found.group.tolist() == [0, 0, 0, -1]
    assert found.keepers("first").nonzero()[0].tolist() == [0, 3]
    assert found.keepers("largest", size=np.array([1, 2, 9, np.nan])).nonzero()[0].tolist() == [2, 3]
    assert found.keepers("largest", size=np.array([7, 7, np.nan, 1])).nonzero()[0].tolist() == [0, 3]
    assert found.keepers("central").nonzero()[0].tolist() == [1, 3]
    assert found.keepers("central", distance=np.array([3.0, 2.0, 1.0, 5.0])).nonzero()[0].tolist() == [2, 3]
    assert found.keepers("largest").nonzero()[0].tolist() == [0, 3]  # nothing to be large by: the first


def test_the_search_in_cells_finds_what_comparing_all_finds(monkeypatch: pytest.MonkeyPatch):
    vectors = clouds(6000)
    exact = near_duplicates(vectors, 0.9)
    assert len(exact.pairs) > 500
    monkeypatch.setattr(curation_core.pairs, "EXACT_BELOW", 0)
    in_cells = near_duplicates(vectors, 0.9)
    assert np.array_equal(in_cells.pairs, exact.pairs)
    assert np.array_equal(in_cells.group, exact.group)


def test_a_crowded_cell_is_cut_up_and_still_searched_whole(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng([3])
    vectors = np.concatenate([clouds(1000), 1.0 + 0.2 * rng.standard_normal((4000, 16))])
    exact = near_duplicates(vectors, 0.985)
    monkeypatch.setattr(curation_core.pairs, "EXACT_BELOW", 0)
    assert np.array_equal(near_duplicates(vectors, 0.985).pairs, exact.pairs)


def test_a_pile_of_look_alikes_keeps_a_bounded_number_of_pairs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(curation_core.pairs, "_MAX_PAIRS", 0)
    vectors = 1.0 + 0.01 * np.random.default_rng([0]).standard_normal((800, 8))
    found = near_duplicates(vectors, 0.9)
    assert len(found.pairs) <= 64 * 800
    raised = near_duplicates(vectors, 0.9999)
    assert np.array_equal(found.at(0.9999).pairs, raised.pairs)


def test_a_pile_that_spans_cells_keeps_the_closest_of_each_row(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(curation_core.pairs, "EXACT_BELOW", 0)
    monkeypatch.setattr(curation_core.pairs, "_MAX_PAIRS", 0)
    vectors = 1.0 + 0.1 * np.random.default_rng([1]).standard_normal((3000, 8))
    found = near_duplicates(vectors, 0.9)
    first, counts = np.unique(found.pairs[:, 0], return_counts=True)
    assert counts.max() == 64
    assert (found.similarity >= 0.9).all()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    closest = np.triu(unit @ unit.T, 1).max(axis=1)
    best = np.zeros(3000)
    np.maximum.at(best, found.pairs[:, 0], found.similarity)
    assert best[first] == pytest.approx(closest[first], abs=1e-5)


def test_progress_is_told_and_may_stop_the_search():
    def stop(stage: str, done: int, total: int, **figures: float) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        near_duplicates(at_angles(0, 1), progress=stop)


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_one_item_have_no_duplicates(n: int):
    found = near_duplicates(np.ones((n, 3)), 0.9)
    assert (len(found), found.n_groups, found.pairs.shape) == (n, 0, (0, 2))
    assert found.keepers("first").sum() == n


def test_what_does_not_fit_is_said_in_a_sentence():
    with pytest.raises(ConfigError, match="choose a similarity between"):
        near_duplicates(np.ones((2, 2)), 0.4)
    with pytest.raises(ShapeError, match=r"expected \(3, d\)"):
        near_duplicates(np.ones(3), 0.9)
    with pytest.raises(ShapeError, match="row 1"):
        near_duplicates(np.array([[1.0], [np.nan]]), 0.9)
    with pytest.raises(ShapeError, match="1 hashes for 2 vectors"):
        near_duplicates(np.ones((2, 2)), 0.9, content=["a"])
    with pytest.raises(ShapeError, match="looks"):
        near_duplicates(np.ones((2, 2)), 0.9, looks=np.ones((3, 2)))
    found = near_duplicates(np.ones((2, 2)), 0.9)
    with pytest.raises(ConfigError, match="lower floor"):
        found.at(0.8)
    with pytest.raises(ShapeError, match="largest has 3 values for 2 items"):
        found.keepers("largest", size=np.ones(3))


# ---- the step


def catalog_of(modality: Modality, hashes: list[str]) -> Catalog:
    rows = [
        {"item_id": f"{row:016x}", "uri": f"{row}.png", "content_hash": value, "source_row": row}
        for row, value in enumerate(hashes)
    ]
    return Catalog(modality, pa.Table.from_pylist(rows, ITEM_SCHEMA), pa.table({}), FAILURE_SCHEMA.empty_table())


def embedded(rows: list[int]) -> Embeddings:
    vectors = np.random.default_rng([0]).standard_normal((len(rows), 4)).astype(np.float32)
    return Embeddings(vectors, np.array(rows), "test", FAILURE_SCHEMA.empty_table())


def picture(seed: int, side: int = 96) -> Image.Image:
    """A smooth random picture."""
    coarse = np.random.default_rng([seed]).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def test_resized_pictures_are_found_and_kept_on_disk(tmp_path: Path):
    images = [picture(0), picture(1), picture(2), picture(0).resize((48, 48)), picture(1).resize((140, 140))]
    catalog = catalog_of("image", list("abcdef"))
    fetched: list[int] = []

    def fetch(rows: Any) -> list[Image.Image]:
        fetched.extend(rows)
        return [images[row - 1] for row in rows]  # row 0 has no vector

    found = find(catalog, embedded([1, 2, 3, 4, 5]), fetch, DuplicatesConfig(), tmp_path)
    assert found.threshold == default_floor("image")
    assert as_set(found.at(default_threshold("image"))) == {(0, 3), (1, 4)}
    assert fetched == [1, 2, 3, 4, 5]
    again = read_duplicates(tmp_path, {"n_items": 5})
    assert np.array_equal(again.pairs, found.pairs)
    assert np.array_equal(again.similarity, found.similarity)
    assert np.array_equal(again.group, found.group)
    assert again.threshold == found.threshold
    with pytest.raises(StaleArtifact, match="5 items, expected 6"):
        read_duplicates(tmp_path, {"n_items": 6})
    with pytest.raises(StaleArtifact, match="run the step duplicates again"):
        read_duplicates(tmp_path / "nowhere")


def test_a_mirror_image_is_a_copy_when_asked(tmp_path: Path):
    images = [picture(0), picture(1), picture(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    catalog, vectors = catalog_of("image", list("abc")), embedded([0, 1, 2])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    def fetch(rows: Any) -> list[Image.Image]:
        return [images[row] for row in rows]

    assert not len(find(catalog, vectors, fetch, DuplicatesConfig(floor=0.94), tmp_path / "a").pairs)
    mirrored = find(catalog, vectors, fetch, DuplicatesConfig(floor=0.94), tmp_path / "b", mirror=True)
    assert as_set(mirrored) == {(0, 2)}


def test_texts_that_differ_in_case_and_spaces_are_copies(tmp_path: Path):
    texts = [
        "a small domesticated cat that catches mice",
        "A small  domesticated cat, that catches mice!",
        "the price of fish",
    ]
    catalog = catalog_of("text", list("abc"))
    found = find(catalog, embedded([0, 1, 2]), lambda rows: [texts[row] for row in rows], DuplicatesConfig(), tmp_path)
    assert as_set(found) == {(0, 1)}


def test_vectors_are_compared_as_they_are(tmp_path: Path):
    vectors = at_angles(0, 1, 80).astype(np.float32)
    embeddings = Embeddings(vectors, np.arange(3), "as-is", FAILURE_SCHEMA.empty_table())
    found = find(catalog_of("vector", list("abc")), embeddings, lambda rows: [], DuplicatesConfig(), tmp_path)
    assert as_set(found) == {(0, 1)}


def test_a_killed_run_goes_on_after_its_last_whole_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("curation_core.neighbors.SHARD", 2)
    images = [picture(seed) for seed in (0, 1, 0, 2, 1)]
    fetched: list[int] = []

    def fetch(rows: Any) -> list[Image.Image]:
        if 4 in rows and not fetched.count(4):
            fetched.append(4)
            raise Cancelled("stop")
        fetched.extend(rows)
        return [images[row] for row in rows]

    catalog, vectors = catalog_of("image", list("abcde")), embedded([0, 1, 2, 3, 4])
    with pytest.raises(Cancelled):
        find(catalog, vectors, fetch, DuplicatesConfig(floor=0.99), tmp_path)
    found = find(catalog, vectors, fetch, DuplicatesConfig(floor=0.99), tmp_path)
    assert fetched == [0, 1, 2, 3, 4, 4]
    assert as_set(found) == {(0, 2), (1, 4)}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "found.json",
        "group.npy",
        "looks.npy",
        "pairs.npy",
        "similarity.npy",
    ]


def test_an_item_that_cannot_be_read_any_more_is_alone(tmp_path: Path):
    def fetch(rows: Any) -> list[Image.Image]:
        if 1 in rows:
            raise IngestError("1.png is gone")
        return [picture(0) for _ in rows]

    found = find(catalog_of("image", list("abc")), embedded([0, 1, 2]), fetch, DuplicatesConfig(), tmp_path)
    assert as_set(found) == {(0, 2)}
