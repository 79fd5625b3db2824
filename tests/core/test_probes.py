import warnings

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifierCV
from sklearn.neighbors import KNeighborsClassifier

from curation_core.probes import ALPHAS, NEIGHBORS, knn_predict, linear_probe


def blobs(n, dim, n_classes, seed, spread=1.5):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    labels[:n_classes] = np.arange(n_classes)
    vectors = rng.normal(size=(n_classes, dim))[labels] + spread * rng.normal(size=(n, dim))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


@pytest.mark.parametrize(("n", "dim", "n_classes"), [(80, 5, 3), (40, 60, 4), (200, 20, 9)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_linear_probe_is_ridge_with_the_penalty_that_scikit_learn_chooses(n, dim, n_classes, seed):
    vectors, labels = blobs(n, dim, n_classes, seed)
    asked, _ = blobs(100, dim, n_classes, seed + 50)
    theirs = RidgeClassifierCV(alphas=ALPHAS).fit(vectors, labels)
    ours = linear_probe(vectors, labels, n_classes)
    assert ours.alpha == theirs.alpha_
    assert np.allclose(vectors @ ours.coefficients + ours.intercept, theirs.decision_function(vectors), atol=1e-6)
    assert (ours.predict(asked) == theirs.predict(asked)).all()


def test_of_two_classes_the_linear_probe_takes_the_side_scikit_learn_takes():
    vectors, labels = blobs(90, 8, 2, 4)
    theirs = RidgeClassifierCV(alphas=ALPHAS).fit(vectors, labels)
    assert (linear_probe(vectors, labels, 2).predict(vectors) == theirs.predict(vectors)).all()


@pytest.mark.parametrize(("n", "n_classes"), [(60, 3), (400, 7), (5, 2)])
def test_neighbours_vote_as_in_scikit_learn(n, n_classes):
    vectors, labels = blobs(n, 6, n_classes, 0)
    asked, _ = blobs(300, 6, n_classes, 9)
    theirs = KNeighborsClassifier(NEIGHBORS).fit(vectors.astype(np.float32), labels)
    assert (knn_predict(vectors, labels, asked) == theirs.predict(asked.astype(np.float32))).all()


def test_fewer_items_than_neighbours_all_vote():
    assert knn_predict(np.eye(3), np.array([0, 1, 1]), np.zeros((2, 3))).tolist() == [1, 1]


def test_a_class_without_an_item_is_never_answered():
    vectors, labels = blobs(50, 5, 3, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(linear_probe(vectors, labels, 6).predict(vectors).tolist()) <= {0, 1, 2}


def test_one_item_alone_is_answered_everywhere():
    assert linear_probe(np.ones((1, 4)), np.array([1]), 3).predict(np.eye(4)).tolist() == [1] * 4
