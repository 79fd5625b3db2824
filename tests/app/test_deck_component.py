"""The review deck: what goes to the browser, what is believed of what comes back, and its one module."""

import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation_app.components import deck
from curation_app.components.deck import MOST_WAITING, SOURCES, DeckData, read_place

HERE = Path(deck.__file__).parent


def made(**changes) -> DeckData:
    fields = {
        "workspace": "my /?#set",
        "pool_key": "k&1",
        "level": 2,
        "queue": [7, 3, 9],
        "place": (2, 7),
        "reviewer": "ada",
        "version": 17,
        "modality": "image",
        "thumbs": "/api/thumb/w/plain/",
        "density": "/api/map/w/k/density.png",
        "box": (-1.0, -1.0, 1.0, 1.0),
        "progress": (3, 40, 0.25),
    }
    return DeckData(**{**fields, **changes})


def test_the_browser_gets_plain_values_and_quoted_addresses():
    told = made().as_json()
    assert json.loads(json.dumps(told)) == told
    assert told["queue"] == [7, 3, 9]
    assert told["place"] == [2, 7]
    assert told["progress"] == [3, 40, 0.25]
    assert {name: told[name] for name in ("cards", "effects", "find", "decide", "news")} == {
        "cards": "/api/deck/my%20%2F%3F%23set/k%261/~ada/",
        "effects": "/api/effect/my%20%2F%3F%23set/k%261/",
        "find": "/api/clusters/my%20%2F%3F%23set/k%261/",
        "decide": "/api/decide/my%20%2F%3F%23set",
        "news": "/api/decisions/my%20%2F%3F%23set",
    }
    assert made(place=None).as_json()["place"] is None


def test_a_long_queue_is_cut_so_that_little_goes_over_the_socket():
    told = made(queue=list(range(100_000))).as_json()
    assert told["queue"] == list(range(MOST_WAITING))
    assert len(json.dumps(told)) < 4_000


def test_equal_data_are_equal_bytes_so_that_nothing_is_sent_twice():
    assert json.dumps(made().as_json()) == json.dumps(made().as_json())


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([2, 7], (2, 7)),
        ((1, 0), (1, 0)),
        ([0, 7], None),
        ([2, -1], None),
        ([2, 7.0], None),
        ([True, 7], None),
        ([2, True], None),
        (["2", "7"], None),
        ([2, 1 << 31], None),
        ([2], None),
        ([2, 7, 1], None),
        ({"level": 2, "cluster": 7}, None),
        ("27", None),
        (None, None),
    ],
)
def test_a_place_is_a_level_and_a_cluster_and_nothing_else(told, expected):
    assert read_place(told) == expected


def test_the_module_holds_every_script_once_and_one_default():
    assert {path.name for path in HERE.glob("*.js")} == set(SOURCES)
    text = deck.source()
    assert len(re.findall(r"^export ", text, re.MULTILINE)) == 1
    assert "export default function" in text
    declared = re.findall(r"^(?:const|let|async function|function|class) (\w+)", text, re.MULTILINE)
    assert len(declared) == len(set(declared))
    assert "STYLE" in declared


def test_text_of_the_data_never_becomes_markup():
    for path in HERE.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser", "srcdoc"):
            assert way not in text, f"{path.name} uses {way}"
        assert re.search(r"https?://(?!www\.w3\.org/2000/svg)", text) is None, path.name


def _deck_page() -> None:
    from curation_app.components.deck import DeckData, mount

    data = DeckData("w", "k", 1, [0], None, "", 0, "image", "/t/", "", (0.0, 0.0, 1.0, 1.0), (0, 1, 0.0))
    mount(data, key="deck")


def test_a_page_mounts_it():
    page = AppTest.from_function(_deck_page).run()
    assert not page.exception
