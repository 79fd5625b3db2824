"""Scenes cut into tiles: which, how they look, where on earth they lie."""

import builtins
import io
import warnings

import numpy as np
import pytest
from PIL import Image

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError, IngestError, MissingExtra
from curation_core.images import decode_image
from curation_core.origins import find_origin, open_items
from curation_core.rasters import stored_png

rasterio = pytest.importorskip("rasterio")


def write_scene(path, values, *, crs="EPSG:32621", **options):
    """values: (bands, h, w); a pixel is 30 m, the left upper corner at 500 km east and 7,000 km north."""
    placed = (
        {} if crs is None else {"crs": crs, "transform": rasterio.Affine(30.0, 0.0, 500_000.0, 0.0, -30.0, 7_000_000.0)}
    )
    profile = {"driver": "GTiff", "count": len(values), "height": values.shape[1], "width": values.shape[2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of rasterio, where nothing is placed on earth
        with rasterio.open(path, "w", dtype=values.dtype, **profile, **placed, **options) as dataset:
            dataset.write(values)
    return path


def ramp(bands=3, height=96, width=128, dtype=np.uint16):
    """Each band rises from left to right, each one higher than the last."""
    line = np.linspace(1000, 9000, width)
    return np.stack([np.tile(line + 500 * band, (height, 1)) for band in range(bands)]).astype(dtype)


def config(path, **options):
    return IngestConfig(source=str(path), tile_size=32, **options)


def pixels(media, name):
    return np.asarray(decode_image(media.read(name)))


def test_a_scene_becomes_a_grid_of_tiles(tmp_path):
    with open_items(config(write_scene(tmp_path / "s.tif", ramp()))) as media:
        assert len(media.names) == 3 * 4
        assert media.names[0] == "s.tif#0000-0000"
        assert pixels(media, "s.tif#0002-0003").shape == (32, 32, 3)
        assert media.columns.column("tile_row").to_pylist() == [0] * 4 + [1] * 4 + [2] * 4
        assert media.columns.column("valid_share").to_pylist() == [1.0] * 12


def test_each_band_is_stretched_between_its_own_percentiles(tmp_path):
    values = ramp()
    with open_items(config(write_scene(tmp_path / "s.tif", values), tile_stretch=(0.0, 100.0))) as media:
        left, right = pixels(media, "s.tif#0000-0000"), pixels(media, "s.tif#0000-0003")
    expected = np.round((values[:, :32, :32] - values.min(axis=(1, 2))[:, None, None]) / 8000.0 * 255.0)
    assert np.abs(left - np.moveaxis(expected, 0, -1)).max() <= 1
    assert right.max() == 255
    with open_items(config(tmp_path / "s.tif", tile_stretch=(40.0, 60.0))) as media:
        assert pixels(media, "s.tif#0000-0000").max() == 0
        assert pixels(media, "s.tif#0000-0003").min() == 255


def test_bands_are_chosen_and_checked(tmp_path):
    values = ramp(bands=5)
    values[4] = values[4][:, ::-1]
    path = write_scene(tmp_path / "s.tif", values)
    with open_items(config(path, tile_bands=(5, 1, 1))) as media:
        shown = pixels(media, "s.tif#0000-0000")
        assert shown[..., 0].mean() > 200 > 50 > shown[..., 1].mean()
    with open_items(config(path, tile_bands=(2,))) as media:
        shown = pixels(media, "s.tif#0000-0000")
        assert (shown[..., 0] == shown[..., 2]).all()
    for bands in ((1, 2), (1, 2, 6), (0, 1, 2)):
        with (
            pytest.raises(ConfigError, match=r"s\.tif has 5 bands; give three of 1 to 5"),
            open_items(config(path, tile_bands=bands)),
        ):
            pass


def test_tiles_without_enough_data_are_left_out_and_what_is_missing_is_black(tmp_path):
    values = ramp()
    values[:, :, :48] = 0  # the first column of tiles, and half of the second
    path = write_scene(tmp_path / "s.tif", values, nodata=0)
    with open_items(config(path, tile_min_valid=0.4)) as media:
        assert len(media.names) == 9
        assert media.n_left_out == 3
        assert media.columns.column("valid_share")[0].as_py() == 0.5
        shown = pixels(media, "s.tif#0000-0001")
        assert shown[:, :16].max() == 0
        assert shown[:, 17:].max() > 0
    with open_items(config(path, tile_min_valid=0.6)) as media:
        assert len(media.names) == 6


def test_values_that_are_no_numbers_are_no_data(tmp_path):
    values = ramp(dtype=np.float32)
    values[:, :32, :32] = np.nan
    with open_items(config(write_scene(tmp_path / "s.tif", values))) as media:
        assert len(media.names) == 11


def test_tiles_at_the_edge_are_whole_and_count_as_partly_empty(tmp_path):
    path = write_scene(tmp_path / "s.tif", ramp(height=48, width=64))
    with open_items(config(path)) as media:
        assert media.columns.column("valid_share").to_pylist() == [1.0, 1.0, 0.5, 0.5]
        shown = pixels(media, "s.tif#0001-0001")
        assert shown.shape == (32, 32, 3)
        assert shown[16:].max() == 0


def test_the_middle_of_each_tile_is_known_on_earth(tmp_path):
    with open_items(config(write_scene(tmp_path / "s.tif", ramp()))) as media:
        columns = media.columns.to_pydict()
    # UTM zone 21: its central meridian, 57° west, is at 500 km east
    assert columns["crs"] == ["EPSG:32621"] * 12
    assert columns["longitude"][0] == pytest.approx(-57 + 480 / (111_320 * np.cos(np.radians(63.1))), abs=1e-4)
    assert columns["latitude"][0] == pytest.approx(63.12, abs=0.02)
    assert columns["latitude"][0] > columns["latitude"][4] > columns["latitude"][8]
    assert columns["longitude"][0] < columns["longitude"][1]


def test_a_scene_that_no_one_placed_on_earth_has_no_place(tmp_path):
    with open_items(config(write_scene(tmp_path / "s.tif", ramp(), crs=None))) as media:
        assert media.columns.column("longitude").null_count == 12


def test_the_same_scene_gives_the_same_bytes(tmp_path):
    path = write_scene(tmp_path / "s.tif", ramp())
    with open_items(config(path)) as one, open_items(config(path)) as other:
        assert [one.read(name) for name in one.names] == [other.read(name) for name in reversed(other.names)][::-1]


def test_what_a_folder_of_tiffs_is(tmp_path):
    for name, values, crs, form in (
        ("photos", ramp(dtype=np.uint8), None, "files"),
        ("scenes", ramp(), "EPSG:32621", "scenes"),
        ("deep", ramp(), None, "scenes"),
        ("ready", ramp(height=32, width=32, dtype=np.uint8), "EPSG:32621", "tiles"),
    ):
        (tmp_path / name).mkdir()
        write_scene(tmp_path / name / "a.tif", values, crs=crs)
        assert find_origin(config(tmp_path / name)).form == form
        assert find_origin(config(tmp_path / name, kind="tiles")).form == "scenes"


def test_several_scenes_keep_their_names_and_a_broken_one_is_a_failure(tmp_path):
    write_scene(tmp_path / "a.tif", ramp())
    write_scene(tmp_path / "b.tif", ramp(height=32, width=64))
    (tmp_path / "c.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:6])
    with open_items(config(tmp_path)) as media:
        assert len(media.names) == 12 + 2 + 1
        with pytest.raises(IngestError, match="cannot be read as GeoTIFF"):
            media.read("c.tif")
        assert media.columns.column("scene").to_pylist() == ["a.tif"] * 12 + ["b.tif"] * 2 + [None]


def test_a_scene_that_is_torn_in_the_middle_fails_tile_by_tile(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.integers(1, 60_000, (3, 128, 128), dtype=np.uint16)
    path = write_scene(tmp_path / "s.tif", values, compress="deflate")
    path.write_bytes(path.read_bytes()[:60_000])
    reasons = []
    with open_items(config(path)) as media:
        for name in media.names:
            try:
                media.read(name)
            except IngestError as error:
                reasons.append(str(error))
    assert reasons
    assert all("cannot be read as GeoTIFF" in reason for reason in reasons)


def test_ready_tiles_that_no_picture_reader_knows_are_stretched(tmp_path):
    for name in ("a.tif", "b.tif"):
        write_scene(tmp_path / name, ramp(bands=6, height=32, width=32))
    with open_items(config(tmp_path)) as media:
        assert media.names == ("a.tif", "b.tif")
        assert pixels(media, "a.tif").shape == (32, 32, 3)
        assert media.columns.column("crs").to_pylist() == ["EPSG:32621"] * 2


def test_without_rasterio_the_extra_is_named(tmp_path, monkeypatch):
    path = write_scene(tmp_path / "s.tif", ramp(dtype=np.uint8))
    (tmp_path / "folder").mkdir()
    write_scene(tmp_path / "folder" / "s.tif", ramp(dtype=np.uint8))
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("rasterio"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for source in (path, tmp_path / "folder"):
        with pytest.raises(MissingExtra, match=r"pip install 'curation-studio\[geo\]'"), open_items(config(source)):
            pass


def test_a_stored_png_is_what_it_was_made_from():
    rgb = np.random.default_rng(0).integers(0, 256, (150, 170, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(stored_png(rgb))) as image:
        assert (np.asarray(image) == rgb).all()
