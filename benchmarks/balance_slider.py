"""What a moved slider costs the server in Balance: from the new target to quotas, tables and figures ready to be sent.

    python -m benchmarks.balance_slider                     # a million items in 10,000, 1,000 and 100 clusters
    python -m benchmarks.balance_slider --folder D --write  # keeps the workspace in D, writes the table into README.md

The page's own script is run as Streamlit runs it, in this process and without a browser: every widget, the draw, its
tables and its plotly figures. Draws are new at every position; what they have in common was worked out on the first.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from benchmarks.map import clustered
from curation_app import loaders, places
from curation_core.config import SampleConfig
from curation_core.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
N, LEVELS, NAME, MOVES = 1_000_000, (10_000, 1_000, 100), "slider", 11
MIXES = {
    "along the tree": SampleConfig(target_size=1),
    "tree, one of every cluster first": SampleConfig(target_size=1, cover="clusters"),
    "along a column of 20 values": SampleConfig(target_size=1, column="kind"),
    "half along the tree, half along the column": SampleConfig(target_size=1, column="kind", column_share=0.5),
}


def main() -> None:
    """Make the workspace, move the slider, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--n", type=int, default=N)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    os.environ[places.WORKSPACES] = str(folder / "workspaces")
    ws = made(folder, asked.n)
    rows = []
    for level in ("clusters of level 1", "clusters of level 3"):
        for what, config in MIXES.items():
            plan, page = moved(ws, config, level)
            rows.append(f"| {what} | {level} | {plan} | {page} |")
    lines = ["| draw | figures over | draw alone | whole page |", "| --- | --- | ---: | ---: |", *rows]
    print("\n".join(lines))
    if asked.write:
        write(lines)


def made(folder: Path, n: int) -> Workspace:
    """Vectors in clumps with a long-tailed column, embedded and clustered by the product; reused when it is there."""
    path = folder / "workspaces" / NAME
    if not (path / "workspace.toml").exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{NAME}.npy", clustered(n))
        kind = np.minimum(np.random.default_rng(1).geometric(0.3, n), 20).tolist()
        lines = ["row,kind", *(f"{row},kind {value}" for row, value in enumerate(kind))]
        (folder / f"{NAME}.csv").write_text("\n".join(lines))
        Workspace.create(path, folder / f"{NAME}.npy", metadata=str(folder / f"{NAME}.csv"))
    ws = Workspace.open(path)
    ws.embed()
    ws.cluster(n_clusters=LEVELS, n_resamples=0, max_iter=4)
    return ws


def moved(ws: Workspace, config: SampleConfig, groups: str) -> tuple[str, str]:
    """Milliseconds of the draw alone and of the whole page, over new positions of the slider."""
    n = ws.hierarchy().n_items
    ws.configure(sample={**config.model_dump(), "target_size": n // 20})
    app = AppTest.from_file(str(ROOT / "curation_app" / "shell.py"), default_timeout=600)
    app.query_params["ws"] = ws.path.name
    app.run()
    app.switch_page("../pages/balance.py").run()
    next(box for box in app.selectbox if box.key == "balance-groups").set_value(groups).run()
    slider = next(one for one in app.slider if one.key == f"target-slider-{ws.path.name}")
    targets = [int(n * share) for share in np.linspace(0.06, 0.34, MOVES)]
    slider.set_value(targets[0]).run()  # the first position works out what all have in common
    page = []
    for target in targets[1:]:
        slider = next(one for one in app.slider if one.key == f"target-slider-{ws.path.name}")
        slider.set_value(target)
        page.append(timed(app.run))
        if app.exception or app.error:
            raise SystemExit(f"the page failed at {target}: {[one.value for one in (*app.exception, *app.error)]}")
    drawing = loaders.drawing(ws, config)
    plan = [timed(lambda target=target: drawing.plan(target + 1)) for target in targets]  # type: ignore[misc]
    return told(plan), told(page)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of one run."""
    began = time.perf_counter()
    work()
    return 1_000 * (time.perf_counter() - began)


def told(took: list[float]) -> str:
    """Median, and the slowest."""
    return f"{statistics.median(took):.0f} ms (longest {max(took):.0f})"


def write(lines: list[str]) -> None:
    """Put the table between its marks."""
    readme = Path(__file__).parent / "README.md"
    before, _, rest = readme.read_text().partition("<!-- slider:begin -->\n")
    _, _, after = rest.partition("<!-- slider:end -->")
    readme.write_text(f"{before}<!-- slider:begin -->\n" + "\n".join(lines) + f"\n<!-- slider:end -->{after}")


if __name__ == "__main__":
    main()
