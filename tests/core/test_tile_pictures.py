"""A tile as a person asks to see it: its own bands and stretch, only where it is one, and by default as ingested."""

import warnings

import numpy as np
import pytest

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, IngestError
from curation_core.images import decode_image
from curation_core.origins import find_origin, open_origin
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


@pytest.fixture
def scene(tmp_path):
    line = np.linspace(1000, 9000, 128)
    values = np.stack([np.tile(line + 500 * band, (96, 1)) for band in range(4)]).astype(np.uint16)
    values[3] = values[3][:, ::-1]
    config = IngestConfig(source=str(write(tmp_path / "s.tif", values)), tile_size=32)
    return find_origin(config), config


def test_a_tile_tells_its_bands_and_its_outline_on_earth(scene):
    view = tile_view(*scene, "s.tif#0001-0002")
    assert (view.bands, view.is_deep, view.shown) == (4, True, (1, 2, 3))
    west, north = view.outline[0]
    east, south = view.outline[2]
    assert 0 < east - west < 0.03
    assert 0 < north - south < 0.03
    assert -57.1 < west < -56.8
    assert 62.9 < north < 63.3


def test_as_settings_have_it_a_tile_is_what_was_ingested(scene):
    with open_origin(*scene) as media:
        ingested = np.asarray(decode_image(media.read("s.tif#0000-0001")))
    assert np.array_equal(np.asarray(tile_picture(*scene, "s.tif#0000-0001")), ingested)
    assert np.array_equal(np.asarray(tile_picture(*scene, "s.tif#0000-0001", stretch=2.0)), ingested)


def test_bands_and_stretch_follow_what_is_asked(scene):
    left = np.asarray(tile_picture(*scene, "s.tif#0000-0000", bands=(4, 1, 1), stretch=0.0))
    assert left[..., 0].mean() > 200 > 50 > left[..., 1].mean()
    harder = np.asarray(tile_picture(*scene, "s.tif#0000-0000", bands=(1,), stretch=5.0)).astype(int)
    softer = np.asarray(tile_picture(*scene, "s.tif#0000-0000", bands=(1,), stretch=0.0)).astype(int)
    assert (harder[..., 0] == harder[..., 2]).all()
    assert (harder == 0).sum() > (softer == 0).sum()


@pytest.mark.parametrize("uri", ["s.tif", "other.tif#0000-0000", "../s.tif#0000-0000", "s.tif#00-00"])
def test_what_is_no_tile_of_the_source_is_refused(scene, uri):
    with pytest.raises(ConfigError, match="no tile"):
        tile_picture(*scene, uri)


def test_a_tile_beyond_the_scene_and_a_band_that_is_not_there_are_refused(scene):
    with pytest.raises(IngestError, match="not a tile"):
        tile_picture(*scene, "s.tif#0099-0000")
    with pytest.raises(ConfigError, match="has 4 bands"):
        tile_picture(*scene, "s.tif#0000-0000", bands=(5, 1, 1))


def test_ready_tiles_are_stretched_too_and_pictures_are_none(tmp_path, shapes_folder):
    values = np.random.default_rng(0).integers(0, 4000, (5, 24, 24)).astype(np.uint16)
    for number in range(2):
        write(tmp_path / "tiles" / f"{number}.tif", values)
    config = IngestConfig(source=str(tmp_path / "tiles"), tile_size=256)
    origin = find_origin(config)
    assert origin.form == "tiles"
    assert tile_view(origin, config, "1.tif").bands == 5
    assert tile_picture(origin, config, "1.tif", bands=(5, 4, 3), stretch=1.0).size == (24, 24)
    plain = IngestConfig(source=str(shapes_folder))
    assert tile_view(find_origin(plain), plain, "red_circle_000.png") is None
