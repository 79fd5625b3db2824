"""GeoTIFFs read apart: the same bytes as ingest, and a file that kills or holds up its reader costs one answer."""

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest

from curation_core import raster_reading
from curation_core.config import IngestConfig
from curation_core.decoding import CRASHED, Decoders
from curation_core.errors import ConfigError, IngestError
from curation_core.origins import find_origin, open_origin
from curation_core.raster_reading import MEMORY, PROGRAM, SECONDS, RasterSource, raster_processes
from curation_core.tile_pictures import tile_picture, tile_view

rasterio = pytest.importorskip("rasterio")


def write(path, values):
    """values: (bands, h, w) of 30 m pixels, its left upper corner near 63 N 57 W."""
    place = {"crs": "EPSG:32621", "transform": rasterio.Affine(30.0, 0.0, 500_000.0, 0.0, -30.0, 7_000_000.0)}
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2], "dtype": values.dtype}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path, "w", driver="GTiff", **shape, **place) as dataset:
            dataset.write(values)
    return path


def values(side=96, bands=4):
    return np.random.default_rng([3]).integers(0, 9_000, (bands, side, side)).astype(np.uint16)


@pytest.fixture
def scene(tmp_path):
    return IngestConfig(source=str(write(tmp_path / "s.tif", values())), tile_size=32)


def source_of(config, state=""):
    return RasterSource(config.model_dump_json(), state)


@pytest.fixture
def processes(monkeypatch):
    """Gives a pool of raster processes that run a program of the test's."""
    pools = []

    def made(program=PROGRAM, seconds=SECONDS):
        pools.append(Decoders(1, memory=MEMORY, seconds=seconds, program=program))
        monkeypatch.setattr(raster_reading, "raster_processes", lambda: pools[-1])

    yield made
    for pool in pools:
        pool.close()


def test_tiles_of_a_scene_are_byte_for_byte_what_ingest_takes(scene):
    with open_origin(find_origin(scene), scene) as media:
        for uri in (media.names[0], media.names[-1]):
            assert source_of(scene).read(uri) == media.read(uri)


def test_ready_tiles_too(tmp_path):
    for number in range(2):
        write(tmp_path / "tiles" / f"{number}.tif", values(24, 5))
    config = IngestConfig(source=str(tmp_path / "tiles"), tile_size=256)
    origin = find_origin(config)
    assert origin.form == "tiles"
    with open_origin(origin, config) as media:
        assert source_of(config).read("1.tif") == media.read("1.tif")
    assert source_of(config).view("1.tif") == tile_view(origin, config, "1.tif")


def test_views_and_pictures_are_those_of_the_functions_that_make_them_here(scene):
    origin, uri = find_origin(scene), "s.tif#0001-0002"
    assert source_of(scene).view(uri) == tile_view(origin, scene, uri)
    for asked in ({}, {"bands": (4, 1, 2), "stretch": 5.0}, {"bands": (2,), "stretch": 0.0}):
        here = np.asarray(tile_picture(origin, scene, uri, **asked))
        assert np.array_equal(np.asarray(source_of(scene).picture(uri, **asked)), here)


def test_plain_tiffs_are_read_and_are_no_tiles(tmp_path):
    from PIL import Image

    for number in range(2):
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(tmp_path / f"{number}.tif")
    config = IngestConfig(source=str(tmp_path))
    assert source_of(config).read("1.tif") == (tmp_path / "1.tif").read_bytes()
    assert source_of(config).view("1.tif") is None
    with pytest.raises(ConfigError, match="only tiles of satellite scenes"):
        source_of(config).picture("1.tif", bands=(1,))


@pytest.mark.parametrize("uri", ["s.tif", "other.tif#0000-0000", "../s.tif#0000-0000", "\udc80"])
def test_what_is_no_tile_of_the_source_is_refused_as_a_setting(scene, uri):
    with pytest.raises(ConfigError, match="no tile"):
        source_of(scene).read(uri)


