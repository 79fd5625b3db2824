"""The gallery's list: in which order, published once, and what picks that come back mean."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from curation_app import columns, gallery_view, loaders, published, thumbs
from curation_app.components.gallery import GalleryData, Picks, read_picks
from curation_app.gallery_view import ordered_rows, orders, picked_rows, shown_rows
from curation_app.scene import Found, Scene
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.selection import Filter, Selection
from curation_core.workspace import Workspace

NOTHING = Found(np.zeros(0, np.int64))


@pytest.fixture
def scene(full_folder) -> Scene:
    ws = Workspace.open(full_folder / "shapes")
    pool = loaders.pool(ws)
    decided, plan = loaders.decisions(ws), loaders.current_draw(ws)
    drawn = loaders.drawn_mask(pool, plan)
    made = columns.item_columns(ws, pool, decided, drawn)
    every = np.ones(pool.hierarchy.n_items, dtype=bool)
    return Scene(ws, pool, None, "", decided, plan, drawn, made, Selection(), (), every, NOTHING)


def of_cluster(scene, level, cluster):
    found = Found(scene.pool.by_distance(level, cluster))
    return replace(scene, selection=Selection("cluster", level, cluster), found=found)


def largest(scene, level):
    return int(np.argmax(scene.pool.hierarchy.sizes(level)))


def test_with_nothing_in_hand_all_items_are_shown_and_filters_narrow_them(scene):
    assert shown_rows(scene).tolist() == list(range(120))
    mask = np.arange(120) % 10 == 0
    narrowed = replace(scene, filters=(Filter("contains", "name", text="0"),), matching=mask)
    assert shown_rows(narrowed).tolist() == np.flatnonzero(mask).tolist()


def test_a_cluster_comes_nearest_to_its_centre_first_and_farthest_is_the_reverse(scene):
    picked = of_cluster(scene, 2, largest(scene, 2))
    nearest = ordered_rows(picked, "nearest")
    centre = scene.pool.hierarchy.levels[1].centroids[picked.selection.cluster]
    gap = np.linalg.norm(scene.pool.vectors[nearest] - centre, axis=1)
    assert (np.diff(gap) >= -1e-5).all()
    assert ordered_rows(picked, "farthest").tolist() == nearest[::-1].tolist()


def test_items_of_many_clusters_are_ordered_by_the_distance_to_their_own(scene):
    distance = np.asarray(scene.pool.hierarchy.levels[0].distance)
    assert (np.diff(distance[ordered_rows(scene, "nearest")]) >= 0).all()
    assert (np.diff(distance[ordered_rows(scene, "farthest")]) <= 0).all()


def test_random_is_the_same_every_time_and_keeps_items_in_place_when_others_go(scene):
    everything = ordered_rows(scene, "random")
    assert sorted(everything.tolist()) == list(range(120))
    assert everything.tolist() != list(range(120))
    assert np.array_equal(everything, ordered_rows(scene, "random"))
    cluster = of_cluster(scene, 2, largest(scene, 2))
    assert ordered_rows(cluster, "random").tolist() == [row for row in everything if row in set(cluster.found.rows)]


def test_a_column_orders_both_ways_and_what_has_no_number_comes_last(scene):
    values = np.arange(120.0)
    values[[5, 50]] = np.nan
    named = ItemColumns.of(120, [*scene.columns.values(), ItemColumn("blur", "number", "quality", lambda: values)])
    found = replace(scene, columns=named)
    assert {"up:blur", "down:blur"} <= {value for value, _ in orders(found)}
    assert ordered_rows(found, "up:blur").tolist() == [*np.delete(np.arange(120), [5, 50]).tolist(), 5, 50]
    assert ordered_rows(found, "down:blur").tolist() == [*np.delete(np.arange(120), [5, 50])[::-1].tolist(), 5, 50]


def test_search_results_keep_their_order_by_default(scene):
    rows, score = np.array([9, 3, 77]), np.array([0.9, 0.8, 0.1], np.float32)
    ranked = replace(scene, selection=Selection("nearest", items=("x",)), found=Found(rows, score))
    assert orders(ranked)[0][0] == "ranked"
    assert ordered_rows(ranked, "ranked").tolist() == [9, 3, 77]
    assert "ranked" not in [value for value, _ in orders(scene)]


def test_a_list_is_ordered_once_and_again_when_the_server_forgot_it(scene, monkeypatch):
    made = gallery_view.published_list(scene, shown_rows(scene), "all", "random")
    assert (
        np.frombuffer(published.published("shapes", made.token), "<u4").tolist()
        == ordered_rows(scene, "random").tolist()
    )
    ordered = gallery_view._ordered
    monkeypatch.setattr(gallery_view, "_ordered", lambda *given: pytest.fail("ordered a second time"))
    again = gallery_view.published_list(scene, shown_rows(scene), "all", "random")
    assert again.token == made.token
    monkeypatch.setattr(gallery_view, "_ordered", ordered)
    published._ready.clear()
    assert published.published("shapes", made.token) is None
    renewed = gallery_view.published_list(scene, shown_rows(scene), "all", "random")
    assert published.published("shapes", renewed.token) is not None


def test_an_order_by_numbers_is_made_anew_when_the_numbers_change(scene):
    def by(values):
        named = ItemColumns.of(120, [*scene.columns.values(), ItemColumn("blur", "number", "quality", lambda: values)])
        found = replace(scene, columns=named)
        made = gallery_view.published_list(found, shown_rows(found), "all", "up:blur")
        assert np.frombuffer(published.published("shapes", made.scores), "<f4").tolist() == sorted(values.tolist())
        return np.frombuffer(published.published("shapes", made.token), "<u4").tolist()

    assert by(np.arange(120.0)) == list(range(120))
    assert by(-np.arange(120.0)) == list(range(119, -1, -1))


def test_marks_get_another_version_with_every_decision(scene):
    before = gallery_view._version(scene)
    assert gallery_view._version(scene) == before
    scene.ws.decide_items([1], "drop")
    assert gallery_view._version(replace(scene, decided=loaders.decisions(scene.ws))) != before
    other = ~scene.drawn
    assert gallery_view._version(replace(scene, drawn=other)) != before


def test_thumbnails_are_fetched_anew_once_faces_are_to_be_blurred(scene):
    before = thumbs.version("shapes")
    assert thumbs.version("shapes") == before
    with (scene.ws.path / "workspace.toml").open("a") as settings:
        settings.write("\n[faces]\nblur = true\n")
    assert thumbs.version("shapes") != before


def test_the_data_of_a_million_items_is_less_than_two_kilobytes(scene):
    data = GalleryData("w", "key", "t" * 32, 10**6, 10**6, "all", "1", "image", "nearest", orders(scene))
    assert len(str(data.as_json())) < 2_000


SHOWN = np.array([2, 4, 6, 8])


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"members": "m", "rows": [4, 8]}, [4, 8]),
        ({"members": "m", "rows": [8, 4, 4, 3, 99, -1]}, [4, 8]),
        ({"members": "other", "rows": [4]}, []),
        ({"members": "m", "all": True, "except": [4]}, [2, 6, 8]),
        ({"members": "m", "all": True, "except": "EAA="}, [2, 6, 8]),
        ({"members": "m", "all": True}, [2, 4, 6, 8]),
        ({"members": "other", "all": True}, []),
        ({"members": "m", "bits": base64.b64encode(bytes([0b01010000, 0b1])).decode()}, [4, 6, 8]),
        ({"members": "m", "bits": "not base64"}, []),
        ({"members": "m", "rows": ["4", 4.0, True, None, {"a": 1}, 10**30]}, []),
        ({"members": "m", "rows": "4"}, []),
        ({"members": 4, "rows": [4]}, []),
        ({}, []),
        (None, []),
        ([4], []),
    ],
)
def test_picks_mean_rows_that_are_shown_and_nothing_else(told, expected):
    assert picked_rows(read_picks(told), "m", SHOWN, 10).tolist() == expected


def test_nothing_picked_is_nothing():
    assert picked_rows(Picks(), "", SHOWN, 10).tolist() == []
