"""The review deck in a real browser: from a key to a durable decision and to the next cluster, and 1,000 decisions.

python -m benchmarks.review_page [--decisions 1000]

First one person at an even pace, with the times of every key; then two people at once, each half of the decisions as
fast as clusters are shown, while the server is killed and started again three times. Every key that was pressed must
be one event.
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from curation_core.decisions import Decision
from curation_core.workspace import Workspace
from tests.conftest import write_shapes
from tests.e2e.conftest import ARGUMENTS, BROWSERS

ROOT = Path(__file__).resolve().parents[1]
N_ITEMS, LEAVES, PACED, KILLS = 5_000, 1_300, 60, 3
SEEN = 8
PACE = 2.0  # seconds between keys: 30 decisions a minute
NAME = "deck"


class Server:
    """The app over a folder; may be killed."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.address = folder, f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "curation_app", "--workspaces", str(self.folder / "workspaces")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), "--headless"],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2).close()
            except OSError:
                time.sleep(0.1)
            else:
                return

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def made(folder: Path) -> Workspace:
    """A workspace of small pictures in 1,300 and 30 clusters, made once."""
    path = folder / "workspaces" / NAME
    if not (path / "workspace.toml").exists():
        Workspace.create(path, write_shapes(folder / "pictures", N_ITEMS))
    ws = Workspace.open(path)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(LEAVES, 30))
    ws.project(method="pca")
    (path / "reviews.sqlite").unlink(missing_ok=True)
    return ws


def opened(page: Page, address: str, order: str) -> None:
    """Open the deck on the finest level, in an order of its own, and let it settle."""
    page.goto(f"{address}/review?ws={NAME}&queue=Deck~1~{order}")
    page.get_by_test_id("deck-root").and_(page.locator("[data-state=ready]")).wait_for(timeout=120_000)
    page.wait_for_timeout(3_000)


def marks(page: Page, name: str) -> dict[int, float]:
    """Time of a mark by the number of its decision."""
    told: list[list[Any]] = page.evaluate(
        "name => performance.getEntriesByName(name).map(one => [one.detail.seq, one.startTime])", name
    )
    return {int(seq): at for seq, at in told}


def paced(page: Page, ws: Workspace) -> None:
    """Print the times of a person at an even pace."""
    for number in range(PACED):
        page.keyboard.press("kx"[number % 2])
        page.wait_for_timeout(int(1_000 * PACE))
    pressed, saved, painted = (marks(page, f"deck-{name}") for name in ("key", "saved", "painted"))
    for what, found in (("durable decision", saved), ("next cluster painted", painted)):
        took = sorted(found[seq] - at for seq, at in pressed.items() if seq in found)
        line(
            f"key to {what}, median of {len(took)}",
            f"{statistics.median(took):.0f} ms (90 %: {took[int(0.9 * len(took))]:.0f})",
        )
    line("written in the log", f"{len(ws.reviews.events())} of {PACED}")


def appended(ws: Workspace) -> None:
    """Print what the disk alone costs."""
    target = ws.reviews.events()[0].target
    took = []
    with tempfile.TemporaryDirectory(dir=ws.path) as folder:
        log = type(ws.reviews)(Path(folder) / "reviews.sqlite")
        for _ in range(200):
            began = time.perf_counter()
            log.append([Decision(target, "keep")])
            took.append(1_000 * (time.perf_counter() - began))
    line("of it the write to disk (SQLite, full sync)", f"{statistics.median(took):.1f} ms")


def at_once(pages: list[Page], server: Server, ws: Workspace, n: int) -> None:
    """Press keys on all pages in turn, each when a cluster is shown, while the server is killed."""
    before, began = len(ws.reviews.events()), time.monotonic()
    kills = {round(n * (one + 1) / (KILLS + 1)) for one in range(KILLS)}
    for number in range(n):
        page = pages[number % len(pages)]
        page.get_by_test_id("deck-root").and_(page.locator("[data-state=ready]")).wait_for(timeout=120_000)
        page.keyboard.press("kx"[(number // len(pages)) % 2])
        if number in kills:
            server.kill()
            server.start()
    took = time.monotonic() - began
    limit = time.monotonic() + 300
    while len(ws.reviews.events()) - before < n and time.monotonic() < limit:
        time.sleep(0.5)
    events = ws.reviews.events()[before:]
    line("decisions pressed by two people", f"{n} in {took:.0f} s, the server killed {KILLS} times meanwhile")
    line("events", f"{len(events)}, {len({event.op_id for event in events})} different")
    line("lost; doubled", f"{n - len(events)}; {len(events) - len({event.op_id for event in events})}")
    order = [[event.verdict for event in events if event.reviewer == who] for who in ("ada", "bob")]
    line("in the order they were pressed", str(all(one == ["keep", "drop"] * (len(one) // 2) for one in order)))


def seen(pages: list[Page]) -> None:
    """Print how long a decision of one person takes to be seen by another who looks at the same cluster."""
    took = []
    for number in range(SEEN):
        places = [one.get_by_test_id("deck-root").get_attribute("data-cluster") for one in pages]
        assert places[0] == places[1], places
        began = time.monotonic()
        pages[0].keyboard.press("x")
        pages[1].get_by_test_id("deck-root").get_by_text("dropped", exact=True).first.wait_for()
        took.append(1_000 * (time.monotonic() - began))
        pages[1].keyboard.press("n")  # and goes on to where the first one is
        pages[1].wait_for_timeout(2_000 + 137 * number)
    took.sort()
    line(f"seen by another person, median of {SEEN}", f"{statistics.median(took):.0f} ms (longest: {took[-1]:.0f})")


def line(what: str, figure: str) -> None:
    """Print one row of the table."""
    print(f"| {what} | {figure} |", flush=True)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decisions", type=int, default=1_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "curation-deck")
    given = parser.parse_args()
    ws = made(given.folder)
    server = Server(given.folder)
    print("| the deck | measured |\n| --- | --- |")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, BROWSERS))), args=ARGUMENTS
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        opened(page, server.address, "items")
        paced(page, ws)
        appended(ws)
        page.close()
        pages = []
        for who in ("ada", "bob"):
            one = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            one.add_init_script(f"localStorage.setItem('curation-reviewer', '{who}')")
            opened(one, server.address, "items" if who == "ada" else "cohesion")
            pages.append(one)
        watching = [browser.new_context().new_page() for _ in range(2)]
        for one in watching:
            opened(one, server.address, "items")
        seen(watching)
        for one in watching:
            one.close()
        at_once(pages, server, ws, given.decisions)
        browser.close()
    server.kill()


if __name__ == "__main__":
    main()
