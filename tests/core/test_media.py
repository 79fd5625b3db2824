"""Folders and zips of images, hostile ones included."""

import io
import os
import zipfile

import pytest
from PIL import Image

from curation_core import media
from curation_core.errors import IngestError
from curation_core.media import open_media


def encoded(image=None, kind="PNG", **options):
    buffer = io.BytesIO()
    (image or Image.new("RGB", (8, 6), (200, 30, 40))).save(buffer, kind, **options)
    return buffer.getvalue()


def make_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def test_a_folder_lists_its_images_below_it_sorted_and_with_forward_slashes(tmp_path):
    for name in ("b.PNG", "a/z.jpeg", "a/notes.txt", ".hidden.png", ".git/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encoded())
    with open_media(tmp_path) as opened:
        assert opened.names == ("a/z.jpeg", "b.PNG")
        assert opened.others == ("a/notes.txt",)
        assert opened.read("b.PNG") == encoded()


def test_links_out_of_the_folder_pipes_and_loops_are_refused_with_the_reason(tmp_path):
    (tmp_path / "secret.png").write_bytes(encoded())
    root = tmp_path / "root"
    root.mkdir()
    (root / "real.png").write_bytes(encoded())
    (root / "inside.png").symlink_to(root / "real.png")
    (root / "outside.png").symlink_to(tmp_path / "secret.png")
    (root / "loop.png").symlink_to(root / "loop.png")
    (root / "folder").symlink_to(root)
    os.mkfifo(root / "pipe.png")
    with open_media(root) as opened:
        assert opened.names == ("inside.png", "loop.png", "outside.png", "pipe.png", "real.png")
        assert opened.read("inside.png") == encoded()
        for name, reason in (("loop", "leads nowhere"), ("outside", "leads out"), ("pipe", "not a regular file")):
            with pytest.raises(IngestError, match=reason):
                opened.read(f"{name}.png")


def test_a_file_and_a_folder_whose_rights_forbid_reading_are_passed_over(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded())
    (tmp_path / "a.png").chmod(0)
    with open_media(tmp_path) as opened:
        assert opened.names == ("a.png",)
        if os.getuid():  # root may read anything
            with pytest.raises(IngestError, match="Permission denied"):
                opened.read("a.png")


def test_a_file_that_becomes_a_link_out_of_the_folder_is_refused_when_it_is_read(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.png").write_bytes(encoded())
    with open_media(root) as opened:
        (root / "a.png").unlink()
        (root / "a.png").symlink_to(tmp_path / "secret.png")
        with pytest.raises(IngestError, match="leads out"):
            opened.read("a.png")


def test_only_listed_files_can_be_read(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded())
    with open_media(tmp_path) as opened, pytest.raises(IngestError, match="not a file of this source"):
        opened.read("../a.png")


def test_unicode_names_stay_what_they_are_and_undecodable_ones_are_refused(tmp_path):
    names = ("e\u0301.png", "é.png", "🦜 papegai.png", "CON.png", "trailing. .png", "x" * 251 + ".png")
    for name in names:
        (tmp_path / name).write_bytes(encoded())
    with open(os.path.join(os.fsencode(tmp_path), b"bad\xff.png"), "wb") as file:  # noqa: PTH118, PTH123 - Path takes no bytes
        file.write(encoded())
    with open_media(tmp_path) as opened:
        assert opened.names == tuple(sorted([*names, "bad\\xff.png"]))
        assert all(opened.read(name) == encoded() for name in names)
        with pytest.raises(IngestError, match="not UTF-8; rename it"):
            opened.read("bad\\xff.png")


def test_a_stamp_changes_with_the_file_and_is_empty_when_it_is_gone(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded())
    with open_media(tmp_path) as opened:
        seen = {opened.stamp("a.png")}
        assert opened.stamp("a.png") in seen
        (tmp_path / "a.png").write_bytes(encoded() + b"x")
        seen.add(opened.stamp("a.png"))
        os.utime(tmp_path / "a.png", (1, 1))
        seen.add(opened.stamp("a.png"))
        (tmp_path / "a.png").unlink()
        assert opened.stamp("a.png") == ""
    assert len(seen) == 3


def test_the_fingerprint_of_a_folder_changes_with_names_sizes_and_times(tmp_path):
    def current():
        with open_media(tmp_path) as opened:
            return opened.fingerprint()

    (tmp_path / "a.png").write_bytes(encoded())
    seen = {current()}
    assert current() in seen
    (tmp_path / "a.png").write_bytes(encoded() + b"x")
    seen.add(current())
    os.utime(tmp_path / "a.png", (1, 1))
    seen.add(current())
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    seen.add(current())
    assert len(seen) == 4


def test_unsafe_names_in_a_zip_are_refused_and_never_read(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    members = [(name, encoded()) for name in ("ok/a.png", "../up.png", "/etc/abs.png", "C:/x.png", "a\\..\\b.png")]
    members += [(link, b"/etc/passwd"), ("__MACOSX/._a.png", b"junk"), ("x/../../y.png", encoded())]
    with open_media(make_zip(tmp_path / "a.zip", members)) as opened:
        assert opened.read("ok/a.png") == encoded()
        assert len(opened.names) == 7
        for name in set(opened.names) - {"ok/a.png", "link.png"}:
            with pytest.raises(IngestError, match="leads out of the archive"):
                opened.read(name)
        with pytest.raises(IngestError, match="a link"):
            opened.read("link.png")


def test_of_members_of_the_same_name_the_first_counts(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = make_zip(tmp_path / "a.zip", [("a.png", b"first"), ("a.png", b"second"), ("a.png", b"third")])
    with open_media(path) as opened:
        assert opened.names == ("a.png", "a.png (entry 2)", "a.png (entry 3)")
        assert opened.read("a.png") == b"first"
        with pytest.raises(IngestError, match="the first one counts"):
            opened.read("a.png (entry 2)")
        assert opened.stamp("a.png") != ""


def test_a_broken_zip_is_refused_with_a_sentence(tmp_path):
    whole = make_zip(tmp_path / "a.zip", [("a.png", encoded())]).read_bytes()
    for damaged in (b"", b"PK\x03\x04 not a zip", whole[: len(whole) // 2]):
        (tmp_path / "broken.zip").write_bytes(damaged)
        with (
            pytest.raises(IngestError, match=r"broken\.zip is not a readable zip"),
            open_media(tmp_path / "broken.zip"),
        ):
            pass


def test_a_damaged_member_is_refused_and_the_others_are_read(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("a.png", b"A" * 100), ("b.png", b"B" * 100)])
    path.write_bytes(path.read_bytes().replace(b"A" * 100, b"A" * 99 + b"x"))
    with open_media(path) as opened:
        assert opened.read("b.png") == b"B" * 100
        with pytest.raises(IngestError, match="cannot be unpacked"):
            opened.read("a.png")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.png", bytes(5_000_000))
    with pytest.raises(IngestError, match="zip bomb"), open_media(path):
        pass


def test_a_zip_with_too_many_files_or_bytes_is_refused(tmp_path, monkeypatch):
    path = make_zip(tmp_path / "a.zip", [("a.png", encoded()), ("b.png", encoded())])
    monkeypatch.setattr(media, "MAX_MEMBERS", 1)
    with pytest.raises(IngestError, match="holds 2 files"), open_media(path):
        pass
    monkeypatch.setattr(media, "MAX_MEMBERS", 10)
    monkeypatch.setattr(media, "MAX_TOTAL_BYTES", 10)
    with pytest.raises(IngestError, match="at most 0 GB"), open_media(path):
        pass


def test_what_is_neither_folder_nor_zip_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("no")
    with pytest.raises(IngestError, match="neither a folder nor"), open_media(tmp_path / "a.txt"):
        pass
    with pytest.raises(IngestError, match="does not exist"), open_media(tmp_path / "nothing"):
        pass
