"""Small workspaces with awkward names, and the cards of their exports."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from curation_core import cards
from curation_core.config import ExportConfig
from curation_core.workspace import Workspace

HOSTILE = "<img src=x onerror=alert(1)> | `code` [a](javascript:1) \u202eevil"


def placed_pictures(folder, n=40):
    """A workspace of pictures that lie on earth, in few places mostly; names and columns as no one wants them."""
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir(parents=True)
    with (folder / "pictures" / "metadata.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["file_name", "kind", "a/b <c>", "longitude", "latitude", "stars"])
        for number in range(n):
            red = number % 4 < 3
            pixels = rng.integers(0, 90, (24, 24, 3)) + np.array([150, 0, 0] if red else [0, 0, 150])
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "pictures" / f"{number:02d}.png")
            kind = HOSTILE if red else "blue"
            stars = "" if number % 5 == 0 else number % 3
            writer.writerow([f"{number:02d}.png", kind, f"=cell {number % 7}", number - 20.5, number / 2, stars])
    ws = Workspace.create(folder / "ws", folder / "pictures")
    ws.configure(embed={"embedder": "color-hog"})
    ws.embed()
    ws.cluster(n_clusters=(10, 3))
    ws.sample(target_size=16)
    return ws


def texts(folder, n=60):
    """A workspace of texts, some with mail addresses, in a Parquet with lists, dates, truths and gaps."""
    rng = np.random.default_rng(1)
    words = np.array(["river", "boat", "harbour", "wheel", "engine", "road", "bread", "oven", "flour"])
    bodies = [" ".join(rng.choice(words[3 * (i % 3) : 3 * (i % 3) + 3], 5)) + f" {i}" for i in range(n)]
    bodies[4] += " write to jane.doe@example.org"
    columns = {
        "body": bodies,
        "topic": ["water", "car", "bakery"] * (n // 3),
        "tags": [["a", "b"][: 1 + i % 2] for i in range(n)],
        "when": pa.array([f"2024-01-{1 + i % 28:02d}" for i in range(n)]).cast(pa.date32()),
        "checked": [bool(i % 2) if i % 4 else None for i in range(n)],
        "count": pa.array([i if i % 3 else None for i in range(n)], pa.int32()),
        "nested": [{"x": i} for i in range(n)],
    }
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "texts.parquet")
    ws = Workspace.create(folder / "ws", folder / "texts.parquet", text_column="body")
    ws.configure(embed={"embedder": "hashing-text"})
    ws.embed()
    ws.cluster(n_clusters=(12, 3))
    ws.sample(target_size=24)
    return ws


class Carded:
    """The cards of an export of the kept draw, as their files tell them."""

    def __init__(self, ws, name, **options):
        self.ws, self.name = ws, name
        self.folder = ws.export(name, overwrite=True, **options)

    def write(self):
        """Write the cards once more over what is there."""
        ws = self.ws
        contents = ws.told(ws.sampling_plan(), ExportConfig(name=self.name, mask_personal=self.masked))
        settings = ws.settings
        cards.write_cards(self.folder, contents, settings.card, settings.bias, thumbnail=ws.thumbnail)

    @property
    def masked(self):
        return "masked" in json.loads((self.folder / "run.json").read_text())

    def text(self, file):
        return (self.folder / file).read_text(encoding="utf-8")

    def json(self, file):
        return json.loads(self.text(file))

    @property
    def rows(self):
        return pq.read_table(self.folder / "manifest.parquet").to_pylist()
