"""How well neighbours agree with labels that the embedders never saw, by embedder and preset.

    python -m benchmarks.agreement --write   # the table of docs/embedders.md, a few minutes

5 nearest neighbours, leave one out: accuracy, then accuracy averaged over classes, of one draw of 1,500 images or 2,000
texts of the bundled samples.
"""

import argparse
import csv
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from curation_core.config import Modality, Preset
from curation_core.embedders import BUILT_IN, open_embedder
from curation_core.images import decode_image
from curation_core.knn import nearest
from curation_core.presets import prepare

ROOT = Path(__file__).resolve().parents[1]
DOCS, BEGIN, END = ROOT / "docs" / "embedders.md", "<!-- agreement:begin -->\n", "<!-- agreement:end -->"
PRESETS = [name for name in get_args(Preset) if name != "auto"]
BATCH = 32


def pictures(sample: str, column: str, n: int = 1500) -> tuple[list[Any], np.ndarray]:
    """A draw of pictures of a sample archive, and their labels."""
    with zipfile.ZipFile(ROOT / "sample_data" / f"{sample}.zip") as archive:
        rows = drawn(list(csv.DictReader(io.TextIOWrapper(archive.open("metadata.csv"), encoding="utf-8"))), n)
        return [decode_image(archive.read(row["file_name"])) for row in rows], np.array([row[column] for row in rows])


def glosses(n: int = 2000) -> tuple[list[Any], np.ndarray]:
    """A draw of the bundled texts, and their supersenses."""
    with (ROOT / "sample_data" / "glosses.csv").open(newline="", encoding="utf-8") as file:
        rows = drawn(list(csv.DictReader(file)), n)
    return [row["text"] for row in rows], np.array([row["supersense"] for row in rows])


def drawn(rows: list[dict[str, str]], n: int) -> list[dict[str, str]]:
    """At most n rows, in their order, the same every time."""
    chosen = np.sort(np.random.default_rng([0, n]).permutation(len(rows))[:n])
    return [rows[row] for row in chosen]


def agreement(vectors: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Accuracy of the 5 nearest neighbours' majority, and the mean of the classes' accuracies; ties to the nearest."""
    names, codes = np.unique(labels, return_inverse=True)
    near = codes[nearest(vectors, 6)[0][:, 1:]]
    votes = (near[:, :, None] == near[:, None, :]).sum(axis=2)
    right = near[np.arange(len(near)), votes.argmax(axis=1)] == codes
    return float(right.mean()), float(np.mean([right[codes == code].mean() for code in range(len(names))]))


def table_rows(title: str, modality: Modality, items: Sequence[Any], labels: np.ndarray) -> list[str]:
    """One row per built-in embedder of a modality."""
    lines = []
    for name in BUILT_IN[modality]:
        embedder = open_embedder(name, modality)
        parts = [embedder(items[start : start + BATCH]) for start in range(0, len(items), BATCH)]
        scores = [agreement(prepare(np.concatenate(parts), preset), labels) for preset in PRESETS]
        cells = [f"{plain:.2f} / {balanced:.2f}".replace("0.", ".") for plain, balanced in scores]
        lines.append(f"| {title}: `{name}` | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Print the table, and put it into the docs if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/embedders.md")
    heads = ["as embedded" if name == "none" else f"`{name}`" for name in PRESETS]
    lines = [f"| | {' | '.join(heads)} |", "| --- " * (len(heads) + 1) + "|"]
    lines += table_rows("Blue Marble, land cover", "image", *pictures("blue_marble", "land_cover"))
    lines += table_rows("Emoji, subgroups", "image", *pictures("emoji", "subgroup"))
    lines += table_rows("Glosses, supersenses", "text", *glosses())
    made = "\n".join(lines) + "\n"
    print(made)
    if parser.parse_args().write:
        before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
        DOCS.write_text(before + BEGIN + made + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
