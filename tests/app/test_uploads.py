"""Uploads: whole and in pieces, broken off and gone on with, refused before a byte, never outside of their folder."""

import io
import os
import socket
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curation_app import upload_limits, uploads
from curation_app import upload_store as store
from curation_app.upload_names import File, arranged, is_taken, safe_path
from curation_core import sources
from curation_core.config import IngestConfig
from curation_core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def client(empty_folder) -> TestClient:
    made = TestClient(Starlette(routes=uploads.routes()))
    made.headers[uploads.TOKEN] = uploads.issue_token()
    return made


def promise(client, *files: tuple[str, int]):
    return client.post("/api/uploads", json={"files": [{"path": path, "size": size} for path, size in files]})


def send(client, upload_id: str, offset: int, data: bytes, checksum: int | None = None):
    checksum = zlib.crc32(data) if checksum is None else checksum
    headers = {uploads.CHECKSUM: f"{checksum:08x}"}
    return client.put(f"/api/uploads/{upload_id}?offset={offset}", content=data, headers=headers)


def taken(client, *files: tuple[str, bytes], piece: int = 7) -> Path:
    """The source that an upload of these files becomes, sent in pieces of a few bytes."""
    stream = b"".join(data for _, data in files)
    upload_id = promise(client, *((path, len(data)) for path, data in files)).json()["id"]
    for start in range(0, len(stream), piece):
        answer = send(client, upload_id, start, stream[start : start + piece])
        assert answer.status_code == 200, answer.text
    assert answer.json()["finished"]
    return store.source(upload_id)


def test_chunks_that_cross_the_borders_of_files_give_the_files_back(client):
    files = [
        ("pictures/a.png", b"first file"),
        ("pictures/deep/b.jpg", b"x"),
        ("pictures/metadata.csv", b"file_name\n"),
    ]
    top = taken(client, *files, piece=4)
    assert top.name == "pictures"
    assert {p.relative_to(top.parent).as_posix(): p.read_bytes() for p in top.rglob("*.*")} == dict(files)


def test_one_file_is_the_source_itself_and_loose_files_come_into_one_folder(client):
    assert taken(client, ("texts.csv", b"text\nhello\n")).name == "texts.csv"
    loose = taken(client, ("a.png", b"1"), ("b.png", b"2"))
    assert (loose.name, sorted(p.name for p in loose.iterdir())) == ("upload", ["a.png", "b.png"])


