"""Orders of several keys, held against numpy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation_core.sorting import counts, lexsort

KINDS = {
    "whole": lambda rng, n: rng.integers(-5, 5, n),
    "small": lambda rng, n: rng.integers(0, 255, n).astype(np.uint8),
    "int32": lambda rng, n: rng.integers(0, 7, n).astype(np.int32),
    "wide": lambda rng, n: rng.integers(-(2**62), 2**62, n),
    "whole range": lambda rng, n: rng.choice(np.array([-(2**63), -1, 0, 2**63 - 1]), n),
    "unsigned": lambda rng, n: rng.choice(np.array([0, 1, 2**63, 2**64 - 1], dtype=np.uint64), n),
    "bool": lambda rng, n: rng.random(n) < 0.5,
    "float64": lambda rng, n: rng.normal(size=n),
    "float32": lambda rng, n: rng.normal(size=n).astype(np.float32).round(1),
    "float16": lambda rng, n: rng.normal(size=n).astype(np.float16),
    "special": lambda rng, n: rng.choice([0.0, -0.0, np.inf, -np.inf, 1.5, 5e-324], n),
    "equal": lambda rng, n: np.full(n, 3.0),
}


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 10_000), st.integers(0, 300), st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
def test_the_order_is_that_of_numpy(seed, n, kinds):
    rng = np.random.default_rng(seed)
    keys = [KINDS[kind](rng, n) for kind in kinds]
    found = lexsort(keys)
    assert found.dtype == np.int32
    assert found.tolist() == np.lexsort(keys).tolist()


def test_more_rows_than_are_handled_at_once_are_ordered_alike():
    rng = np.random.default_rng(0)
    keys = (rng.random(700_000), rng.integers(0, 50, 700_000), rng.integers(0, 9, 700_000))
    assert (lexsort(keys) == np.lexsort(keys)).all()


@pytest.mark.parametrize("n_groups", [1, 7, 600_000])
def test_counts_are_those_of_numpy(n_groups):
    rng = np.random.default_rng(1)
    group, chosen = rng.integers(0, n_groups, 700_000).astype(np.int32), rng.random(700_000) < 0.3
    assert (counts(group, n_groups) == np.bincount(group, minlength=n_groups)).all()
    assert (counts(group, n_groups, chosen) == np.bincount(group[chosen], minlength=n_groups)).all()
    assert counts(group[:0], n_groups).tolist() == [0] * n_groups
