"""What the browser may fetch of items, what it gets at a million, and that everything else is one and the same 404."""

import io
import json
import logging
import threading

import numpy as np
import pytest
import skimage.data
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curation_app import item_routes, loaders, places, thumbs
from curation_app.published import publish
from curation_core.face_model import detector
from curation_core.workspace import Workspace


@pytest.fixture
def client(full_folder) -> TestClient:
    return TestClient(Starlette(routes=item_routes.routes()))


@pytest.fixture
def ws(full_folder) -> Workspace:
    return Workspace.open(full_folder / "shapes")


@pytest.fixture
def key(ws) -> str:
    return loaders.pool(ws).key


def token(rows, kind="<u4"):
    return publish("shapes", np.asarray(rows).astype(kind).tobytes())


def test_a_page_holds_the_cells_asked_for_in_the_order_of_the_list(client, ws, key):
    listed = token([7, 3, 119, 0])
    answer = client.get(f"/api/cells/shapes/{key}/{listed}?from=1&n=2")
    assert answer.status_code == 200
    assert [cell["row"] for cell in answer.json()] == [3, 119]
    assert answer.headers["cache-control"] == "no-store"
    assert client.get(f"/api/cells/shapes/{key}/{listed}?from=4&n=200").json() == []


def test_decisions_are_those_of_now(client, ws, key):
    address = f"/api/cells/shapes/{key}/{token([5])}"
    assert client.get(address).json()[0]["mark"] == ""
    ws.decide_items([5], "drop")
    assert client.get(address).json()[0]["mark"] == "drop"
    ws.reviews.undo()
    assert client.get(address).json()[0]["mark"] == ""


def test_scores_stand_beside_the_rows_they_belong_to(client, key):
    listed, scores = token([4, 2, 9]), token([0.5, np.nan, 0.25], "<f4")
    found = client.get(f"/api/cells/shapes/{key}/{listed}?scores={scores}&from=1").json()
    assert [cell.get("score") for cell in found] == [None, 0.25]


def test_thumbnails_of_a_page_come_in_one_answer_and_a_missing_one_is_empty(client, ws, key):
    pool = loaders.pool(ws)
    digests = [ws.catalog().content_hash[int(pool.rows[row])] for row in (4, 9, 2)]
    files = [ws.thumbnail(digest) for digest in digests]
    expected = [file.read_bytes() for file in files]
    files[1].unlink()
    answer = client.get(f"/api/thumbs/shapes/{key}/{token([0, 4, 9, 2])}?from=1&n=50")
    head = np.frombuffer(answer.content[:16], "<u4").tolist()
    assert head == [3, len(expected[0]), 0, len(expected[2])]
    assert answer.content[16:] == expected[0] + expected[2]
    assert answer.headers["cache-control"] == "no-store"  # the missing one may come yet


def test_thumbnails_of_a_page_may_be_kept_under_the_version_of_the_moment_alone(client, key):
    address = f"/api/thumbs/shapes/{key}/{token([0, 4])}?n=50"
    now = thumbs.version("shapes")
    assert "immutable" in client.get(f"{address}&v={now}").headers["cache-control"]
    assert client.get(f"{address}&v=another").headers["cache-control"] == "no-store"
    assert client.get(address).headers["cache-control"] == "no-store"


def test_a_thumbnail_that_leads_out_of_the_workspace_is_not_read(client, ws, key, tmp_path_factory):
    digest = ws.catalog().content_hash[int(loaders.pool(ws).rows[4])]
    secret = tmp_path_factory.mktemp("secret") / "secret.webp"
    secret.write_bytes(b"secret")
    ws.thumbnail(digest).unlink()
    ws.thumbnail(digest).symlink_to(secret)
    assert b"secret" not in client.get(f"/api/thumbs/shapes/{key}/{token([4])}").content


def test_rows_of_a_range_come_as_numbers(client):
    listed = token(np.arange(50)[::-1])
    answer = client.get(f"/api/rows/shapes/{listed}?from=10&n=3")
    assert np.frombuffer(answer.content, "<u4").tolist() == [39, 38, 37]
    assert answer.headers["content-encoding"] == "identity"


