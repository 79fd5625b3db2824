"""A person's way through the app in a real browser: open a folder, look, drop, balance, export, download, check."""

import math
import re
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from curation_core.verification import verify
from curation_core.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
# pictures live in the shadow root of our grid; loaded, not merely linked
PICTURES = """() => [...document.querySelectorAll('*')].some(
    e => e.shadowRoot && [...e.shadowRoot.querySelectorAll('img')].some(i => i.naturalWidth > 0))"""


def settle(page) -> None:
    """Wait until the script has run."""
    page.wait_for_timeout(400)
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(400)


def go(page, title: str) -> None:
    page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(f"{title}$")).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()
    settle(page)


def lasso(page) -> None:
    """Draw around most of the map."""
    page.get_by_text(re.compile(r"^all [\d,]+ points")).wait_for()
    page.get_by_test_id("map-tool-lasso").click()
    box = page.get_by_test_id("map-canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    reach = 0.4 * min(box["width"], box["height"])
    points = [(x + reach * math.cos(a), y + reach * math.sin(a)) for a in (i * math.pi / 8 for i in range(17))]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=3)
    page.mouse.up()


def first_of_queue(page, level) -> int:
    """The cluster that the deck shows once it is ready."""
    deck = page.get_by_test_id("deck-root").and_(page.locator("[data-state=ready]"))
    deck.wait_for()
    shown_level, cluster = deck.get_attribute("data-cluster").split(":")
    assert int(shown_level) == level
    return int(cluster)


def test_the_way_from_a_folder_to_a_checked_export(server, page, tmp_path):
    address, workspaces = server
    page.goto(address)
    page.get_by_role("button", name="Choose data").click()

    # Data: the mounted folder
    page.get_by_label("Path below it").fill("pictures")
    page.get_by_label("Path below it").press("Enter")
    settle(page)
    page.get_by_role("button", name="Look inside").click()
    page.get_by_text("120 images").wait_for()
    page.get_by_text("then embed, cluster and lay out the map").click()  # off: this test embeds without model weights
    settle(page)
    page.get_by_role("button", name="Ingest 120 items").click()
    page.get_by_text("120 items").first.wait_for()
    ws = Workspace(workspaces / "pictures")

    # Cluster: choose the embedder without weights, start, see the tree come
    finished(ws, "ingest")
    go(page, "Cluster")
    page.get_by_text("Advanced").click()
    choose(page, "Embedder", "color-hog")
    choose(page, "Method", "pca")
    page.get_by_role("button", name="Embed and cluster 120 items").click()
    page.get_by_text("Spacing of centroids").first.wait_for()
    finished(ws, "run")
    top = ws.hierarchy().n_levels

    # Explore: draw around points, see their pictures, drop them, take it back
    go(page, "Explore")
    lasso(page)
    page.get_by_text("Outline on the map").first.wait_for()
    settle(page)
    page.wait_for_function(PICTURES)
    page.get_by_role("button", name=re.compile(r"Drop \d+ items")).click()
    until(lambda: ws.decisions().n_dropped > 0)
    selected = ws.decisions().n_dropped
    assert 0 < selected < 120
    page.get_by_role("button", name="Undo").click()
    until(lambda: ws.decisions().n_dropped == 0)

    # Review: drop the first cluster of the queue with its key
    go(page, "Review")
    first = first_of_queue(page, top)
    page.keyboard.press("x")
    until(lambda: ws.decisions().verdicts[top - 1][first] == -1)

    # Balance: forty items
    go(page, "Balance")
    number = page.get_by_label("items", exact=True)
    number.fill("40")
    number.press("Enter")
    page.get_by_role("button", name="Keep this draw of 40 items").click()
    page.get_by_role("button", name="Export 40 items").click()

    # Export: write, verified, download, check again outside of the app
    page.get_by_role("heading", name="Export", exact=True).wait_for()
    page.get_by_role("button", name="Export 40 items").click()
    page.get_by_text("verified", exact=True).wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download all")).click()
    download.value.save_as(tmp_path / "export.zip")
    checked(tmp_path / "export.zip", tmp_path, ws, 40)


