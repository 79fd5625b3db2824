import numpy as np
import pytest

from curation_core.baselines import flat_draw, random_draw
from curation_core.config import SampleConfig
from curation_core.errors import ConfigError

VECTORS = np.concatenate(
    [np.random.default_rng(0).normal(centre, 0.2, (size, 2)) for centre, size in ((0, 150), (9, 30))]
)


def test_a_random_draw_has_the_size_asked_for_and_no_item_twice():
    drawn = random_draw(100, 30, seed=1)
    assert len(set(drawn.tolist())) == 30
    assert drawn.tolist() == sorted(drawn.tolist())
    assert random_draw(100, 300).tolist() == list(range(100))


def test_a_larger_random_draw_contains_a_smaller_one():
    assert set(random_draw(100, 10, seed=4).tolist()) <= set(random_draw(100, 11, seed=4).tolist())
    assert random_draw(100, 10, seed=4).tolist() != random_draw(100, 10, seed=5).tolist()


@pytest.mark.parametrize("target", [-1, 1.5, True])
def test_a_target_that_is_no_count_is_refused(target):
    with pytest.raises(ConfigError, match="whole number"):
        random_draw(10, target)


def test_a_flat_draw_takes_evenly_from_every_cluster():
    plan = flat_draw(VECTORS, 2, SampleConfig(target_size=40))
    assert plan.quotas[0].tolist() == [20, 20]
    assert (plan.indices >= 150).sum() == 20


def test_a_flat_draw_knows_every_strategy():
    assert len(flat_draw(VECTORS, 5, SampleConfig(target_size=40, strategy="diverse"))) == 40
