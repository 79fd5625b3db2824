"""The gallery of Explore in a browser: what is in view, picking by mouse and keys, the full view, hostile strings."""

import csv
import re
import time
import warnings

import numpy as np
import pytest
import skimage.data
from PIL import Image

from curation_core.workspace import Workspace
from tests.conftest import write_shapes

pytestmark = pytest.mark.e2e

N = 600
HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
    "![pixel](https://evil.example/pixel.png) [link](javascript:alert(1))",
    "\u05e9\u05dc\u05d5\u05dd \u202e abc \u202c",
    "x" * 300_000,
)


@pytest.fixture(scope="module")
def pool(server, tmp_path_factory):
    """600 small pictures with a tree; address of the server, and the workspace."""
    address, workspaces = server
    ws = Workspace.create(workspaces / "gallery", write_shapes(tmp_path_factory.mktemp("gallery") / "pictures", N))
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(30, 5))
    ws.project(method="pca")
    return address, ws


@pytest.fixture
def gallery(page, pool):
    """The page with the whole pool in the gallery."""
    page.goto(f"{pool[0]}/explore?ws=gallery")
    ready(page)
    return page


def ready(page):
    page.locator("#cell-0:not(.is-coming)").wait_for()


def acts_on(page, text):
    """Wait until the page, not only the gallery, has taken note of what is picked."""
    page.get_by_role("button", name=re.compile(text)).wait_for()


def picked(page):
    return sorted(
        int(place)
        for place in page.locator(".gallery-cell[aria-selected=true]").evaluate_all(
            "cells => cells.map((cell) => cell.dataset.index)"
        )
    )


def test_only_the_cells_in_view_are_in_the_document_and_the_rest_comes_when_asked_for(gallery):
    cells = gallery.locator(".gallery-cell")
    assert 0 < cells.count() < 100
    listed = gallery.locator(".gallery-list")
    listed.evaluate("list => { list.scrollTop = list.scrollHeight / 2 }")
    gallery.wait_for_function("() => !document.querySelector('.gallery-cell.is-coming')")
    gallery.locator("#cell-300:not(.is-coming)").wait_for()
    assert cells.count() < 100
    listed.press("End")
    gallery.locator(f"#cell-{N - 1}:not(.is-coming)").wait_for()
    gallery.locator(".gallery-count").filter(has_text=f"–{N} of {N}").wait_for()
    drawn = gallery.locator(f"#cell-{N - 1} img[src]")
    drawn.wait_for()
    assert drawn.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_cells_are_picked_by_click_with_keys_held_and_by_a_band(gallery):
    gallery.locator("#cell-1").click()
    assert picked(gallery) == [1]
    gallery.locator("#cell-4").click(modifiers=["Shift"])
    assert picked(gallery) == [1, 2, 3, 4]
    gallery.locator("#cell-2").click(modifiers=["ControlOrMeta"])
    assert picked(gallery) == [1, 3, 4]
    acts_on(gallery, "Drop 3 picked items")
    gallery.locator("#cell-0").hover()  # waits until what was picked has moved nothing any more
    first, last = (gallery.locator(f"#cell-{place}").bounding_box() for place in (0, 3))
    gallery.mouse.move(first["x"] + 30, first["y"] + 30)
    gallery.mouse.down()
    gallery.mouse.move(first["x"] + 45, first["y"] + 45)
    gallery.mouse.move(last["x"] + 10, max(first["y"] + 60, last["y"] + 10), steps=4)
    gallery.mouse.up()
    assert 0 in picked(gallery)
    assert 3 in picked(gallery) or last["x"] < first["x"]
    gallery.locator(".gallery-list").press("Escape")
    assert picked(gallery) == []
    assert gallery.locator(".gallery-count").inner_text().endswith(f"of {N}")


def test_all_and_long_ranges_are_picked_without_a_list_of_them(gallery):
    gallery.get_by_role("button", name=f"Pick all {N}").click()
    acts_on(gallery, f"Drop {N} picked items")
    gallery.locator("#cell-0").click(modifiers=["ControlOrMeta"])
    acts_on(gallery, f"Drop {N - 1} picked items")
    listed = gallery.locator(".gallery-list")
    listed.press("Escape")
    gallery.locator("#cell-2").click()
    listed.press("Shift+End")  # over cells that nobody has looked at
    acts_on(gallery, f"Drop {N - 2} picked items")
    listed.press("ControlOrMeta+a")
    acts_on(gallery, f"Drop {N} picked items")


