import numpy as np
import pytest

from curation_core.kmeans import distances
from curation_core.native import CHOICE, native

RNG = np.random.default_rng(4)


def problem(n, k, dim):
    x = np.concatenate([RNG.standard_normal((n, dim)), np.ones((n, 1))], axis=1).astype(np.float32)
    return x, RNG.standard_normal((k, dim)).astype(np.float32), RNG.integers(0, k, n).astype(np.int32)


@pytest.mark.parametrize("kernel", ["", "blas"])
@pytest.mark.parametrize("dim", [1, 2, 15, 16, 17, 100, 384])
def test_distances_are_those_of_float64(monkeypatch, kernel, dim):
    monkeypatch.setenv(CHOICE, kernel)
    x, centred, labels = problem(500, 20, dim)
    exact = np.linalg.norm(x[:, :-1].astype(float) - centred[labels], axis=1)
    np.testing.assert_allclose(distances(x, centred, labels, 4.0), 4 * exact, rtol=1e-5)


def test_a_point_on_its_centroid_has_distance_0():
    x, centred, labels = problem(50, 50, 33)
    x[:, :-1] = centred[labels]
    assert not distances(x, centred, labels, 1.0).any()


def test_threads_change_no_bit(monkeypatch):
    x, centred, labels = problem(70_000, 100, 64)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one = distances(x, centred, labels, 1.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert distances(x, centred, labels, 1.0).tobytes() == one.tobytes()
    assert distances(x[:7], centred, labels[:7], 1.0).tobytes() == one[:7].tobytes()


@pytest.mark.parametrize("labels", [[-1, 0, 0], [0, 0, 9]])
def test_a_label_of_no_centroid_is_refused_before_anything_is_read(labels):
    if native() is None:
        pytest.skip("the C package is not installed")
    x, centred, _ = problem(3, 2, 4)
    with pytest.raises(ValueError, match="labels"):
        native().gaps(x, centred, np.array(labels, np.int32), 1.0, np.empty(3, np.float32))
