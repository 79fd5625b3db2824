"""Tars, plain and packed, hostile ones included; samples of WebDataset."""

import gzip
import io
import tarfile

import pytest

from curation_core import archives, spool
from curation_core.archives import TarMedia, expand_braces
from curation_core.errors import IngestError

NAMELESS = [""]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))


def make_tar(path, members, **options):
    with tarfile.open(path, "w", **options) as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def entry(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_members_are_listed_by_their_names_and_read_from_where_they_lie(tmp_path):
    path = make_tar(
        tmp_path / "a.tar", [("./b.png", b"B" * 700), ("c/a.JPG", b"A"), ("c/a.txt", b"t"), (".x.png", b"h")]
    )
    media = TarMedia([path], NAMELESS)
    assert media.names == ("b.png", "c/a.JPG")
    assert media.others == ("c/a.txt",)
    assert media.read("b.png") == b"B" * 700
    assert media.read("c/a.JPG") == b"A"


def test_unsafe_names_links_devices_and_repeats_are_refused_with_the_reason(tmp_path):
    members = [("ok.png", b"1"), ("../up.png", b"2"), ("/etc/abs.png", b"3"), ("ok.png", b"4")]
    members += [
        (entry("soft.png", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (entry("hard.png", tarfile.LNKTYPE, "ok.png"), b""),
    ]
    members += [(entry("pipe.png", tarfile.FIFOTYPE), b""), (entry("device.png", tarfile.CHRTYPE), b"")]
    media = TarMedia([make_tar(tmp_path / "a.tar", members)], NAMELESS)
    reasons = {}
    for name in media.names:
        try:
            reasons[name] = media.read(name)
        except IngestError as error:
            reasons[name] = str(error)
    assert reasons == {
        "ok.png": b"1",
        "../up.png": "its name leads out of the archive",
        "/etc/abs.png": "its name leads out of the archive",
        "ok.png (entry 2)": "this name is in the archive before; the first one counts",
        "soft.png": "a link",
        "hard.png": "a link",
        "pipe.png": "not a regular file",
        "device.png": "not a regular file",
    }


def test_names_that_are_not_utf8_and_twins_of_one_letter_are_kept_apart(tmp_path):
    path = make_tar(tmp_path / "a.tar", [("é.png", b"1"), ("e\u0301.png", b"2")], format=tarfile.GNU_FORMAT)
    raw = path.read_bytes().replace("é.png".encode(), b"\xff\xfe.png")
    path.write_bytes(_with_new_sums(raw))
    media = TarMedia([path], NAMELESS)
    assert media.read("e\u0301.png") == b"2"
    with pytest.raises(IngestError, match="not UTF-8"):
        media.read("\\xff\\xfe.png")


def _with_new_sums(raw):
    """The same tar with the checksum of its first header as it must be."""
    head = bytearray(raw[:512])
    head[148:156] = b" " * 8
    head[148:156] = f"{sum(head):06o}\0 ".encode()
    return bytes(head) + raw[512:]


@pytest.mark.parametrize("damaged", [b"", b"no tar at all" * 100, b"\0" * 100])
def test_what_is_no_tar_is_refused(tmp_path, damaged):
    (tmp_path / "a.tar").write_bytes(damaged)
    with pytest.raises(IngestError, match=r"a\.tar is not a readable tar"):
        TarMedia([tmp_path / "a.tar"], NAMELESS)


def test_of_a_tar_that_is_cut_off_what_is_whole_is_read_and_the_end_is_a_failure(tmp_path):
    path = make_tar(tmp_path / "a.tar", [("a.png", b"A" * 2000), ("b.png", b"B" * 2000), ("c.png", b"C" * 2000)])
    path.write_bytes(path.read_bytes()[:4000])
    media = TarMedia([path], NAMELESS)
    assert media.read("a.png") == b"A" * 2000
    failed = [name for name in media.names if name != "a.png"]
    assert failed
    for name in failed:
        with pytest.raises(IngestError, match=r"ends within this file|broken after"):
            media.read(name)


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path):
    info = tarfile.TarInfo("x" * 50)
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 32
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + b"x" * 2048)
    with pytest.raises(IngestError, match="a header of 4096 MB"):
        TarMedia([path], NAMELESS)


def test_a_sparse_member_that_claims_a_terabyte_is_refused(tmp_path):
    info = tarfile.TarInfo("big.png")
    info.size = 1 << 40
    path = tmp_path / "a.tar"
    path.write_bytes(tarfile.TarInfo("a.png").tobuf() + info.tobuf() + b"x" * 1024)
    media = TarMedia([path], NAMELESS)
    for name in set(media.names) - {"a.png"}:
        with pytest.raises(IngestError, match=r"larger than 512 MB|broken after"):
            media.read(name)


@pytest.mark.parametrize("ending", ["tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_a_packed_tar_is_unpacked_once_and_read_like_a_plain_one(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    with tarfile.open(path, f"w:{ending.rpartition('.')[2].replace('tgz', 'gz')}") as archive:
        info = tarfile.TarInfo("a.png")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    assert TarMedia([path], NAMELESS).read("a.png") == b"abc"
    copies = list((tmp_path / "cache").rglob("unpacked.tar"))
    before = copies[0].stat().st_mtime_ns
    TarMedia([path], NAMELESS)
    assert [copy.stat().st_mtime_ns for copy in (tmp_path / "cache").rglob("unpacked.tar")] == [before]


def test_a_packed_tar_that_is_a_bomb_or_torn_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_RATIO_FREE_BYTES", 1 << 20)
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(bytes(1 << 22)))
    with pytest.raises(IngestError, match="looks like a bomb"):
        TarMedia([tmp_path / "bomb.tar.gz"], NAMELESS)
    (tmp_path / "torn.tar.gz").write_bytes(gzip.compress(bytes(1 << 16))[:-10])
    with pytest.raises(IngestError, match="cannot be unpacked"):
        TarMedia([tmp_path / "torn.tar.gz"], NAMELESS)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_copy_that_would_be_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "MAX_BYTES", 1000)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(bytes(4096)))
    with pytest.raises(IngestError, match="larger than 0 GB"):
        TarMedia([tmp_path / "a.tar.gz"], NAMELESS)