def test_everything_works_from_the_keyboard(gallery):
    listed = gallery.locator(".gallery-list")
    listed.focus()
    listed.press("ArrowRight")
    assert listed.get_attribute("aria-activedescendant") == "cell-1"
    listed.press(" ")
    assert picked(gallery) == [1]
    listed.press("Enter")
    gallery.locator(".full[open] .full-table").wait_for()
    gallery.keyboard.press("ArrowRight")
    gallery.locator(".full-place", has_text=f"3 of {N}").wait_for()
    gallery.keyboard.press("ArrowLeft")
    gallery.keyboard.press("ArrowLeft")
    gallery.locator(".full-place", has_text=f"1 of {N}").wait_for()
    gallery.keyboard.press("Escape")
    gallery.locator(".full[open]").wait_for(state="detached")
    listed.press("ArrowRight")  # the list has the focus again, where the full view left it
    assert listed.get_attribute("aria-activedescendant") == "cell-1"


def test_the_full_view_shows_what_is_most_alike_and_leads_on(gallery, pool):
    gallery.locator("#cell-5").dblclick()
    alike = gallery.locator(".full-alike")
    alike.nth(11).wait_for()
    name = gallery.locator(".full-title").inner_text()
    shown = gallery.locator(".full-picture:not(.is-coming)")
    shown.wait_for()
    assert shown.evaluate("image => image.naturalWidth") == 48
    alike.first.click()
    gallery.locator(".full-place", has_text="most like").wait_for()
    gallery.get_by_role("button", name="Back to the list").click()
    gallery.locator(".full-title", has_text=name).wait_for()
    gallery.get_by_role("button", name="Find more like this").click()
    gallery.get_by_text(re.compile("Nearest to")).first.wait_for()
    ready(gallery)
    gallery.locator(".gallery-score").first.wait_for()
    assert gallery.locator(".gallery-order").input_value() == "ranked"


def test_picks_outlive_another_order_and_decisions_mark_their_cells(gallery):
    asked = []
    gallery.on("request", lambda request: asked.append(request.url) if "/api/cells/" in request.url else None)
    gallery.locator("#cell-0").click()
    acts_on(gallery, "Drop 1 picked item ")
    time.sleep(0.5)
    assert asked == []  # a pick sends nothing again
    name = gallery.locator("#cell-0").get_attribute("title")
    with gallery.expect_response(re.compile("/api/cells/")):
        gallery.locator(".gallery-order").select_option("farthest")
    gallery.locator("#cell-0[aria-selected=false]").wait_for()
    gallery.locator(".gallery-list").press("End")
    last = gallery.locator(f"#cell-{N - 1}")
    gallery.locator(f"#cell-{N - 1}[aria-selected=true]:not(.is-coming)").wait_for()
    assert last.get_attribute("title") == name
    gallery.get_by_role("button", name=re.compile("Drop 1 picked item")).click()
    last.locator(".gallery-mark.drop").wait_for()
    gallery.get_by_role("button", name="Undo").click()
    last.locator(".gallery-mark").wait_for(state="detached")


def test_a_list_that_the_server_forgot_is_asked_for_again(page, pool):
    refused = []

    def forget(route):
        refused.append(route.request.url)
        route.fulfill(status=404) if len(refused) == 1 else route.continue_()

    page.route("**/api/cells/**", forget)
    page.goto(f"{pool[0]}/explore?ws=gallery")
    ready(page)
    assert len(refused) >= 2


