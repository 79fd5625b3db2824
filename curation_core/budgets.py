"""Targets told as a share of the pool, or as tokens or bytes that a draw may cost."""

import numpy as np

from curation_core.errors import ConfigError
from curation_core.item_costs import ItemCosts
from curation_core.sampling import Drawing


def target_of_share(n_items: int, share: float) -> int:
    """Items that a share of the pool makes, rounded; raises ConfigError outside 0 to 1."""
    if not 0 <= share <= 1:
        raise ConfigError(f"the share of the pool is {share:g}; give a number from 0 to 1, such as 0.1")
    return round(share * n_items)


def target_of_budget(drawing: Drawing, costs: ItemCosts, budget: float) -> int:
    """The largest target whose draw costs at most `budget`.

    Draws are nested, so cost rises with the target; it is found by halving between guesses at the mean cost. Kept
    items are in whatever they cost. Raises ConfigError for a budget below 0.
    """
    if not budget >= 0:
        raise ConfigError(f"the budget is {budget:g} {costs.unit}; give 0 or more")

    def fits(target: int) -> float:
        return budget - costs.total(drawing.plan(target).indices)

    low, high = 0, drawing.most + 1  # `low` fits or is 0, `high` does not or cannot be had
    mean = max(float(np.mean(costs.values)), 1e-9)
    guess, turn = min(int(budget / mean), drawing.most), 0
    while high - low > 1:
        guess = min(max(guess, low + 1), high - 1)
        left, turn = fits(guess), turn + 1
        low, high = (guess, high) if left >= 0 else (low, guess)
        guess = guess + int(left / mean) if turn < 6 else (low + high) // 2
    return low
