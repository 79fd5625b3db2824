"""The map component: what goes to the browser, what is believed of what comes back, and its one module."""

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from curation_app.components import scatter
from curation_app.components.scatter import (
    MOST_AREAS,
    MOST_VERTICES,
    MapClass,
    MapColour,
    MapLabel,
    MapMasks,
    MapSize,
    ScatterData,
    areas_of,
    camera_of,
    label_bytes,
    label_of,
    picked_of,
    scatter_data,
)
from curation_core.selection import Area

HOSTILE = "<img src=x onerror=alert(1)> \u202e ![beacon](http://example.org/a.png)"
TRIANGLE = [[0.0, 0.0], [1.0, 0.0], [0.5, 1.5]]


def made(n: int = 1_000_000, **changes) -> ScatterData:
    colour = MapColour("/api/ready/w/a", 1, ["#4269d0"], "classes", "shape", classes=[MapClass(HOSTILE, "#4269d0", n)])
    fields = {
        "n": n,
        "positions": "/api/map/w/k/positions",
        "order": "/api/map/w/k/order",
        "density": "/api/map/w/k/density.png",
        "box": (-1.0, -1.0, 1.0, 1.0),
        "colour": colour,
        "labels": "/api/ready/w/l",
        "inside": "/api/map/w/k/inside",
        "areas": [Area(((0.0, 0.0), (1.0, 0.0), (0.5, 1.5)), adds=False)],
    }
    return ScatterData(**{**fields, **changes})


def said(*polygons, mode="new", **more) -> dict:
    return {"seq": 1, "mode": mode, "areas": [{"polygon": polygon, "adds": True, **more} for polygon in polygons]}


def test_what_goes_over_the_socket_does_not_grow_with_the_points():
    small, large = (len(json.dumps(scatter_data(made(n)))) for n in (1_000, 5_000_000))
    assert large - small < 16  # digits of n


def test_equal_data_are_equal_bytes_so_that_nothing_is_sent_twice():
    assert json.dumps(scatter_data(made())) == json.dumps(scatter_data(made()))


def test_the_browser_gets_the_fields_of_the_seam():
    data = scatter_data(made(masks=MapMasks(selected="/api/ready/w/m"), camera=(0.0, 0.5, 2.0)))
    assert data["colour"]["palette"] == ["#4269d0"]
    assert data["colour"]["classes"] == {"name": [HOSTILE], "total": [1_000_000], "selected": [0]}
    assert data["masks"] == {"selected": "/api/ready/w/m", "matching": "", "dropped": "", "drawn": "", "kept": ""}
    assert (data["labels"], data["inside"]) == ("/api/ready/w/l", "/api/map/w/k/inside")
    assert data["areas"] == [{"polygon": TRIANGLE, "adds": False}]
    assert data["camera"] == [0.0, 0.5, 2.0]
    assert data["box"] == [-1.0, -1.0, 1.0, 1.0]


def test_sizes_are_in_the_data_only_when_points_have_sizes():
    assert "size" not in scatter_data(made())
    sized = scatter_data(made(size=MapSize("/api/ready/w/s", HOSTILE, "0", "9")))
    assert sized["size"] == {"url": "/api/ready/w/s", "title": HOSTILE, "low": "0", "high": "9"}


def test_a_hundred_classes_and_all_else_fit_into_eight_kilobytes():
    classes = [MapClass(f"{number} · three words each", "#4269d0", 123_456, 12_345) for number in range(100)]
    colour = MapColour("/api/ready/w/" + "a" * 32, 1, ["#4269d0"] * 100, "classes", "level 1", classes=classes)
    outline = Area(tuple((number + 0.12345, -number - 0.12345) for number in range(24)))
    assert len(json.dumps(scatter_data(made(colour=colour, areas=[outline] * 2)))) < 8_000


