"""Recall and precision of near-duplicates on planted copies, by threshold, and time next to peers.

    python -m benchmarks.duplicates                 # tables of docs/duplicates.md, about 10 minutes on one core
    python -m benchmarks.duplicates --families 40   # a quick look

Needs sample_data/; imagehash and faiss are compared where they are installed.
"""

import argparse
import csv
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.planted import (
    ALIKE,
    COPIES,
    OTHERS,
    SAMPLES,
    Planted,
    find_images,
    load,
    pixel_gap,
    plant,
    precision,
    recall,
)
from curation_core.appearance import image_looks, likeness, text_looks
from curation_core.embedders import open_embedder
from curation_core.neighbors import near_duplicates
from curation_core.pairs import unit_rows

THRESHOLDS = (0.86, 0.88, 0.9, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98)


def table(planted: Planted) -> None:
    """Print recall by kind and precision, by threshold; flips with the search for mirror images on."""
    narrow = planted.only(list(COPIES))
    everything, copies = find_images(planted, THRESHOLDS[0]), find_images(narrow, THRESHOLDS[0])
    turned = find_images(planted, THRESHOLDS[0], flips=True)
    kinds = list(recall(everything, planted))
    header = ["threshold", *kinds, "flipped, mirror=True", "precision", "counted strictly"]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for threshold in THRESHOLDS:
        shares, right = recall(everything.at(threshold), planted), precision(copies.at(threshold), narrow)
        figures = [*shares.values(), recall(turned.at(threshold), planted)["flipped"], right.fair, right.strict]
        print(f"| {threshold} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")


def operating_point(name: str, score: np.ndarray, planted: Planted) -> None:
    """Print how many pairs of different originals score as high as 97 % of resized and re-encoded copies do.

    score: (n, n) similarity of all items.
    """
    first, second = np.triu_indices(len(score), 1)
    same = planted.family[first] == planted.family[second]
    originals = planted.kind[first] == ""
    threshold = np.quantile(score[first, second][same & originals], 0.03)
    strange = (score[first, second] >= threshold) & ~same & originals & (planted.kind[second] == "")
    alike = int((pixel_gap(planted.images, first[strange], second[strange]) < ALIKE).sum())
    print(f"| {name} | {threshold:.4f} | {int(strange.sum()) - alike:,} | {alike:,} |", flush=True)


def against_embeddings(planted: Planted) -> None:
    """Print what looks, embeddings and perceptual hashes confuse at a recall of 0.97."""
    narrow = planted.only(list(COPIES))
    print(f"{len(narrow.images)} pictures\n")
    print("| measure | threshold at recall 0.97 | other pairs | alike pairs |\n|---|---|---|---|")
    looks = image_looks(narrow.images)
    operating_point("signature (ours)", looks @ looks.T, narrow)
    for name in ("color-hog", "efficientnet-lite0"):
        embedder = open_embedder(name, "image")
        batches = range(0, len(narrow.images), 32)
        unit = unit_rows(np.concatenate([embedder(narrow.images[start : start + 32]) for start in batches]))
        operating_point(f"cosine of {name}", unit @ unit.T, narrow)
    for name, bits in _hashes(narrow.images).items():
        signs = np.where(bits, 1.0, -1.0).astype(np.float32)
        operating_point(f"{name}, share of equal bits", 0.5 + signs @ signs.T / (2 * signs.shape[1]), narrow)


def _hashes(images: list[Image.Image]) -> dict[str, np.ndarray]:
    """Perceptual hashes of imagehash, 64 bits each; none where it is not installed."""
    if importlib.util.find_spec("imagehash") is None:
        return {}
    imagehash = importlib.import_module("imagehash")
    kinds = {"dHash": imagehash.dhash, "pHash": imagehash.phash}
    return {name: np.stack([hashed(image).hash.ravel() for image in images]) for name, hashed in kinds.items()}


def texts(n_families: int) -> None:
    """Print recall by kind of edit and pairs of different texts, by threshold."""
    with (SAMPLES / "glosses.csv").open(encoding="utf-8") as file:
        originals = list(dict.fromkeys(row["text"] for row in csv.DictReader(file)))
    rng = np.random.default_rng([0, len(originals)])
    chosen = np.sort(rng.choice(len(originals), n_families, replace=False))
    edits: dict[str, Callable[[str], str]] = {
        "case, spaces": lambda text: text.upper().replace(" ", "  "),
        "one letter": lambda text: _replaced(list(text), "x", rng, ""),
        "one word": lambda text: _replaced(text.split(), "thing", rng, " "),
        "last word cut": lambda text: " ".join(text.split()[:-1]),
        "words added": lambda text: text + " (see also)",
    }
    rows = originals + [edit(originals[row]) for edit in edits.values() for row in chosen]
    found = near_duplicates(text_looks(rows), 0.6)
    print("| threshold | " + " | ".join(edits) + " | pairs of different texts |\n|" + "---|" * (len(edits) + 2))
    for threshold in (0.6, 0.7, 0.75, 0.8, 0.85, 0.9):
        pairs = {(a, b) for a, b in found.at(threshold).pairs.tolist()}
        shares = [
            np.mean(
                [(int(row), len(originals) + place * n_families + number) in pairs for number, row in enumerate(chosen)]
            )
            for place in range(len(edits))
        ]
        others = sum(second < len(originals) for _, second in pairs)
        print(f"| {threshold} | " + " | ".join(f"{share:.3f}" for share in shares) + f" | {others} |")


