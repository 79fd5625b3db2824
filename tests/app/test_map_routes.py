"""What the map fetches, and that everything else is one and the same 404."""

import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curation_app.map_columns import map_places, map_points, ready_codes
from curation_app.map_routes import routes
from curation_app.published import publish
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
