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
from curation_core.kmeans import fit
from curation_core.points import Points

if os.environ.get("CI"):
    import curation_kernels as native
else:
    native = pytest.importorskip("curation_kernels", reason="the C kernels were not built here")
ENGINES = kernels.engines()
EPSILON = float(np.finfo(np.float32).eps)


@pytest.fixture(params=ENGINES)
def engine(request, monkeypatch):
    monkeypatch.setenv(kernels.CHOICE, request.param)
    monkeypatch.setattr(kernels, "WORTH_SCREENING", 0)
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


@pytest.mark.parametrize("seed", range(50))
def test_all_native_paths_agree_to_the_bit_at_any_place_in_any_thread(seed):
    vectors, centroids = problem(seed)
    points = Points.of(vectors)
    table, rows = points.table(centroids), np.random.default_rng(seed).integers(0, len(vectors), 97)
    labels, score = native.nearest(points.x, native.Table.of(table, "avx2"))
    for path in native.PATHS:
        for screen in {False, native.SCREENS}:
            packed = native.Table.of(table, path, screen=screen)
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


def test_screening_decides_most_points_and_never_a_close_one():
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((64, 100))
    vectors = (centres[rng.integers(0, 64, 3000)] + 0.2 * rng.standard_normal((3000, 100))).astype(np.float32)
    points = Points.of(vectors)
    table = points.table(np.concatenate([centres, centres[:1]]).astype(np.float32))  # the first one twice
    labels = screened(points.x, table)
    first = native.nearest(points.x, native.Table.of(table))[0]
    assert (labels >= 0).mean() > 0.9
    assert (labels[labels >= 0] == first[labels >= 0]).all()
    assert (labels[first == 0] == -1).all()


def screened(x, table):
    if not native.SCREENS:
        pytest.skip("this processor has no products in bfloat16")
    packed, labels = native.Table.of(table, screen=True), np.empty(len(x), np.int32)
    native._native.screen(x, None, *packed.screen, len(table), labels, np.empty(len(x), np.float32))
    return labels


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
