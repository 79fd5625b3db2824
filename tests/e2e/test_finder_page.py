"""The bar of Explore in a browser: words, filters and examples become chips, links bring them back, keys take them."""

import re

import pytest
from PIL import Image

from curation_core import links
from curation_core.selection import Filter, Selection
from curation_core.workspace import Workspace
from tests.conftest import write_shapes

pytestmark = pytest.mark.e2e

HOSTILE = "<img src=x onerror=\"document.title='owned'\"> ![p](https://evil.example/p.png)"


@pytest.fixture(scope="module")
def pool(server, tmp_path_factory):
    """120 small pictures with tree, map and draw; the address of Explore, and the workspace."""
    address, workspaces = server
    ws = Workspace.create(workspaces / "finder", write_shapes(tmp_path_factory.mktemp("finder") / "pictures"))
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(12, 4))
    ws.project(method="pca")
    ws.sample(30)
    return f"{address}/explore?ws=finder", ws


def opened(page, address):
    page.goto(address)
    page.get_by_role("button", name="Filter").wait_for()
    page.locator("#cell-0:not(.is-coming)").wait_for()
    page.wait_for_timeout(500)
    return page


def chip(page, text):
    return page.locator(".st-key-finder-chips").get_by_role("button", name=text)


def linked(page):
    """Selection and filters of the address."""
    return links.read(page.evaluate("() => Object.fromEntries(new URLSearchParams(location.search))"))[:2]


def search(page, words):
    field = page.locator(".st-key-finder-row").get_by_role("textbox")
    field.fill(words)
    field.press("Enter")


def kind(page, name):
    page.locator(".st-key-finder-kind").get_by_role("combobox").click()
    page.get_by_role("option", name=name, exact=True).click()
    page.locator(f".st-key-finder-words-{name}").wait_for()


def test_words_and_filters_become_chips_which_keys_take_away(page, pool):
    address, ws = pool
    opened(page, address)
    search(page, "circle")
    chip(page, "name contains").wait_for()
    names = ws.catalog().metadata.column("name").to_pylist()
    circles = sum("circle" in name for name in names)
    page.get_by_text(f"{circles} of 120 match").wait_for()
    assert linked(page)[1] == (Filter("contains", "name", text="circle"),)

    page.get_by_role("button", name="Filter", exact=True).click()
    form = page.locator(".st-key-finder-filter-form")
    form.get_by_role("combobox", name="Column").click()
    page.get_by_role("option", name="drawn", exact=True).click()
    form.get_by_text(re.compile("^Yes")).click()
    form.get_by_text(re.compile("^Keeps")).wait_for()
    form.get_by_role("button", name="Add filter").click()
    chip(page, "drawn").wait_for()
    page.keyboard.press("Escape")

    first = chip(page, "name contains")
    first.focus()
    page.keyboard.press("Enter")
    first.wait_for(state="detached")
    page.get_by_text("30 of 120 match").wait_for()
    assert linked(page)[1] == (Filter("one_of", "drawn", values=("drawn",)),)
    page.get_by_role("button", name=re.compile("^Drop 30 items")).wait_for()  # all that match can be acted on


def test_a_wrong_expression_is_said_and_a_right_one_narrows_everything(page, pool):
    opened(page, pool[0])
    kind(page, "Expression")
    search(page, "widht > 3")
    page.get_by_text("there is no column 'widht'; near it: width").wait_for()
    search(page, "width = 48 and contains(shape, 'square')")
    chip(page, "width = 48").wait_for()
    squares = sum("square" in name for name in pool[1].catalog().metadata.column("name").to_pylist())
    page.get_by_text(f"{squares} of 120 match").wait_for()
    page.get_by_role("button", name=re.compile(f"^Drop {squares} items")).wait_for()


def test_an_example_selects_its_nearest_and_a_link_brings_all_of_it_back(page, pool):
    opened(page, pool[0])
    search(page, "circle")
    chip(page, "name contains").wait_for()
    page.locator("#cell-0:not(.is-coming)").wait_for()
    page.locator("#cell-0").dblclick()
    page.get_by_role("button", name="Find more like this").click()
    chip(page, "Nearest to").wait_for()
    selection, filters = linked(page)
    assert (selection.kind, selection.n, len(selection.items)) == ("nearest", 100, 1)
    address = page.url

    page.goto("about:blank")
    opened(page, address)
    chip(page, "Nearest to").wait_for()
    chip(page, "name contains").wait_for()
    assert linked(page) == (selection, filters)
    page.get_by_role("button", name="Clear all").click()
    page.locator(".st-key-finder-chips").wait_for(state="detached")
    assert linked(page) == (Selection(), ())


def test_a_dropped_picture_finds_its_like(page, pool, tmp_path):
    opened(page, pool[0])
    path = tmp_path / "mine.png"
    Image.new("RGB", (80, 80), (60, 90, 200)).save(path)
    page.get_by_role("button", name="Picture").click()
    page.locator("input[type=file]").set_input_files(path)
    chip(page, "Nearest to your picture").wait_for()
    assert linked(page)[0].kind == "nearest"
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    page.locator("input[type=file]").set_input_files(broken)
    page.get_by_test_id("stAlert").filter(has_text="image").wait_for()
    chip(page, "Nearest to your picture").wait_for()


def test_saved_selections_outlive_the_page_and_hostile_names_are_text(page, pool):
    address, _ = pool
    narrowed = links.write(Selection(), (Filter("contains", "name", text=HOSTILE),))
    page.goto(f"{address}&filter={narrowed['filter']}")
    chip(page, "<img src=x").wait_for()
    page.get_by_role("button", name="Saved").click()
    name = page.get_by_label("Save under the name")
    name.fill(HOSTILE[:70])
    name.press("Tab")
    page.get_by_role("button", name="Save 0 items").click()
    page.get_by_role("button", name="Remove").wait_for()

    opened(page, address)
    page.get_by_role("button", name="Saved").click()
    page.locator(".st-key-finder-saved-0-open").get_by_role("button").click()
    chip(page, "<img src=x").wait_for()
    assert page.title() != "owned"
    assert page.locator("img[src=x]").count() == 0
    page.get_by_role("button", name="Remove").click()
    page.locator(".st-key-finder-saved-undo").get_by_role("button").click()
    page.get_by_role("button", name="Remove").wait_for()
