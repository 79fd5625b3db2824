"""What the gallery of Explore costs: pages of 200 cells of a million items, scrolling there, pictures, neighbours.

    python -m benchmarks.gallery                         # a million items; some minutes more on its first run
    python -m benchmarks.gallery --n 100000 --folder D   # keeps the workspaces in D for the next run

Routes are asked in this process (processor and wall milliseconds, bytes before compression), the browser is a headless
Chromium over a real server. Neighbours are compared on memory-mapped vectors of 256 numbers.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright
from starlette.applications import Starlette
from starlette.testclient import TestClient

from benchmarks.map import ARGUMENTS, Traffic, make_pool, served
from curation_app import columns, gallery_view, item_routes, loaders, places
from curation_app.scene import Found, Scene
from curation_core.lookalikes import lengths, lookalikes
from curation_core.selection import Selection
from curation_core.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
PAGE, ROUNDS, DIM = 200, 9, 256
READY = """() => {
  const cells = [...window.gallery.querySelectorAll('.gallery-cell')];
  return cells.length > 0 && cells.every((cell) => !cell.classList.contains('is-coming'))
    && [...window.gallery.querySelectorAll('img')].every((image) => image.complete && image.naturalWidth);
}"""
FIND = """() => {
  const inside = (root) => {
    for (const node of root.querySelectorAll('*')) {
      if (node.classList.contains('gallery')) return node;
      const found = node.shadowRoot && inside(node.shadowRoot);
      if (found) return found;
    }
    return null;
  };
  window.gallery = inside(document);
  return window.gallery !== null;
}"""


def main() -> None:
    """Make what is measured, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    (folder / "workspaces").mkdir(parents=True, exist_ok=True)
    large, pictures = make_pool(folder, asked.n), make_pictures(folder)
    os.environ[places.WORKSPACES] = str(folder / "workspaces")
    rows = [
        *orders(large),
        *routes(large, "a million rows"),
        *routes(pictures, "pictures"),
        neighbours(folder, asked.n),
    ]
    with served(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*ARGUMENTS, "--disable-gpu"]
        )
        rows += in_browser(browser.new_page(viewport={"width": 1280, "height": 800}), address, large)
        rows += in_browser(browser.new_page(viewport={"width": 1920, "height": 3600}), address, pictures)
        browser.close()
    for what, figure in rows:
        print(f"| {what} | {figure} |")
    if asked.folder is None:
        shutil.rmtree(folder)


def make_pictures(folder: Path) -> Workspace:
    """The bundled emoji with a tree; reused when it is there."""
    path = folder / "workspaces" / "emoji"
    ws = Workspace(path)
    if not (path / "workspace.toml").exists():
        ws = Workspace.create(path, ROOT / "sample_data" / "emoji.zip")
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(300, 30))
    ws.project(method="pca")
    return ws


def whole(ws: Workspace) -> Scene:
    """Explore with nothing in hand."""
    pool, decided = loaders.pool(ws), loaders.decisions(ws)
    drawn = loaders.drawn_mask(pool, loaders.current_draw(ws))
    made = columns.item_columns(ws, pool, decided, drawn)
    every, none = np.ones(pool.hierarchy.n_items, dtype=bool), Found(np.zeros(0, np.int64))
    return Scene(ws, pool, None, "", decided, None, drawn, made, Selection(), (), every, none)


def orders(ws: Workspace) -> list[tuple[str, str]]:
    """What a rerun costs: ordering all items, and doing it again when nothing changed."""
    scene = whole(ws)
    shown = gallery_view.shown_rows(scene)
    found = []
    for order in ("nearest", "random"):
        first = timed(lambda order=order: listed(scene, shown, order), 1)  # type: ignore[misc]
        again = timed(lambda order=order: listed(scene, shown, order), ROUNDS)  # type: ignore[misc]
        found.append((f"order {scene.n:,} items, {order}", f"{first} first, {again} in a rerun"))
    return found


def listed(scene: Scene, shown: np.ndarray, order: str) -> gallery_view.PublishedList:
    """The list as a rerun makes it when all items are in hand one by one: the hash of the list is part of the cost."""
    return gallery_view.published_list(scene, shown, gallery_view.digest(shown), order)


