"""Text embedders put alike texts near each other."""

import subprocess
import sys

import numpy as np
import pytest

from curation_core.words import HashingText, WordLlama


@pytest.mark.parametrize("embedder", [WordLlama, HashingText])
def test_alike_texts_are_nearer_than_others(embedder):
    vectors = embedder()(["the cats sat on a mat", "a cat sits on the mats", "interest rates rose in May"])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.1


@pytest.mark.parametrize("embedder", [WordLlama, HashingText])
def test_a_blank_text_has_no_direction(embedder):
    vectors = embedder()(["", "word"])
    assert not vectors[0].any()
    assert vectors[1].any()


def test_hashed_texts_are_the_same_in_every_process():
    code = "from curation_core.words import HashingText; print(HashingText()(['a b c']).tobytes().hex())"
    found = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == HashingText()(["a b c"]).tobytes().hex()
