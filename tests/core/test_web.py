"""Addresses: what is read, and what never is."""

import functools
import http.server
import threading

import pytest

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, IngestError
from curation_core.listing import source_fingerprint
from curation_core.origins import find_origin, open_items
from curation_core.remote import check_address, is_remote, remote_name
from curation_core.web import fetch, fetch_chunks, stamp_of


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/a.bin")
            self.end_headers()
        elif self.path.startswith("/short"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
        else:
            super().do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"0123456789")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_and_one_that_is_too_large_is_not(site):
    _, address = site
    assert fetch(f"{address}/a.bin", most=10, trusted=address) == b"0123456789"
    with pytest.raises(IngestError, match="is larger than"):
        fetch(f"{address}/a.bin", most=9, trusted=address)


def test_private_networks_are_only_read_where_the_person_pointed(site):
    _, address = site
    for somewhere in (None, "http://127.0.0.1:1", "https://example.org"):
        with pytest.raises(IngestError, match="lies in a private network"):
            fetch(f"{address}/a.bin", most=100, trusted=somewhere)
    for private in ("http://localhost/", "http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://0.0.0.0/"):
        with pytest.raises(IngestError, match=r"private network|is not known"):
            fetch(private, most=100)


@pytest.mark.parametrize("address", ["http://", "http://user:word@host/", "http://host:99999/", "ftp://host/"])
def test_what_is_no_plain_address_is_refused(address):
    with pytest.raises(IngestError, match="not an address"):
        fetch(address, most=10)


def test_redirects_missing_files_and_short_answers_are_sentences(site):
    _, address = site
    with pytest.raises(IngestError, match=r"points to /a\.bin; redirects are not followed"):
        fetch(f"{address}/moved", most=10, trusted=address)
    with pytest.raises(IngestError, match="answers 404"):
        fetch(f"{address}/none", most=10, trusted=address)
    with pytest.raises(IngestError, match=r"9 of 1000 bytes|cannot be fetched"):
        list(fetch_chunks(f"{address}/short"))


def test_a_stamp_says_time_and_size_and_nothing_when_the_file_is_gone(site):
    _, address = site
    assert stamp_of(f"{address}/a.bin", trusted=address).endswith(":10")
    assert stamp_of(f"{address}/none", trusted=address) == ""


def test_the_web_is_not_read_unless_it_is_allowed(site):
    _, address = site
    with pytest.raises(ConfigError, match="not read unless allow_http is set"):
        find_origin(IngestConfig(source=f"{address}/a.zip"))


def test_a_source_on_the_web_is_fetched_once_per_version(site):
    folder, address = site
    (folder / "t.csv").write_text("text\none\ntwo\n")
    config = IngestConfig(source=f"{address}/t.csv", allow_http=True)
    first = find_origin(config).path
    assert find_origin(config).path == first
    before = source_fingerprint(config)
    (folder / "t.csv").write_text("text\none\ntwo\nthree\n")
    assert find_origin(config).path != first
    assert source_fingerprint(config) != before


def test_a_table_on_the_web_cannot_lead_into_the_private_network(site):
    folder, address = site
    (folder / "a.png").write_bytes(b"picture")
    (folder / "t.csv").write_text("image\na.png\nhttp://127.0.0.1:9/b.png\n../../x.png\nhttp://169.254.169.254/c.png\n")
    with open_items(IngestConfig(source=f"{address}/t.csv", allow_http=True, image_column="image")) as media:
        assert media.read("a.png") == b"picture"
        for name in ("http://127.0.0.1:9/b.png", "http://169.254.169.254/c.png"):
            with pytest.raises(IngestError, match="private network"):
                media.read(name)
        with pytest.raises(IngestError, match="answers 404"):
            media.read("../../x.png")


def test_addresses_that_are_no_stores_or_hold_keys_are_refused():
    for address, reason in (
        ("file:///etc", "give the path itself"),
        ("simplecache::s3://bucket/x", "chains stores"),
        ("s3://key:secret@bucket/x", "holds a key"),
        ("s3://bucket/x?access_key=a&secret_key=b", "holds a key"),
        ("http://host/x", "allow_http"),
    ):
        with pytest.raises(ConfigError, match=reason):
            check_address(address, allow_http=False)


def test_what_is_an_address_and_how_it_is_called():
    assert is_remote("s3://bucket/a")
    assert not is_remote("C:/data")
    assert not is_remote("/data/a")
    assert remote_name("s3://bucket/a/b/?region=x") == "b"
    assert remote_name("s3://bucket") == "bucket"
