"""How balanced are draws of the bundled samples? Random, flat k-means at several k, and ours, over seeds.

Labels are used for the figures only: every tree is chosen without them. Writes the tables between the marks in
README.md and benchmarks/README.md:

    python benchmarks/balance.py --workspaces workspaces --seeds 5 --write
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curation_core import ClusterConfig, SampleConfig, Workspace, advise, balance, cluster, sample
from curation_core.baselines import flat_draw, random_draw

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Pool:
    """One labelled sample: where it comes from, how much is drawn, its label columns, and a tree chosen by hand."""

    title: str
    file: str
    share: float | None  # of the pool; None: `target` items
    target: int
    coarse: str
    fine: str
    by_hand: tuple[
        tuple[float, ...], tuple[int, ...]
    ]  # level sizes as multiples of the target (or counts), resample sizes


POOLS = (
    Pool("Fluent Emoji 3D", "emoji", None, 500, "group", "subgroup", ((2.0, 1 / 10), (2, 2))),
    Pool("Blue Marble tiles", "blue_marble", 0.15, 0, "surface", "land_cover", ((1.6, 1 / 5, 1 / 25), (2, 2, 3))),
)
FLAT = (0.5, 1.0, 1.6, 2.0, 3.0)  # k as multiples of the target
Draw = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Row:
    """A method's figures over seeds: (n_seeds, 3), largest coarse class, coarse entropy, fine entropy."""

    method: str
    figures: np.ndarray

    def cells(self) -> list[str]:
        """Mean and range of each figure."""
        ranges = zip(self.figures.mean(0), self.figures.min(0), self.figures.max(0), strict=True)
        shown = [
            (100 * m, 100 * low, 100 * high, "{:.0f} %") if place == 0 else (m, low, high, "{:.3f}")
            for place, (m, low, high) in enumerate(ranges)
        ]
        return [
            self.method,
            *(
                f"{form.format(m)} ({form.format(low).removesuffix(' %')}–{form.format(high).removesuffix(' %')})"
                for m, low, high, form in shown
            ),
        ]


def main() -> None:
    """Measure, print, and write the tables when asked."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--workspaces", type=Path, default=ROOT / "workspaces")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument(
        "--write", action="store_true", help="replace the tables in README.md and benchmarks/README.md"
    )
    given = options.parse_args()
    text = "\n\n".join(table(pool, given.workspaces, given.seeds) for pool in POOLS)
    print(text)
    if given.write:
        for name in ("README.md", "benchmarks/README.md"):
            place(ROOT / name, text)


def table(pool: Pool, workspaces: Path, n_seeds: int) -> str:
    """One Markdown table."""
    workspace = embedded(workspaces / f"benchmark-{pool.file}", ROOT / "sample_data" / f"{pool.file}.zip")
    vectors, labels = workspace.vectors(), (codes(workspace, pool.coarse), codes(workspace, pool.fine))
    n = len(vectors)
    target = pool.target or round(pool.share * n)
    rows = [
        Row(name, np.array([figures(labels, draw(seed)) for seed in range(n_seeds)]))
        for name, draw in methods(pool, vectors, target).items()
    ]
    pool_row = figures(labels, np.arange(n))
    head = f"**{pool.title}**: {target:,} of {n:,}, {n_seeds} seeds, mean (range). "
    head += f"Whole pool: largest class {100 * pool_row[0]:.0f} %, entropy {pool_row[1]:.3f} / {pool_row[2]:.3f}."
    lines = ["| draw | largest coarse class | coarse label entropy | fine label entropy |", "|---|---|---|---|"]
    return "\n".join([head, "", *lines, *("| " + " | ".join(row.cells()) + " |" for row in rows)])


def methods(pool: Pool, vectors: np.ndarray, target: int) -> dict[str, Draw]:
    """What is compared, by the name it has in the table."""
    auto = advise(len(vectors), target, dim=vectors.shape[1])
    sizes = tuple(max(2, round(part * target)) for part in pool.by_hand[0])
    found: dict[str, Draw] = {"random": lambda seed: random_draw(len(vectors), target, seed=seed)}
    for part in FLAT:
        k = round(part * target)
        found[f"flat k-means, k = {k:,}"] = lambda seed, k=k: (
            flat_draw(vectors, k, SampleConfig(target_size=target, seed=seed)).indices
        )
    found[f"**automatic tree {shown(auto.n_clusters)}**"] = lambda seed: ours(
        vectors, ClusterConfig(expected_target=target, seed=seed), target, seed
    )
    by_hand = {"n_clusters": sizes, "resample_size": pool.by_hand[1]}
    found[f"tree chosen by hand {shown(sizes)}"] = lambda seed: ours(
        vectors, ClusterConfig(**by_hand, seed=seed), target, seed
    )
    return found


def ours(vectors: np.ndarray, config: ClusterConfig, target: int, seed: int) -> np.ndarray:
    """A balanced draw from a tree."""
    return sample(cluster(vectors, config), SampleConfig(target_size=target, seed=seed)).indices


def shown(sizes: tuple[int, ...]) -> str:
    """Level sizes as text."""
    return "(" + ", ".join(f"{k:,}" for k in sizes) + ")"


def embedded(path: Path, source: Path) -> Workspace:
    """A workspace of a sample with prepared vectors; made on the first run."""
    workspace = Workspace.open(path) if (path / "workspace.toml").exists() else Workspace.init(path, source)
    workspace.ingest()
    workspace.embed()
    workspace.cluster()
    return workspace


def codes(workspace: Workspace, column: str) -> np.ndarray:
    """Class of every row of the tree."""
    return workspace.catalog().labels(column)[0][workspace.embeddings().rows]


def figures(labels: tuple[np.ndarray, np.ndarray], drawn: np.ndarray) -> tuple[float, float, float]:
    """Share of the largest coarse class, normalised entropy of coarse and of fine labels."""
    coarse, fine = (balance(np.bincount(one[drawn], minlength=one.max() + 1)) for one in labels)
    return coarse.largest_share, coarse.entropy, fine.entropy


def place(path: Path, text: str) -> None:
    """Put the tables between the marks of a document."""
    marks = r"(<!-- balance:begin -->\n).*?(<!-- balance:end -->)"
    path.write_text(re.sub(marks, lambda found: f"{found[1]}{text}\n{found[2]}", path.read_text(), flags=re.DOTALL))


if __name__ == "__main__":
    main()
