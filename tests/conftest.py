"""Helpers that core, app and browser tests share."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

SHAPES = (("red circle", (210, 60, 50), 0.55), ("blue square", (50, 90, 200), 0.25), ("green bar", (60, 160, 90), 0.2))


def write_shapes(folder: Path, n: int = 120, *, seed: int = 0) -> Path:
    """A folder of n small pictures of three unequally common shapes, with metadata.csv (file_name, name, shape)."""
    rng = np.random.default_rng([seed, n])
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(n):
        kind = int(rng.choice(len(SHAPES), p=[share for _, _, share in SHAPES]))
        name, colour, _ = SHAPES[kind]
        picture = Image.new("RGB", (48, 48), tuple(int(v) for v in rng.integers(225, 255, 3)))
        x, y, r = (int(v) for v in rng.integers((16, 16, 6), (32, 32, 14)))
        box = [x - r, y - (4 if kind == 2 else r), x + r, y + (4 if kind == 2 else r)]
        draw = ImageDraw.Draw(picture)
        (draw.ellipse if kind == 0 else draw.rectangle)(box, fill=tuple(int(v + rng.integers(-20, 20)) for v in colour))
        file = f"{name.replace(' ', '_')}_{number:03d}.png"
        picture.save(folder / file)
        rows.append((file, f"{name} {number}", name))
    with (folder / "metadata.csv").open("w", newline="") as table:
        csv.writer(table).writerows([("file_name", "name", "shape"), *rows])
    return folder


@pytest.fixture(scope="session")
def shapes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 small pictures with metadata; read only, shared by all tests."""
    return write_shapes(tmp_path_factory.mktemp("shapes") / "pictures")
