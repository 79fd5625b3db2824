"""Every kernel gives the float32 answer: held against float64 brute force, and against each other to the bit."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core import kernels
from curation_core.errors import ConfigError
from curation_core.executors import ONE_THREAD
from curation_core.kmeans import fit, seeds
from curation_core.points import Points

if os.environ.get("CI"):
    import curation_kernels as native
else:
    native = pytest.importorskip("curation_kernels", reason="the C kernels were not built here")
ENGINES = kernels.engines()
ALL_PATHS = (*native.PATHS, *native.PATHS_FOR_TESTS)
EPSILON = float(np.finfo(np.float32).eps)


@pytest.fixture(params=ENGINES)
def engine(request, monkeypatch):
    monkeypatch.setenv(kernels.CHOICE, request.param)
    monkeypatch.setattr(kernels, "WORTH_PANELS", 0)
    return request.param


def problem(seed):
    """Points and centroids of all kinds: wide and narrow, far from the origin, doubled, of very uneven columns."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(1, 700)), int(rng.integers(1, 300))
    dim = int(rng.choice([1, 2, 3, 15, 16, 17, 31, 64, 130, 257, 1024]))
    vectors = rng.standard_normal((n, dim))
    kind = seed % 5
    if kind == 1:
        vectors += 1e4  # a large common offset
    if kind == 2:
        vectors = np.round(vectors)  # duplicates and exact ties
    if kind == 3:
        vectors *= np.geomspace(1, 1e-6, dim)
    if kind == 4:
        vectors = vectors[rng.integers(0, n, n)] * 1e-20
    noise = 0 if kind == 2 else 0.1 * vectors.std()
    centroids = vectors[rng.integers(0, n, k)] + noise * rng.standard_normal((k, dim))
    return vectors.astype(np.float32), centroids.astype(np.float32)


@pytest.mark.parametrize("seed", range(50))
def test_labels_are_those_of_float64_but_for_ties_within_rounding(seed, engine):
    vectors, centroids = problem(seed)
    points = Points.of(vectors)
    table = points.table(centroids)
    labels, score = kernels.lowest(points.x, table)
    exact = points.x.astype(np.float64) @ table.astype(np.float64).T
    found = exact[np.arange(len(labels)), labels]
    size = np.abs(points.x.astype(np.float64)) @ np.abs(table.astype(np.float64)).T  # rounding is a share of this
    allowed = (table.shape[1] + 2) * EPSILON * size.max(axis=1)
    assert (found - exact.min(axis=1) <= 2 * allowed).all()
    assert (np.abs(score - found) <= allowed).all()
    first = exact.argmin(axis=1)
    clear = np.partition(exact, 1, axis=1)[:, 1] - exact.min(axis=1) > 2 * allowed if exact.shape[1] > 1 else first == 0
    assert (labels == first)[clear].all()


@pytest.mark.parametrize("path", ALL_PATHS)
@pytest.mark.parametrize("seed", range(50))
def test_all_native_paths_agree_to_the_bit_at_any_place_in_any_thread(seed, path):
    vectors, centroids = problem(seed)
    points = Points.of(vectors)
    table, rows = points.table(centroids), np.random.default_rng(seed).integers(0, len(vectors), 97)
    labels, score = native.nearest(points.x, native.Table.of(table, "avx2", panels=False))
    for panels in (False, True):
        packed = native.Table.of(table, path, panels=panels)
        for found in (native.nearest(points.x, packed), native.nearest(points.x, packed, n_threads=3)):
            assert (found[0] == labels).all()
            assert found[1].tobytes() == score.tobytes()
        some = native.nearest(points.x, packed, rows)
        assert (some[0] == labels[rows]).all()
        assert some[1].tobytes() == score[rows].tobytes()
    assert native.own_scores(points.x, table, labels[rows], rows).tobytes() == score[rows].tobytes()


def test_the_first_of_equal_centroids_wins(engine):
    if engine == "blas":
        pytest.skip("BLAS rounds equal columns differently at the edges of its blocks")
    vectors = np.random.default_rng(3).integers(-2, 3, (500, 9)).astype(np.float32)
    centroids = np.repeat(np.unique(vectors, axis=0)[:40], 3, axis=0)
    points = Points.of(vectors)
    labels, _ = kernels.lowest(points.x, points.table(centroids))
    assert (labels % 3 == 0).all()


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_sums_are_those_of_float64_in_order_for_any_number_of_threads(seed, n_threads):
    rng = np.random.default_rng(seed)
    n, k, dim = int(rng.integers(1, 4000)), int(rng.integers(1, 50)), int(rng.integers(1, 40))
    x = rng.standard_normal((n, dim)).astype(np.float32)
    labels, rows = rng.integers(0, k, n).astype(np.int32), np.sort(rng.permutation(n)[: n // 2 + 1])
    wanted, added = np.zeros((k, dim)), np.zeros((k, dim))
    np.add.at(wanted, labels[rows], x[rows].astype(np.float64))
    native.add_rows(x, labels[rows], added, rows, n_threads=n_threads)
    assert added.tobytes() == wanted.tobytes()


def test_a_fit_is_the_same_to_the_bit_on_every_native_path(monkeypatch):
    vectors = np.random.default_rng(8).standard_normal((3000, 48)).astype(np.float32)
    points, found = Points.of(vectors), {}
    for name in (*ENGINES[:-1], "blas"):
        monkeypatch.setenv(kernels.CHOICE, name)
        found[name] = fit(points, vectors[:80], 25)
    first = found[ENGINES[0]]
    for name in ENGINES[:-1]:
        assert found[name].centroids.tobytes() == first.centroids.tobytes()
        assert found[name].assignment.tobytes() == first.assignment.tobytes()
    assert found["blas"].inertia == pytest.approx(first.inertia, rel=1e-3)


def test_threads_change_no_byte():
    code = (
        "import numpy as np, hashlib; from curation_core.kmeans import kmeans;"
        "x = np.random.default_rng(0).standard_normal((6000, 40)).astype('f4'); r = kmeans(x, 60, max_iter=8);"
        "print(hashlib.sha256(r.centroids.tobytes() + r.assignment.tobytes()).hexdigest())"
    )
    found = set()
    for threads in ("1", "2"):
        variables = {**os.environ, **dict.fromkeys(ONE_THREAD, threads)}
        found.add(subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, check=True).stdout)
    assert len(found) == 1


def test_an_unknown_kernel_is_named_with_those_there_are(monkeypatch):
    monkeypatch.setenv(kernels.CHOICE, "sse9")
    with pytest.raises(ConfigError, match=r"CURATE_KERNEL is 'sse9'; on this machine choose one of .*blas"):
        kernels.engine()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"x": np.zeros((4, 3))}, ValueError),  # float64
        ({"x": np.zeros((4, 6), np.float32)[:, ::2]}, ValueError),
        ({"x": np.zeros((4, 2), np.float32)}, ValueError),
        ({"rows": np.array([0, 4])}, IndexError),
        ({"rows": np.array([-1])}, IndexError),
        ({"rows": np.array([0], np.int32)}, ValueError),
    ],
)
def test_the_c_side_refuses_what_does_not_fit(change, error):
    given_ = {"x": np.zeros((4, 3), np.float32), "rows": None, **change}
    with pytest.raises(error):
        native.nearest(given_["x"], native.Table.of(np.ones((2, 3), np.float32)), given_["rows"])


