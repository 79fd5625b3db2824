"""The map of Explore in a real browser: lasso to pictures, hover, keys, names, legend, links, and no WebGL2."""

import json
import math
import re

import pytest

from curation_core.workspace import Workspace
from tests.conftest import write_shapes
from tests.e2e.conftest import ARGUMENTS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
N = 120
SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def explore(server, tmp_path_factory) -> str:
    """Address of Explore over 120 shapes with two items dropped and thirty drawn."""
    address, workspaces = server
    ws = Workspace.create(workspaces / "shapes", write_shapes(tmp_path_factory.mktemp("shapes") / "pictures", N))
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(12, 3))
    ws.project(method="pca")
    ws.sample(30)
    ws.decide_items([0, 1], "drop")
    return f"{address}/explore?ws=shapes"


@pytest.fixture(scope="module")
def browser(browser_path):
    """A browser that draws with WebGL2 in software."""
    api = pytest.importorskip("playwright.sync_api")
    arguments = [one for one in ARGUMENTS if one != "--disable-gpu"]
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser_path, args=[*arguments, *SOFTWARE_GL])
        yield opened
        opened.close()


@pytest.fixture
def page(browser):
    """A page of its own; the test fails when the page logged an error of ours."""
    opened = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    opened.set_default_timeout(30_000)
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    opened.close()
    assert not wrong, wrong


def shown(page, address: str):
    """Open Explore and wait until the map has all its points; its root."""
    page.goto(address)
    root = page.get_by_test_id("map-root")
    root.and_(page.locator("[data-ready]")).wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(300)
    return root


def middle(page) -> tuple[float, float, float]:
    """Middle of the map on the screen, and half of its lesser side."""
    box = page.get_by_test_id("map-canvas").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, min(box["width"], box["height"]) / 2


def lasso(page, share: float = 0.9) -> None:
    """Draw around the middle of the map, so wide as a share of what is in view."""
    page.get_by_test_id("map-tool-lasso").click()
    x, y, reach = middle(page)
    page.mouse.move(x + share * reach, y)
    page.mouse.down()
    for step in range(1, 25):
        angle = step * math.tau / 24
        page.mouse.move(x + share * reach * math.cos(angle), y + share * reach * math.sin(angle))
    page.mouse.up()


def selected(page, root, *, none: bool = False) -> int:
    """How many points the map shows as selected, as soon as it shows any (or none)."""
    page.wait_for_function(
        "([root, none]) => (root.dataset.selected === '') === none", arg=[root.element_handle(), none]
    )
    return int(root.get_attribute("data-selected") or 0)


def on_a_point(page) -> None:
    """Move the pointer until a card shows."""
    x, y, reach = middle(page)
    card = page.get_by_test_id("map-card")
    for step in range(400):
        turn, far = step * 0.7, reach * 0.95 * math.sqrt(step / 400)
        page.mouse.move(x + far * math.cos(turn), y + far * math.sin(turn))
        page.wait_for_timeout(15)
        if "is-on-point" in (page.get_by_test_id("map-canvas").get_attribute("class") or ""):
            card.wait_for()
            return
    raise AssertionError("no point was met")


def camera(page, root) -> list[float]:
    """Centre and width of the map's view as it is kept for this tab, once it is at rest; [] for all of it."""
    page.wait_for_timeout(400)
    held = root.evaluate("() => Object.entries(sessionStorage).find(([name]) => name.startsWith('curation-map'))?.[1]")
    return json.loads(held) if held else []


def test_a_lasso_on_the_map_selects_its_points_everywhere(explore, page):
    root = shown(page, explore)
    lasso(page)
    held = selected(page, root)
    assert 20 < held <= N
    page.get_by_text(re.compile(rf"^{held} items · ")).wait_for()
    page.get_by_role("button", name=f"Drop {held} items").wait_for()
    page.wait_for_function(
        """() => [...document.querySelectorAll('*')].some(e => e.shadowRoot && !e.shadowRoot.querySelector('.map-root')
           && [...e.shadowRoot.querySelectorAll('img')].some(i => i.naturalWidth > 0))"""
    )
    assert f"{held} selected" in page.get_by_test_id("map-foot").inner_text()
    assert page.get_by_test_id("map-tool-lasso").get_attribute("aria-pressed") == "true"  # the tool stays in hand
    page.get_by_test_id("map-canvas").press("Escape")
    assert selected(page, root, none=True) == 0


def test_areas_are_added_and_taken_out_with_modifier_keys(explore, page):
    root = shown(page, explore)
    lasso(page)
    whole = selected(page, root)
    page.keyboard.down("Alt")
    lasso(page, 0.4)
    page.keyboard.up("Alt")
    page.wait_for_function("([root, was]) => Number(root.dataset.selected) < was", arg=[root.element_handle(), whole])
    less = selected(page, root)
    page.keyboard.down("Shift")
    lasso(page, 0.5)
    page.keyboard.up("Shift")
    page.wait_for_function("([root, was]) => Number(root.dataset.selected) > was", arg=[root.element_handle(), less])
    assert less < selected(page, root) <= whole