def test_an_uploaded_zip_is_a_source_as_the_mounted_one_is(client, shapes_folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(shapes_folder.iterdir())[:9]:
            archive.write(path, path.name)
    path = taken(client, ("shapes.zip", buffer.getvalue()), piece=1_000)
    assert sources.preview(IngestConfig(source=str(path))).n_items == 9


def test_an_interrupted_upload_goes_on_where_it_stopped(client):
    upload_id = promise(client, ("a.png", 10)).json()["id"]
    assert send(client, upload_id, 0, b"0123").json()["offset"] == 4
    later = TestClient(Starlette(routes=uploads.routes()), headers={uploads.TOKEN: uploads.issue_token()})
    assert later.get(f"/api/uploads/{upload_id}").json() | {"id": ""} == {
        "id": "",
        "offset": 4,
        "total": 10,
        "files": 1,
        "chunk": store.CHUNK,
        "finished": False,
    }
    assert send(later, upload_id, 4, b"456789").json()["finished"]
    assert store.source(upload_id).read_bytes() == b"0123456789"


def test_a_chunk_at_the_wrong_place_is_told_the_right_one(client):
    upload_id = promise(client, ("a.png", 10)).json()["id"]
    send(client, upload_id, 0, b"0123")
    for wrong in (0, 3, 5, 10):
        answer = send(client, upload_id, wrong, b"zz")
        assert (answer.status_code, answer.json()["offset"]) == (409, 4)
    send(client, upload_id, 4, b"456789")
    assert send(client, upload_id, 10, b"more").status_code == 409
    assert store.source(upload_id).read_bytes() == b"0123456789"


def test_a_chunk_that_arrived_changed_does_not_count(client):
    upload_id = promise(client, ("a.png", 4)).json()["id"]
    answer = send(client, upload_id, 0, b"bad!", zlib.crc32(b"good"))
    assert (answer.status_code, answer.json()["offset"]) == (422, 0)
    assert send(client, upload_id, 0, b"good").json()["finished"]
    assert store.source(upload_id).read_bytes() == b"good"


def test_a_chunk_that_broke_off_does_not_count(client):
    upload = store.find(promise(client, ("a.png", 10)).json()["id"])
    writer = store.ChunkWriter(upload, 0, keep_free=0)
    writer.write(b"01234")  # the server is killed here
    assert store.received(upload) == 0
    with pytest.raises(store.UploadRefused) as refused:
        store.source(upload.id)
    assert refused.value.status == 404


def test_an_upload_whose_last_chunk_came_before_a_kill_is_finished_on_the_next_look(client):
    upload = store.find(promise(client, ("a.png", 2)).json()["id"])
    store.ChunkWriter(upload, 0, keep_free=0).write(b"ok")
    (store.uploads_folder() / f"{upload.id}.at").write_text("2")  # counted, but not yet renamed
    assert client.get(f"/api/uploads/{upload.id}").json()["finished"]
    assert store.source(upload.id).read_bytes() == b"ok"


def test_more_bytes_than_promised_are_refused(client):
    upload_id = promise(client, ("a.png", 4)).json()["id"]
    assert send(client, upload_id, 0, b"12345").status_code == 413
    assert send(client, upload_id, 0, b"1234").json()["finished"]


@pytest.mark.parametrize(
    ("files", "status", "said"),
    [
        ([("big.zip", 10**6 + 1)], 413, "at most 1.0 MB are taken"),
        ([("a.png", 6 * 10**5), ("b.png", 6 * 10**5)], 413, "at most 1.0 MB are taken"),
        ([("program.exe", 10)], 422, "type that is not read"),
        ([("empty.png", 0)], 422, "is empty"),
        ([("a.png", -5)], 422, "is empty"),
        ([("../a.png", 5)], 422, "no path of a file inside"),
        ([("a/../../b.png", 5)], 422, "no path of a file inside"),
        ([("..\\b.png", 5)], 422, "no path of a file inside"),
        ([("/".join(["d"] * 40) + "/a.png", 5)], 422, "too deep"),
        ([("a.png", 1.5)], 422, "not understood"),
        ([("a.png", True)], 422, "not understood"),
        ([(7, 5)], 422, "not understood"),
        ([], 422, "has no file"),
    ],
)
def test_a_wrong_upload_is_refused_before_a_byte_is_sent(client, monkeypatch, files, status, said):
    monkeypatch.setenv(upload_limits.MAX_UPLOAD, "1MB")
    answer = promise(client, *files)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]
    assert not list(store.uploads_folder().glob("*.part"))


def test_too_many_files_are_refused():
    with pytest.raises(store.UploadRefused, match="at most 3 are taken"):
        store.reserve([File(f"{n}.png", 1) for n in range(4)], upload_limits.Limits(max_files=3))


def test_the_quota_counts_what_is_promised(client, monkeypatch):
    monkeypatch.setenv(upload_limits.MAX_UPLOAD, "1000")
    monkeypatch.setenv(upload_limits.QUOTA, "1500")
    assert promise(client, ("a.png", 1000)).status_code == 201
    assert promise(client, ("b.png", 1000)).status_code == 507
    assert promise(client, ("b.png", 500)).status_code == 201