def test_a_label_beyond_the_table_is_refused():
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(IndexError):
        native.own_scores(x, np.ones((2, 3), np.float32), np.array([0, 2], np.int32))
    with pytest.raises(IndexError):
        native.add_rows(x, np.array([0, -1], np.int32), np.zeros((2, 3)))


def rough_of(vectors):
    if not native.ROUGH:
        pytest.skip("this processor has no products of bytes")
    x = np.concatenate([vectors, np.ones((len(vectors), 1))], axis=1).astype(np.float32)
    norms = np.einsum("ij,ij->i", x[:, :-1], x[:, :-1])
    return x, norms, native.Rough.of(x, norms)


@pytest.mark.parametrize("seed", range(20))
def test_rough_distances_are_those_of_the_rows_rounded_to_whole_numbers(seed):
    vectors, _ = problem(5 * seed)
    x, norms, rough = rough_of(vectors)
    rows = np.random.default_rng(seed).integers(0, len(x), 29)
    found = np.empty((29, len(x)), np.float32)
    rough.squared_distances(rows, found)
    scale = np.abs(x[:, :-1]).max(axis=1) / np.float32(127)
    whole = np.rint(x[:, :-1] * (np.float32(1) / scale)[:, None]).astype(np.int64)
    products = (whole[rows] @ whole.T) * (scale[rows, None].astype(np.float64) * scale)
    wanted = np.maximum(norms[rows, None].astype(np.float64) + norms - 2 * products, 0)
    size = norms[rows, None] + norms
    assert (np.abs(found - wanted) <= 8 * EPSILON * size).all()
    exact = ((x[rows, None, :-1].astype(np.float64) - x[None, :, :-1]) ** 2).sum(axis=2)
    assert (np.abs(found - exact) <= 0.02 * size).all()
    parted = np.empty_like(found)
    rough.squared_distances(rows, parted, n_threads=3)
    assert parted.tobytes() == found.tobytes()


def test_close_ones_are_exact_and_a_potential_is_the_sum_over_the_nearer_one():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((333, 50))
    vectors[100:140] = vectors[7] + 1e-4 * rng.standard_normal((40, 50))
    x, _, rough = rough_of(vectors)
    squared, closest = np.empty((1, 333), np.float32), rng.random(333).astype(np.float32) * 100
    rough.squared_distances(np.array([7]), squared)
    found = rough.potential(7, closest, 0.02, squared[0])
    exact = ((x[:, :-1].astype(np.float64) - x[7, :-1]) ** 2).sum(axis=1)
    near = np.r_[7, 100:140]
    np.testing.assert_allclose(squared[0, near], exact[near], rtol=1e-6)
    assert squared[0, 7] == 0
    assert found == pytest.approx(np.minimum(squared[0], closest).sum(dtype=np.float64), rel=1e-12)


@pytest.mark.parametrize("spread", [1.0, 0.02])
def test_rough_seeding_is_as_good_as_exact_seeding(spread, monkeypatch):
    rng = np.random.default_rng(11)
    vectors = rng.standard_normal((60, 40))[rng.zipf(1.6, 3000) % 60] + spread * rng.standard_normal((3000, 40))
    points, mean = Points.of(vectors), {}
    for name in (ENGINES[0], "blas"):
        monkeypatch.setenv(kernels.CHOICE, name)
        starts = [seeds(points, 150, "kmeans++", np.random.default_rng(seed)) for seed in range(6)]
        mean[name] = np.mean([fit(points, start, 0).inertia for start in starts])
    assert mean[ENGINES[0]] == pytest.approx(mean["blas"], rel=0.03)


def test_seeds_cover_all_distinct_rows_when_there_are_just_enough(engine):
    vectors = np.repeat(np.random.default_rng(4).standard_normal((20, 30)), 9, axis=0).astype(np.float32)
    start = seeds(Points.of(vectors), 20, "kmeans++", np.random.default_rng(0))
    assert len(np.unique(start, axis=0)) == 20