def test_a_point_shows_its_card_and_a_click_picks_its_item(explore, page):
    root = shown(page, explore)
    on_a_point(page)
    card = page.get_by_test_id("map-card")
    assert re.search(r"(red circle|blue square|green bar) \d+", card.inner_text())
    picture = card.locator("img")
    picture.wait_for()
    assert "/api/thumb/shapes/" in picture.get_attribute("src")
    page.mouse.down()
    page.mouse.up()
    assert selected(page, root) == 1


def test_the_keyboard_moves_the_map_and_escape_clears(explore, page):
    root = shown(page, explore)
    canvas = page.get_by_test_id("map-canvas")
    canvas.press("+")
    near = camera(page, root)
    canvas.press("ArrowRight")
    right = camera(page, root)
    assert right[0] > near[0]
    assert right[2] == pytest.approx(near[2], rel=1e-3)
    canvas.press("-")
    assert camera(page, root)[2] > right[2]
    canvas.press("0")
    assert camera(page, root) == []
    canvas.press("b")
    assert page.get_by_test_id("map-tool-box").get_attribute("aria-pressed") == "true"
    canvas.press("p")
    assert page.get_by_test_id("map-tool-pan").get_attribute("aria-pressed") == "true"


def test_the_wheel_zooms_where_the_pointer_is(explore, page):
    root = shown(page, explore)
    x, y, reach = middle(page)
    page.mouse.move(x + reach / 2, y)
    page.mouse.wheel(0, -300)
    near = camera(page, root)
    page.get_by_test_id("map-fit").click()
    assert camera(page, root) == []
    page.mouse.move(x - reach / 2, y)
    page.mouse.wheel(0, -300)
    assert camera(page, root)[0] < near[0]


def test_the_name_of_a_cluster_selects_it(explore, page):
    root = shown(page, explore)
    label = page.get_by_test_id("map-label").first
    size = int(re.search(r"([\d,]+) items", label.get_attribute("title"))[1].replace(",", ""))
    label.click()
    assert selected(page, root) == size
    page.get_by_text(re.compile(rf"^{size} items · ")).wait_for()


def test_the_legend_hides_isolates_and_counts(explore, page):
    root = shown(page, explore)
    rows = page.get_by_test_id("map-legend-row")
    pressed = [row.get_attribute("aria-pressed") for row in rows.all()]
    assert pressed == ["true"] * len(pressed)
    rows.first.click()
    assert rows.first.get_attribute("aria-pressed") == "false"
    rows.first.click()
    rows.last.dblclick()
    assert [row.get_attribute("aria-pressed") for row in rows.all()] == ["false"] * (len(pressed) - 1) + ["true"]
    rows.last.dblclick()
    assert [row.get_attribute("aria-pressed") for row in rows.all()] == pressed
    lasso(page)
    held = selected(page, root)
    counts = page.locator(".map-class-count").all_inner_texts()
    assert sum(int(text.split(" / ")[0].replace(",", "")) for text in counts) == held
    assert sum(int(text.split(" / ")[1].replace(",", "")) for text in counts) == N


def test_a_link_brings_back_areas_and_camera(explore, page, browser):
    root = shown(page, explore)
    lasso(page, 0.6)
    held = selected(page, root)
    page.get_by_test_id("map-zoom-in").click()
    there = camera(page, root)
    page.wait_for_function("() => location.search.includes('camera=')")
    other = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    again = shown(other, page.url)
    assert selected(other, again) == held
    other.get_by_test_id("map-canvas").press("ArrowRight")
    moved = camera(other, again)
    assert moved[2] == pytest.approx(there[2], rel=0.02)
    assert moved[1] == pytest.approx(there[1], abs=0.02 * there[2])
    assert moved[0] > there[0]
    other.close()


def test_without_webgl2_the_server_draws_and_says_so(explore, page):
    root = shown(page, f"{explore}&webgl=off")
    said = page.get_by_test_id("map-said")
    assert f"This browser has no WebGL2: a density picture of all {N} items made by the server" in said.inner_text()
    picture = page.get_by_test_id("map-density")
    picture.wait_for()
    assert picture.evaluate("(image) => image.naturalWidth > 100")
    assert picture.get_attribute("src").startswith("/api/map/shapes/")
    lasso(page)
    assert 20 < selected(page, root) <= N
    page.get_by_test_id("map-zoom-in").click()
    page.wait_for_function("(was) => was.isConnected === false", arg=picture.element_handle())  # a sharper one came


def test_split_shows_tree_and_map_and_a_click_in_the_tree_lights_the_map(page, explore):
    root = shown(page, f"{explore}&view=Split")
    assert page.get_by_test_id("map-canvas").bounding_box()["height"] > 150
    cluster = page.locator(".slice").nth(1)  # the first is the whole pool
    cluster.click()
    assert 0 < selected(page, root) < N
    page.wait_for_url(re.compile("view=Split.*cluster=|cluster=.*view=Split"))
