import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from curation_core.errors import ShapeError
from curation_core.partitions import agreement

labels = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=80)


@settings(max_examples=60, deadline=None)
@given(labels)
def test_both_indices_are_those_of_scikit_learn(pairs):
    a, b = np.array(pairs).T
    found = agreement(a, b)
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score(a, b), abs=1e-9)
    assert found.adjusted_mutual_information == pytest.approx(adjusted_mutual_info_score(a, b), abs=1e-9)


@pytest.mark.parametrize(("k_a", "k_b"), [(200, 37), (3000, 2500), (5, 1500)])
def test_large_tables_agree_too(k_a, k_b):
    rng = np.random.default_rng(0)
    a = np.minimum(rng.geometric(min(1, 4 / k_a), 4000), k_a)
    b = np.where(rng.random(4000) < 0.5, a % k_b, rng.integers(0, k_b, 4000))
    found = agreement(a, b)
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score(a, b), abs=1e-9)
    assert found.adjusted_mutual_information == pytest.approx(adjusted_mutual_info_score(a, b), abs=1e-8)


def test_the_same_partition_under_other_names_is_one_and_chance_is_zero():
    rng = np.random.default_rng(1)
    a = rng.integers(0, 40, 5000)
    same, chance = agreement(a, (a * 7 + 3) % 41), agreement(a, rng.integers(0, 40, 5000))
    assert (same.adjusted_rand, round(same.adjusted_mutual_information, 9)) == (1.0, 1.0)
    assert abs(chance.adjusted_rand) < 0.01
    assert abs(chance.adjusted_mutual_information) < 0.01
    assert same.clusters == (40, 40)


def test_two_hundred_thousand_items_in_thousands_of_clusters_take_no_product_of_them():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 5000, 200_000), rng.integers(0, 4000, 200_000)
    began = time.process_time()
    agreement(a, b)
    assert time.process_time() - began < 3


def test_partitions_of_different_items_are_refused():
    with pytest.raises(ShapeError, match="3 and 2 items"):
        agreement(np.zeros(3, int), np.zeros(2, int))
