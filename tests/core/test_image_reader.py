"""Reading images again: what has not changed is not read, and the result is that of a fresh ingest."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from curation_core import decoder_process, decoding, media, readers
from curation_core.artifacts import read_table
from curation_core.config import IngestConfig
from curation_core.image_reader import CHANGING
from curation_core.sources import ingest
from curation_core.stamps import STAMP_SCHEMA


def png(number=0, size=(12, 8)):
    buffer = io.BytesIO()
    Image.new("RGB", size, (number % 256, number // 256, 200)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02d}.png").write_bytes(png(number))
    (folder / "bad.png").write_bytes(b"no picture")
    (folder / "metadata.csv").write_text("file_name,label\n" + "".join(f"{n:02d}.png,{n % 3}\n" for n in range(20)))
    return folder


@pytest.fixture
def reads(monkeypatch):
    """Uris that were read from folders, in order."""
    seen, read = [], media.FolderMedia.read

    def recorded(self, uri):
        seen.append(uri)
        return read(self, uri)

    monkeypatch.setattr(media.FolderMedia, "read", recorded)
    return seen


def take_in(source, folder, *, thumbnails, previous=None, progress=lambda *a, **k: None):
    folder.mkdir()
    config = IngestConfig(source=str(source))
    return ingest(config, folder, thumbnails=thumbnails, previous=previous, progress=progress)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pictures_in(reads):
    return sorted(name for name in reads if name.endswith(".png"))


def test_an_unchanged_source_is_not_read_again_and_gives_the_same_bytes(tmp_path, pictures, reads, monkeypatch):
    monkeypatch.setattr(readers.ImageReader, "shard_size", 8)
    take_in(pictures, tmp_path / "one", thumbnails=tmp_path / "t")
    assert len(pictures_in(reads)) == 21
    reads.clear()
    take_in(pictures, tmp_path / "two", thumbnails=tmp_path / "t", previous=tmp_path / "one")
    assert pictures_in(reads) == []
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_only_what_is_new_or_changed_is_read(tmp_path, pictures, reads):
    take_in(pictures, tmp_path / "one", thumbnails=tmp_path / "t")
    (pictures / "03.png").write_bytes(png(300))
    (pictures / "05.png").unlink()
    (pictures / "bad.png").write_bytes(png(301))
    (pictures / "new.png").write_bytes(png(302))
    os.utime(pictures / "07.png", (1, 1))
    reads.clear()
    again = take_in(pictures, tmp_path / "two", thumbnails=tmp_path / "t", previous=tmp_path / "one")
    assert pictures_in(reads) == ["03.png", "07.png", "bad.png", "new.png"]
    take_in(pictures, tmp_path / "fresh", thumbnails=tmp_path / "t2")
    assert files_of(tmp_path / "two") == files_of(tmp_path / "fresh")
    assert len(again) == 21
    assert not again.failures.num_rows


def test_a_missing_thumbnail_is_made_from_a_new_reading(tmp_path, pictures, reads):
    first = take_in(pictures, tmp_path / "one", thumbnails=tmp_path / "t")
    next((tmp_path / "t").rglob(f"{first.content_hash[4]}.webp")).unlink()
    reads.clear()
    take_in(pictures, tmp_path / "two", thumbnails=tmp_path / "t", previous=tmp_path / "one")
    assert pictures_in(reads) == ["04.png"]
    assert next((tmp_path / "t").rglob(f"{first.content_hash[4]}.webp"), None)


def test_without_a_thumbnail_folder_everything_is_checked_and_nothing_written(tmp_path, pictures, reads):
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 60).save(whole, "JPEG")
    (pictures / "torn.jpg").write_bytes(whole.getvalue()[:5000])
    found = take_in(pictures, tmp_path / "one", thumbnails=None)
    assert found.failures["uri"].to_pylist() == ["bad.png", "torn.jpg"]
    assert not list(tmp_path.rglob("*.webp"))
    assert found == take_in(pictures, tmp_path / "two", thumbnails=tmp_path / "t")
    reads.clear()
    take_in(pictures, tmp_path / "three", thumbnails=None, previous=tmp_path / "one")
    assert pictures_in(reads) == []


def test_a_store_far_away_is_read_several_at_a_time_with_the_same_result(tmp_path, pictures, monkeypatch):
    near = take_in(pictures, tmp_path / "near", thumbnails=tmp_path / "t")
    (pictures / "gone.png").symlink_to(pictures / "nowhere.png")
    read, now, most = media.FolderMedia.read, [], []

    def slowly(self, uri):
        now.append(uri)
        most.append(len(now))
        time.sleep(0.02)
        now.remove(uri)
        return read(self, uri)

    monkeypatch.setattr(media.FolderMedia, "read", slowly)
    monkeypatch.setattr("curation_core.image_reader.RemoteMedia", media.FolderMedia)
    far = take_in(pictures, tmp_path / "far", thumbnails=tmp_path / "t2")
    assert 4 <= max(most) <= 8
    assert (far.uri, far.content_hash) == (near.uri, near.content_hash)
    assert far.failures["uri"].to_pylist() == ["bad.png", "gone.png"]


def test_what_could_not_be_opened_is_tried_again_and_what_could_not_be_decoded_is_not(tmp_path, pictures, reads):
    (pictures / "away.png").symlink_to("/etc/hostname")
    first = take_in(pictures, tmp_path / "one", thumbnails=tmp_path / "t")
    assert first.failures["uri"].to_pylist() == ["away.png", "bad.png"]
    assert "away.png" not in read_table(tmp_path / "one" / "stamps-00000.parquet")["uri"].to_pylist()
    reads.clear()
    again = take_in(pictures, tmp_path / "two", thumbnails=tmp_path / "t", previous=tmp_path / "one")
    assert pictures_in(reads) == ["away.png"]
    assert again == first


@pytest.mark.parametrize("damage", ["torn", "other decoding", "no stamps", "nothing"])
def test_an_earlier_ingest_that_cannot_be_used_costs_time_only(tmp_path, pictures, reads, damage):
    first = take_in(pictures, tmp_path / "one", thumbnails=tmp_path / "t")
    stamps = tmp_path / "one" / "stamps-00000.parquet"
    if damage == "torn":
        stamps.write_bytes(stamps.read_bytes()[:100])
    elif damage == "other decoding":
        pa.parquet.write_table(read_table(stamps).replace_schema_metadata({"decoding": "0"}), stamps)
    elif damage == "no stamps":
        stamps.unlink()
    else:
        for path in (tmp_path / "one").iterdir():
            path.unlink()
    reads.clear()
    again = take_in(pictures, tmp_path / "two", thumbnails=tmp_path / "t", previous=tmp_path / "one")
    assert len(pictures_in(reads)) == 21
    assert again == first


def test_stamps_say_which_decoding_they_go_with(tmp_path, pictures):
    take_in(pictures, tmp_path / "one", thumbnails=None)
    assert read_table(tmp_path / "one" / "stamps-00000.parquet").schema.metadata == STAMP_SCHEMA.metadata


def test_a_file_that_changes_once_while_it_is_read_is_read_again(tmp_path, pictures, monkeypatch):
    read, left = media.FolderMedia.read, [png(500)]

    def changed_behind(self, uri):
        data = read(self, uri)
        if uri == "02.png" and left:
            (pictures / uri).write_bytes(left.pop() + b"longer")
        return data

    monkeypatch.setattr(media.FolderMedia, "read", changed_behind)
    found = take_in(pictures, tmp_path / "one", thumbnails=None)
    assert found == take_in(pictures, tmp_path / "two", thumbnails=None)
    assert not left


def test_a_file_that_goes_on_changing_is_a_failure_until_it_rests(tmp_path, pictures, monkeypatch):
    read = media.FolderMedia.read

    def changed_behind(self, uri):
        data = read(self, uri)
        if uri == "02.png":
            (pictures / uri).write_bytes(data + b"more")
        return data

    monkeypatch.setattr(media.FolderMedia, "read", changed_behind)
    found = take_in(pictures, tmp_path / "one", thumbnails=None)
    assert {"uri": "02.png", "reason": CHANGING} in found.failures.to_pylist()
    monkeypatch.setattr(media.FolderMedia, "read", read)
    assert "02.png" in take_in(pictures, tmp_path / "two", thumbnails=None, previous=tmp_path / "one").uri


def test_progress_tells_items_per_second(tmp_path, pictures):
    seen = []
    take_in(pictures, tmp_path / "one", thumbnails=None, progress=lambda *a, **figures: seen.append((a, figures)))
    assert seen[0] == (("ingest", 0, 21), {})
    assert seen[-1][0] == ("ingest", 21, 21)
    assert seen[-1][1]["items_per_s"] > 0


def test_a_decoder_that_crashes_costs_one_failure_of_the_ingest(tmp_path, pictures, monkeypatch):
    (pictures / "evil.png").write_bytes(b"evil")
    hole = (
        "import os; whole = decoder.decode_with_size\n"
        "decoder.decode_with_size = lambda data, **k: os.abort() if data == b'evil' else whole(data, **k)\n"
    )
    program = decoder_process.PROGRAM.replace("decoder.serve", hole + "decoder.serve")
    with decoding.Decoders(2, program=program) as pool:
        monkeypatch.setattr("curation_core.image_reader.decoders", lambda: pool)
        found = take_in(pictures, tmp_path / "one", thumbnails=tmp_path / "t")
    assert {"uri": "evil.png", "reason": "the decoder crashed on it"} in found.failures.to_pylist()
    assert len(found) == 20


KILLED = textwrap.dedent("""
    import sys
    from pathlib import Path
    from curation_core import image_reader, media
    from curation_core.config import IngestConfig
    from curation_core.sources import ingest

    image_reader.ImageReader.shard_size = 16
    source, folder, thumbnails, log = sys.argv[1:]
    read = media.FolderMedia.read

    def recorded(self, uri):
        with open(log, "a") as file:
            file.write(uri + "\\n")
        return read(self, uri)

    media.FolderMedia.read = recorded
    ingest(IngestConfig(source=source), Path(folder), thumbnails=Path(thumbnails))
