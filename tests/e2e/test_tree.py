"""The tree of Explore in a browser: clicks open and select, the way back up, the list, names that people give."""

import re

import pytest

from curation_core.workspace import Workspace
from tests.conftest import write_shapes

pytestmark = pytest.mark.e2e

HOSTILE = "<img src=x onerror=\"document.title='owned'\"> ![p](https://evil.example/p.png)"


@pytest.fixture(scope="module")
def pool(server, tmp_path_factory):
    """200 small pictures with a tree and a draw; address of the server, and the workspace."""
    address, workspaces = server
    ws = Workspace.create(workspaces / "tree", write_shapes(tmp_path_factory.mktemp("tree") / "pictures", 200))
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(30, 5))
    ws.project(method="pca")
    ws.sample(40)
    return address, ws


@pytest.fixture
def treemap(page, pool):
    """Explore with the treemap of the whole pool."""
    page.goto(f"{pool[0]}/explore?ws=tree&view=Treemap")
    page.locator(".slice").first.wait_for()
    return page


def tile(page, cluster):
    """The tile of a cluster by its number, where its name stands."""
    return page.locator(".slice").filter(has=page.locator("text", has_text=re.compile(rf"^{cluster}(\D|$)"))).first


def largest(ws, level):
    return int(ws.hierarchy().sizes(level).argmax())


def lit(page):
    """The tile that carries the mark of the selection."""
    return page.locator(".slice path.surface[style*='stroke: rgb(255, 114, 92)']")


def title(page, text):
    """Wait until one picture has this title; while the page runs the one before still stands beside the next."""
    page.wait_for_function(
        "text => { const found = [...document.querySelectorAll('.gtitle')];"
        " return found.length === 1 && found[0].textContent.includes(text); }",
        arg=text,
    )


def in_hand(page, text):
    page.get_by_text(text, exact=False).first.wait_for()


def test_a_click_opens_a_cluster_everywhere_and_the_breadcrumb_closes_it(treemap, pool):
    _, ws = pool
    top = largest(ws, 2)
    size = int(ws.hierarchy().sizes(2)[top])
    tile(treemap, top).click(position={"x": 12, "y": 8})
    title(treemap, f"Tree below {top}")
    in_hand(treemap, f"{size:,} items")
    treemap.get_by_role("button", name=re.compile(f"› {top}")).wait_for()
    treemap.wait_for_url(re.compile(f"cluster={top}"))
    link = treemap.url
    treemap.get_by_role("button", name="All items").click()
    title(treemap, "Tree of 200 items")
    treemap.goto(link)
    title(treemap, f"Tree below {top}")
    in_hand(treemap, f"{size:,} items")


def test_a_click_on_a_leaf_selects_it_and_leaves_its_parent_open(treemap, pool):
    _, ws = pool
    tree, top = ws.hierarchy(), largest(ws, 2)
    tile(treemap, top).click(position={"x": 12, "y": 8})
    title(treemap, f"Tree below {top}")
    leaf = max(tree.children(2, top).tolist(), key=lambda c: tree.sizes(1)[c])
    tile(treemap, leaf).click()
    treemap.wait_for_url(re.compile(f"level=1.*cluster={leaf}|cluster={leaf}.*level=1"))
    title(treemap, f"Tree below {top}")
    in_hand(treemap, f"{int(tree.sizes(1)[leaf])} items")
    treemap.mouse.move(5, 5)  # the tile under the mouse has a border of its own
    lit(treemap).wait_for()
    tile(treemap, top).click(position={"x": 12, "y": 8})  # what is open, clicked again, closes
    title(treemap, "Tree of 200 items")


def test_the_list_picks_by_mouse_and_keyboard_and_the_picture_lights_it(treemap, pool):
    _, ws = pool
    order = sorted(range(5), key=lambda c: (-ws.hierarchy().sizes(2)[c], c))
    grid = treemap.locator("[data-testid=stDataFrame]").first
    grid.wait_for()
    box = grid.bounding_box()
    treemap.mouse.click(box["x"] + 20, box["y"] + 36 * 1.5)  # the mark of the first row
    treemap.wait_for_url(re.compile(rf"cluster={order[0]}\b"))
    lit(treemap).wait_for()
    box = grid.bounding_box()  # the selection's chip has pushed it down
    treemap.mouse.click(box["x"] + 100, box["y"] + 36 * 1.5)  # its name: from here on by keyboard
    treemap.keyboard.press("ArrowDown")
    treemap.keyboard.press("Shift+Space")
    treemap.wait_for_url(re.compile(rf"cluster={order[1]}\b"))
    treemap.get_by_role("button", name=re.compile(f"Open {order[1]}")).press("Enter")
    title(treemap, f"Tree below {order[1]}")


@pytest.mark.parametrize("kind", ["Icicle", "Sunburst"])
def test_the_other_pictures_open_on_a_click_as_well(page, pool, kind):
    address, ws = pool
    top = largest(ws, 2)
    page.goto(f"{address}/explore?ws=tree&view={kind}")
    page.locator(".slice").first.wait_for()
    box = tile(page, top).locator("text").bounding_box()  # the middle of a wide ring lies outside of it
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    title(page, f"Tree below {top}")


def test_a_persons_name_shows_at_once_stays_text_and_is_undone(treemap, pool):
    _, ws = pool
    top = largest(ws, 2)
    tile(treemap, top).click(position={"x": 12, "y": 8})
    field = treemap.get_by_label("Name this cluster")
    field.fill(HOSTILE)
    field.press("Enter")
    treemap.get_by_role("button", name=re.compile(f"› {top} · <img")).wait_for()
    assert ws.decisions().labels[1] == {top: HOSTILE}
    assert treemap.title() != "owned"
    treemap.get_by_role("button", name="Undo").click()
    treemap.get_by_role("button", name=re.compile(f"› {top} · <img")).wait_for(state="detached")
    assert ws.decisions().labels[1] == {}


def test_the_colour_is_the_chosen_figure_and_the_list_shows_it(treemap):
    treemap.get_by_role("combobox", name=re.compile("Figure")).first.click()
    treemap.get_by_role("option", name="purity of shape").click()
    title(treemap, "colour: purity of shape")
    treemap.locator(".colorbar, .cbtitle, .infolayer").get_by_text("purity of shape, %").first.wait_for()
