"""What is most like an item, against every pair worked out by hand."""

import numpy as np

from curation_core.lookalikes import lengths, lookalikes


def test_the_best_by_cosine_come_first_and_never_the_item_itself():
    vectors = np.random.default_rng(0).standard_normal((500, 16)).astype(np.float32)
    rows, alike = lookalikes(vectors, 7, 12)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = units @ units[7]
    cosine[7] = -2
    assert rows.tolist() == np.argsort(-cosine, kind="stable")[:12].tolist()
    assert np.abs(alike - cosine[rows]).max() < 1e-5


def test_a_copy_of_an_item_is_its_best_lookalike_and_equals_come_by_row():
    vectors = np.eye(6, dtype=np.float32)[[0, 1, 0, 2, 0]]
    rows, alike = lookalikes(vectors, 2, 2)
    assert rows.tolist() == [0, 4]
    assert alike.tolist() == [1.0, 1.0]


def test_a_vector_of_zeros_is_like_nothing_and_breaks_nothing():
    vectors = np.array([[0, 0], [1, 0], [0, 1]], dtype=np.float32)
    assert lengths(vectors).tolist() == [1, 1, 1]
    assert lookalikes(vectors, 0, 5)[1].tolist() == [0, 0]
    assert lookalikes(vectors, 1, 5)[0].tolist() == [0, 2]


def test_known_lengths_save_a_pass_and_change_nothing():
    vectors = np.random.default_rng(1).standard_normal((300, 8)).astype(np.float16)
    plain = lookalikes(vectors, 3, 5)
    known = lookalikes(vectors, 3, 5, known_lengths=lengths(vectors))
    assert np.array_equal(plain[0], known[0])
    assert np.array_equal(plain[1], known[1])


def test_a_single_item_has_no_lookalikes():
    assert len(lookalikes(np.ones((1, 3), np.float32), 0, 12)[0]) == 0
