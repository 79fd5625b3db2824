"""What the map of Explore costs in a browser: bytes, times, memory, at a million points and more.

    python -m benchmarks.map                         # a million points; a few minutes more on its first run
    python -m benchmarks.map --n 5000000 --folder D  # keeps the workspace in D for the next run

The pool is made by the product itself from random clustered vectors, served by `python -m curation_app` and opened in a
headless Chromium that draws in software; on such a machine bytes, counts and CPU times say more than wall times.
"""

import argparse
import base64
import json
import math
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from curation_core.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
ARGUMENTS = ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-sync"]
SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
LASSOS, PAN_STEPS = 7, 90
COUNT_DRAWS = """
window.draws = 0;
const draw = WebGL2RenderingContext.prototype.drawArrays;
WebGL2RenderingContext.prototype.drawArrays = function (...all) { window.draws++; return draw.apply(this, all); };
window.longest = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
}).observe({ entryTypes: ["longtask"] });
"""
WATCH_CARD = """(card) => {
  let asked = 0;
  window.addEventListener("pointermove", (event) => { asked = event.timeStamp; }, true);
  window.hovers = [];
  new MutationObserver(() => window.hovers.push(performance.now() - asked))
    .observe(card, { attributes: true, attributeFilter: ["data-row"] });
}"""


def make_pool(folder: Path, n: int) -> Workspace:
    """A workspace of n vectors in 2-D clumps (n, 8), made by the product's own steps; reused when it is there."""
    path = folder / "workspaces" / f"map-{n}"
    ws = Workspace(path)
    if not (path / "workspace.toml").exists():
        np.save(folder / f"map-{n}.npy", clustered(n))
        ws = Workspace.create(path, folder / f"map-{n}.npy")
    ws.embed()
    ws.cluster(n_clusters=(1000, 30))
    ws.project(method="pca")
    return ws


def clustered(n: int, *, clumps: int = 60) -> np.ndarray:
    """Vectors (n, 8) float32: two dimensions of unequal clumps, the others noise of a hundredth."""
    rng = np.random.default_rng([0, n])
    centres, spread = rng.normal(0, 4, (clumps, 2)), rng.uniform(0.15, 1.1, clumps)
    clump = rng.choice(clumps, n, p=rng.dirichlet(np.full(clumps, 1.5)))
    found = rng.normal(0, 0.04, (n, 8)).astype(np.float32)
    found[:, :2] = centres[clump] + rng.normal(0, 1, (n, 2)) * spread[clump, None]
    return found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A real server over the folder's workspaces; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "curation_app", "--workspaces", str(folder / "workspaces")]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--headless"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


class Traffic:
    """Bytes of a page: over the socket, the map's own among them, and by HTTP for every address."""

    def __init__(self, page: Page) -> None:
        self.down = self.up = self.outline = self.map_down = 0
        self.http: dict[str, int] = {}
        self._addresses: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.webSocketFrameReceived", lambda said: self._heard(said, down=True))
        session.on("Network.webSocketFrameSent", lambda said: self._heard(said, down=False))
        session.on(
            "Network.responseReceived",
            lambda said: self._addresses.update({said["requestId"]: said["response"]["url"]}),
        )
        session.on("Network.loadingFinished", self._finished)

    def _heard(self, said: dict[str, Any], *, down: bool) -> None:
        frame = said["response"]
        size = len(frame["payloadData"]) * 3 // 4 if frame["opcode"] == 2 else len(frame["payloadData"])
        if down:
            self.down += size
            self.map_down += size if b"curation_scatter" in base64.b64decode(frame["payloadData"]) else 0
        else:
            self.up += size
            self._outline(frame["payloadData"])

    def _outline(self, payload: str) -> None:
        said = base64.b64decode(payload).decode("utf-8", errors="replace")
        if (start := said.find('"area":{')) >= 0:
            self.outline = json.JSONDecoder().raw_decode(said[start + 7 :])[1]

    def _finished(self, said: dict[str, Any]) -> None:
        address = self._addresses.get(said["requestId"], "")
        self.http[address] = self.http.get(address, 0) + int(said["encodedDataLength"])

    def of(self, part: str) -> int:
        """HTTP bytes of all addresses that hold a part."""
        return sum(size for address, size in self.http.items() if part in address)

    def forget(self) -> None:
        """Start counting anew."""
        self.down = self.up = self.map_down = 0
        self.http.clear()


