"""What the server does for the map: order, masks of outlines, colours, labels, density pictures. Medians of CPU time.

`python -m benchmarks.map_server`; --n 5000000 for more points.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from curation_app.colouring import colour_by
from curation_app.map_columns import map_points, ready_codes, ready_mask
from curation_app.map_labels import label_places
from curation_core.artifacts import ArtifactStore, write_array, write_json
from curation_core.density import density_png
from curation_core.hierarchy import Hierarchy, Level
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.map_points import CHUNK, MapPoints
from curation_core.polygons import in_polygon

KEY = "0123456789abcdef"


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--n", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    xy, tree = pool(given.n)
    print(f"| {given.n:,} points | CPU ms |\n| --- | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for name, work in {**drawn(xy, Path(folder)), **coloured(xy, tree), **outlined(xy)}.items():
            print(f"| {name} | {median(work, given.rounds):,.1f} |", flush=True)


def pool(n: int) -> tuple[np.ndarray, Hierarchy]:
    """Points (n, 2) in 1,000 clumps of very different size, and a tree of 1,000 and 30 clusters over them."""
    rng = np.random.default_rng([0, n])
    above = rng.integers(0, 30, 1_000)
    middles = rng.normal(0, 10, (30, 2))[above] + rng.normal(0, 2, (1_000, 2))
    below = rng.choice(1_000, n, p=rng.dirichlet(np.full(1_000, 0.7)))
    xy = (middles[below] + rng.normal(0, 0.4, (n, 2))).astype(np.float32)
    return xy, Hierarchy((level(below, 1_000), level(above, 30)))


def level(assignment: np.ndarray, k: int) -> Level:
    """A level without centroids or distances: the map needs neither."""
    return Level(np.zeros((k, 2), np.float32), assignment.astype(np.int32), np.zeros(len(assignment), np.float32))


def drawn(xy: np.ndarray, folder: Path) -> dict[str, Callable[[], Any]]:
    """Points, density, and columns that are published."""
    step = ArtifactStore(folder / "steps").root / "project" / KEY
    write_array(step / "xy.npy", xy)
    write_json(step / "meta.json", {})
    map_points(folder, KEY)
    rng = np.random.default_rng(0)
    box = map_points(folder, KEY).box
    known = rng.random(len(xy)) < 0.3
    ready_mask(folder, KEY, known)
    return {
        "order and positions": lambda: MapPoints.of(xy),
        "density picture 1200 x 700": lambda: density_png(xy, box, (700, 1200)),
        "publish new colours": lambda: ready_codes(folder, KEY, rng.integers(0, 99, len(xy), dtype=np.uint8)),
        "publish a new mask": lambda: ready_mask(folder, KEY, rng.integers(0, 2, len(xy), dtype=bool)),
        "publish a mask that is there": lambda: ready_mask(folder, KEY, known),
    }


def coloured(xy: np.ndarray, tree: Hierarchy) -> dict[str, Callable[[], Any]]:
    """Colours of a level, of classes, of a number; legend counts; labels."""
    number, classes = np.random.default_rng(0).lognormal(size=len(xy)), tree.point_assignment(1).astype(np.int64)
    columns = ItemColumns.of(
        len(xy),
        [
            ItemColumn("level 1", "class", "tree", lambda: (classes, [])),
            ItemColumn("kind", "class", "yours", lambda: (classes, [str(one) for one in range(1_000)])),
            ItemColumn("score", "number", "quality", lambda: number),
        ],
    )
    tree.sizes(1)
    sample = MapPoints.of(xy).order[: 8 * CHUNK].astype(np.int64)

    def by(name: str) -> Any:
        return colour_by(name, columns, tree, None, lambda _, cluster: str(cluster))

    found, rows = by("level 1"), np.flatnonzero(number < 1.5)
    return {
        "colour by level, 1,000 clusters": lambda: by("level 1"),
        "colour by class, 1,000 classes": lambda: by("kind"),
        "colour by number": lambda: by("score"),
        f"legend counts of {len(rows):,} selected": lambda: found.counts(rows),
        "places of 400 labels": lambda: label_places(tree, xy, among=sample),
    }


def outlined(xy: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Masks of outlines against the rule tested edge by edge on every point of the box around them."""
    spread, found = float(xy.std()), {}
    for vertices, size in ((24, 2.0), (60, 2.0), (200, 2.0), (200, 0.3), (200, 0.02)):
        turn = np.linspace(0, 2 * np.pi, vertices + 1)[:-1]
        wave = size * spread * (1 + 0.3 * np.sin(7 * turn))
        outline = np.stack([np.cos(turn) * wave, np.sin(turn) * wave], axis=1) + np.median(xy, axis=0)
        mask = in_polygon(xy, outline)
        assert np.array_equal(mask, edge_by_edge(xy, outline))
        name = f"outline of {vertices} vertices, {100 * mask.mean():.2g} % inside"
        found[name] = lambda outline=outline: in_polygon(xy, outline)
        found[f"{name}, edge by edge"] = lambda outline=outline: edge_by_edge(xy, outline)
    return found


def edge_by_edge(xy: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """The even-odd rule in numpy as it is usually written."""
    xy = np.asarray(xy, dtype=np.float64)
    found = np.zeros(len(xy), dtype=bool)
    near = np.flatnonzero(((xy >= polygon.min(axis=0)) & (xy <= polygon.max(axis=0))).all(axis=1))
    x, y = xy[near].T
    odd = np.zeros(len(near), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 != y2:
            odd ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    found[near] = odd
    return found


def median(work: Callable[[], Any], rounds: int) -> float:
    """Milliseconds of CPU time of all threads."""
    took = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        took.append(1_000 * (time.process_time() - start))
    return float(np.median(took))


if __name__ == "__main__":
    main()
