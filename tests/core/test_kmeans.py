import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core import kernels, lloyd
from curation_core.errors import ConfigError, ShapeError
from curation_core.kernels import lowest
from curation_core.kmeans import assign, fit, kmeans, nearest, seeds
from curation_core.points import Points
from curation_core.progress import unheard

RNG = np.random.default_rng(7)
BLOBS = np.concatenate([RNG.normal(centre, 0.3, (60, 5)) for centre in (-4, 0, 3, 8)]).astype(np.float32)


def exact_distances(vectors, centroids):
    difference = vectors.astype(np.float64)[:, None] - centroids.astype(np.float64)[None]
    return np.sqrt((difference**2).sum(axis=2))  # (n, k)


def plain_lloyd(vectors, centroids, max_iter):
    """Ten lines of float64 that anyone can check: the oracle."""
    centroids, vectors = centroids.astype(np.float64), vectors.astype(np.float64)
    labels = exact_distances(vectors, centroids).argmin(axis=1)
    for _ in range(max_iter):
        for cluster in np.unique(labels):
            centroids[cluster] = vectors[labels == cluster].mean(axis=0)
        before, labels = labels, exact_distances(vectors, centroids).argmin(axis=1)
        if (labels == before).all():
            break
    return centroids, labels


def test_four_blobs_are_found():
    result = kmeans(BLOBS, 4, seed=0)
    assert np.bincount(result.assignment).tolist() == [60, 60, 60, 60]
    assert sorted(np.round(result.centroids.mean(axis=1)).tolist()) == [-4, 0, 3, 8]


def test_the_result_has_the_promised_types():
    result = kmeans(BLOBS, 4)
    assert result.centroids.dtype == np.float32
    assert result.assignment.dtype == np.int32
    assert result.distance.dtype == np.float32
    assert isinstance(result.inertia, float)
    assert result.converged
    assert result.n_iter >= 1


@pytest.mark.parametrize("dim", [1, 2, 7, 40])
@pytest.mark.parametrize("k", [1, 3, 60])
def test_skipping_gives_the_labels_of_brute_force(dim, k):
    vectors = np.random.default_rng([dim, k]).standard_normal((400, dim)).astype(np.float32)
    start = vectors[:k]
    result = kmeans(vectors, k, start=start, max_iter=100)
    centroids, labels = plain_lloyd(vectors, start, 100)
    assert (result.assignment == labels).all()
    np.testing.assert_allclose(result.centroids, centroids, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 2), st.integers(1, 12))
def test_ties_on_a_lattice_go_to_the_lowest_index(seed, n, dim, k):
    rng = np.random.default_rng(seed)
    points = Points(rng.integers(-3, 4, (n, dim)), np.zeros(dim), 1.0)  # whole: every score is exact, ties are real
    before = rng.integers(-3, 4, (k, dim)).astype(np.float32)
    after = np.where(rng.random((k, 1)) < 0.5, before, rng.integers(-3, 4, (k, dim))).astype(np.float32)
    labels, score = lowest(points.x, points.table(before))
    moved = (after != before).any(axis=1)
    found, _ = lloyd._reassigned(points, points.table(after), labels, score, moved, unheard)
    assert found.tolist() == exact_distances(points.source, after).argmin(axis=1).tolist()


def test_labels_belong_to_the_returned_centroids_even_when_stopped_early():
    vectors = RNG.standard_normal((500, 3)).astype(np.float32)
    result = kmeans(vectors, 20, max_iter=1)
    assert not result.converged
    assert (result.assignment == exact_distances(vectors, result.centroids).argmin(axis=1)).all()


def test_a_fixed_point_stays_where_it_is():
    first = kmeans(BLOBS, 9, max_iter=200, seed=3)
    again = kmeans(BLOBS, 9, max_iter=200, start=first.centroids)
    assert first.converged
    assert again.n_iter == 1
    assert (again.centroids == first.centroids).all()


def test_an_empty_cluster_keeps_its_centroid():
    start = np.array([[0.0], [1.0], [900.0]])
    result = kmeans(np.array([[0.0], [0.1], [1.0], [1.1]]), 3, start=start)
    assert result.centroids[2, 0] == 900
    assert 2 not in result.assignment


def test_distances_are_exact_in_spite_of_a_large_common_offset():
    vectors = np.random.default_rng(0).standard_normal((300, 16)) + 1000
    result = kmeans(vectors, 10, seed=0)
    exact = exact_distances(vectors, result.centroids)
    np.testing.assert_allclose(result.distance, exact.min(axis=1), rtol=2e-5)
    assert (result.assignment == exact.argmin(axis=1)).all()
    np.testing.assert_allclose(result.inertia, (exact.min(axis=1) ** 2).sum(), rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e12, 1e30])
def test_the_unit_of_the_vectors_does_not_matter(scale):
    expected = kmeans(BLOBS, 4, seed=0)
    found = kmeans(BLOBS.astype(np.float64) * scale, 4, seed=0)
    assert (found.assignment == expected.assignment).all()
    np.testing.assert_allclose(found.distance / scale, expected.distance, rtol=1e-4)


def test_one_vector_is_one_cluster():
    result = kmeans(np.array([[3.0, 4.0]]), 1)
    assert result.centroids.tolist() == [[3, 4]]
    assert result.inertia == 0


def test_constant_vectors_are_one_cluster():
    result = kmeans(np.full((50, 3), 0.1), 1)
    np.testing.assert_allclose(result.centroids, 0.1, rtol=1e-6)
    assert result.inertia == pytest.approx(0, abs=1e-12)


