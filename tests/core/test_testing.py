"""The contract for embedders refuses those that break it."""

import itertools

import numpy as np
import pytest

from curation_core.testing import EmbedderContract

CHECKS = [name for name in dir(EmbedderContract) if name.startswith("test_")]


def broken(call, **attributes):
    kind = type("Broken", (), {"name": "b", "dim": 2, "modality": "vector", "__call__": call} | attributes)
    contract = type(
        "Check", (EmbedderContract,), {"embedder": lambda self: kind(), "batch": lambda self: [1.0, 2.0, 3.0]}
    )
    return contract()


def refused(contract):
    failed = set()
    for name in CHECKS:
        try:
            getattr(contract, name)()
        except AssertionError:
            failed.add(name)
    return failed


def good(self, batch):
    return np.array([[value, 1.0] for value in batch], dtype=np.float32)


COUNTER = itertools.count()


def test_a_good_embedder_passes():
    assert refused(broken(good)) == set()


@pytest.mark.parametrize(
    ("call", "attributes", "check"),
    [
        (good, {"name": ""}, "says_its_name"),
        (good, {"modality": "smell"}, "says_its_name"),
        (good, {"dim": 3}, "one_finite_float32"),
        (good, {"preferred_batch": 0}, "may_also_say"),
        (good, {"device": None}, "may_also_say"),
        (good, {"embed_text": lambda self, texts: np.ones((len(texts), 5), np.float32)}, "may_also_say"),
        (lambda self, batch: good(self, batch).astype(np.float64), {}, "one_finite_float32"),
        (lambda self, batch: good(self, batch)[:1], {}, "one_finite_float32"),
        (lambda self, batch: good(self, batch) + np.float32(next(COUNTER)), {}, "same_bytes"),
        (lambda self, batch: good(self, batch) / np.float32(len(batch)), {}, "neighbours_in_the_batch"),
        (lambda self, batch: np.sort(good(self, batch), axis=0), {}, "order_of_the_batch"),
    ],
)
def test_a_broken_embedder_is_caught(call, attributes, check):
    assert any(check in name for name in refused(broken(call, **attributes)))
