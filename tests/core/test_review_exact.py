"""What people decide, followed to the numbers in an exported manifest."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.core.exported import LEAVES, TOPS, Exported, N, fresh, largest, members, small_workspace
from tests.core.test_verification import failed, resum


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_workspace(tmp_path_factory.mktemp("exact"))


@pytest.fixture
def ws(made, tmp_path):
    return fresh(made, tmp_path)


def test_a_dropped_cluster_gives_nothing_and_its_items_say_why(ws):
    cluster = largest(ws, 2)
    rows = members(ws, 2, cluster)
    ws.decide_cluster(2, cluster, "drop")
    found = Exported(ws, 30)
    assert found.node(2, cluster)["verdict"] == "drop"
    assert found.node(2, cluster)["quota"] == found.node(2, cluster)["capacity"] == found.drawn(2, cluster) == 0
    assert found.reasons(rows) == {f"dropped in review: cluster {cluster} of level 2"}
    assert len(found.rows) == min(30, N - len(rows))


def test_a_kept_leaf_in_a_dropped_cluster_may_be_drawn_but_need_not(ws):
    cluster = largest(ws)
    above = int(ws.hierarchy().parents(1)[cluster])
    ws.decide_cluster(2, above, "drop")
    ws.decide_cluster(1, cluster, "keep")
    found = Exported(ws, N)
    assert found.drawn(2, above) == found.drawn(1, cluster) == found.node(1, cluster)["items"]
    assert found.node(1, cluster)["verdict"] == "keep"


@pytest.mark.parametrize("target", [0, 3, 20])
def test_kept_items_are_in_at_every_size_and_count(ws, target):
    rows = members(ws, 1, largest(ws))[:6]
    ws.decide_cluster(1, largest(ws), "drop")
    ws.decide_items(rows, "keep")
    found = Exported(ws, target)
    assert found.kept == set(rows)
    assert set(rows) <= set(found.rows)
    assert len(found.rows) == max(target, 6)
    assert {row["reason"] for row in found.manifest if row["kept"]} == {"kept in review: this item"}


def test_dropped_items_are_out_and_may_be_taken_back(ws):
    rows = members(ws, 1, largest(ws))[:4]
    ws.decide_items(rows, "drop")
    found = Exported(ws, N)
    assert set(range(N)) - set(found.rows) == set(rows)
    assert found.reasons(rows) == {"dropped in review: this item"}
    ws.decide_items(rows[:2], "clear")
    assert set(range(N)) - set(Exported(ws, N, "again").rows) == set(rows[2:])


@pytest.mark.parametrize(
    ("cap", "level", "n_kept"),
    [("0", 1, 0), ("0", 2, 3), ("7", 1, 5), ("2", 1, 5), ("500", 2, 1), ("12.5 %", 2, 0), ("33.3333%", 1, 4)],
)
def test_a_cap_is_met_exactly_and_only_kept_items_go_beyond(ws, cap, level, n_kept):
    cluster = largest(ws, level)
    rows = members(ws, level, cluster)
    number = int(Fraction(cap.strip(" %")) * len(rows) / 100) if cap.endswith("%") else int(cap)
    ws.decide_cluster(level, cluster, "cap", cap)
    ws.decide_items(rows[:n_kept], "keep")
    found = Exported(ws, N)
    assert found.node(level, cluster)["cap"] == number
    assert found.drawn(level, cluster) == max(n_kept, min(number, len(rows)))
    assert len(found.rows) == N - len(rows) + found.drawn(level, cluster)
    assert all(row["cap"] is None for row in found.tree if (row["level"], row["cluster"]) != (level, cluster))


def test_a_rejected_item_of_a_capped_leaf_names_the_cap(ws):
    cluster = largest(ws)
    rows = members(ws, 1, cluster)
    ws.decide_cluster(1, cluster, "cap", "4")
    found = Exported(ws, N)
    left = [row for row in rows if row not in found.rows]
    assert found.reasons(left) == {f"not drawn: cluster {cluster} gives 4 of {len(rows)}, capped at 4"}


@pytest.mark.parametrize("weight", [3, 0.25])
def test_a_weight_tilts_its_siblings_in_proportion(ws, weight):
    sizes = ws.hierarchy().sizes(2)
    first, second = (int(one) for one in np.argsort(-sizes)[:2])
    (third,) = set(range(TOPS)) - {first, second}
    ws.decide_cluster(2, third, "drop")
    ws.decide_cluster(2, second, "weight", str(weight))
    share = min(4, int(sizes[second]) // 3)  # what the tree can give of it
    assert share >= 2
    found = Exported(ws, 4 * share)
    assert found.node(2, second)["weight"] == weight
    quotas = [found.node(2, one)["quota"] for one in (first, second)]
    assert quotas == ([share, 3 * share] if weight == 3 else pytest.approx([3.2 * share, 0.8 * share], abs=1))
    assert sum(quotas) == 4 * share


def test_a_merged_cluster_holds_both_and_the_other_nothing(ws):
    first, second = np.argsort(-ws.hierarchy().sizes(1))[:2].tolist()
    rows = members(ws, 1, first) + members(ws, 1, second)
    ws.merge(1, second, first)
    ws.decide_cluster(1, first, "cap", "50 %")
    found = Exported(ws, N)
    assert found.node(1, first)["items"] == len(rows)
    assert found.node(1, second)["items"] == found.node(1, second)["quota"] == 0
    assert found.node(1, first)["cap"] == found.drawn(1, first) == len(rows) // 2
    told = {row["row"]: row["cluster_1"] for row in [*found.manifest, *found.rejected]}
    assert {row for row, cluster in told.items() if cluster == first} == set(rows)


def test_parts_of_a_split_are_clusters_of_their_own(ws):
    cluster = largest(ws)
    rows = members(ws, 1, cluster)
    ws.split(1, cluster, 3)
    parts = [cluster, LEAVES, LEAVES + 1]
    ws.decide_cluster(1, LEAVES, "drop")
    out = members(ws, 1, LEAVES)
    found = Exported(ws, N)
    assert sum(found.node(1, part)["items"] for part in parts) == len(rows)
    assert {found.node(1, part)["parent"] for part in parts} == {int(ws.hierarchy().parents(1)[cluster])}
    assert set(range(N)) - set(found.rows) == set(out)


def test_names_and_notes_stand_beside_what_they_are_of(ws):
    first, second = np.argsort(-ws.hierarchy().sizes(1))[:2].tolist()
    ws.decide_cluster(1, first, "label", "birds")
    ws.decide_cluster(2, 0, "note", "look again")
    ws.decide_cluster(1, second, "label", "BIRDS")  # joins the two
    row = members(ws, 1, first)[0]
    ws.decide_items([row], "label", "a robin")
    found = Exported(ws, N)
    assert {(one["cluster"], one["label"]) for one in found.level(1) if one["label"]} == {(first, "birds")}
    assert {(one["level"], one["cluster"], one["note"]) for one in found.tree if one["note"]} == {(2, 0, "look again")}
    assert {one["row"]: one["review_label"] for one in found.manifest if one["review_label"]} == {row: "a robin"}
    assert found.node(1, second)["items"] == 0


def tampered(folder, level, cluster, **changes):
    tree = pq.read_table(folder / "tree.parquet")
    rows = tree.to_pylist()
    next(row for row in rows if (row["level"], row["cluster"]) == (level, cluster)).update(changes)
    pq.write_table(pa.Table.from_pylist(rows, tree.schema), folder / "tree.parquet")
    resum(folder)
    return failed(folder)


def test_a_changed_rule_in_the_tree_is_found_though_the_sums_were_made_anew(ws):
    cluster, top = largest(ws), largest(ws, 2)
    ws.decide_cluster(1, cluster, "cap", "4")
    ws.decide_cluster(2, top, "weight", "3")
    folder = Exported(ws, 20).folder
    for changes in ({"cap": 5}, {"cap": 3}, {"cap": None}):
        assert "of level 1 differ" in tampered(folder, 1, cluster, **changes)["draw derived again"]
    assert tampered(folder, 1, cluster, cap=4) == {}
    assert "quotas of level 2 differ" in tampered(folder, 2, top, weight=1.0)["draw derived again"]


def test_an_item_that_is_told_to_be_kept_but_was_not_is_found(ws):
    ws.decide_items([0], "keep")
    folder = Exported(ws, 0).folder
    manifest = pq.read_table(folder / "manifest.parquet")
    place = manifest.column_names.index("kept")
    pq.write_table(manifest.set_column(place, "kept", pa.array([False])), folder / "manifest.parquet")
    (folder / "manifest.csv").unlink()
    resum(folder)
    assert "quotas of level 1 differ" in failed(folder)["draw derived again"]


def test_a_kept_item_among_the_rejected_is_found(ws):
    row = members(ws, 1, largest(ws))[0]
    ws.decide_items([row], "keep")
    folder = Exported(ws, 5).folder
    rejected = pq.read_table(folder / "rejected.parquet")
    told = [one["row"] == rejected["row"][0].as_py() for one in rejected.to_pylist()]
    place = rejected.column_names.index("kept")
    pq.write_table(rejected.set_column(place, "kept", pa.array(told)), folder / "rejected.parquet")
    resum(folder)
    assert "draw derived again" in failed(folder)
