import csv
import io
import re
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "sample_data"
ARCHIVES = ("emoji.zip", "blue_marble.zip")
LIMITS_MB = {"emoji.zip": 5, "blue_marble.zip": 4, "glosses.csv": 1, "landsat_crop.tif": 0.5}
LICENCES = ("blue-marble", "emoji-datasource", "fluent-emoji", "landsat", "wordnet")


def metadata(name):
    with zipfile.ZipFile(FOLDER / name) as archive:
        return list(csv.DictReader(io.StringIO(archive.read("metadata.csv").decode("utf-8"))))


def glosses():
    with (FOLDER / "glosses.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", LIMITS_MB)
def test_files_stay_small(name):
    assert 0 < (FOLDER / name).stat().st_size < LIMITS_MB[name] * 1e6


@pytest.mark.parametrize("name", ARCHIVES)
def test_archive_names_are_sorted_distinct_flat_and_safe(name):
    with zipfile.ZipFile(FOLDER / name) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"[a-z0-9_-]+\.(webp|jpg|csv)", member) for member in names)
    assert all(PurePosixPath(member).name == member for member in names)


@pytest.mark.parametrize("name", ARCHIVES)
def test_metadata_names_every_picture_once(name):
    with zipfile.ZipFile(FOLDER / name) as archive:
        pictures = sorted(set(archive.namelist()) - {"metadata.csv"})
    assert [row["file_name"] for row in metadata(name)] == pictures


@pytest.mark.parametrize(("name", "side", "kind"), [("emoji.zip", 96, "WEBP"), ("blue_marble.zip", 60, "JPEG")])
def test_every_picture_opens_with_its_size_and_a_sample_decodes(name, side, kind):
    with zipfile.ZipFile(FOLDER / name) as archive:
        for number, row in enumerate(metadata(name)):
            with Image.open(io.BytesIO(archive.read(row["file_name"]))) as picture:
                assert (picture.format, picture.size, picture.mode) == (kind, (side, side), "RGB")
                if number % 20 == 0:
                    picture.load()


def test_emoji_pictures_lie_on_white_and_are_not_blank():
    with zipfile.ZipFile(FOLDER / "emoji.zip") as archive:
        pixels = [
            np.asarray(Image.open(io.BytesIO(archive.read(row["file_name"])))) for row in metadata("emoji.zip")[::50]
        ]
    corner = np.array([picture[:3, :3].mean() for picture in pixels])
    assert (corner > 240).mean() > 0.9  # flags and keycaps may reach the corner
    assert all(picture.std() > 5 for picture in pixels)


def test_emoji_have_their_groups_and_codepoints():
    rows = metadata("emoji.zip")
    assert len(rows) == 3_374
    assert list(rows[0]) == ["file_name", "name", "group", "subgroup", "codepoints"]
    groups = Counter(row["group"] for row in rows)
    assert len(groups) == 9
    assert groups.most_common(1) == [("People & Body", 1_881)]
    assert len({row["subgroup"] for row in rows}) == 97
    assert all(row["name"].strip() for row in rows)
    assert all(re.fullmatch(r"U\+[0-9A-F]+( U\+[0-9A-F]+)*", row["codepoints"]) for row in rows)
    named = {row["file_name"]: row for row in rows}
    assert named["1f600.webp"]["name"] == "grinning face"
    assert named["1f600.webp"]["subgroup"] == "face-smiling"
    assert named["1f44b-1f3fd.webp"]["name"].endswith("medium skin tone")


def test_an_emoji_file_name_spells_its_codepoints():
    for row in metadata("emoji.zip"):
        assert row["codepoints"].replace("U+", "").replace(" ", "-").lower() + ".webp" == row["file_name"]


def test_subgroups_and_land_covers_nest_in_their_coarse_classes():
    for name, fine, coarse in (("emoji.zip", "subgroup", "group"), ("blue_marble.zip", "land_cover", "surface")):
        pairs = {(row[fine], row[coarse]) for row in metadata(name)}
        assert len(pairs) == len({first for first, _ in pairs}), name


