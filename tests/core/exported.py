"""A small workspace to decide in, and its exports as their files tell them."""

import shutil

import numpy as np
import pyarrow.parquet as pq

from curation_core.workspace import Workspace
from tests.core.test_verification import failed

N, LEAVES, TOPS = 90, 9, 3


def small_workspace(folder):
    """A workspace of vectors in clusters of very different size."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(LEAVES, 4)) * 5
    vectors = centres[np.minimum(rng.geometric(0.3, N) - 1, LEAVES - 1)] + rng.normal(size=(N, 4))
    np.save(folder / "v.npy", vectors.astype("float32"))
    workspace = Workspace.create(folder / "ws", folder / "v.npy")
    workspace.embed()
    workspace.cluster(n_clusters=(LEAVES, TOPS))
    return workspace


def fresh(made, folder):
    """A copy of a workspace to decide in."""
    shutil.copytree(made.path, folder / "ws")
    return Workspace.open(folder / "ws")


class Exported:
    """An export as its files tell it."""

    def __init__(self, ws, target, name="e", **options):
        ws.sample(target, **options)
        self.folder = ws.export(name, formats=("parquet", "csv"))
        assert failed(self.folder, source=ws.settings.ingest) == {}
        self.manifest, self.rejected, self.tree = (
            pq.read_table(self.folder / f"{name}.parquet").to_pylist() for name in ("manifest", "rejected", "tree")
        )
        self.rows = [row["row"] for row in self.manifest]
        self.kept = {row["row"] for row in self.manifest if row.get("kept")}

    def node(self, level, cluster):
        return next(row for row in self.tree if (row["level"], row["cluster"]) == (level, cluster))

    def level(self, level):
        return [row for row in self.tree if row["level"] == level]

    def drawn(self, level, cluster):
        return sum(row[f"cluster_{level}"] == cluster for row in self.manifest)

    def reasons(self, rows):
        return {row["reason"] for row in self.rejected if row["row"] in set(rows)}


def largest(ws, level=1):
    return int(ws.decisions().tree.sizes(level).argmax())


def members(ws, level, cluster):
    return sorted(ws.decisions().tree.members(level, cluster).tolist())
