"""A thumbnail that a browser fetched before faces were to be blurred is never shown after, and none slips through."""

import io

import pytest
import skimage.data
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curation_app import places
from curation_app.routes import routes
from curation_app.thumbs import PLAIN, shown_thumbnail, thumbs_prefix, version
from curation_core.face_model import detector
from curation_core.thumbnails import thumbnail_path
from curation_core.workspace import Workspace

_KEPT, _FRESH = "private, max-age=31536000, immutable", "no-store"


@pytest.fixture
def ws(tmp_path, monkeypatch) -> Workspace:
    """A portrait and two pictures without a face, ingested before anybody asked for blurring."""
    monkeypatch.setenv(places.WORKSPACES, str(tmp_path / "all"))
    source = tmp_path / "pictures"
    source.mkdir()
    for name in ("astronaut", "coffee", "rocket"):
        Image.fromarray(getattr(skimage.data, name)()).save(source / f"{name}.png")
    return Workspace.create(tmp_path / "all" / "people", source)


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=routes()))


def digest_of(ws, name):
    catalog = ws.catalog()
    return catalog.content_hash[catalog.uri.index(f"{name}.png")]


def got(client, ws, name, *, prefix=None):
    answer = client.get(f"{prefix or thumbs_prefix('people')}{digest_of(ws, name)}.webp")
    return answer.status_code, answer.headers["cache-control"], answer.content


def n_faces(data):
    return len(detector().detect(Image.open(io.BytesIO(data)).convert("RGB"), floor=0.35, max_side=640))


def test_before_anybody_asks_for_blurring_thumbnails_are_kept_under_one_version(client, ws):
    assert version("people") == PLAIN
    status, kept, data = got(client, ws, "astronaut")
    assert (status, kept, n_faces(data)) == (200, _KEPT, 1)


def test_the_address_changes_with_blurring_and_the_old_one_gives_the_new_bytes(client, ws):
    old = thumbs_prefix("people")
    plain = got(client, ws, "astronaut")[2]
    ws.faces(blur=True)
    assert thumbs_prefix("people") != old
    status, kept, data = got(client, ws, "astronaut")
    assert (status, kept, n_faces(data)) == (200, _KEPT, 0)
    assert got(client, ws, "astronaut", prefix=old) == (200, _FRESH, data)
    assert got(client, ws, "coffee")[:2] == (200, _KEPT)
    assert data != plain


def test_from_the_moment_blurring_is_asked_for_nothing_unsearched_leaves(client, ws):
    ws.configure(faces={"blur": True})
    assert [got(client, ws, name)[0] for name in ("astronaut", "coffee")] == [404, 404]


def test_while_thumbnails_wait_to_be_blurred_only_faces_are_held_back(client, ws):
    ws.faces(blur=False)
    ws.configure(faces={"blur": True})  # what a job does first
    assert got(client, ws, "astronaut")[0] == 404
    assert got(client, ws, "coffee")[:2] == (200, _KEPT)
    ws.faces()
    assert n_faces(got(client, ws, "astronaut")[2]) == 0


def test_a_correction_is_another_address(client, ws):
    ws.faces(blur=True)
    before, blurred = thumbs_prefix("people"), got(client, ws, "astronaut")[2]
    ws.correct_faces(ws.detected_faces().above(0.5), is_face=False)
    assert thumbs_prefix("people") != before
    status, kept, plain = got(client, ws, "astronaut")
    assert (status, kept) == (200, _KEPT)
    assert plain != blurred
    ws.correct_faces(ws.detected_faces().denied(), is_face=True)
    assert n_faces(got(client, ws, "astronaut")[2]) == 0


def test_a_blurred_thumbnail_is_not_kept_where_it_will_be_plain_again(client, ws):
    ws.faces(blur=True)
    ws.configure(faces={"blur": False})
    assert got(client, ws, "astronaut")[1] == _FRESH
    ws.faces()
    assert (got(client, ws, "astronaut")[1], version("people")) == (_KEPT, PLAIN)


def test_pictures_that_came_later_wait_for_their_search_and_the_others_stay(client, ws, tmp_path):
    ws.faces(blur=True)
    Image.fromarray(skimage.data.chelsea()).save(tmp_path / "pictures" / "chelsea.png")
    late = ws.thumbnail(digest_of(ws, "coffee")).read_bytes()
    ws.ingest()
    path = ws.thumbnail(digest_of(ws, "chelsea"))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(late)  # a plain one, from wherever
    assert [got(client, ws, name)[0] for name in ("astronaut", "coffee", "chelsea")] == [200, 200, 404]
    ws.faces()
    assert got(client, ws, "chelsea")[:2] == (200, _KEPT)


def test_a_lower_threshold_holds_for_what_was_not_searched_so_low(ws):
    ws.faces(blur=True)
    assert shown_thumbnail(ws.path, digest_of(ws, "coffee")) is not None
    ws.configure(faces={"threshold": 0.1, "floor": 0.1})
    assert shown_thumbnail(ws.path, digest_of(ws, "coffee")) is None


def test_a_thumbnail_written_anew_is_another_version_where_faces_are_blurred(ws):
    ws.faces(blur=True)
    before = version("people")
    assert version("people") == before
    thumbnail_path(ws.path / "thumbnails", digest_of(ws, "rocket")).unlink()
    assert version("people") != before


def test_damaged_settings_show_no_thumbnail(ws):
    name = digest_of(ws, "coffee")
    with (ws.path / "workspace.toml").open("a") as settings:
        settings.write("\n[faces\n")
    assert shown_thumbnail(ws.path, name) is None
    assert version("people") == PLAIN
    assert version("../people") == PLAIN
