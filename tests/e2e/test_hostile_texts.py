"""Names, captions, classes and texts that try to be more than text, looked at in a real browser on every view."""

import csv

import pytest

from curation_core.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HOSTILE = (
    "<img src=x onerror=window.hurt=1>",
    "<script>window.hurt=1</script>",
    "![pixel](http://elsewhere.example/pixel.png)",
    "[press](javascript:window.hurt=1)",
    ":red[shout] :material/home: $\\frac{1}{2}$",
    "\u202eesrever\u202c مرحبا بالعالم",
    "<svg/onload=window.hurt=1><b>bold</b>",
    "{{7*7}} ${7*7} %s %(x)s",
)
VIEWS = ("Map", "Split", "Icicle", "Treemap", "Sunburst", "Table", "Sizes", "Compare")


@pytest.fixture(scope="module")
def hostile(server):
    """A finished workspace of 80 texts whose ids, classes and column names are hostile; one text has 3 MB."""
    _, workspaces = server
    table = workspaces.parent / "hostile.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "<b>class</b>", "name"])
        for number in range(80):
            said = HOSTILE[number % len(HOSTILE)]
            text = f"{said} number {number} " + ("long " * 600_000 if number == 3 else "word " * (number % 7))
            writer.writerow([text, said, f"{said} {number}"])
    ws = Workspace.create(workspaces / "hostile", table, text_column="text")
    ws.embed(embedder="hashing-text")
    ws.cluster(n_clusters=(12, 4))
    ws.project(method="pca")
    ws.sample(20)
    return ws


def test_hostile_texts_are_shown_as_text_on_every_view_of_explore(server, hostile, page):
    address, _ = server
    page.goto(f"{address}/explore?ws=hostile")
    page.get_by_role("heading", name="Explore", exact=True).wait_for()
    for view in VIEWS:
        page.get_by_role("radio", name=view, exact=True).click()
        page.wait_for_timeout(1_500)
        unharmed(page)
    page.goto(f"{address}/explore?ws=hostile&level=2&cluster=1")
    page.get_by_role("heading", name="Explore", exact=True).wait_for()
    page.wait_for_timeout(2_000)
    unharmed(page)


@pytest.mark.parametrize("view", ["overview", "data", "cluster", "review", "balance", "export", "runs"])
def test_hostile_texts_are_shown_as_text_on_the_other_pages(server, hostile, page, view):
    address, _ = server
    page.goto(f"{address}/{view}?ws=hostile")
    page.get_by_role("heading", name=view.capitalize(), exact=True).wait_for()
    page.wait_for_timeout(1_500)
    unharmed(page)


def unharmed(page) -> None:
    """No script ran and no element came out of a text; the page fixture sees to requests that leave the machine."""
    assert page.evaluate("window.hurt === undefined")
    made = page.evaluate(
        """() => {
            const roots = [document];
            for (const root of roots)
                for (const e of root.querySelectorAll('*')) if (e.shadowRoot) roots.push(e.shadowRoot);
            const bad = 'img[src="x"], img[src*="elsewhere"], a[href^="javascript"], svg[onload]';
            return roots.flatMap(root => [...root.querySelectorAll(bad)].map(e => e.outerHTML.slice(0, 200)));
        }"""
    )
    assert made == []
