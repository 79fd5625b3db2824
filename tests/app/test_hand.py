"""What is in hand: picked items become a selection that fits into a link, however many they are."""

from dataclasses import replace

import numpy as np
import pytest

from curation_app import hand, loaders
from curation_app.scenes import scene as scene_of
from curation_core import links
from curation_core.errors import CurationError
from curation_core.finding import find
from curation_core.picked_items import PickedItems
from curation_core.workspace import Workspace


@pytest.fixture
def scene(full_folder):
    return scene_of(Workspace.open(full_folder / "shapes"))[0]


def rows_of(scene, selection):
    pool = scene.pool
    kept = PickedItems(scene.ws.path).ids
    found = find(
        selection, hierarchy=pool.hierarchy, vectors=pool.vectors, item_ids=list(pool.item_ids), kept_items=kept
    )
    return found[0].tolist()


@pytest.mark.parametrize("n", [1, 12, 13, 120])
def test_all_picked_items_are_selected_whether_the_link_or_the_workspace_lists_them(scene, monkeypatch, n):
    monkeypatch.setattr(hand, "MOST_LINKED", 12)
    picked = np.arange(120)[:n]
    made = hand.naming("items", scene, picked)
    linked, _, notice = links.read(links.write(made))
    assert (linked, notice) == (made, "")
    assert bool(made.kept) == (n > 12)
    assert made.n_items == n
    assert rows_of(scene, linked) == picked.tolist()


def test_what_is_most_like_many_is_the_same_however_they_are_named(scene, monkeypatch):
    by_item = rows_of(scene, hand.naming("nearest", scene, np.arange(40)))
    monkeypatch.setattr(hand, "MOST_LINKED", 12)
    by_name = hand.naming("nearest", scene, np.arange(40))
    assert by_name.kept
    assert rows_of(scene, by_name) == by_item


def test_more_than_were_ever_linked_is_a_link_of_a_line(scene):
    many = np.resize(np.arange(120), 100_000)
    said = links.write(hand.naming("items", scene, many))
    assert len(str(said)) < 80


def test_a_workspace_that_cannot_be_written_says_so(scene, monkeypatch):
    said = []
    monkeypatch.setattr(hand, "MOST_LINKED", 12)
    monkeypatch.setattr(hand.state, "say", said.append)
    monkeypatch.setattr(PickedItems, "keep", lambda *_: (_ for _ in ()).throw(CurationError("the disk is full")))
    hand._take(scene, np.arange(40))
    assert said == ["The disk is full"]


def test_the_title_is_what_is_in_hand(scene):
    assert hand.title(scene) == "The whole pool"
    filtered = loaders.pool(scene.ws).hierarchy.n_items
    narrowed = replace(scene, filters=("any",), matching=np.zeros(filtered, dtype=bool))
    assert hand.title(narrowed) == "All that match"