def test_the_emoji_sample_goes_from_its_door_to_a_checked_download(server, page, tmp_path):
    address, workspaces = server
    page.goto(f"{address}/data")
    page.get_by_role("heading", name="Data", exact=True).wait_for()
    settle(page)
    if page.get_by_role("tab", name="New workspace").count():
        page.get_by_role("tab", name="New workspace").click()
    page.get_by_role("button", name="Emoji pictures").click()
    page.get_by_role("button", name="Ingest 3,374 items").click()
    ws = Workspace(workspaces / "emoji")
    until(lambda: (ws.path / "workspace.toml").exists())
    finished(ws, "run")  # ingest, embed with the shipped weights, cluster, map

    go(page, "Explore")
    lasso(page)
    page.get_by_text("Outline on the map").first.wait_for()
    settle(page)
    page.wait_for_function(PICTURES)

    go(page, "Review")
    top = ws.hierarchy().n_levels
    first = first_of_queue(page, top)
    page.get_by_test_id("deck-drop").click()
    until(lambda: ws.decisions().verdicts[top - 1][first] == -1)

    go(page, "Balance")
    page.get_by_role("slider").press("ArrowRight")
    settle(page)
    page.get_by_role("button", name=re.compile("Keep this draw")).click()
    until(lambda: {step.step: step.state for step in ws.status()}["sample"] == "done")
    plan = ws.sampling_plan()
    assert plan.quotas[top - 1][first] == 0

    page.get_by_role("button", name=re.compile(r"Export [\d,]+ items")).click()
    page.get_by_role("heading", name="Export", exact=True).wait_for()
    page.get_by_role("button", name=re.compile(r"Export [\d,]+ items")).click()
    page.get_by_text("verified", exact=True).wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download all")).click()
    download.value.save_as(tmp_path / "export.zip")
    checked(tmp_path / "export.zip", tmp_path, ws, len(plan.indices))


def test_a_deep_link_opens_its_cluster_on_a_fresh_server_session(server, page):
    address, workspaces = server
    if not (workspaces / "pictures").is_dir():
        pytest.skip("the journey did not make its workspace")
    page.goto(f"{address}/explore?ws=pictures&level=1&cluster=0")
    page.get_by_text(re.compile(r"Cluster 0")).first.wait_for()
    assert "cluster=0" in page.url


def test_a_picture_of_the_contact_sheet_leads_to_its_cluster_again_and_again(server, page):
    address, workspaces = server
    if not (workspaces / "pictures").is_dir():
        pytest.skip("the journey did not make its workspace")
    page.goto(f"{address}/?ws=pictures")
    for _ in range(2):
        page.locator(".grid-cell").first.click()
        page.get_by_role("heading", name="Explore", exact=True).wait_for()
        page.wait_for_url(re.compile("cluster="))
        go(page, "Overview")


def test_the_server_answers_to_names_of_this_machine_only(server):
    address, _ = server
    for path in ("/", "/_stcore/health", "/api/download/pictures/x.zip"):
        request = urllib.request.Request(address + path, headers={"Host": "elsewhere.example"})
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request, timeout=10)


def choose(page, label: str, value: str) -> None:
    box = page.get_by_role("combobox", name=re.compile(label))
    option = page.get_by_role("option", name=value, exact=True)
    for _ in range(10):  # a list closes when the page scrolls under it, or when a run of the script ends
        settle(page)
        box.evaluate("found => found.scrollIntoView({block: 'center'})")
        page.wait_for_timeout(300)
        box.click()
        page.wait_for_timeout(700)
        if option.count():
            option.click()
            break
        page.keyboard.press("Escape")
    settle(page)
    assert value in (box.input_value(), box.text_content() or "", box.locator("xpath=ancestor::*[3]").inner_text())


def until(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def finished(ws: Workspace, verb: str) -> None:
    from curation_core.jobs import list_jobs

    def over() -> bool:
        states = [job.state() for job in list_jobs(ws.path) if job.id.endswith(verb)]
        assert not [state.error for state in states if state.status in ("failed", "interrupted")]
        return any(state.status == "done" for state in states)

    until(over, 420)


def checked(archive: Path, folder: Path, ws: Workspace, n_drawn: int) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "unpacked")
    (export,) = (folder / "unpacked").iterdir()
    found = verify(export, source=ws.settings.ingest)
    assert found.ok, found.checks
    assert len((export / "manifest.csv").read_text().splitlines()) == n_drawn + 1
