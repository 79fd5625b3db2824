"""What the map fetches, and that everything else is one and the same 404."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curation_app.map_columns import map_places, map_points, ready_codes, ready_mask
from curation_app.map_routes import COUNT, MOST_BYTES, routes
from curation_app.published import publish
from curation_core import finding
from curation_core.selection import Area, Selection
from curation_core.workspace import Workspace

BOX = "x0=-9&y0=-9&x1=9&y1=9"


@pytest.fixture
def client(full_folder) -> TestClient:
    return TestClient(Starlette(routes=routes()))


@pytest.fixture
def map_key(full_folder) -> str:
    return next(step.key for step in Workspace(full_folder / "shapes").status() if step.step == "project")


def test_positions_and_order_together_say_where_every_row_lies(client, full_folder, map_key):
    places, order = client.get(f"/api/map/shapes/{map_key}/positions"), client.get(f"/api/map/shapes/{map_key}/order")
    rows = np.frombuffer(order.content, "<u4")
    at = np.frombuffer(places.content, "<u2").reshape(-1, 2)
    xy = map_places(full_folder / "shapes", map_key)
    assert np.sort(rows).tolist() == list(range(len(xy)))
    x0, y0, x1, _ = map_points(full_folder / "shapes", map_key).box
    assert np.abs(at / 65_535 * (x1 - x0) + (x0, y0) - xy[rows]).max() < (x1 - x0) / 65_535


def test_numbers_are_sent_as_they_are_and_may_be_kept_forever(client, map_key):
    answer = client.get(f"/api/map/shapes/{map_key}/positions")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-encoding"] == "identity"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in answer.headers["cache-control"]


def test_the_density_picture_has_the_size_that_was_asked_for_and_shows_every_item(client, full_folder, map_key):
    x0, y0, x1, y1 = map_points(full_folder / "shapes", map_key).box
    url = f"/api/map/shapes/{map_key}/density.png?w=320&h=200&x0={x0}&y0={y0}&x1={x1}&y1={y1}"
    light, dark = client.get(url), client.get(url + "&dark=1")
    assert light.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(light.content))
    assert image.size == (320, 200)
    assert (np.asarray(image.convert("RGBA"))[..., 3] > 0).sum() > 120
    assert light.content != dark.content


def test_what_a_page_published_is_fetched_by_its_token(client, full_folder, map_key):
    folder = full_folder / "shapes"
    codes = np.arange(map_points(folder, map_key).n).astype(np.uint8)
    answer = client.get(f"/api/ready/shapes/{ready_codes(folder, map_key, codes)}")
    assert answer.status_code == 200
    assert len(answer.content) == len(codes)
    assert answer.headers["content-encoding"] == "identity"


def test_what_another_workspace_published_is_not_here(client, full_folder, map_key):
    token = publish("another", b"secret")
    assert client.get(f"/api/ready/shapes/{token}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/map/shapes/0000000000000000/positions",
        "/api/map/shapes/0000000000000000/order",
        f"/api/map/shapes/0000000000000000/density.png?w=10&h=10&{BOX}",
        "/api/map/shapes/KEY/gone",
        "/api/map/gone/KEY/positions",
        "/api/map/%2e%2e/KEY/positions",
        "/api/map/shapes/..%2f..%2fproject/positions",
        "/api/map/shapes/%2e%2e/positions",
        "/api/map/shapes/KEY%00/positions",
        f"/api/map/shapes/KEY/density.png?w=0&h=10&{BOX}",
        f"/api/map/shapes/KEY/density.png?w=99999&h=10&{BOX}",
        f"/api/map/shapes/KEY/density.png?w=nan&h=10&{BOX}",
        f"/api/map/shapes/KEY/density.png?w=1e9&h=10&{BOX}",
        f"/api/map/shapes/KEY/density.png?h=10&{BOX}",
        "/api/map/shapes/KEY/density.png?w=10&h=10",
        "/api/map/shapes/KEY/density.png?w=10&h=10&x0=1&y0=0&x1=0&y1=1",
        "/api/map/shapes/KEY/density.png?w=10&h=10&x0=0&y0=0&x1=1e999&y1=1",
        "/api/map/shapes/KEY/density.png?w=10&h=10&x0=0&y0=0&x1=1&y1=inf",
        "/api/map/shapes/KEY/density.png?w=10&h=10&x0=0&y0=0&x1=1&y1=%00",
        "/api/ready/shapes/" + "0" * 32,
        "/api/ready/shapes/..%2f..%2fworkspace.toml",
        "/api/ready/gone/" + "0" * 32,
    ],
)
def test_everything_else_is_a_plain_404(client, map_key, path):
    answer = client.get(path.replace("KEY", map_key))
    assert answer.status_code == 404
    assert b"/" not in answer.content


def test_a_map_that_is_being_written_is_not_there_yet(client, full_folder, map_key):
    (full_folder / "shapes" / "steps" / "project" / map_key / "meta.json").unlink()
    assert client.get(f"/api/map/shapes/{map_key}/order").status_code == 404


# ---- what lies in outlines


def outlines(full_folder, map_key) -> list[dict]:
    """A wide outline, one inside it that is taken out, and a small one that is added again; through points, too."""
    xy = map_places(full_folder / "shapes", map_key).astype(float)
    middle, reach, turn = np.median(xy, axis=0), np.ptp(xy, axis=0), np.linspace(0, 2 * np.pi, 24)[:-1]
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    corners = [middle + 0.45 * reach * ring, middle + 0.2 * reach * ring, xy[:5]]
    return [
        {"polygon": polygon.tolist(), "adds": adds} for polygon, adds in zip(corners, (True, False, True), strict=True)
    ]


def asked(full_folder, map_key, **changes) -> dict:
    return {"areas": outlines(full_folder, map_key), "mode": "new", "within": "", **changes}


def found(ws: Workspace, map_key: str, areas: list[dict], within: np.ndarray | None = None) -> np.ndarray:
    """Rows of the selection that a page makes of these areas."""
    tree, vectors = ws.hierarchy(), np.zeros((0, 0))
    named = tuple(Area(tuple(map(tuple, one["polygon"])), one["adds"]) for one in areas)
    rows, _ = finding.find(
        Selection("area", areas=named),
        hierarchy=tree,
        vectors=vectors,
        item_ids=[],
        xy=map_places(ws.path, map_key),
        within=within,
    )
    return rows


def rows_of(answer, full_folder, map_key) -> np.ndarray:
    points = map_points(full_folder / "shapes", map_key)
    bits = np.unpackbits(np.frombuffer(answer.content, np.uint8), bitorder="little")
    assert not bits[len(points) :].any()
    return np.sort(points.order[np.flatnonzero(bits[: len(points)])])


def test_what_lies_in_outlines_is_what_their_selection_finds(client, full_folder, map_key):
    body, ws = asked(full_folder, map_key), Workspace(full_folder / "shapes")
    answer = client.post(f"/api/map/shapes/{map_key}/inside", json=body)
    rows = found(ws, map_key, body["areas"])
    assert answer.status_code == 200
    assert rows_of(answer, full_folder, map_key).tolist() == rows.tolist()
    assert 0 < len(rows) == int(answer.headers[COUNT]) < 120
    assert answer.headers["cache-control"] == "no-store"


def test_it_is_at_hand_under_the_address_that_the_page_will_give_to_its_selection(client, full_folder, map_key):
    body = asked(full_folder, map_key)
    answer = client.post(f"/api/map/shapes/{map_key}/inside", json=body)
    mask = np.zeros(120, dtype=bool)
    mask[found(Workspace(full_folder / "shapes"), map_key, body["areas"])] = True
    token = ready_mask(full_folder / "shapes", map_key, mask)
    assert answer.headers["content-location"] == f"/api/ready/shapes/{token}"
    assert client.get(answer.headers["content-location"]).content == answer.content


def test_filters_narrow_it_by_the_mask_that_the_page_has_published(client, full_folder, map_key):
    matching = np.arange(120) % 2 == 0
    within = f"/api/ready/shapes/{ready_mask(full_folder / 'shapes', map_key, matching)}"
    body = asked(full_folder, map_key, within=within)
    answer = client.post(f"/api/map/shapes/{map_key}/inside", json=body)
    rows = found(Workspace(full_folder / "shapes"), map_key, body["areas"], matching)
    assert rows_of(answer, full_folder, map_key).tolist() == rows.tolist()
    mask = np.zeros(120, dtype=bool)
    mask[rows] = True
    assert answer.headers["content-location"].endswith(ready_mask(full_folder / "shapes", map_key, mask))


JSON = {"Content-Type": "application/json"}
TRIANGLE = {"polygon": [[0, 0], [1, 0], [0, 1]], "adds": True}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"areas"',
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"mode": "new", "areas": ' + b"[" * 30_000,
        b'{"mode": "new"}',
        b'{"mode": "new", "areas": []}',
        b'{"mode": "new", "areas": [{"polygon": [[0, 0], [1, 0], [NaN, 1]]}]}',
        b'{"mode": "new", "areas": [{"polygon": [[0, 0], [1, 0], [1e999, 1]]}]}',
        b'{"mode": "new", "areas": [{"polygon": [[0, 0], [1, 0], [1e300, 1]]}]}',
        b'{"mode": "new", "areas": [{"polygon": [[0, 0], [1, 0], [1' + b"0" * 400 + b", 1]]}]}",
        b'{"mode": "new", "areas": [{"polygon": [[0, 0], [1, 0], [1' + b"0" * 9_000 + b", 1]]}]}",
        {"mode": "new", "areas": [TRIANGLE] * 65},
        {"mode": "new", "areas": [{"polygon": [[0, 0]] * 201}]},
        {"mode": "new", "areas": [{"polygon": [[0, 0], [1, 0]]}]},
        {"mode": "all", "areas": [TRIANGLE]},
        {"mode": "new", "areas": [TRIANGLE], "within": 7},
        {"mode": "new", "areas": [TRIANGLE], "within": "/api/ready/shapes/" + "0" * 32},
        {"mode": "new", "areas": [TRIANGLE], "within": "/api/ready/another/" + "0" * 32},
        {"mode": "new", "areas": [TRIANGLE], "within": "../../workspace.toml"},
        {"mode": "new", "areas": [TRIANGLE], "more": "x" * MOST_BYTES},
    ],
)
def test_a_body_that_our_page_never_sends_is_a_plain_404(client, map_key, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(
        f"/api/map/shapes/{map_key}/inside", content=data, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.content) == (404, b"")


def test_the_longest_body_that_our_page_can_send_is_heard(client, map_key):
    corners = [[-1234.56789 + number, 1234.56789] for number in range(24)]
    body = {"mode": "add", "areas": [{"polygon": corners, "adds": True}] * 64, "within": ""}
    data = json.dumps(body, separators=(",", ":"))
    path = f"/api/map/shapes/{map_key}/inside"
    assert 32_768 < len(data) < MOST_BYTES
    assert client.post(path, content=data, headers=JSON).headers[COUNT] == "0"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_page_of_another_site_learns_nothing(client, full_folder, map_key, site):
    path, body = f"/api/map/shapes/{map_key}/inside", asked(full_folder, map_key)
    assert client.post(path, json=body, headers={"Sec-Fetch-Site": site}).status_code == 404
    assert client.post(path, json=body, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    for form in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert client.post(path, content=json.dumps(body), headers={"Content-Type": form}).status_code == 404


@pytest.mark.parametrize(
    "path", ["shapes/0000000000000000", "gone/KEY", "%2e%2e/KEY", "shapes/..%2fproject", "shapes/KEY%00"]
)
def test_outlines_on_a_map_that_is_not_there_are_a_plain_404(client, full_folder, map_key, path):
    answer = client.post(f"/api/map/{path.replace('KEY', map_key)}/inside", json=asked(full_folder, map_key))
    assert answer.status_code == 404
    assert b"/" not in answer.content


def test_a_mask_of_another_workspace_narrows_nothing(client, full_folder, map_key):
    other = publish("another", b"\xff" * 15)
    for within in (f"/api/ready/shapes/{other}", f"/api/ready/another/{other}", other):
        body = asked(full_folder, map_key, within=within)
        assert client.post(f"/api/map/shapes/{map_key}/inside", json=body).status_code == 404


def test_it_is_asked_and_not_fetched(client, map_key):
    assert client.get(f"/api/map/shapes/{map_key}/inside").status_code == 405