""")


def test_an_ingest_killed_at_any_moment_goes_on_without_reading_whole_shards_again(tmp_path):
    (source := tmp_path / "p").mkdir()
    rng = np.random.default_rng(5)
    for number in range(200):
        pixels = rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(source / f"{number:03d}.png", compress_level=1)
    whole = take_in(source, tmp_path / "whole", thumbnails=tmp_path / "t")
    (folder := tmp_path / "step").mkdir()
    log = tmp_path / "log"
    arguments = [sys.executable, "-c", KILLED, str(source), str(folder), str(tmp_path / "t2"), str(log)]
    kills = 0
    for n_lines in (1, 20, 50, 90, 140, 190):  # kill it when it has read so many more
        log.write_text("")
        shards_before = len(list(folder.glob("items-*.parquet")))
        process = subprocess.Popen(arguments, cwd=Path(__file__).resolve().parents[2])
        while process.poll() is None and log.read_text().count("\n") < n_lines - 16 * shards_before:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        read = log.read_text().split()
        assert all(int(name[:3]) >= 16 * shards_before for name in read if name.endswith(".png"))
    assert kills >= 3
    assert subprocess.run(arguments, cwd=Path(__file__).resolve().parents[2]).returncode == 0
    config = IngestConfig(source=str(source))
    assert ingest(config, folder, thumbnails=tmp_path / "t2").items.equals(whole.items)
    assert {path.name for path in (tmp_path / "t2").rglob("*.webp")} == {
        path.name for path in (tmp_path / "t").rglob("*.webp")
    }
