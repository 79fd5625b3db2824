"""Columns of the map that the browser fetches: in map order, made once for their content."""

import threading

import numpy as np
import pytest

from curation_app import map_columns
from curation_app.map_columns import map_places, map_points, ready_codes, ready_inside, ready_mask
from curation_app.published import publish, published
from curation_core.errors import ShapeError, StepMissing
from curation_core.map_points import MapPoints
from curation_core.polygons import in_areas
from curation_core.selection import Area
from curation_core.workspace import Workspace


@pytest.fixture
def folder(full_folder):
    return full_folder / "shapes"


@pytest.fixture
def map_key(folder) -> str:
    return next(step.key for step in Workspace(folder).status() if step.step == "project")


def test_points_of_a_map_are_made_once_even_when_all_ask_at_the_same_time(folder, map_key, monkeypatch):
    made, gate = [], threading.Barrier(8)
    real = MapPoints.of

    def counted(*args):
        made.append(threading.get_ident())
        return real(*args)

    def ask():
        gate.wait()
        found.append(map_points(folder, map_key))

    monkeypatch.setattr(map_columns.MapPoints, "of", counted)
    found: list[MapPoints] = []
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len({id(points) for points in found}) == 1
    assert len(found) == 8


def test_a_map_that_is_not_there_is_said_and_does_not_block_the_next_who_asks(folder):
    for _ in range(2):
        with pytest.raises(StepMissing):
            map_points(folder, "0" * 16)
    assert not map_columns._making


def test_only_so_many_maps_are_held(folder, map_key, monkeypatch):
    monkeypatch.setattr(map_columns, "map_places", lambda *_: np.random.default_rng(0).normal(size=(10, 2)))
    for number in range(9):
        map_points(folder, f"{number:016x}")
    assert len(map_columns._points) == map_columns._MOST_MAPS


def test_codes_come_in_map_order_of_one_or_two_bytes(folder, map_key):
    points = map_points(folder, map_key)
    assert points.n == len(map_places(folder, map_key))
    for dtype in (np.uint8, np.uint16):
        codes = np.arange(points.n).astype(dtype)
        data = published("shapes", ready_codes(folder, map_key, codes))
        assert np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).tolist() == codes[points.order].tolist()


def test_a_mask_is_one_bit_a_point_in_map_order_the_lowest_first(folder, map_key):
    points = map_points(folder, map_key)
    mask = np.arange(points.n) % 5 == 0
    data = published("shapes", ready_mask(folder, map_key, mask))
    assert len(data) == (points.n + 7) // 8
    assert [data[i // 8] >> i % 8 & 1 for i in range(points.n)] == mask[points.order].astype(int).tolist()


def test_equal_content_has_one_token_and_is_put_in_order_only_once(folder, map_key, monkeypatch):
    calls = []
    real = MapPoints.taken
    monkeypatch.setattr(MapPoints, "taken", lambda points, column: calls.append(1) or real(points, column))
    codes = np.random.default_rng(1).integers(0, 9, map_points(folder, map_key).n).astype(np.uint8)
    first = ready_codes(folder, map_key, codes)
    assert ready_codes(folder, map_key, codes.copy()) == first
    assert len(calls) == 1
    codes[0] ^= 1
    assert ready_codes(folder, map_key, codes) != first
    assert len(calls) == 2


def test_what_was_forgotten_is_published_again_under_the_same_token(folder, map_key, monkeypatch):
    mask = np.random.default_rng(2).random(map_points(folder, map_key).n) < 0.5
    token = ready_mask(folder, map_key, mask)
    monkeypatch.setattr("curation_app.published._ready", type(map_columns._tokens)())
    assert published("shapes", token) is None
    assert ready_mask(folder, map_key, mask) == token
    assert published("shapes", token) is not None


def test_a_token_is_of_no_use_in_another_workspace(folder, map_key):
    token = ready_mask(folder, map_key, np.ones(map_points(folder, map_key).n, dtype=bool))
    assert published("another", token) is None


def disc(folder, map_key, *, share: float, adds: bool = True) -> Area:
    """A round outline around the middle of the map."""
    xy, turn = map_places(folder, map_key), np.linspace(0, 2 * np.pi, 25)[:-1]
    around = np.median(xy, axis=0) + share * np.ptp(xy, axis=0) * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return Area(tuple(map(tuple, around.tolist())), adds)


def test_what_lies_inside_is_published_as_the_mask_of_these_rows_is(folder, map_key):
    areas = [disc(folder, map_key, share=0.4), disc(folder, map_key, share=0.1, adds=False)]
    rows = in_areas(map_places(folder, map_key), areas)
    token, bits = ready_inside(folder, map_key, areas)
    assert 0 < rows.sum() < len(rows)
    assert bits == published("shapes", token)
    assert ready_mask(folder, map_key, rows) == token


def test_what_lies_inside_and_matches_is_published_as_the_mask_of_both_is(folder, map_key):
    areas = [disc(folder, map_key, share=0.4)]
    rows = in_areas(map_places(folder, map_key), areas)
    matching = np.arange(len(rows)) % 3 != 0
    token, bits = ready_inside(folder, map_key, areas, ready_mask(folder, map_key, matching))
    assert ready_mask(folder, map_key, rows & matching) == token
    assert published("shapes", token) == bits
    assert ready_mask(folder, map_key, rows) != token


def test_a_mask_that_is_not_here_narrows_nothing_but_is_said(folder, map_key):
    areas = [disc(folder, map_key, share=0.4)]
    assert ready_inside(folder, map_key, areas, "0" * 32) is None
    assert ready_inside(folder, map_key, areas, publish("another", b"x" * 15)) is None
    assert ready_inside(folder, map_key, areas, publish("shapes", b"too short")) is None


def test_outlines_that_are_none_and_maps_that_are_gone_are_said(folder, map_key):
    with pytest.raises(ShapeError):
        ready_inside(folder, map_key, [Area(((0.0, 0.0), (1e31, 0.0), (1.0, 1.0)))])
    with pytest.raises(StepMissing):
        ready_inside(folder, "0" * 16, [disc(folder, map_key, share=0.4)])