def test_cards_are_short_or_full(client, key):
    short = client.get(f"/api/item/shapes/{key}/3").json()
    full = client.get(f"/api/item/shapes/{key}/3?full=1").json()
    assert short["row"] == full["row"] == 3
    assert "neighbours" not in short
    assert len(full["neighbours"]) == 12
    assert full["raster"] is None
    scores = [cell["score"] for cell in full["neighbours"]]
    assert scores == sorted(scores, reverse=True)
    assert client.get(f"/api/neighbours/shapes/{key}/3").json() == full["neighbours"]
    assert "neighbours" not in client.get(f"/api/item/shapes/{key}/3?full=1&neighbours=0").json()


def test_the_picture_is_the_original_and_asking_again_costs_nothing(client, ws, key, shapes_folder):
    answer = client.get(f"/api/picture/shapes/{key}/0.webp")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    row = int(loaders.pool(ws).rows[0])
    original = np.asarray(Image.open(shapes_folder / ws.catalog().uri[row]).convert("RGB")).astype(int)
    shown = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
    assert np.abs(shown - original).mean() < 8
    again = client.get(f"/api/picture/shapes/{key}/0.webp", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/api/cells/shapes/KEY/nothing",
        "/api/cells/shapes/another-key/TOKEN",
        "/api/cells/gone/KEY/TOKEN",
        "/api/cells/%2e%2e/KEY/TOKEN",
        "/api/cells/shapes/KEY/FAR",
        "/api/rows/gone/TOKEN",
        "/api/thumbs/shapes/KEY/FAR",
        "/api/thumbs/shapes/another-key/TOKEN",
        "/api/item/shapes/KEY/120",
        "/api/item/shapes/KEY/-1",
        "/api/item/shapes/KEY/1e3",
        "/api/item/shapes/KEY/99999999999",
        "/api/item/shapes/another-key/0",
        "/api/item/shapes/KEY/..%2f..%2fworkspace.toml",
        "/api/neighbours/shapes/KEY/120",
        "/api/picture/shapes/KEY/120.webp",
        "/api/picture/shapes/another-key/0.webp",
        "/api/places/shapes/another-key",
    ],
)
def test_everything_else_is_a_plain_404(client, key, path):
    path = path.replace("KEY", key).replace("TOKEN", token([1])).replace("FAR", token([120]))
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.content in (b"", b"Not Found")  # the latter where no route fits at all


@pytest.mark.parametrize("asked", ["stretch=3", "bands=1,2", "bands=a", "stretch=2"])
def test_a_stretch_of_what_is_no_tile_is_refused_in_a_sentence(client, key, asked):
    answer = client.get(f"/api/picture/shapes/{key}/0.webp?{asked}")
    assert answer.status_code == 404
    assert answer.text.endswith(".")


def test_a_list_of_another_workspace_is_not_shown(client, key):
    other = publish("other", np.arange(3, dtype="<u4").tobytes())
    assert client.get(f"/api/cells/shapes/{key}/{other}").status_code == 404


def test_an_original_that_changed_or_went_is_not_shown(tmp_path, monkeypatch, shapes_folder):
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path / "all"))
    source = tmp_path / "pictures"
    source.mkdir()
    for path in sorted(shapes_folder.glob("*.png"))[:20]:
        (source / path.name).write_bytes(path.read_bytes())
    ws = Workspace.create(tmp_path / "all" / "moved", source)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(4, 2))
    pool, client = loaders.pool(ws), TestClient(Starlette(routes=item_routes.routes()))
    name = ws.catalog().uri[int(pool.rows[0])]
    (source / name).write_bytes((source / ws.catalog().uri[int(pool.rows[1])]).read_bytes())
    answer = client.get(f"/api/picture/moved/{pool.key}/0.webp")
    assert (answer.status_code, answer.text) == (404, "No picture: was changed since it was ingested; ingest again.")
    (source / name).unlink()
    gone = client.get(f"/api/picture/moved/{pool.key}/0.webp")
    assert gone.status_code == 404
    assert str(tmp_path) not in gone.text


def test_a_source_that_cannot_be_opened_names_no_path(tmp_path, monkeypatch, shapes_folder):
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path / "all"))
    source = tmp_path / "pictures"
    source.mkdir()
    for path in sorted(shapes_folder.glob("*.png"))[:20]:
        (source / path.name).write_bytes(path.read_bytes())
    ws = Workspace.create(tmp_path / "all" / "lost", source)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(4, 2))
    source.rename(tmp_path / "elsewhere")
    client = TestClient(Starlette(routes=item_routes.routes()))
    answer = client.get(f"/api/picture/lost/{loaders.pool(ws).key}/0.webp")
    assert answer.status_code == 404
    assert answer.text == "No picture: the source cannot be opened; look at the Data page."


