"""A column of the user as groups that a draw can balance."""

import numpy as np

from curation_core.catalog import Catalog
from curation_core.errors import ConfigError
from curation_core.table_columns import require_column

MOST_GROUPS = 10_000  # above it a column tells items apart and groups none


def column_groups(catalog: Catalog, rows: np.ndarray, column: str) -> tuple[np.ndarray, list[str]]:
    """Code of each item's value and the values: (m,) int64, -1 without a value, and their names.

    rows: (m,) catalog row of every row of the tree. Raises ConfigError for a column that is not there, or that has
    more values than can be balanced.
    """
    require_column(catalog.metadata.schema, column, "the catalog")
    codes, names = catalog.labels(column)
    if len(names) > MOST_GROUPS:
        raise ConfigError(
            f"column {column!r} has {len(names):,} different values, at most {MOST_GROUPS:,} can be balanced; choose a "
            "column of categories"
        )
    empty = names.index("") if "" in names else len(names)
    code_of = np.arange(len(names), dtype=np.int64) - (np.arange(len(names)) > empty)
    code_of[empty : empty + 1] = -1
    return code_of[codes[rows]], [name for name in names if name]
