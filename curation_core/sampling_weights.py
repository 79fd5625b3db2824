"""A weight for every item of the pool instead of a subset: how often the draw takes it, to be expected."""

import numpy as np
import pyarrow as pa

from curation_core.export_folder import ExportFolder
from curation_core.manifest import ExportContents
from curation_core.manifest_files import TableFile, write_npy
from curation_core.manifest_parts import MOST_ROWS


def expected_draws(leaf: np.ndarray, quota: np.ndarray, eligible: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """How often a random draw with these quotas takes each item, to be expected: (n,) float64, sums to the quotas.

    leaf: (n,) int cluster; quota: (k,) int64; eligible, kept: (n,) bool. In a leaf copies differ by at most one, and
    kept items come first, as in `sampling.sample`.
    """
    allowed = eligible | kept
    count = np.bincount(leaf[allowed], minlength=len(quota))
    first = np.bincount(leaf[kept], minlength=len(quota))
    full, extra = np.divmod(quota, np.maximum(count, 1))
    of_kept = np.minimum(extra, first) / np.maximum(first, 1)
    of_others = np.maximum(extra - first, 0) / np.maximum(count - first, 1)
    found = full[leaf] + np.where(kept, of_kept[leaf], of_others[leaf])
    return np.where(allowed, found, 0.0)


def write_weights(folder: ExportFolder, contents: ExportContents) -> dict[str, float]:
    """Write weights.npy, (N,) float64 by row of the catalog, and weights.csv with item ids; returns what to tell.

    An item without a place in the tree has weight 0. The weights sum to the number of draws.
    """
    tree = contents.hierarchy
    weight = np.zeros(len(contents.catalog))
    weight[np.asarray(contents.rows)] = expected_draws(
        tree.point_assignment(1), contents.plan.quotas[0], contents.eligible, contents.decisions.kept
    )
    if not folder.holds("weights.npy"):
        write_npy(folder, "weights.npy", weight)
    table = pa.table({"item_id": contents.catalog.items.column("item_id"), "weight": pa.array(weight)})
    file = TableFile(folder, "weights.csv", table.schema)
    try:
        for start in range(0, table.num_rows, MOST_ROWS):
            file.write_table(table.slice(start, MOST_ROWS))
        file.finish()
    finally:
        file.close()
    return {"items": len(weight), "above_zero": int((weight > 0).sum()), "sum": round(float(weight.sum()), 6)}
