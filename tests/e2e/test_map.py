"""The map of Explore in a real browser: lasso to pictures, hover, keys, names, legend, links, and no WebGL2."""

import io
import json
import math
import re
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from curation_core.links import write_filters
from curation_core.selection import Filter
from curation_core.workspace import Workspace
from tests.conftest import write_shapes
from tests.e2e.conftest import ARGUMENTS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
N = 120
PLOTLY_GONE = "e.emit is not a function"  # from a plotly tile that still glides when its picture is taken away
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
    ours = [one for one in wrong if one != PLOTLY_GONE]
    assert not ours, ours


def shown(page, address: str):
    """Open Explore and wait until the map has all its points; its root."""
    page.goto(address)
    return shown_again(page)


def shown_again(page):
    """Wait until the map of a page that was loaded again has all its points; its root."""
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


class Line:
    """The socket between a page and the server, on which messages of either side can be held back."""

    def __init__(self, page) -> None:
        self.held = {"up": False, "down": False}
        self._waiting: list = []
        page.route_web_socket(re.compile("_stcore/stream"), self._joined)

    def _joined(self, ours) -> None:
        server = ours.connect_to_server()
        ours.on_message(lambda said: self._passed("up", server, said))
        server.on_message(lambda said: self._passed("down", ours, said))

    def _passed(self, way: str, to, said) -> None:
        if self.held[way]:
            self._waiting.append((to, said))
        else:
            to.send(said)

    def hold(self, way: str) -> None:
        self.held[way] = True

    def let_go(self) -> None:
        self.held = dict.fromkeys(self.held, False)
        while self._waiting:
            to, said = self._waiting.pop(0)
            to.send(said)


WATCH = """(root) => {
  window.counts = [root.dataset.selected];
  const look = () => { if (root.dataset.selected !== window.counts.at(-1)) window.counts.push(root.dataset.selected); };
  new MutationObserver(look).observe(root, { attributes: true, attributeFilter: ["data-selected"] });
}"""


def in_hand(page, held: int) -> None:
    """Wait until the page itself says how many items are selected."""
    page.get_by_text(re.compile(rf"^{held} items · ")).wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(300)


def coloured(page) -> int:
    """Pixels of the map on the screen that are no background: points, and what lies over them."""
    picture = np.asarray(Image.open(io.BytesIO(page.locator(".map-stage").screenshot())).convert("RGB"), dtype=int)
    return int((np.abs(picture - picture[-1, 0]).sum(axis=-1) > 60).sum())


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
    in_hand(page, held)  # the map lights what the lasso holds at once, the legend counts it when the page has run
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


def test_a_lasso_is_answered_before_the_page_has_run_again(explore, page):
    line = Line(page)
    root = shown(page, explore)
    root.evaluate(WATCH)
    fetched: list[str] = []
    line.hold("up")
    page.on("request", lambda one: fetched.append(one.url) if "/api/ready/" in one.url else None)
    lasso(page)
    held = selected(page, root)
    assert 20 < held < N
    assert f"{held} selected" in page.get_by_test_id("map-foot").inner_text()
    assert page.get_by_text(re.compile(rf"^{held} items · ")).count() == 0  # the page does not know it yet
    line.let_go()
    in_hand(page, held)
    assert page.evaluate("() => window.counts") == ["", str(held)]  # lit once, and it stayed
    assert not fetched  # the page's mask is the one that is there


def test_with_filters_the_quick_answer_is_the_one_that_the_page_gives(explore, page):
    narrowed = quote(write_filters((Filter("one_of", "level 2", ("0",)),)))
    root = shown(page, f"{explore}&filter={narrowed}")
    root.evaluate(WATCH)
    fetched: list[str] = []
    page.on("request", lambda one: fetched.append(one.url) if "/api/ready/" in one.url else None)
    lasso(page, 0.98)
    held = selected(page, root)
    in_hand(page, held)
    match = int(re.search(r"(\d+) match", page.get_by_test_id("map-foot").inner_text())[1])
    assert 0 < held <= match < N
    assert page.evaluate("() => window.counts") == ["", str(held)]
    assert not fetched


