"""Drilling through a tree of a million leaves, from the root to a leaf: server time of every step.

    python -m benchmarks.tree                 # 1,000,000 leaves below 10,000 below 100
    python -m benchmarks.tree --modality text # named by their words instead of by a label column

A step is what one click costs the server: breadcrumb, list, picture and the selected cluster, as Explore shows them,
run by Streamlit's own test runner. The first visit, which sorts the tree and counts words once, is printed by itself.
"""

import argparse
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from streamlit.testing.v1 import AppTest

from curation_app.pool import Pool
from curation_app.scene import Found, Scene
from curation_app.state import AppState
from curation_core.catalog import FAILURE_SCHEMA, Catalog
from curation_core.children import children
from curation_core.folding import fold
from curation_core.hierarchy import Hierarchy, Level
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.selection import Selection
from curation_core.workspace import Workspace

N_CLASSES, N_WORDS, TEXT_LENGTH = 500, 20_000, 12


def tree(n: int, middle: int, top: int, rng: np.random.Generator) -> Hierarchy:
    """A tree of n leaves of one item each; sizes above are uneven, as those of a pool before curation."""
    of_middle = np.minimum((rng.pareto(1.2, n) * middle / 20).astype(np.int32), middle - 1)
    of_middle[rng.permutation(n)[:middle]] = np.arange(middle)  # none is empty
    owners = [rng.permutation(n).astype(np.int32), of_middle, (np.arange(middle) * top // middle).astype(np.int32)]
    sizes = (n, middle, top)
    return Hierarchy(
        tuple(
            Level(np.zeros((k, 2), np.float32), owner, rng.random(len(owner), dtype=np.float32))
            for k, owner in zip(sizes, owners, strict=True)
        )
    )


def catalog(hierarchy: Hierarchy, modality: Any, rng: np.random.Generator) -> Catalog:
    """Items with a label column that follows the tree by half; texts whose words do."""
    n, middle = hierarchy.n_items, hierarchy.point_assignment(2)
    numbers = pa.array(np.arange(n)).cast(pa.string())
    label = np.where(rng.random(n) < 0.7, middle % N_CLASSES, rng.integers(0, N_CLASSES, n))
    names = pa.array([f"class {code}" for code in range(N_CLASSES)])
    columns = {
        "item_id": numbers,
        "uri": numbers,
        "content_hash": numbers,
        "width": pa.nulls(n, pa.int32()),
        "height": pa.nulls(n, pa.int32()),
        "text": _texts(middle, rng) if modality == "text" else pa.nulls(n, pa.string()),
        "source_row": pa.array(np.arange(n)),
    }
    metadata = pa.table({"class": pa.DictionaryArray.from_arrays(pa.array(label.astype(np.int32)), names)})
    return Catalog(modality, pa.table(columns), metadata, FAILURE_SCHEMA.empty_table())


def _texts(middle: np.ndarray, rng: np.random.Generator) -> pa.Array:
    letters = rng.integers(97, 123, (N_WORDS, 7)).astype(np.uint8)
    words = np.array([bytes(row).decode() for row in letters], dtype=object)
    own = (middle[:, None] * 3 + rng.integers(0, 3, (len(middle), TEXT_LENGTH // 2))) % N_WORDS
    common = np.minimum(rng.zipf(1.3, (len(middle), TEXT_LENGTH // 2)), N_WORDS) - 1
    return pa.array([" ".join(row) for row in words[np.concatenate([own, common], axis=1)].tolist()])


def scene(pool: Pool, workspace: Workspace, selection: Selection) -> Scene:
    """What Explore would show of the pool; drawn and decided as in a pool that somebody works on."""
    n, rows, hierarchy = len(pool.rows), pool.rows, pool.hierarchy
    drawn = rows % 20 == 0
    codes, names = pool.labels("class")
    columns = [
        ItemColumn("class", "class", "yours", lambda: (codes, names)),
        ItemColumn("decision", "class", "review", lambda: (np.zeros(n, np.int64), ["undecided", "kept", "dropped"])),
        ItemColumn("drawn", "flag", "draw", lambda: drawn),
    ]
    decided = fold([], hierarchy, "benchmark", ())
    found = rows[:0]
    if selection.kind == "cluster":
        found = hierarchy.members(selection.level, selection.cluster)
    return Scene(
        workspace, pool, None, "", decided, None, drawn, ItemColumns.of(n, columns), selection, (), drawn | True,
        Found(found),
    )  # fmt: skip


def page() -> None:
    """List, picture and card of the scene that the benchmark put into the session; says how long they took."""
    import time

    import streamlit as st

    from curation_app import cluster_card, tree_list, tree_view

    shown, began, busy = st.session_state["scene"], time.perf_counter(), time.process_time()
    tree_list.tree_list(shown)
    tree_view.tree_picture(shown, "icicle")
    cluster_card.cluster_facts(shown)
    cluster_card.name_form(shown)
    st.session_state["seconds"] = time.perf_counter() - began
    st.session_state["cpu"] = time.process_time() - busy


def steps(hierarchy: Hierarchy) -> Iterator[tuple[str, tuple[int, int] | None, Selection]]:
    """The way down to a leaf, by the largest branch and then by a small one, with what is open and selected."""
    yield "first visit", None, Selection()
    yield "root again", None, Selection()
    for way, place in (("largest", 0), ("small", -1)):
        cluster = 0
        for level in range(hierarchy.n_levels, 0, -1):
            above = children(hierarchy, level + 1).of(cluster)
            filled = above[hierarchy.sizes(level)[above] > 0]
            parent, cluster = (level + 1, cluster), int(filled[place])
            root = (level, cluster) if level > 1 else parent
            yield f"{way}: level {level}", root, Selection("cluster", level, cluster)


def main() -> None:
    """Print a line per step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--modality", choices=("vector", "text"), default="vector")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)  # the test runner says on every run that there is no browser
    rng = np.random.default_rng([0, asked.n])
    hierarchy = tree(asked.n, max(2, asked.n // 100), max(2, asked.n // 10_000), rng)
    items, workspace = catalog(hierarchy, asked.modality, rng), Workspace("benchmark")
    pool = Pool(
        "benchmark", "benchmark", "benchmark", items, np.arange(asked.n), hierarchy, np.zeros((asked.n, 2), np.float32)
    )
    app = AppTest.from_function(page, default_timeout=600)
    print(f"{asked.n:,} leaves, levels {hierarchy.n_clusters}, {asked.modality}")
    print(
        "| step | server time, ms | server CPU, ms | figure, kB | nodes | rows of the list |\n|---|---|---|---|---|---|"
    )
    for epoch, (name, root, selection) in enumerate(steps(hierarchy)):
        app.session_state["scene"] = scene(pool, workspace, selection)
        app.session_state["curation"] = AppState(selection=selection, root=root, list_epoch=epoch)
        app.run()
        assert not app.exception, app.exception
        figure = app.get("plotly_chart")[0].proto.spec
        spent = [f"{1000 * app.session_state[clock]:.0f}" for clock in ("seconds", "cpu")]
        cells = [name, *spent, f"{len(figure) / 1000:.0f}"]
        print("|", " | ".join([*cells, str(len(app.dataframe[-1].value)), str(len(app.dataframe[0].value))]), "|")


if __name__ == "__main__":
    main()
