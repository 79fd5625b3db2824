"""How many faces are found, how many things are taken for one, and what is left after blurring.

All pictures ship in packages or with us. Writes the tables between the marks in docs/privacy.md:

    python benchmarks/faces.py --write
"""

import argparse
import csv
import io
import re
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageOps

from curation_core.blurring import blur
from curation_core.face_model import detector
from curation_core.personal import scan
from curation_core.thumbnails import encode_thumbnail

ROOT = Path(__file__).resolve().parents[1]
THRESHOLD, FLOOR, MAX_SIDE = 0.35, 0.15, 640
N_SAMPLED = 200
EMPTY = ("brick", "cell", "chelsea", "coffee", "coins", "colorwheel", "grass", "gravel", "horse", "hubble_deep_field")
EMPTY += ("immunohistochemistry", "logo", "moon", "page", "retina", "rocket", "text")


def portraits() -> Iterator[Image.Image]:
    """The portrait that ships with scikit-image, in the sizes, turns, colours and encodings a pile may hold it in."""
    whole = Image.fromarray(skimage.data.astronaut())
    for side in (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024):
        yield whole.resize((side, side), Image.Resampling.LANCZOS)
    for angle in (15, 30, 45, 60, 90, 180, 270):
        yield whole.rotate(angle, expand=True)
    yield ImageOps.grayscale(whole).convert("RGB")
    yield ImageOps.mirror(whole)
    yield whole.crop((170, 50, 290, 220)).resize((706, 1000))
    for kind, quality in (("JPEG", 20), ("JPEG", 60), ("WEBP", 40), ("WEBP", 80)):
        encoded = io.BytesIO()
        whole.save(encoded, kind, quality=quality)
        yield Image.open(encoded).convert("RGB")


def labelled_faces() -> tuple[list[Image.Image], list[Image.Image]]:
    """100 crops of faces and 100 of other things, 25 px, grey, that ship with scikit-image."""
    crops = np.load(Path(skimage.data.__file__).parent / "lfw_subset.npy")
    pictures = [Image.fromarray((crop * 255).round().astype(np.uint8)).convert("RGB") for crop in crops]
    return pictures[:100], pictures[100:]


def emoji(wanted: str) -> list[Image.Image]:
    """Bundled emoji whose subgroup matches, at most 200 of them, spread evenly over the list."""
    with zipfile.ZipFile(ROOT / "sample_data" / "emoji.zip") as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("metadata.csv"), encoding="utf-8")))
        names = [row["file_name"] for row in rows if re.fullmatch(wanted, f"{row['group']}/{row['subgroup']}")]
        picked = [names[place] for place in np.linspace(0, len(names) - 1, min(N_SAMPLED, len(names))).astype(int)]
        return [on_white(archive.read(name)) for name in picked]


def tiles() -> list[Image.Image]:
    """Bundled satellite tiles, 200 of them."""
    with zipfile.ZipFile(ROOT / "sample_data" / "blue_marble.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith((".jpg", ".png", ".webp")))
        picked = [names[place] for place in np.linspace(0, len(names) - 1, N_SAMPLED).astype(int)]
        return [on_white(archive.read(name)) for name in picked]


def on_white(data: bytes) -> Image.Image:
    """A picture over white."""
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def row(title: str, pictures: Sequence[Image.Image]) -> str:
    """One line of the table."""
    found = near = left = left_small = 0
    for picture in pictures:
        boxes = detector().detect(picture, floor=FLOOR, max_side=MAX_SIDE)
        faces = boxes.above(THRESHOLD)
        found += len(faces) > 0
        near += 0 == len(faces) < len(boxes)
        if not len(faces):
            continue
        done = blur(picture, faces.xywh, detector(), threshold=THRESHOLD, max_side=MAX_SIDE)
        left += shows_face(done.image)
        left_small += shows_face(thumbnail(picture, faces.xywh))
    return f"| {title} | {len(pictures)} | {found} | {near} | {left} | {left_small} |"


def thumbnail(picture: Image.Image, xywh: np.ndarray) -> Image.Image:
    """The thumbnail of a picture with faces, as the step writes it."""
    small = picture.copy()
    small.thumbnail((128, 128), reducing_gap=2.0)
    scaled = xywh * np.tile(small.size, 2) / np.tile(picture.size, 2)
    done = blur(small, scaled, detector(), threshold=THRESHOLD, max_side=MAX_SIDE)
    return Image.open(io.BytesIO(encode_thumbnail(done.image))).convert("RGB")


def shows_face(picture: Image.Image) -> bool:
    """Whether a face is found at the working threshold."""
    return len(detector().detect(picture, floor=THRESHOLD, max_side=MAX_SIDE)) > 0


def rates() -> str:
    """The table of what is found."""
    faces, others = labelled_faces()
    scenes = [Image.fromarray(getattr(skimage.data, name)()).convert("RGB") for name in EMPTY]
    lines = [
        row("portrait in 25 variants (scikit-image `astronaut`, NASA)", list(portraits())),
        row("face crops, 25 px, grey (scikit-image `lfw_subset`)", faces),
        row("other crops, 25 px, grey (scikit-image `lfw_subset`)", others),
        row("pictures without people (scikit-image)", scenes),
        row("satellite tiles (bundled sample)", tiles()),
        row("drawn people, whole or half figure (bundled emoji)", emoji(r".*/person(-role|-activity|-sport)?")),
        row("drawn smileys (bundled emoji)", emoji(r"Smileys & Emotion/face-.*")),
        row("drawn things, food, flags (bundled emoji)", emoji(r"(Objects|Food & Drink|Flags)/.*")),
    ]
    head = "| pictures | n | with a face at .35 | near-misses only (.15 to .35) | after blurring | in the thumbnail |"
    return "\n".join([head, "|---|---|---|---|---|---|", *lines])


def speeds() -> str:
    """Pictures and texts per second of processor time, one thread."""
    lines = []
    for side in (224, 640, 1280):
        picture = Image.fromarray(skimage.data.astronaut()).resize((side, side))
        lines.append(f"| faces in a picture of {side} × {side} | {per_second(picture, side):.1f} pictures |")
    with (ROOT / "sample_data" / "glosses.csv").open(encoding="utf-8") as file:
        texts = [" ".join(values) for values in csv.reader(file)][1:]
    began = time.process_time()
    counts = scan(texts)
    rate = len(texts) / (time.process_time() - began)
    hits = sum(int(counts[name].to_numpy().sum()) for name in counts.column_names)
    lines.append(f"| personal data in {len(texts):,} dictionary entries ({hits} taken for some) | {rate:,.0f} texts |")
    return "\n".join(["| work | per second of one core |", "|---|---|", *lines])


def per_second(picture: Image.Image, side: int) -> float:
    """Detections per second of processor time, best of three."""
    best = 0.0
    for _ in range(3):
        began = time.process_time()
        for _ in range(3):
            detector().detect(picture, floor=FLOOR, max_side=side)
        best = max(best, 3 / (time.process_time() - began))
    return best


def main() -> None:
    """Measure, print, and put the tables into the docs when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/privacy.md")
    options = parser.parse_args()
    path = ROOT / "docs" / "privacy.md"
    for name, table in (("rates", rates()), ("speeds", speeds())):
        print(table, end="\n\n")
        if options.write:
            begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
            before, _, rest = path.read_text(encoding="utf-8").partition(begin)
            path.write_text(f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