@pytest.fixture(scope="module")
def words(server, tmp_path_factory):
    """Texts, the first of them hostile, in a column beside as well."""
    address, workspaces = server
    folder = tmp_path_factory.mktemp("words")
    rows = [*HOSTILE, *(f"a plain sentence about thing number {number}" for number in range(60))]
    with (folder / "words.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "note"), *((row, f"{row[:2000]}!") for row in rows)])
    ws = Workspace.create(workspaces / "words", folder / "words.csv")
    ws.embed(embedder="hashing-text")
    ws.cluster(n_clusters=(8, 2))
    return address


def test_hostile_strings_are_text_and_nothing_else(page, words):
    page.goto(f"{words}/explore?ws=words")
    ready(page)
    for text in ("<img src=x", "![pixel](https://evil.example"):
        cell = page.locator(".gallery-cell", has_text=text)
        for _ in range(20):
            if cell.count():
                break
            page.locator(".gallery-list").press("PageDown")
            time.sleep(0.2)
        assert cell.locator("img, a, script").count() == 0
        cell.dblclick()
        page.locator(".full-text", has_text=text).wait_for()
        page.locator(".full-table td", has_text=text).wait_for()
        assert page.locator(".full a, .full script, .full img").count() == 0
        page.keyboard.press("Escape")
        page.locator(".gallery-list").press("Home")
    assert "owned" not in page.title()


@pytest.fixture(scope="module")
def scene(server, tmp_path_factory):
    """A scene of four bands of 16 bits, cut into tiles."""
    rasterio = pytest.importorskip("rasterio")
    address, workspaces = server
    rng = np.random.default_rng(0)
    values = rng.integers(200, 9000, (4, 12, 12)).repeat(32, axis=1).repeat(32, axis=2).astype(np.uint16)
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    place = {"crs": "EPSG:32621", "transform": rasterio.Affine(30.0, 0.0, 500_000.0, 0.0, -30.0, 7_000_000.0)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path, "w", driver="GTiff", dtype="uint16", count=4, height=384, width=384, **place
        ) as dataset:
            dataset.write(values)
    ws = Workspace.create(workspaces / "scene", path, tile_size=32)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(12, 3))
    return address


def test_a_tile_says_where_it_lies_and_shows_the_bands_asked_for(page, scene):
    page.goto(f"{scene}/explore?ws=scene")
    ready(page)
    assert re.search(r"\d°N .*°W", page.locator("#cell-0 .gallery-caption").inner_text())
    page.locator("#cell-0").dblclick()
    page.locator(".footprint .footprint-here").wait_for()
    assert page.locator(".footprint .footprint-tile").count() == 1
    shown = page.locator(".full-picture:not(.is-coming)")
    shown.wait_for()
    before = shown.get_attribute("src")
    with page.expect_response(re.compile(r"stretch=5&bands=1%2C2%2C3")) as answer:
        page.get_by_label("Stretch").select_option("5")
    assert answer.value.status == 200
    with page.expect_response(re.compile(r"bands=4%2C2%2C3")) as answer:
        page.get_by_label("Red").select_option("4")
    assert answer.value.status == 200
    page.wait_for_function(
        "([image, before]) => image.src !== before || !image.isConnected", arg=[shown.element_handle(), before]
    )


LOOK = """(image) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL();
}"""
LOADED = (
    "async (address) => { const image = new Image(); image.src = address; await image.decode(); return (%s)(image); }"
)


@pytest.fixture
def people(server, tmp_path):
    """A portrait among three pictures without a face; nobody has asked for blurring."""
    address, workspaces = server
    (tmp_path / "people").mkdir()
    for name in ("astronaut", "coffee", "rocket", "chelsea"):
        Image.fromarray(getattr(skimage.data, name)()).save(tmp_path / "people" / f"{name}.png")
    ws = Workspace.create(workspaces / "people", tmp_path / "people")
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(2,))
    return address, ws


def test_an_open_page_and_a_new_one_forget_a_face_once_it_is_to_be_blurred(page, people):
    address, ws = people
    digest = ws.catalog().content_hash[ws.catalog().uri.index("astronaut.png")]
    page.goto(f"{address}/explore?ws=people")
    shown = page.locator(".gallery-cell", has_text="astronaut").locator("img[src]")
    shown.wait_for()
    old = f"{address}/api/thumb/people/0/{digest}.webp"
    face = page.evaluate(LOADED % LOOK, old)  # and the browser may keep it for a year
    assert shown.evaluate(LOOK) == face
    ws.faces(blur=True)
    blurred = page.evaluate(LOADED % LOOK, f"{address}/api/thumb/people/{digest}.webp")
    assert blurred != face
    page.get_by_role("radio", name="Sizes").click()  # whatever makes the page look again
    deadline = time.monotonic() + 20
    while not shown.count() or shown.evaluate(LOOK) != blurred:
        assert time.monotonic() < deadline, "the open page still shows the face"
        time.sleep(0.2)
    page.reload()
    shown.wait_for()
    assert shown.evaluate(LOOK) == blurred
    page.locator(".gallery-cell", has_text="astronaut").dblclick()
    page.locator(".full-picture").first.wait_for()
    assert page.locator("img[src*='/api/thumb/people/0/']").count() == 0
