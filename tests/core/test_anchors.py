import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.anchors import SKETCH, Anchors, as_text, cluster_target, fingerprint, fingerprints, id_hashes
from curation_core.hierarchy import Hierarchy, Level
from curation_core.tree_edits import divided, merged
from tests.core.test_sampling import random_tree

N = 80  # items of a random_tree
hex_ids = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")
odd_ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
almost_hex = hex_ids.flatmap(lambda one: st.sampled_from([one.upper(), one[:-1], one + "0", f"g{one[1:]}", one]))
seeds = st.integers(0, 10_000)


def names(n, seed=0):
    """Ids in an order that is not theirs."""
    return [f"{one:016x}" for one in np.random.default_rng(seed).permutation(n)]


@settings(deadline=None)
@given(st.lists(hex_ids) | st.lists(hex_ids | odd_ids | almost_hex), st.integers(0, 5), st.integers(1, 4))
def test_ids_hash_alike_in_a_list_in_arrow_in_chunks_and_in_a_slice(ids, before, step):
    expected = id_hashes(ids).tolist()
    assert len(expected) == len(ids)
    padded = ["pad"] * before + ids + ["0" * 16]
    forms = [pa.array(ids, pa.string()), pa.array(ids, pa.large_string()), pa.array(padded).slice(before, len(ids))]
    forms += [
        pa.array(["f" * 16] * before + ids, pa.string()).slice(before),
        pa.array(["f" * 16] * before + ids, pa.large_string()).slice(before),
        pa.chunked_array([ids[start : start + step] for start in range(0, len(ids), step)], pa.string()),
        pa.chunked_array([padded, padded], pa.string()).slice(before, len(ids)),
    ]
    for form in forms:
        assert id_hashes(form).tolist() == expected


@settings(deadline=None)
@given(st.lists(hex_ids, max_size=8), st.lists(odd_ids | almost_hex, max_size=8))
def test_an_id_hashes_alike_whatever_ids_stand_beside_it(hexes, others):
    mixed = id_hashes([*hexes, *others]).tolist()
    assert mixed[: len(hexes)] == id_hashes(hexes).tolist()
    assert mixed == [int(id_hashes([one])[0]) for one in [*hexes, *others]]


def test_hashes_are_the_same_on_every_machine():
    assert [f"{one:x}" for one in id_hashes(["0" * 16, "item"]).tolist()] == ["e220a8397b1dcdaf", "a599ddfd7e69a892"]
    assert fingerprint(id_hashes(["item", "0" * 16])) == "87ba8636f9877641597a0d3c5d6dfd24"


def test_neighbouring_ids_lie_far_apart():
    hashes = id_hashes(names(4_000))
    shares = np.bincount((hashes >> np.uint64(60)).astype(int), minlength=16) / 4_000
    assert np.abs(shares - 1 / 16).max() < 0.02
    assert len(np.unique(hashes)) == 4_000


@settings(deadline=None, max_examples=60)
@given(seeds)
def test_the_fingerprint_of_a_cluster_is_that_of_its_members_in_any_order(seed):
    tree, _ = random_tree(seed)
    ids = names(N, seed)
    prints = fingerprints(tree, id_hashes(ids))
    for level in range(1, tree.n_levels + 1):
        for cluster in range(tree.n_clusters[level - 1]):
            members = np.random.default_rng(seed).permutation(tree.members(level, cluster))
            assert as_text(prints[level - 1][cluster]) == fingerprint(id_hashes([ids[row] for row in members]))