def test_a_full_disk_is_said_and_what_came_is_kept(client, monkeypatch):
    upload_id = promise(client, ("a.png", 10)).json()["id"]
    send(client, upload_id, 0, b"0123")
    monkeypatch.setattr(store, "_free", lambda: 10**9)  # only what is to stay free
    answer = send(client, upload_id, 4, b"456789")
    assert answer.status_code == 507
    assert promise(client, ("b.png", 10)).status_code == 507
    monkeypatch.undo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_while_writing_is_a_507(client, monkeypatch):
    upload_id = promise(client, ("a.png", 10)).json()["id"]
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *rest: real("/dev/full" if str(path).endswith(".png") else path, *rest)
    )
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, _at: os.write(descriptor, data))
    answer = send(client, upload_id, 0, b"0123456789")
    assert answer.status_code == 507
    assert "disk is full" in answer.json()["error"]


@pytest.mark.parametrize("upload_id", ["0" * 32, "x", "..", "%2e%2e%2fworkspace", "0" * 31 + "G"])
def test_an_id_that_was_never_given_is_a_404(client, upload_id):
    assert client.get(f"/api/uploads/{upload_id}").status_code == 404
    assert send(client, upload_id, 0, b"x").status_code == 404
    assert client.delete(f"/api/uploads/{upload_id}").status_code == 404


def test_an_upload_is_discarded_with_its_files_and_a_finished_one_is_kept(client):
    upload_id = promise(client, ("a.png", 4)).json()["id"]
    send(client, upload_id, 0, b"12")
    assert client.delete(f"/api/uploads/{upload_id}").status_code == 204
    assert client.get(f"/api/uploads/{upload_id}").status_code == 404
    assert not [p for p in store.uploads_folder().iterdir() if p.name.startswith(upload_id)]
    done = taken(client, ("b.png", b"12"))
    assert client.delete(f"/api/uploads/{done.parent.name}").status_code == 409
    assert done.is_file()


def test_an_upload_that_got_no_byte_for_a_day_is_removed_and_a_finished_one_is_not(client):
    upload_id = promise(client, ("a.png", 4)).json()["id"]
    done = taken(client, ("b.png", b"12"))
    assert store.remove_stale() == []
    assert store.remove_stale(time.time() + store.STALE + 60) == [upload_id]
    assert client.get(f"/api/uploads/{upload_id}").status_code == 404
    assert done.is_file()


def test_an_upload_whose_files_somebody_removed_is_unknown_and_takes_no_room(client, monkeypatch):
    done = taken(client, ("b.png", b"12"))
    done.unlink()
    done.parent.rmdir()
    assert client.get(f"/api/uploads/{done.parent.name}").status_code == 404
    monkeypatch.setenv(upload_limits.MAX_UPLOAD, "3")
    monkeypatch.setenv(upload_limits.QUOTA, "3")
    assert promise(client, ("c.png", 3)).status_code == 201


def test_a_promise_that_was_killed_halfway_is_removed_after_a_day(client):
    folder = store.uploads_folder() / ("a" * 32 + ".part")
    folder.mkdir(parents=True)
    assert store.remove_stale() == []
    assert store.remove_stale(time.time() + store.STALE + 60) == ["a" * 32]
    assert not folder.exists()


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_without_a_token_nothing_is_said_and_nothing_is_taken(client, method):
    upload_id = promise(client, ("a.png", 4)).json()["id"]
    for token in ("", "x", "9999999999.0", uploads.issue_token()[:-1] + "g", uploads.issue_token(0)):
        answer = getattr(client, method)(f"/api/uploads/{upload_id}", headers={uploads.TOKEN: token})
        assert answer.status_code == 403