def test_blue_marble_is_half_the_grid_with_mostly_water():
    rows = metadata("blue_marble.zip")
    assert len(rows) == 2_025
    assert list(rows[0]) == ["file_name", "latitude", "longitude", "land_cover", "surface"]
    surface, cover = (Counter(row[column] for row in rows) for column in ("surface", "land_cover"))
    assert set(surface) == {"water", "ice and snow", "vegetation", "bare"}
    assert 0.65 < surface["water"] / len(rows) < 0.8
    assert len(cover) == 8
    assert min(cover.values()) >= 30


def test_blue_marble_tiles_lie_where_they_say():
    rows = metadata("blue_marble.zip")
    places = {(float(row["latitude"]), float(row["longitude"])): row["land_cover"] for row in rows}
    assert len(places) == 2_025
    latitudes, longitudes = (np.array([place[axis] for place in places]) for axis in (0, 1))
    assert (latitudes.min(), latitudes.max()) == (-88, 88)
    assert (longitudes.min(), longitudes.max()) == (-178, 178)
    assert all(places[key] == "ice and snow" for key in places if key[0] < -82)  # Antarctica
    assert places[24.0, 14.0] == "desert"  # Sahara
    assert places[-4.0, -62.0] == "tropical forest"  # Amazon
    assert places[0.0, -146.0] == "deep ocean"  # Pacific


def test_glosses_are_complete_distinct_and_long_tailed():
    rows = glosses()
    assert len(rows) == 4_000
    assert list(rows[0]) == ["id", "text", "lemma", "supersense"]
    assert all(value.strip() for row in rows for value in row.values())
    assert all(len(row["text"]) >= 15 and '"' not in row["text"] for row in rows)
    for column in ("id", "text"):
        assert len({row[column] for row in rows}) == len(rows)
    counts = sorted(Counter(row["supersense"] for row in rows).values(), reverse=True)
    assert len(counts) == 25
    slope = np.polyfit(np.log(np.arange(1, 26)), np.log(counts), 1)[0]
    assert slope == pytest.approx(-1.1, abs=0.02)


def test_glosses_start_varied_rather_than_sorted():
    assert len({row["supersense"] for row in glosses()[:40]}) > 8


def test_the_landsat_crop_keeps_its_depth_and_place():
    rasterio = pytest.importorskip("rasterio", reason="needs the extra [geo]")
    with rasterio.open(FOLDER / "landsat_crop.tif") as crop:
        assert (crop.count, crop.width, crop.height) == (3, 256, 256)
        assert set(crop.dtypes) == {"uint16"}
        assert crop.crs.to_epsg() == 32621
        assert (crop.transform.a, crop.transform.e) == (30, -30)
        assert crop.descriptions == ("red (B4)", "green (B3)", "blue (B2)")
        pixels = crop.read()
    assert pixels.max() > 10_000
    assert pixels.min() > 0


@pytest.mark.parametrize("name", LICENCES)
def test_each_licence_text_is_there(name):
    assert len((FOLDER / "licenses" / f"{name}.txt").read_text(encoding="utf-8")) > 500


def test_the_notices_that_the_wheel_must_carry_stand_in_third_party():
    notices = (FOLDER.parent / "THIRD_PARTY.md").read_text(encoding="utf-8")
    for name in ("fluent-emoji", "emoji-datasource", "wordnet"):
        text = (FOLDER / "licenses" / f"{name}.txt").read_text(encoding="utf-8")
        assert text.strip() in notices, name


def test_the_readme_states_the_true_counts():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    tables = (("group", metadata("emoji.zip")), ("land_cover", metadata("blue_marble.zip")), ("supersense", glosses()))
    for column, rows in tables:
        for name, count in Counter(row[column] for row in rows).items():
            assert re.search(rf"\| {re.escape(name)} \| {count:,} \|", readme), (column, name, count)