def test_what_the_page_says_of_the_time_before_a_lasso_does_not_take_it_back(explore, page):
    line = Line(page)
    root = shown(page, explore)
    root.evaluate(WATCH)
    line.hold("down")
    page.get_by_test_id("map-canvas").press("ArrowRight")
    page.wait_for_timeout(1_500)  # the page runs for the camera; what it says is on its way
    lasso(page)
    held = selected(page, root)
    line.let_go()
    in_hand(page, held)
    assert page.evaluate("() => window.counts") == ["", str(held)]


@pytest.mark.parametrize("fault", ["refused", "broken"])
def test_where_there_is_no_quick_answer_the_page_gives_it(explore, page, fault):
    asked: list[str] = []

    def fail(route) -> None:
        asked.append(route.request.post_data)
        route.abort() if fault == "broken" else route.fulfill(status=404)

    page.route(re.compile("/inside$"), fail)
    root = shown(page, explore)
    lasso(page)
    held = selected(page, root)
    in_hand(page, held)
    assert 20 < held < N
    assert len(asked) == 1
    assert len(asked[0]) < 1_000


def test_points_are_sized_by_a_number_and_the_link_keeps_it(explore, page, browser):
    root = shown(page, explore)
    before = coloured(page)
    page.get_by_role("combobox", name="Size by").click()
    page.get_by_role("option", name="distance · tree").click()
    root.and_(page.locator("[data-sized=distance]")).wait_for()
    page.wait_for_timeout(300)
    assert coloured(page) > 1.1 * before
    assert re.fullmatch(r"Size: distance\s+(≤ )?[\d.e-]+\s+≥ .+", page.get_by_test_id("map-legend-sizes").inner_text())
    on_a_point(page)
    page.wait_for_function("() => location.search.includes('size=distance')")
    other = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    again = shown(other, page.url)
    again.and_(other.locator("[data-sized=distance]")).wait_for()
    other.close()
    page.get_by_role("combobox", name="Size by").click()
    page.get_by_role("option", name="Equal size").click()
    root.and_(page.locator("[data-sized='']")).wait_for()
    page.wait_for_timeout(300)
    page.mouse.move(0, 0)
    assert coloured(page) == pytest.approx(before, rel=0.02)
    assert not page.get_by_test_id("map-legend-sizes").is_visible()


def test_a_reload_keeps_the_camera_and_a_link_wins_over_where_the_tab_was(explore, page):
    root = shown(page, explore)
    for _ in range(3):
        page.get_by_test_id("map-canvas").press("+")
    linked = camera(page, root)
    page.wait_for_function("() => location.search.includes('camera=')")
    link = page.url
    for _ in range(2):
        page.get_by_test_id("map-canvas").press("+")
    near = camera(page, root)
    page.wait_for_function("(link) => location.href !== link", arg=link)
    page.reload()
    for address, there in (("", near), (link, linked)):
        root = shown(page, address) if address else shown_again(page)
        page.get_by_test_id("map-canvas").press("ArrowRight")
        moved = camera(page, root)
        assert moved[2] == pytest.approx(there[2], rel=1e-3)
        assert moved[1] == pytest.approx(there[1], abs=1e-3 * there[2])


def test_a_rerun_leaves_the_camera_where_people_moved_it(explore, page):
    root = shown(page, f"{explore}&camera=0,0,1")
    page.get_by_test_id("map-canvas").press("ArrowRight")
    there = camera(page, root)
    page.wait_for_timeout(1_500)  # it is in the link now, and the page has run
    page.get_by_role("combobox", name="Colour by").click()
    page.get_by_role("option", name="level 1 · tree").click()
    page.wait_for_function("() => location.search.includes('colour=')")
    page.wait_for_timeout(300)
    page.get_by_test_id("map-canvas").press("ArrowUp")
    moved = camera(page, root)
    assert [moved[0], moved[2]] == pytest.approx([there[0], there[2]], rel=1e-3)