def test_the_siblings_of_a_sample_become_columns(tmp_path):
    members = [("x/1.jpg", b"i"), ("x/1.cls", b"3"), ("x/1.json", b'{"who": "me", "tags": ["a"], "n": 1}')]
    members += [("x/2.left.jpg", b"i"), ("x/2.right.jpg", b"i"), ("x/2.cls", b"4"), ("x/2.txt", b"two eyes\n")]
    members += [("x/3.jpg", b"i"), ("x/3.json", b"not json"), ("y/3.cls", b"9")]
    media = TarMedia([make_tar(tmp_path / "a.tar", members)], NAMELESS)
    assert media.names == ("x/1.jpg", "x/2.left.jpg", "x/2.right.jpg", "x/3.jpg")
    assert media.columns.to_pydict() == {
        "cls": [3, 4, 4, None],
        "who": ["me", None, None, None],
        "tags": ['["a"]', None, None, None],
        "n": [1, None, None, None],
        "txt": [None, "two eyes", "two eyes", None],
        "json": [None, None, None, "not json"],
    }


def test_values_of_different_kinds_are_texts(tmp_path):
    members = [("1.jpg", b"i"), ("1.cls", b"3"), ("2.jpg", b"i"), ("2.cls", b"cat")]
    media = TarMedia([make_tar(tmp_path / "a.tar", members)], NAMELESS)
    assert media.columns.column("cls").to_pylist() == ["3", "cat"]


def test_stamps_change_with_place_size_and_time(tmp_path):
    path = make_tar(tmp_path / "a.tar", [("a.png", b"1"), ("b.png", b"2")])
    first = TarMedia([path], NAMELESS)
    before = first.fingerprint()
    info = tarfile.TarInfo("b.png")
    info.mtime = 7
    second = TarMedia([make_tar(tmp_path / "a.tar", [("a.png", b"11"), (info, b"2")])], NAMELESS)
    assert first.stamp("a.png") != second.stamp("a.png")
    assert first.stamp("b.png") != second.stamp("b.png")
    assert before != second.fingerprint()
    assert second.stamp("none.png") == ""


def test_numbers_in_braces_count():
    assert expand_braces("s-{008..010}.tar") == ["s-008.tar", "s-009.tar", "s-010.tar"]
    assert expand_braces("{0..1}-{0..1}.tar") == ["0-0.tar", "0-1.tar", "1-0.tar", "1-1.tar"]
    assert expand_braces("plain.tar") == ["plain.tar"]
    with pytest.raises(IngestError, match="lowest first"):
        expand_braces("s-{9..1}.tar")
