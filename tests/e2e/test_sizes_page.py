"""Sizes and comparisons in a real browser: hover names the node, a click selects or filters, files are what is seen."""

import re
from pathlib import Path

import pytest
from PIL import Image

from curation_core.workspace import Workspace

pytestmark = pytest.mark.e2e

AT = """([line, point]) => {
  const chart = document.querySelector('.js-plotly-plot'), box = chart.getBoundingClientRect();
  const at = chart.calcdata[line][point], { xaxis: x, yaxis: y } = chart._fullLayout;
  return [box.left + x._offset + x.c2p(at.x), box.top + y._offset + y.c2p(at.y)];
}"""
ON_BAR = """([row, bin]) => {
  const chart = document.querySelector('.js-plotly-plot'), box = chart.getBoundingClientRect();
  const [x, y] = ['xaxis', 'yaxis'].map((name) => chart._fullLayout[`${name}${row ? row + 1 : ''}`]);
  return [box.left + x._offset + x.c2p(bin), box.top + y._offset + y._length - 3];
}"""


@pytest.fixture(scope="module")
def shapes(server) -> tuple[str, Workspace]:
    """Address of the server, and a workspace of 120 pictures with a tree, a map and a draw."""
    address, folder = server
    folder.mkdir(exist_ok=True)
    ws = Workspace.create(folder / "shapes", folder.parent / "data" / "pictures")
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(24, 6))
    ws.project(method="pca")
    ws.sample(30)
    return address, ws


def opened(page, address: str, **query: str) -> None:
    page.goto(f"{address}/explore?" + "&".join(f"{name}={value}" for name, value in {"ws": "shapes", **query}.items()))


def chart_drawn(page) -> None:
    page.wait_for_selector(".js-plotly-plot .main-svg .gridlayer")
    page.wait_for_function("document.querySelector('.js-plotly-plot').calcdata !== undefined")


def settled(page) -> None:
    """Wait until nothing runs; a chart that is drawn anew moves what is pointed at."""
    page.wait_for_function("!document.querySelector('[data-testid=stApp][data-test-script-state=running]')")
    page.wait_for_timeout(400)


def point(page, script: str, *place: int) -> tuple[float, float]:
    x, y = page.evaluate(script, list(place))
    page.mouse.move(x - 2, y)
    page.mouse.move(x, y)
    page.wait_for_selector(".hoverlayer .hovertext")
    return x, y


def test_hover_names_the_node_and_a_click_selects_it_everywhere(page, shapes):
    address, ws = shapes
    opened(page, address, view="Sizes")
    chart_drawn(page)
    settled(page)
    sizes = ws.hierarchy().sizes(2)
    largest = int(sizes.argmax())
    x, y = point(page, AT, 1, 0)  # the pool's first point; line 0 is before resampling
    said = page.locator(".hoverlayer .hovertext").first.text_content()
    assert f"{largest}" in said
    assert f"{sizes[largest]} items" in said
    assert f"rank 1 of {(sizes > 0).sum()}" in said
    page.mouse.click(x, y)
    page.wait_for_url(re.compile(rf"level=2.*cluster={largest}(&|$)|cluster={largest}&.*level=2"))
    page.get_by_text(f"Cluster {largest}").first.wait_for()
    page.locator(".js-plotly-plot .scatterlayer .trace").nth(3).wait_for(state="attached")  # its ring


def test_a_click_on_a_bar_filters_by_the_clusters_it_counts(page, shapes):
    address, _ = shapes
    opened(page, address, view="Sizes")
    page.get_by_text("Histogram", exact=True).click()
    page.wait_for_selector(".js-plotly-plot .barlayer .point path", state="attached")
    settled(page)
    wanted = int(page.evaluate("document.querySelector('.js-plotly-plot').calcdata[1].findIndex((bar) => bar.s1 > 0)"))
    x, y = point(page, ON_BAR, 1, wanted)
    page.mouse.click(x, y)
    page.wait_for_url(re.compile(r"filters=|level="))


def test_a_chart_is_saved_as_png_svg_and_csv(page, shapes, tmp_path):
    address, _ = shapes
    opened(page, address, view="Sizes")
    chart_drawn(page)
    page.get_by_text("Table, files").click()
    files: dict[str, Path] = {}
    for kind, button in (("png", "Save the chart as PNG"), ("svg", "Save the chart as SVG"), ("csv", "CSV")):
        with page.expect_download() as download:
            page.get_by_role("button", name=button, exact=True).click()
        assert download.value.suggested_filename == f"cluster-sizes-at-level-2.{kind}"
        files[kind] = tmp_path / f"chart.{kind}"
        download.value.save_as(files[kind])
    with Image.open(files["png"]) as picture:
        assert picture.width > 600
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20
    svg = files["svg"].read_text()
    assert svg.startswith("<svg")
    assert "before resampling" in svg
    assert "<script" not in svg
    lines = files["csv"].read_text().splitlines()
    assert lines[0].startswith("rank,cluster,")
    assert len(lines) == 7


def test_two_clusters_stand_side_by_side_and_change_places(page, shapes):
    address, ws = shapes
    sizes = ws.hierarchy().sizes(2)
    a, b = (int(cluster) for cluster in (-sizes).argsort()[:2])
    opened(page, address, view="Compare", pinned=f"cluster:2:{a}", level="2", cluster=str(b))
    page.get_by_text("Their centroids are").wait_for()
    page.get_by_text("Pictures", exact=True).click()
    for number in (0, 5, 11):
        picture = page.locator(".st-key-compare-pictures .grid-picture").nth(number)
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("(shown) => shown.decode().then(() => shown.naturalWidth)") > 0
    page.locator(".st-key-compare-swap button").click()
    page.wait_for_url(re.compile(rf"pinned=cluster(:|%3A)2(:|%3A){b}"))
    assert re.search(rf"cluster={a}(&|$)", page.url)
    page.locator(".st-key-compare-unpin button").click()
    page.get_by_text("Compare two selections").wait_for()


def test_draws_are_compared_by_lasso_and_down_the_tree(page, shapes):
    address, ws = shapes
    ws.sample(50)
    found = ws.compare()
    page.goto(f"{address}/runs?ws=shapes")
    page.get_by_role("radiogroup").get_by_text("Compare", exact=True).click()
    page.wait_for_selector(".js-plotly-plot .main-svg")
    settled(page)
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.02)]
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=10)
    page.mouse.up()
    said = page.get_by_text(re.compile(r"^\d+ in the outline"))
    said.first.wait_for()
    assert 0 < int(said.first.inner_text().split()[0]) <= found.summary()["entered"] == 20
    table = page.locator("[data-testid=stDataFrame]").last
    table.scroll_into_view_if_needed()
    settled(page)
    row = table.bounding_box()
    page.mouse.click(row["x"] + 18, row["y"] + 52)  # the mark of the first row: the cluster that changed most
    page.get_by_text("Level 1, the finest.").wait_for()