def routes(ws: Workspace, what: str) -> list[tuple[str, str]]:
    """Pages of cells from all over the list, cards, pictures."""
    scene = whole(ws)
    made = gallery_view.published_list(scene, gallery_view.shown_rows(scene), "all", "random")
    client, key, name = TestClient(Starlette(routes=item_routes.routes())), scene.pool.key, ws.path.name
    starts = np.linspace(0, scene.n - PAGE, ROUNDS).astype(int).tolist()

    def page(start: int) -> bytes:
        answer = client.get(f"/api/cells/{name}/{key}/{made.token}?from={start}&n={PAGE}")
        assert answer.status_code == 200, answer.status_code
        return answer.content

    def get(part: str) -> None:
        assert client.get(part).status_code == 200

    walk = iter([starts[0], *starts])
    size = len(page(starts[0]))
    found = [(f"page of {PAGE} cells, {what}", f"{timed(lambda: page(next(walk)), ROUNDS)}, {size / 1000:.1f} kB")]
    found.append((f"hover card, {what}", timed(lambda: get(f"/api/item/{name}/{key}/77"), ROUNDS)))
    found.append((f"full card, {what}", timed(lambda: get(f"/api/item/{name}/{key}/77?full=1&neighbours=0"), ROUNDS)))
    if scene.pool.catalog.modality == "image":
        walk_of_sheets = iter([starts[0], *starts])
        sheet = f"/api/thumbs/{name}/{key}/{made.token}?n=50&from="
        found.append(("50 thumbnails in one answer", timed(lambda: get(f"{sheet}{next(walk_of_sheets)}"), ROUNDS)))
        found.append(("picture in full", timed(lambda: get(f"/api/picture/{name}/{key}/77.webp"), ROUNDS)))
    return found


def neighbours(folder: Path, n: int) -> tuple[str, str]:
    """The 12 most alike of n memory-mapped vectors, lengths known."""
    path = folder / f"vectors-{n}.npy"
    if not path.exists():
        vectors = np.lib.format.open_memmap(path, "w+", np.float32, (n, DIM))
        for start in range(0, n, 65_536):
            rng = np.random.default_rng([start, n])
            vectors[start : start + 65_536] = rng.standard_normal((min(65_536, n - start), DIM), dtype=np.float32)
        vectors.flush()
    mapped = np.load(path, mmap_mode="r")
    known = lengths(mapped)
    asked = iter(range(0, n, max(1, n // 100)))
    return f"12 nearest of {n:,} × {DIM}", timed(
        lambda: lookalikes(mapped, next(asked), 12, known_lengths=known), ROUNDS
    )


def in_browser(page: Page, address: str, ws: Workspace) -> list[tuple[str, str]]:
    """From a jump of the scroll bar until every cell in view is there, its picture drawn."""
    page.set_default_timeout(120_000)
    traffic = Traffic(page)
    page.goto(f"{address}/explore?ws={ws.path.name}")
    page.wait_for_function(FIND)
    page.wait_for_function(READY)
    page.wait_for_timeout(3000)
    what, walls, sizes = ws.path.name, [], []
    for share in np.linspace(0.5, 0.95, ROUNDS):
        traffic.forget()
        walls.append(float(page.evaluate(JUMP, float(share))))
        page.wait_for_timeout(300)
        sizes.append(traffic.of("/api/cells/") + traffic.of("/api/thumbs/"))
    cells, nodes = page.evaluate(
        "() => [window.gallery.querySelectorAll('.gallery-cell').length, document.querySelectorAll('*').length]"
    )
    return [
        (f"{what}: jump to cells not seen before, {cells} cells", f"{statistics.median(walls):.0f} ms wall"),
        (
            f"{what}: bytes of a jump, on the socket",
            f"{statistics.median(sizes) / 1000:.1f} kB by HTTP, {traffic.down} B",
        ),
        (f"{what}: cells in the document", f"{cells}; {nodes} elements on the page"),
    ]


JUMP = """async (share) => {
  const list = window.gallery.querySelector('.gallery-list');
  const ready = READY;
  const began = performance.now();
  list.scrollTop = (list.scrollHeight - list.clientHeight) * share;
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  while (!ready()) await new Promise((resolve) => requestAnimationFrame(resolve));
  return performance.now() - began;
}""".replace("READY", READY)


def timed(work: Callable[[], Any], rounds: int) -> str:
    """Median milliseconds of processor and wall, the first call not counted where there are several."""
    walls, cpus = [], []
    for number in range(rounds + (rounds > 1)):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        if number or rounds == 1:
            walls.append(1000 * (time.perf_counter() - wall))
            cpus.append(1000 * (time.process_time() - cpu))
    return f"{statistics.median(cpus):.1f} ms processor, {statistics.median(walls):.1f} ms wall"


if __name__ == "__main__":
    main()