@given(st.sets(hex_ids | odd_ids, min_size=1, max_size=12), st.sets(hex_ids | odd_ids, min_size=1, max_size=12))
def test_other_members_have_another_fingerprint(some, others):
    one, other = (fingerprint(id_hashes(sorted(ids))) for ids in (some, others))
    assert (one == other) == (some == others)


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_a_target_found_without_hashes_of_all_is_the_same(seed):
    tree, _ = random_tree(seed)
    ids = names(N, seed)
    anchors = Anchors(tree, "T", pa.chunked_array([ids[:30], ids[30:]]))
    for level in range(1, tree.n_levels + 1):
        cluster = seed % tree.n_clusters[level - 1]
        assert anchors.target(level, cluster) == cluster_target(tree, "T", level, cluster, ids)
        assert anchors.target(level, cluster).members == as_text(anchors.prints[level - 1][cluster])


@pytest.mark.parametrize("n", [0, 1, SKETCH - 1, SKETCH, SKETCH + 1, 500])
def test_a_sketch_is_the_members_of_lowest_hash(n):
    ids = names(n + 20)
    tree, _ = random_tree(0, n=n + 20, n_levels=1)
    assignment = np.where(np.arange(n + 20) < n, 0, 1).astype(np.int32)
    tree = Hierarchy((Level(np.zeros((2, 2), np.float32), assignment, tree.levels[0].distance),))
    found = Anchors(tree, "T", ids).target(1, 0)
    by_hash = sorted(ids[:n], key=lambda one: int(id_hashes([one])[0]))
    assert found.sketch == tuple(by_hash[:SKETCH])
    assert found.size == n


def same_anchors(found, expected):
    assert [one.tolist() for one in found.prints] == [one.tolist() for one in expected.prints]
    for level in range(1, found.hierarchy.n_levels + 1):
        assert dict(found.lookup(level)) == dict(expected.lookup(level))
        assert found.target(level, 0) == expected.target(level, 0)


@settings(deadline=None, max_examples=60)
@given(seeds, st.integers(1, 3), seeds, seeds)
def test_sums_under_a_merge_are_those_computed_anew(seed, level, cluster, into):
    tree, _ = random_tree(seed)
    k = tree.n_clusters[level - 1]
    cluster, into = cluster % k, into % k
    if cluster == into:
        return
    before = Anchors(tree, "T", names(N, seed))
    before.lookup(level)
    with np.errstate(over="ignore"):
        joint = before.prints[level - 1][cluster] + before.prints[level - 1][into]
    after = merged(tree, level, cluster, into)
    same_anchors(before.after(after, level, {cluster: None, into: joint}), Anchors(after, "T", names(N, seed)))


@settings(deadline=None, max_examples=60)
@given(seeds, st.integers(1, 3), seeds)
def test_sums_under_a_split_are_those_computed_anew(seed, level, which):
    tree, _ = random_tree(seed)
    cluster = which % tree.n_clusters[level - 1]
    children = tree.children(level, cluster)
    if len(children) < 2:
        return
    after = divided(tree, level, cluster, np.arange(len(children)) % 2)
    before = Anchors(tree, "T", names(N, seed))
    new = tree.n_clusters[level - 1]
    halves = {one: before.halves(after.members(level, one)) for one in (cluster, new)}
    same_anchors(before.after(after, level, halves), Anchors(after, "T", names(N, seed)))


def test_an_empty_cluster_is_not_looked_up():
    tree, _ = random_tree(1)
    other = 1 if tree.n_clusters[0] > 1 else 0
    after = merged(tree, 1, 0, other)
    anchors = Anchors(after, "T", names(N))
    assert anchors.target(1, 0).size == 0
    assert anchors.target(1, 0).members not in anchors.lookup(1)
    assert 0 not in anchors.lookup(1).values()


@given(st.lists(odd_ids, unique=True, min_size=1, max_size=20))
def test_rows_are_put_in_the_order_of_their_ids(ids):
    tree, _ = random_tree(0, n=len(ids), n_levels=1)
    rows = np.arange(len(ids))[::-2]
    order = Anchors(tree, "T", ids).by_id(rows)
    ordered = [ids[row] for row in rows[order]]
    assert ordered == sorted(ordered, key=str.encode)
    assert sorted(order.tolist()) == list(range(len(rows)))