def test_labels_are_a_list_a_field_in_the_order_they_came():
    labels = [MapLabel("2:17", HOSTILE, 0.5, 0.25, 40, 2), MapLabel("1:3", "\ud800", -1.0, 2.0, 4, 1)]
    assert json.loads(label_bytes(labels)) == {
        "id": ["2:17", "1:3"],
        "text": [HOSTILE, "?"],
        "x": [0.5, -1.0],
        "y": [0.25, 2.0],
        "size": [40, 4],
        "level": [2, 1],
    }
    assert label_bytes(labels) == label_bytes(list(labels))


def test_outlines_come_back_as_the_areas_that_links_hold():
    areas, mode = areas_of(said(TRIANGLE, mode="add"))
    assert areas == (Area(((0.0, 0.0), (1.0, 0.0), (0.5, 1.5))),)
    assert mode == "add"
    assert areas_of(said(TRIANGLE, mode="subtract", adds=False))[0][0].adds is False


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "area",
        {},
        {"mode": "new"},
        said(TRIANGLE, mode="replace"),
        said(TRIANGLE[:2]),
        said([[0, 0], [1, 1], [float("nan"), 2]]),
        said([[0, 0], [1, 1], [float("inf"), 2]]),
        said([[0, 0], [1, 1], [10**400, 2]]),
        said([[0, 0], [1, 1], ["2", 2]]),
        said([[0, 0], [1, 1], [True, 2]]),
        said([[0, 0], [1, 1], [1, 2, 3]]),
        said(TRIANGLE * (MOST_VERTICES // 3 + 1)),
        said(*[TRIANGLE] * (MOST_AREAS + 1)),
        said(),
    ],
)
def test_outlines_that_our_page_never_sends_are_not_heard(wrong):
    assert areas_of(wrong) is None


def test_clicks_and_cameras_are_heard_only_when_they_fit():
    assert picked_of({"row": 7, "add": True}) == (7, True)
    assert label_of({"id": "2:17"}) == (2, 17)
    assert camera_of([0.5, -1, 3]) == ((0.5, -1.0, 3.0),)
    assert camera_of([]) == ((),)
    for wrong in (None, {"row": -1}, {"row": 1.5}, {"row": True}, {"row": "1"}, {}):
        assert picked_of(wrong) is None
    for wrong in (None, {"id": 2}, {"id": "2"}, {"id": "a:1"}, {"id": "1:-2"}, {"id": "²:1"}, {"id": "1:" + "9" * 40}):
        assert label_of(wrong) is None
    for wrong in (None, [1, 2], [1, 2, 0], [1, 2, 10**400], [1, 2, float("nan")], [1, 2, "3"], {"0": 1}):
        assert camera_of(wrong) is None


def test_the_module_is_one_file_without_imports_and_sets_no_markup():
    text = scatter.source()
    assert len(re.findall(r"^export default", text, re.MULTILINE)) == 1
    assert not re.search(r"^\s*import\b", text, re.MULTILINE)
    for never in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://cdn", "https://"):
        assert never not in text
    assert len(text.encode()) < 100_000  # it goes over the socket with each load


def test_no_two_files_of_the_module_declare_the_same_name():
    names = re.findall(r"^(?:class|function|async function) (\w+)", scatter.source(), re.MULTILINE)
    for line in re.findall(r"^const ([^;]+);", scatter.source(), re.MULTILINE):
        names += re.findall(r"(?:^|, )(\w+) =", re.sub(r"\[.*?\]|\(.*?\)|\{.*?\}", "", line))
    assert len(names) > 40
    assert len(names) == len(set(names))


def test_the_map_mounts_in_a_page_without_an_error():
    def page():
        from curation_app.components.scatter import MapColour, ScatterData, scatter

        colour = MapColour("/api/ready/w/a", 1, ["#4269d0"], "scale", "sharpness", "0", "1")
        data = ScatterData(10, "/p", "/o", "/d.png", (0.0, 0.0, 1.0, 1.0), colour)
        scatter(data, key="map", height=400)

    app = AppTest.from_function(page).run()
    assert not app.exception
