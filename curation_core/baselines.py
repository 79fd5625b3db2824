"""What the method is compared with: a random draw, and a cap on plain k-means."""

import numpy as np
from numpy.typing import ArrayLike

from curation_core.config import SampleConfig
from curation_core.errors import ConfigError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.kmeans import kmeans
from curation_core.sampling import SamplingPlan, item_priority, sample


def random_draw(n: int, target_size: int, *, seed: int = 0) -> np.ndarray:
    """Draw items uniformly without replacement: (min(target_size, n),) int64, ascending.

    Nested like `sample`: a larger target of the same seed contains a smaller one. Raises ConfigError below 0.
    """
    for name, value in (("n", n), ("target_size", target_size)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise ConfigError(f"{name} is {value!r}; give a whole number of items, 0 or more")
    return np.flatnonzero(item_priority(int(n), seed) < target_size)


def flat_draw(vectors: ArrayLike, k: int, config: SampleConfig) -> SamplingPlan:
    """Draw evenly over k clusters of one plain k-means: no levels, no resampling.

    vectors: (n, d). The seed of the config seeds the k-means as well. Raises what `kmeans` and `sample` raise.
    """
    rows = np.asanyarray(vectors)
    found = kmeans(rows, k, seed=config.seed)
    tree = Hierarchy((Level(found.centroids, found.assignment, found.distance),))
    return sample(tree, config, vectors=rows)