def test_a_page_of_another_site_is_refused_even_with_a_token(client):
    for site in ("cross-site", "same-site", "none"):
        answer = client.post("/api/uploads", json={"files": []}, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403


def test_a_token_is_good_for_a_day_and_outlives_a_restart(client):
    token = uploads.issue_token(1_000_000)
    assert uploads.is_valid_token(token, 1_000_000 + 23 * 3_600)
    assert not uploads.is_valid_token(token, 1_000_000 + 26 * 3_600)
    assert (store.uploads_folder() / ".secret").stat().st_mode & 0o077 == 0
    code = f"from curation_app import uploads; print(uploads.is_valid_token({token!r}, 1_000_000))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "True"


def test_names_that_a_table_may_use_stay_and_others_become_plain():
    for kept in ("a b (1).png", "Übung/größe.jpg", "日本/写真.webp", "e\u0301.png", "a;b&c'.png"):
        assert safe_path(kept) == kept
    assert safe_path("/etc/x.png") == "etc/x.png"
    assert safe_path("C:\\data\\x.png") == "C:/data/x.png"
    assert safe_path(".hidden/.x.png") == "_hidden/_x.png"
    assert safe_path("a\nb\x00.png") == "a_b_.png"
    long = safe_path("é" * 150 + ".png")
    assert len(long.encode()) <= 200
    assert long.endswith(".png")


def test_names_that_became_the_same_are_told_apart():
    paths = [file.path for file in arranged([File("d/.a.png", 1), File("d/_a.png", 1), File("d/x.png/b.png", 1)])]
    assert len(set(paths)) == 3
    clash = [file.path for file in arranged([File("d/x.png", 1), File("d/x.png/b.png", 1)])]
    assert clash == ["d/x~2.png", "d/x.png/b.png"]


def test_a_link_in_the_way_is_not_followed(client, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    outside.write_bytes(b"secret")
    upload_id = promise(client, ("a.png", 4)).json()["id"]
    (store.uploads_folder() / f"{upload_id}.part" / "a.png").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic"):
        send(client, upload_id, 0, b"1234")
    assert outside.read_bytes() == b"secret"


def test_types_that_readers_know_are_taken():
    assert all(map(is_taken, ("a.PNG", "b.tar.gz", "c.jsonl", "d.npy", "e.parquet", "f.TIFF")))
    assert not any(map(is_taken, ("a.exe", "b.html", "c", "d.svg", "png")))


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 5 * 10**8), ("20 GB", 2 * 10**10), ("0", 0), ("1.5g", 15 * 10**8)]
)
def test_sizes_are_read_with_their_units(text, size):
    assert upload_limits.parse_size(text) == size


def test_a_size_that_is_none_is_a_sentence():
    with pytest.raises(ConfigError, match="write a number with its unit"):
        upload_limits.parse_size("lots")


SERVER = """
import uvicorn
from starlette.applications import Starlette
from curation_app.uploads import routes
uvicorn.run(Starlette(routes=routes()), port={port}, log_level="warning")
"""


def test_three_hundred_megabytes_pass_without_being_held(tmp_path, empty_folder):
    """The server's largest memory grows by a few chunks at most, whatever the size of the upload."""
    import http.client

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVER.format(port=port)], cwd=ROOT, env=dict(os.environ))
    try:
        connection = _connected(http.client.HTTPConnection("127.0.0.1", port, timeout=30), process)
        before, total = _peak(process.pid), 300_000_000
        token = {uploads.TOKEN: uploads.issue_token()}
        body = f'{{"files": [{{"path": "big.npy", "size": {total}}}]}}'
        connection.request("POST", "/api/uploads", body, token)
        upload_id = uploads.json.loads(connection.getresponse().read())["id"]
        chunk = np.random.default_rng([0, 300]).bytes(store.CHUNK)
        for start in range(0, total, store.CHUNK):
            data = chunk[: total - start]
            headers = {**token, uploads.CHECKSUM: f"{zlib.crc32(data):08x}"}
            connection.request("PUT", f"/api/uploads/{upload_id}?offset={start}", data, headers)
            answer = connection.getresponse()
            assert answer.read(), answer.status
        assert store.source(upload_id).stat().st_size == total
        grown = _peak(process.pid) - before
        assert grown < 48_000_000, f"{grown:,} bytes"
        connection.close()
    finally:
        process.terminate()
        process.wait(20)


def _connected(connection, process):
    for _ in range(200):
        try:
            connection.connect()
        except OSError:
            assert process.poll() is None
            time.sleep(0.1)
        else:
            return connection
    raise AssertionError("the server did not come up")


def _peak(pid: int) -> int:
    """Largest resident memory of a process so far, in bytes."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1_024