def _replaced(parts: list[str], by: str, rng: np.random.Generator, joint: str) -> str:
    parts[int(rng.integers(len(parts)))] = by
    return joint.join(parts)


def groups(planted: Planted) -> None:
    """Print our groups next to connected components, by threshold, on the originals."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    originals = planted.only([])
    found = find_images(originals, 0.8)
    print("| threshold | groups | largest | components | largest | least alike within |\n|---|---|---|---|---|---|")
    looks = image_looks(originals.images)
    for threshold in (0.8, 0.85, 0.9, 0.94):
        here = found.at(threshold)
        graph = coo_array(
            (np.ones(len(here.pairs)), (here.pairs[:, 0], here.pairs[:, 1])), shape=(len(here), len(here))
        )
        sizes = np.bincount(connected_components(graph, directed=False)[1])
        largest = np.flatnonzero(connected_components(graph, directed=False)[1] == sizes.argmax())
        least = float(likeness((looks[largest] @ looks[largest].T).min()))
        row = (threshold, here.n_groups, here.sizes().max(initial=0), (sizes > 1).sum(), sizes.max(), f"{least:.2f}")
        print("| " + " | ".join(map(str, row)) + " |")


def timed(n: int, dim: int, threshold: float = 0.95) -> None:
    """Print seconds of our search and of peers on clustered vectors with 10 % planted copies."""
    rng = np.random.default_rng([0, n])
    places = rng.standard_normal((n // 200, dim))
    weight = rng.pareto(1.2, len(places)) + 0.05
    x = places[rng.choice(len(places), n, p=weight / weight.sum())] + 0.8 * rng.standard_normal((n, dim))
    copies = rng.choice(n // 2, n // 10)
    x[n - len(copies) :] = x[copies] + rng.uniform(0.02, 0.4, (len(copies), 1)) * rng.standard_normal(
        (len(copies), dim)
    )
    x = x.astype(np.float32)
    began = time.perf_counter()
    ours = near_duplicates(x, threshold)
    seconds = {"ours, in cells": time.perf_counter() - began}
    planted = {(int(a), n - len(copies) + b) for b, a in enumerate(copies)}
    pairs = {"ours, in cells": {(a, b) for a, b in ours.pairs.tolist()}}
    if importlib.util.find_spec("faiss"):
        faiss: Any = importlib.import_module("faiss")
        faiss.omp_set_num_threads(1)
        unit = unit_rows(x)
        began = time.perf_counter()
        index = faiss.IndexFlatIP(dim)
        index.add(unit)
        limits, _, found = index.range_search(unit, threshold)
        seconds["faiss flat range search"] = time.perf_counter() - began
        rows = np.repeat(np.arange(n), np.diff(limits.astype(np.int64)))
        pairs["faiss flat range search"] = {(a, b) for a, b in zip(rows.tolist(), found.tolist(), strict=True) if a < b}
    for name, taken in seconds.items():
        both = len(pairs[name] & pairs["ours, in cells"])
        shared = both / max(1, len(pairs[name]))
        complete = len(planted & pairs[name]) / len(planted)
        print(f"| {n:,} x {dim} | {name} | {taken:.1f} | {len(pairs[name]):,} | {shared:.4f} | {complete:.3f} |")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=200, help="originals that are copied in every way")
    n_families = parser.parse_args().families
    for sample in ("blue_marble", "emoji"):
        originals = load(sample)
        planted = plant(originals, n_families)
        n, ways = int((planted.kind == "").sum()), len(COPIES) + len(OTHERS)
        print(f"\n## {sample}: {n} originals, {n_families} copied in {ways} ways\n")
        table(planted)
        print()
        against_embeddings(plant(originals[::3], n_families // 3))  # a third: embedding takes most of the time
        print()
        groups(planted)
    print("\n## Texts\n")
    texts(n_families)
    print("\n## Time, one thread\n\n| vectors | search | s | pairs | of which we find | planted found |")
    print("|---|---|---|---|---|---|")
    for n, dim in ((20_000, 128), (50_000, 128), (100_000, 128)):
        timed(n, dim)


if __name__ == "__main__":
    main()
