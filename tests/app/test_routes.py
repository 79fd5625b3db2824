"""What the browser may fetch, and that everything else is one and the same 404."""

import hashlib
import io
import zipfile

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curation_app.routes import routes
from curation_app.thumbs import thumbs_prefix
from curation_core.workspace import Workspace


@pytest.fixture
def client(full_folder) -> TestClient:
    return TestClient(Starlette(routes=routes()))


@pytest.fixture
def digest(full_folder) -> str:
    return Workspace(full_folder / "shapes").catalog().content_hash[0]


def test_a_thumbnail_comes_by_version_and_content_hash_and_may_be_kept_forever(client, digest):
    answer = client.get(f"{thumbs_prefix('shapes')}{digest}.webp")
    assert answer.status_code == 200
    assert answer.content[:4] == b"RIFF"
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_thumbnail_under_another_version_or_none_comes_as_it_is_now_and_is_not_kept(client, digest):
    wanted = client.get(f"{thumbs_prefix('shapes')}{digest}.webp").content
    for address in (f"/api/thumb/shapes/{digest}.webp", f"/api/thumb/shapes/0123456789abcdef/{digest}.webp"):
        answer = client.get(address)
        assert answer.content == wanted
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/api/thumb/shapes/nothex.webp",
        "/api/thumb/shapes/" + "0" * 64 + ".webp",
        "/api/thumb/shapes/" + "A" * 64 + ".webp",
        "/api/thumb/shapes/0/" + "0" * 64 + ".webp",
        "/api/thumb/shapes/..%2f/" + "0" * 64 + ".webp",
        "/api/thumb/gone/" + "0" * 64 + ".webp",
        "/api/thumb/../shapes/" + "0" * 64 + ".webp",
        "/api/thumb/%2e%2e/" + "0" * 64 + ".webp",
        "/api/thumb/shapes/..%2f..%2fworkspace.toml.webp",
        "/api/thumb/shapes/%00.webp",
        "/api/download/shapes/shapes-30/..%2f..%2fworkspace.toml",
        "/api/download/shapes/shapes-30/%2e%2e",
        "/api/download/shapes/%2e%2e/workspace.toml",
        "/api/download/shapes/../workspace.toml",
        "/api/download/shapes/shapes-30/gone.csv",
        "/api/download/shapes/.partial-shapes-30/run.json",
        "/api/download/shapes/gone.zip",
        "/api/download/%2e%2e/etc.zip",
    ],
)
def test_everything_else_is_a_plain_404(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert b"/" not in answer.content


def test_a_link_that_leads_out_of_the_workspace_is_not_followed(client, full_folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "secret.txt"
    secret.write_text("secret")
    (full_folder / "shapes" / "exports" / "shapes-30" / "link.txt").symlink_to(secret)
    assert client.get("/api/download/shapes/shapes-30/link.txt").status_code == 404
    with zipfile.ZipFile(io.BytesIO(client.get("/api/download/shapes/shapes-30.zip").content)) as archive:
        assert "shapes-30/link.txt" not in archive.namelist()


def test_a_workspace_that_is_a_link_to_elsewhere_is_no_workspace(client, full_folder, made_workspace, digest):
    (full_folder / "linked").symlink_to(made_workspace)
    assert client.get(f"/api/thumb/linked/{digest}.webp").status_code == 404


def test_a_downloaded_file_is_the_exported_file(client, full_folder):
    answer = client.get("/api/download/shapes/shapes-30/manifest.csv")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.content == (full_folder / "shapes" / "exports" / "shapes-30" / "manifest.csv").read_bytes()


def test_the_zip_holds_every_file_with_its_own_checksum(client):
    with zipfile.ZipFile(io.BytesIO(client.get("/api/download/shapes/shapes-30.zip").content)) as archive:
        sums = archive.read("shapes-30/SHA256SUMS").decode().splitlines()
        assert len(sums) >= 5
        for line in sums:
            wanted, name = line.split(maxsplit=1)
            assert hashlib.sha256(archive.read(f"shapes-30/{name.lstrip('*')}")).hexdigest() == wanted
