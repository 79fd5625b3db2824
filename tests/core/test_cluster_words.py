"""Words of clusters: what tells one from the rest, in any script, from its own members."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from curation_core import cluster_words
from curation_core.cluster_words import nearest_words, split_words, telling_words, word_like


def told(texts: list[str], sizes: list[int], most: int = 3) -> list[list[str]]:
    words = split_words(pa.array(texts))
    stops = np.cumsum(sizes)
    codes = telling_words(words, stops - sizes, stops, len(words.codes) / len(sizes), most)
    return [[words.vocabulary[code] for code in row if code >= 0] for row in codes.tolist()]


def test_a_cluster_is_told_by_what_it_says_more_often_than_the_rest():
    cats, stocks = (
        ["a small cat sleeps", "the cat eats small fish", "cat and dog"],
        ["stocks fell", "small small stocks rose"],
    )
    found = told([*cats, *stocks], [3, 2])
    assert found[0] == ["cat"]
    assert found[1][0] == "stocks"


def test_scores_are_those_of_class_based_tf_idf():
    rng = np.random.default_rng([3])
    pool = [f"word{chr(97 + i)}" for i in range(12)]
    texts = [" ".join(rng.choice(pool, 6, p=np.arange(1, 13) / 78)) for _ in range(40)]
    counts = [Counter(" ".join(part).split()) for part in (texts[:25], texts[25:])]
    overall, mean = counts[0] + counts[1], 40 * 6 / 2
    common = {w for w in pool if sum(w in t.split() for t in texts) > 0.25 * len(texts)}
    overall = Counter({w: c for w, c in overall.items() if w not in common})
    total = sum(overall.values())
    mean = total / 2
    for cluster, count in enumerate(counts):
        inside = sum(c for w, c in count.items() if w in overall)
        scored = {
            w: c * np.log(1 + mean / overall[w])
            for w, c in count.items()
            if w in overall and c > 1 and c / inside > overall[w] / total
        }
        expected = sorted(scored, key=lambda w: (-scored[w], w))[:3]
        assert told(texts, [25, 15])[cluster] == expected
    assert any(told(texts, [25, 15]))


def test_a_parent_is_named_from_its_own_members_and_not_from_its_children():
    texts = ["oak leaf", "oak bark", "pine leaf", "pine needle", "ship sail", "ship mast"]
    assert told(texts, [2, 2, 2], 1) == [["oak"], ["pine"], ["ship"]]
    assert told(texts, [4, 2], 3)[0] == ["leaf", "oak", "pine"]  # leaf is of both children, the first of neither


def test_a_word_that_is_everywhere_tells_nothing_in_any_language():
    texts = [f"und {word} nicht" for word in ("katze", "katze", "hund", "hund", "vogel") * 6]
    vocabulary = split_words(pa.array(texts)).vocabulary
    assert "und" not in vocabulary
    assert "vogel" in vocabulary


def test_words_of_many_scripts_are_words():
    found = split_words(pa.array(["Größe κόσμος мир हिन्दी مرحبا 東京都 x 42 an"])).vocabulary
    assert {"größe", "κόσμος", "мир", "हिन्दी", "مرحبا", "東京", "京都"} <= set(found)
    assert not {"x", "42", "an", "東京都"} & set(found)


def test_pairs_of_characters_keep_to_their_own_text():
    words = split_words(pa.array(["日本語", "cats", None, "寿司 cats"]))
    of_text = [
        sorted(words.vocabulary[code] for code in words.codes[a:b])
        for a, b in zip(words.starts, words.starts[1:], strict=False)
    ]
    assert of_text == [["日本", "本語"], ["cats"], [], ["cats", "寿司"]]


def test_a_text_of_ten_million_letters_is_read_at_its_start_only():
    words = split_words(pa.array(["whale " + "x" * 10_000_000, "whale"]))
    assert max(map(len, words.vocabulary)) <= cluster_words.MOST_CHARACTERS
    assert words.counts[words.vocabulary.index("whale")] == 2


def test_no_texts_have_no_words():
    words = split_words(pa.array([], pa.string()))
    assert len(words.codes) == 0
    assert telling_words(words, np.array([0]), np.array([0]), 1.0).tolist() == [[-1, -1, -1]]


@pytest.mark.parametrize("block", [10, 50, 10_000])
def test_words_do_not_hang_on_how_many_are_counted_at_once(monkeypatch, block):
    rng = np.random.default_rng([5])
    texts = [" ".join(f"w{chr(97 + i)}{chr(97 + j)}" for i, j in rng.integers(0, 9, (5, 2))) for _ in range(60)]
    whole = told(texts, [20, 5, 0, 30, 5])
    monkeypatch.setattr(cluster_words, "_BLOCK", block)
    assert told(texts, [20, 5, 0, 30, 5]) == whole
    monkeypatch.setattr(cluster_words, "_CHUNK", 7)
    assert told(texts, [20, 5, 0, 30, 5]) == whole


def test_the_word_whose_vector_points_the_same_way_is_nearest():
    words = np.array([[10.0, 0.0], [0.0, 0.1], [1.0, 1.0]])
    assert nearest_words(np.array([[1.0, 0.1], [0.1, 2.0], [1.0, 0.9]]), words).tolist() == [0, 1, 2]


def test_codes_and_numbers_are_no_words():
    assert [name for name in ("cat", "n02084071", "7", "", "ab", "red panda") if word_like(name)] == [
        "cat",
        "red panda",
    ]