def test_a_band_that_is_not_there_is_a_setting_and_a_tile_beyond_the_scene_is_not(scene):
    with pytest.raises(ConfigError, match="has 4 bands"):
        source_of(scene).picture("s.tif#0000-0000", bands=(5, 1, 1))
    with pytest.raises(IngestError, match="not a tile"):
        source_of(scene).picture("s.tif#0099-0000")


def test_torn_and_hostile_files_are_reasons(tmp_path, scene):
    path = tmp_path / "s.tif"
    whole = path.read_bytes()
    for data in (b"", b"II*\0", whole[: len(whole) // 3], whole[:200] + b"\xff" * 400, b"<VRTDataset/>"):
        path.write_bytes(data)
        with pytest.raises((IngestError, ConfigError)):
            source_of(scene, state=str(len(data))).read("s.tif#0002-0002")
    path.write_bytes(whole)
    assert source_of(scene, state="whole").read("s.tif#0002-0002")


def test_no_reason_names_the_folder(tmp_path, scene):
    (tmp_path / "s.tif").write_bytes(b"II*\0" + bytes(40))
    with pytest.raises(IngestError) as torn:
        source_of(scene).read("s.tif#0000-0000")
    (tmp_path / "s.tif").unlink()
    with pytest.raises(IngestError) as gone:
        source_of(scene, "another").read("s.tif#0000-0000")
    assert str(gone.value) == "the source cannot be opened; look at the Data page"
    assert str(tmp_path) not in f"{torn.value} {gone.value}"


def test_a_source_that_was_ingested_again_is_listed_again(tmp_path):
    write(tmp_path / "all" / "a.tif", values())
    config = IngestConfig(source=str(tmp_path / "all"), tile_size=32, kind="tiles")
    assert source_of(config, "first").read("a.tif#0000-0000")
    write(tmp_path / "all" / "b.tif", values())
    with pytest.raises(ConfigError):
        source_of(config, "first").read("b.tif#0000-0000")
    assert source_of(config, "second").read("b.tif#0000-0000")


def test_a_process_that_dies_in_a_file_is_one_answer_and_the_next_file_is_read(scene, processes):
    dying = "import curation_core.rasters as r, os, signal\nkept = r.read_window\ndef window(*a, **k):\n"
    dying += "    os.kill(os.getpid(), signal.SIGSEGV) if a[2] == 32 else None\n    return kept(*a, **k)\n"
    dying += "import curation_core.tile_pictures as t\nt.read_window = window\n"
    processes(PROGRAM.replace("raster_worker.serve", f"{dying}raster_worker.serve"))
    with pytest.raises(IngestError, match=CRASHED):
        source_of(scene).read("s.tif#0001-0000")
    assert source_of(scene).read("s.tif#0000-0000")


def test_a_file_that_takes_too_long_is_one_answer_in_time(scene, processes):
    endless = "import curation_core.tile_pictures as t\ndef window(*a, **k):\n    while True: pass\n"
    processes(PROGRAM.replace("raster_worker.serve", f"{endless}t.read_window = window\nraster_worker.serve"), 0.5)
    began = time.perf_counter()
    with pytest.raises(IngestError, match=r"took longer than 0\.5 s"):
        source_of(scene).read("s.tif#0000-0000")
    assert time.perf_counter() - began < 20


def test_a_process_that_was_killed_between_two_questions_is_replaced(scene, processes):
    processes()
    before = source_of(scene).read("s.tif#0000-0000")
    for pid in raster_reading.raster_processes().pids():
        os.kill(pid, signal.SIGKILL)
    assert source_of(scene).read("s.tif#0000-0000") == before


def test_several_threads_may_ask(scene):
    expected, found = source_of(scene).read("s.tif#0000-0001"), []
    threads = [
        threading.Thread(target=lambda: found.append(source_of(scene).read("s.tif#0000-0001"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
    assert len(raster_processes().pids()) <= 2
