"""Search by words: the most similar first, equals by row, whatever the vectors are stored in."""

import numpy as np
import pytest

from curation_core.embedders import open_embedder
from curation_core.errors import ConfigError, ShapeError
from curation_core.search import best_rows, rank_by_text, search, similarity, text_side


def test_similarity_is_the_cosine_and_zeros_are_like_nothing():
    vectors = np.array([[2, 0], [0, 3], [-1, 0], [0, 0], [1, 1]], np.float16)
    assert similarity(vectors, np.array([5.0, 0.0])).tolist() == pytest.approx([1, 0, -1, 0, np.sqrt(0.5)])
    assert similarity(vectors, np.zeros(2)).tolist() == [0] * 5


def test_the_best_come_first_and_equals_by_row():
    vectors = np.array([[1, 0], [0, 1], [2, 0], [1, 1], [3, 0]], np.float32)
    rows, found = search(vectors, np.array([1.0, 0.0]), 4)
    assert rows.tolist() == [0, 2, 4, 3]
    assert found.tolist() == pytest.approx([1, 1, 1, np.sqrt(0.5)])
    assert search(vectors, np.array([1.0, 0.0]), 2)[0].tolist() == [0, 2]
    assert search(vectors, np.array([1.0, 0.0]), 99)[0].tolist() == [0, 2, 4, 3, 1]
    assert search(vectors, np.array([1.0, 0.0]), 0)[0].tolist() == []


def test_many_equal_scores_are_cut_at_the_lowest_rows():
    scores = np.random.default_rng([3]).integers(0, 4, 1000).astype(np.float32)
    expected = sorted(range(1000), key=lambda row: (-scores[row], row))
    for n in (1, 10, 260, 999, 1000):
        assert best_rows(scores, n).tolist() == expected[:n]


def test_texts_are_ranked_by_the_embedder_that_made_their_vectors():
    embedder = open_embedder("wordllama", "text")
    vectors = embedder(["stock markets fell sharply", "a kitten sleeps", "rain in the mountains"])
    assert search(vectors, embedder(["cat"])[0], 1)[0].tolist() == [1]
    found = rank_by_text("cat", embedder, vectors)
    assert found.dtype == np.float32
    assert found.argmax() == 1


def test_pictures_are_ranked_through_a_models_text_side():
    class Joint:
        name, dim, modality = "joint", 2, "image"

        def embed_text(self, texts):
            return np.array([[0.0, float(len(text))] for text in texts], np.float32)

    assert rank_by_text("sea", Joint(), np.eye(2)).tolist() == [0, 1]


def test_what_cannot_be_searched_says_why():
    vectors = np.eye(3, dtype=np.float32)
    with pytest.raises(ConfigError, match="the query is empty"):
        rank_by_text("  ", open_embedder("wordllama", "text"), vectors)
    with pytest.raises(ConfigError, match="color-hog knows no texts; for text search embed with a CLIP or SigLIP"):
        rank_by_text("cat", open_embedder("color-hog", "image"), vectors)
    with pytest.raises(ShapeError, match="the query has 256 numbers, the vectors have shape"):
        rank_by_text("cat", open_embedder("wordllama", "text"), vectors)


def test_whether_there_is_a_text_side_is_told_from_files_alone(tmp_path):
    assert text_side("wordllama", "text")
    assert not text_side("efficientnet-lite0", "image")
    assert not text_side("as-is", "vector")
    assert not text_side("hf:/nowhere/at/all", "image")
    (tmp_path / "config.json").write_text('{"text_config": {}}')
    (tmp_path / "model.safetensors").write_bytes(b"weights that are not looked at")
    assert not text_side(f"hf:{tmp_path}", "image")
    (tmp_path / "tokenizer.json").write_text("{}")
    assert text_side(f"hf:{tmp_path}", "image")
    (tmp_path / "config.json").write_text('{"model_type": "dinov2"}')
    assert not text_side(f"hf:{tmp_path}", "image")