def test_tiles_of_a_scene_are_read_outside_the_server(tmp_path, monkeypatch):
    rasterio = pytest.importorskip("rasterio")
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path / "all"))
    values = np.random.default_rng([5]).integers(0, 9_000, (4, 128, 160)).astype(np.uint16)
    place = {"crs": "EPSG:32621", "transform": rasterio.Affine(30.0, 0.0, 500_000.0, 0.0, -30.0, 7_000_000.0)}
    shape = {"count": 4, "height": 128, "width": 160, "dtype": "uint16"}
    with rasterio.open(tmp_path / "s.tif", "w", driver="GTiff", **shape, **place) as dataset:
        dataset.write(values)
    ws = Workspace.init(tmp_path / "all" / "earth", tmp_path / "s.tif")
    ws.configure(ingest={"tile_size": 32})
    ws.ingest()
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(4, 2))
    monkeypatch.setattr("curation_core.rasters._open", lambda _: pytest.fail("GDAL looked into a file in the server"))
    key, client = loaders.pool(ws).key, TestClient(Starlette(routes=item_routes.routes()))
    plain = client.get(f"/api/picture/earth/{key}/3.webp")
    other = client.get(f"/api/picture/earth/{key}/3.webp?bands=4,1,1&stretch=5")
    assert (plain.status_code, other.status_code) == (200, 200)
    assert plain.content != other.content
    view = client.get(f"/api/item/earth/{key}/3?full=1&neighbours=0").json()["raster"]
    assert (view["bands"], view["deep"], len(view["outline"])) == (4, True, 4)
    refused = client.get(f"/api/picture/earth/{key}/3.webp?bands=9")
    assert refused.status_code == 404
    assert "has 4 bands" in refused.text
    (tmp_path / "s.tif").write_bytes(b"II*\0 torn")
    torn = client.get(f"/api/picture/earth/{key}/3.webp")
    assert torn.status_code == 404
    assert torn.text.startswith("No picture:")
    assert str(tmp_path) not in torn.text


@pytest.fixture
def portraits(tmp_path, monkeypatch):
    """A workspace that asks for blurred faces: the portrait, and three pictures without a face."""
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path / "all"))
    source = tmp_path / "pictures"
    source.mkdir()
    for name in ("astronaut", "coffee", "rocket", "chelsea"):
        Image.fromarray(getattr(skimage.data, name)()).save(source / f"{name}.png")
    ws = Workspace.init(tmp_path / "all" / "people", source)
    with (ws.path / "workspace.toml").open("a") as settings:
        settings.write("\n[faces]\nblur = true\n")
    ws.ingest()
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(2,))
    return ws


def n_faces(data):
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    return len(detector().detect(picture, floor=0.35, max_side=640))


def test_no_face_leaves_where_faces_are_to_be_blurred(portraits):
    pool, client = loaders.pool(portraits), TestClient(Starlette(routes=item_routes.routes()))
    row = [portraits.catalog().uri[int(at)] for at in pool.rows].index("astronaut.png")
    address = f"/api/picture/people/{pool.key}/{row}.webp"
    refused = client.get(address)
    assert refused.status_code == 404
    assert "have not been looked for" in refused.text
    portraits.faces()
    blurred = client.get(address)
    assert blurred.status_code == 200
    assert n_faces(blurred.content) == 0
    portraits.faces(blur=False)
    plain = client.get(address, headers={"If-None-Match": blurred.headers["etag"]})
    assert plain.status_code == 200  # the mark of the blurred one does not stand for it
    assert n_faces(plain.content) == 1


def test_routes_read_the_tree_in_threads_without_a_page(client, key, caplog):
    answers = []
    address = f"/api/cells/shapes/{key}/{token(np.arange(120))}"
    with caplog.at_level(logging.WARNING):
        threads = [threading.Thread(target=lambda: answers.append(client.get(address).status_code)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * 4
    assert "ScriptRunContext" not in caplog.text


def test_answers_are_plain_json_without_nan(client, key):
    body = client.get(f"/api/item/shapes/{key}/0?full=1").text
    json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} in the answer"))