def test_as_many_clusters_as_vectors_gives_each_its_own():
    vectors = RNG.standard_normal((30, 4))
    result = kmeans(vectors, 30, seed=1)
    assert sorted(result.assignment.tolist()) == list(range(30))
    assert result.inertia == pytest.approx(0, abs=1e-10)


def test_seeding_finds_every_distinct_row_once():
    vectors = np.repeat(RNG.standard_normal((10, 3)), 20, axis=0)
    result = kmeans(vectors, 10, seed=5)
    assert np.bincount(result.assignment).tolist() == [20] * 10


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16, np.uint8, np.int64])
def test_every_real_type_is_welcome(dtype):
    vectors = (RNG.random((80, 4)) * 100).astype(dtype)
    result = kmeans(vectors, 3, seed=0)
    expected = kmeans(vectors.astype(np.float32), 3, seed=0)
    assert (result.assignment == expected.assignment).all()


def test_layout_and_memory_maps_change_nothing(tmp_path):
    expected = kmeans(BLOBS, 6, seed=2)
    wide = np.zeros((len(BLOBS), 10), dtype=np.float32)
    wide[:, ::2] = BLOBS
    np.save(tmp_path / "v.npy", BLOBS)
    for vectors in (wide[:, ::2], np.asfortranarray(BLOBS), np.load(tmp_path / "v.npy", mmap_mode="r")):
        found = kmeans(vectors, 6, seed=2)
        assert found.centroids.tobytes() == expected.centroids.tobytes()
        assert found.assignment.tobytes() == expected.assignment.tobytes()


def test_equal_seeds_give_equal_bytes_and_others_do_not():
    vectors = RNG.standard_normal((300, 4))
    first, again, other = (kmeans(vectors, 25, seed=seed) for seed in (4, 4, 5))
    assert first.centroids.tobytes() == again.centroids.tobytes()
    assert first.centroids.tobytes() != other.centroids.tobytes()


def test_the_block_size_changes_no_label(monkeypatch):
    vectors = RNG.standard_normal((500, 6))
    monkeypatch.setenv(kernels.CHOICE, "blas")
    expected = kmeans(vectors, 30, seed=0)
    monkeypatch.setattr(kernels, "block_scores", lambda _: 700)
    monkeypatch.setattr("curation_core.points._VALUES", 300)
    found = kmeans(vectors, 30, seed=0)
    assert (found.assignment == expected.assignment).all()
    np.testing.assert_allclose(found.centroids, expected.centroids, atol=1e-5)


def test_greedy_seeding_is_better_than_random_seeding():
    vectors = np.concatenate([RNG.normal(centre, 0.05, (20, 2)) for centre in RNG.uniform(-9, 9, (30, 2))])
    greedy = [kmeans(vectors, 30, seed=seed).inertia for seed in range(5)]
    random = [kmeans(vectors, 30, seed=seed, init="random").inertia for seed in range(5)]
    assert max(greedy) < min(random)


def test_a_known_assignment_saves_a_pass_and_changes_nothing():
    points = Points.of(BLOBS)
    start = seeds(points, 8, "kmeans++", np.random.default_rng(1))
    known, _ = nearest(points, start)
    plain, saved = fit(points, start, 50), fit(points, start, 50, assignment=known)
    assert (plain.assignment == saved.assignment).all()
    assert (plain.centroids == saved.centroids).all()


def test_assign_repeats_what_kmeans_found():
    result = kmeans(BLOBS, 7, seed=1)
    assignment, distance = assign(BLOBS, result.centroids)
    assert (assignment == result.assignment).all()
    np.testing.assert_allclose(distance, result.distance, rtol=1e-5)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.empty((0, 3)), "no vectors"),
        (np.arange(5.0), r"reshape\(-1, 1\)"),
        (np.empty((4, 0)), "d >= 1"),
        (np.array([["a", "b"]]), "real numbers"),
        (np.ones((2, 2)) * 1j, "real numbers"),
        (
            np.array([[1.0, np.nan], [1, 2], [np.inf, 1]]),
            r"2 of 3 vectors hold NaN or infinite values \(first: row 0\)",
        ),
        (np.array([[1e38], [0]]), "divide them"),
    ],
)
def test_vectors_that_cannot_be_clustered_are_refused_with_advice(vectors, message):
    with pytest.raises(ShapeError, match=message):
        kmeans(vectors, 1)


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "3"])
def test_a_count_that_is_no_count_is_refused(k):
    with pytest.raises(ConfigError, match="whole number of at least 1"):
        kmeans(BLOBS, k)


def test_more_clusters_than_vectors_are_refused():
    with pytest.raises(ConfigError, match="ask for at most 240"):
        kmeans(BLOBS, 241)


def test_more_clusters_than_distinct_rows_are_refused():
    with pytest.raises(ConfigError, match="only 10 of the 200 vectors are distinct"):
        kmeans(np.tile(np.arange(10.0)[:, None], (20, 1)), 30)


def test_an_unknown_init_is_refused_with_the_choices():
    with pytest.raises(ConfigError, match=r"kmeans\+\+, kmeans\|\|, random"):
        kmeans(BLOBS, 3, init="best")


def test_a_start_of_the_wrong_shape_is_refused():
    with pytest.raises(ShapeError, match="one row per cluster"):
        kmeans(BLOBS, 3, start=np.zeros((2, 5)))


def test_centroids_of_other_vectors_are_refused():
    with pytest.raises(ShapeError, match=r"expected \(k, 5\)"):
        assign(BLOBS, np.zeros((2, 4)))