def memory(browser: Any) -> dict[str, float]:
    """Megabytes (PSS) of all renderers and of the graphics process."""
    found = {"renderer": 0.0, "GPU": 0.0}
    for process in browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]:
        if process["type"] in found:
            rollup = Path(f"/proc/{process['id']}/smaps_rollup").read_text()
            size = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
            found[process["type"]] += int(size[1]) / 1024 if size else 0
    return found


def marks(page: Page) -> dict[str, float]:
    """Milliseconds of the map's own marks, the last of each name."""
    return dict(
        page.evaluate(
            "() => performance.getEntriesByType('mark').filter((one) => one.name.startsWith('curation-map-'))"
            ".map((one) => [one.name.slice(13), one.startTime])"
        )
    )


def wait_mark(page: Page, name: str, seconds: int = 120) -> None:
    """Wait for a mark of the map."""
    page.wait_for_function(f"() => performance.getEntriesByName('curation-map-{name}').length", timeout=seconds * 1000)


def metrics(session: Any) -> dict[str, float]:
    """Chromium's own counters of the page's main thread."""
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def line(what: str, figure: str) -> None:
    """Print one row of the table."""
    print(f"| {what} | {figure} |", flush=True)


def settle(page: Page) -> None:
    """Wait until the script has run."""
    page.wait_for_timeout(500)
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=120_000)
    page.wait_for_timeout(500)


def load(page: Page, address: str, n: int, traffic: Traffic) -> None:
    """Print what a load costs; the server has the workspace at hand already."""
    traffic.forget()
    page.goto(address)
    wait_mark(page, "full")
    at = marks(page)
    page.get_by_test_id("map-root").and_(page.locator("[data-ready]")).wait_for()
    settle(page)
    line("socket down, a load", f"{traffic.down / 1e6:.3f} MB")
    line("positions", f"{traffic.of('/positions') / 1e6:.2f} MB")
    line("colours and masks", f"{traffic.of('/api/ready/') / 1e6:.2f} MB")
    line(
        "first paint after the map mounts", f"{at['first'] - at['start']:.0f} ms ({at['first']:.0f} after the address)"
    )
    line(f"all {n:,} points drawn", f"{at['full'] - at['start']:.0f} ms ({at['full']:.0f} after the address)")


def pan(page: Page) -> None:
    """Print the main thread's CPU time per frame while a hand drags the map."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    box = page.get_by_test_id("map-canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.85
    page.evaluate("() => { window.longest = 0; }")
    page.mouse.move(x, y)
    page.mouse.down()
    before, drawn = metrics(session), page.evaluate("() => window.draws")
    for step in range(PAN_STEPS):
        page.mouse.move(x + step % 30 - 15, y - abs(step % 30 - 15))
    after, frames = metrics(session), page.evaluate("() => window.draws") - drawn
    page.mouse.up()
    spent = 1e3 * (after["TaskDuration"] - before["TaskDuration"])
    line("main thread, a frame of panning", f"{spent / max(1, frames):.1f} CPU-ms ({frames} frames)")
    settle(page)
    line("longest task while panning", f"{page.evaluate('() => window.longest'):.0f} ms")


def lassos(page: Page, traffic: Traffic) -> None:
    """Print the time from the end of a lasso to what Python says, at once and in its rerun, and what goes up."""
    page.get_by_test_id("map-tool-lasso").click()
    said: dict[str, list[float]] = {name: [] for name in ("quick", "lit", "answer", "masked")}
    up, down, asked = [], [], []
    page.on("request", lambda one: asked.append(len(one.post_data or "")) if one.url.endswith("/inside") else None)
    for number in range(LASSOS):
        traffic.forget()
        page.evaluate("() => performance.clearMarks()")
        lasso(page, 0.12 + 0.03 * number)
        for name in ("answer", "lit"):
            wait_mark(page, name, 60)
        settle(page)
        at = marks(page)
        for name, took in said.items():
            took.append(at[name] - at["lasso"])
        up.append(traffic.up)
        down.append(traffic.down)

    def figures(name: str) -> str:
        return f"{statistics.median(said[name]):.0f} ms median ({', '.join(f'{t:.0f}' for t in said[name])})"

    line("lasso to Python's answer in the map", figures("quick"))
    line("lasso to the first frame with it", figures("lit"))
    line("lasso to the rerun's data", figures("answer"))
    line("lasso to the last change of the mask", figures("masked"))
    line("lasso, masks fetched beside", f"{traffic.of('/api/ready/')} B")
    outline = f"{traffic.outline} B over the socket ({statistics.median(up):.0f} in all)"
    line("lasso, bytes up", f"{statistics.median(asked):.0f} B asked, {outline}")
    line("lasso, socket down", f"{statistics.median(down) / 1e3:.1f} kB, {component_bytes(traffic)}")
    line("selected by the last", page.get_by_test_id("map-root").get_attribute("data-selected") or "nothing")
    page.get_by_test_id("map-canvas").press("Escape")
    page.get_by_test_id("map-tool-pan").click()
    settle(page)


def component_bytes(traffic: Traffic) -> str:
    """How much of what came down was the map's own."""
    return f"{traffic.map_down / 1e3:.1f} kB of it the map's"


def one_step(page: Page, traffic: Traffic) -> None:
    """Print what a move of the map costs once it has come to rest and is in the link."""
    traffic.forget()
    page.get_by_test_id("map-canvas").press("ArrowRight")
    page.wait_for_timeout(1_500)
    settle(page)
    said = f"{traffic.down / 1e3:.1f} kB, {component_bytes(traffic)}"
    line("pan, socket down", f"{said}; positions {traffic.of('/positions')} B")
    page.get_by_test_id("map-canvas").press("0")
    page.wait_for_timeout(1_500)
    settle(page)


def lasso(page: Page, reach: float) -> None:
    """Draw a loop around the middle of the map; reach: its radius as a share of the map's lesser side."""
    box = page.get_by_test_id("map-canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    radius = reach * min(box["width"], box["height"])
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for step in range(1, 41):
        angle = step * math.tau / 41
        page.mouse.move(x + radius * math.cos(angle), y + radius * math.sin(angle) * 0.9)
    page.mouse.up()


def hover(page: Page) -> None:
    """Print the time from a pointer's move to its card, for cards that were seen before."""
    card, box = page.get_by_test_id("map-card"), page.get_by_test_id("map-canvas").bounding_box()
    assert box is not None
    places: list[tuple[float, float]] = []
    for step in range(60):
        place = (box["x"] + box["width"] * (0.35 + 0.005 * step), box["y"] + box["height"] * (0.3 + 0.006 * step))
        page.mouse.move(*place)
        page.wait_for_timeout(400 if not places else 200)
        if card.is_visible():
            places.append(place)
        if len(places) == 6:
            break
    card.evaluate(WATCH_CARD)
    for place in places * 3:
        page.mouse.move(*place)
        page.wait_for_timeout(120)
    found = page.evaluate("() => window.hovers")
    line("hover to card, warm", f"{statistics.median(found):.0f} ms median, {max(found):.0f} most, of {len(found)}")


def choose_last(page: Page, traffic: Traffic, choice: str, what: str) -> None:
    """Print what the last column of a list costs: to colour by, or to size by."""
    traffic.forget()
    page.get_by_role("combobox", name=choice).click()
    options = page.get_by_role("option")
    options.nth(options.count() - 1).click()
    settle(page)
    page.wait_for_timeout(1_500)
    line(what, f"{traffic.of('/api/ready/') / 1e6:.2f} MB, positions {traffic.of('/positions')} B")
    line(f"{what}, socket down", f"{traffic.down / 1e3:.1f} kB, {component_bytes(traffic)}")


def measure(address: str, name: str, n: int) -> None:
    """Print all rows."""
    chromium = next(path for one in ("chromium", "google-chrome") if (path := shutil.which(one)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, *SOFTWARE_GL])
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.goto(address)  # the shell alone: what every page costs
        settle(page)
        empty = memory(browser)
        page.goto(f"{address}/explore?ws={name}")  # the server reads the pool
        wait_mark(page, "full", 600)
        page.close()
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.add_init_script(COUNT_DRAWS)
        page.set_default_timeout(120_000)
        traffic = Traffic(page)
        load(page, f"{address}/explore?ws={name}", n, traffic)
        held, heap = memory(browser), page.evaluate("() => performance.memory.usedJSHeapSize / 1e6")
        line("tab over the app without a map", f"{held['renderer'] - empty['renderer']:.0f} MB, JS heap {heap:.0f} MB")
        line("graphics process over the same", f"{held['GPU'] - empty['GPU']:.0f} MB")
        pan(page)
        one_step(page, traffic)
        hover(page)
        lassos(page, traffic)
        choose_last(page, traffic, "Colour by", "recolour")
        choose_last(page, traffic, "Size by", "size by a number")
        browser.close()


def main() -> None:
    """Make, serve, open, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "curation-map")
    parser.add_argument("--make", action="store_true", help="make the pool, measure nothing")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    ws = make_pool(asked.folder, asked.n)
    if asked.make:
        return
    print(f"| map of {asked.n:,} points | measured |\n|---|---|", flush=True)
    with served(asked.folder) as address:
        measure(address, ws.path.name, asked.n)


if __name__ == "__main__":
    main()
