"""Review in a real browser: every verdict into an exported manifest, fast keys, undo, a killed server, two people."""

import json
import re
import time

import pyarrow.parquet as pq
import pytest

from curation_core.decisions import active
from curation_core.workspace import Workspace
from tests.conftest import write_shapes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
NAME = "shapes"


@pytest.fixture
def ws(running, tmp_path_factory):
    """A workspace of 120 shapes in 24 and 6 clusters, made anew for every test."""
    folder = running.workspaces / NAME
    if folder.exists():
        folder.rename(tmp_path_factory.mktemp("old") / NAME)
    made = Workspace.create(folder, write_shapes(tmp_path_factory.mktemp("shapes") / "pictures"))
    made.embed(embedder="color-hog")
    made.cluster(n_clusters=(24, 6))
    made.project(method="pca")
    return made


def opened(page, running, **query):
    """Open the review and wait until the deck shows a cluster; its root."""
    said = "&".join(f"{name}={value}" for name, value in {"ws": NAME, **query}.items())
    page.goto(f"{running.address}/review?{said}")
    return ready(page)


def ready(page):
    root = page.get_by_test_id("deck-root").and_(page.locator("[data-state=ready]"))
    root.wait_for()
    return page.get_by_test_id("deck-root")


def at(root) -> tuple[int, int]:
    level, cluster = root.get_attribute("data-cluster").split(":")
    return int(level), int(cluster)


def until(condition, seconds=30):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.1)


def moved(page, was) -> tuple[int, int]:
    """Wait until the deck shows another cluster; which."""
    until(lambda: at(page.get_by_test_id("deck-root")) != was)
    return at(ready(page))


def saved(page):
    page.get_by_test_id("deck-status").filter(has_text=re.compile(r"^saved", re.IGNORECASE)).wait_for()


def fill(page, text):
    """Answer the field that a verdict opened."""
    page.get_by_test_id("deck-field").fill(text)
    page.get_by_test_id("deck-field").press("Enter")


def verdicts(ws) -> list[str]:
    return [event.verdict for event in ws.reviews.events()]


def test_every_verdict_reaches_the_manifest(page, running, ws, tmp_path):
    sizes = ws.hierarchy().sizes(2)
    root = opened(page, running)
    places = {}
    for key, answer in (("x", ""), ("k", ""), ("p", "4"), ("w", "3")):
        places[key] = at(root)
        page.keyboard.press(key)
        if answer:
            fill(page, answer)
        moved(page, places[key])
    last = at(root)
    page.keyboard.press("l")
    fill(page, "my <b>shapes</b>")
    page.keyboard.press("t")
    fill(page, "look again")
    until(lambda: len(verdicts(ws)) == 6)
    page.keyboard.press("m")
    page.get_by_test_id("deck-option").first.wait_for()
    page.get_by_test_id("deck-option").filter(has_text=re.compile(rf"^{places['w'][1]}\b")).first.click()
    until(lambda: verdicts(ws)[-1] == "merge")
    saved(page)
    decided = ws.decisions()
    assert (decided.verdicts[1][places["x"][1]], decided.verdicts[1][places["k"][1]]) == (-1, 1)
    assert (decided.standing[places["p"]].cap, decided.standing[places["w"]].weight) == ("4", "3")
    assert not decided.tree.sizes(2)[last[1]]
    ws.sample(60)
    folder = ws.export("e")
    assert ws.verify("e").ok
    tree = pq.read_table(folder / "tree.parquet").to_pandas().set_index(["level", "cluster"])
    assert tree.loc[places["x"], "quota"] == 0
    assert tree.loc[places["p"], "quota"] == tree.loc[places["p"], "cap"] == 4
    assert tree.loc[places["w"], "weight"] == 3
    assert tree.loc[places["w"], "items"] == sizes[places["w"][1]] + sizes[last[1]]
    lines = [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]
    assert [line["verdict"] for line in lines] == ["drop", "keep", "cap", "weight", "label", "note", "merge"]
    assert lines[4]["value"] == "my <b>shapes</b>"


def test_a_split_makes_a_cluster_that_can_be_dropped_and_taken_back(page, running, ws):
    root = opened(page, running, queue="Deck~1~items")
    k, first = ws.hierarchy().n_clusters[0], at(root)
    page.keyboard.press("s")
    fill(page, "2")
    until(lambda: verdicts(ws) == ["split"])
    saved(page)
    page.goto(f"{running.address}/review?ws={NAME}&queue=Deck~1~items&at=1:{k}")
    root = ready(page)
    assert at(root) == (1, k)
    page.keyboard.press("x")
    until(lambda: ws.decisions().n_dropped == ws.decisions().tree.sizes(1)[k] > 0)
    page.keyboard.press("u")
    until(lambda: ws.decisions().n_dropped == 0)
    page.keyboard.press("u")
    until(lambda: ws.decisions().tree.n_clusters[0] == k)
    assert ws.decisions().tree.sizes(1)[first[1]] == ws.hierarchy().sizes(1)[first[1]]


def test_six_fast_presses_are_six_decisions_in_order(page, running, ws):
    root = opened(page, running)
    assert root.get_attribute("data-cluster")
    for key in "kxkxkx":
        page.keyboard.press(key)
    until(lambda: len(verdicts(ws)) == 6)
    events = ws.reviews.events()
    assert [event.verdict for event in events] == ["keep", "drop"] * 3
    assert len({event.target.cluster for event in events}) == 6
    page.get_by_text("Every cluster of this level is decided").wait_for()


def test_undo_and_redo_by_key_also_after_a_reload(page, running, ws):
    root = opened(page, running)
    first = at(root)
    page.keyboard.press("x")
    until(lambda: verdicts(ws) == ["drop"])
    page.reload()
    root = ready(page)
    page.keyboard.press("u")
    until(lambda: not active(ws.reviews.events()))
    page.get_by_test_id("deck-root").and_(page.locator(f"[data-cluster='{first[0]}:{first[1]}']")).wait_for()
    page.keyboard.press("Shift+U")
    until(lambda: ws.decisions().verdicts[1][first[1]] == -1)


def test_a_killed_server_loses_and_doubles_nothing(page, running, ws):
    opened(page, running, queue="Deck~1~items")
    for key in "kxk":
        page.keyboard.press(key)
    until(lambda: len(verdicts(ws)) == 3)
    page.wait_for_timeout(2_000)  # the next three are at hand: nobody judges what is not shown
    running.kill()
    try:
        for key in "xkx":
            page.keyboard.press(key)
        page.get_by_test_id("deck-status").filter(has_text="3").wait_for()
    finally:
        running.start()
    until(lambda: len(verdicts(ws)) == 6, 60)
    events = ws.reviews.events()
    assert [event.verdict for event in events] == ["keep", "drop", "keep", "drop", "keep", "drop"]
    assert len({event.target.cluster for event in events}) == len({event.op_id for event in events}) == 6


def test_a_name_outlives_the_server(page, running, ws):
    opened(page, running, queue="Deck~1~items")
    page.get_by_placeholder("Who decides? Your name").fill("ada")
    page.get_by_placeholder("Who decides? Your name").press("Enter")
    page.wait_for_function("() => localStorage.getItem('curation-reviewer') === 'ada'")
    page.wait_for_timeout(2_000)
    running.kill()
    running.start()
    page.wait_for_timeout(6_000)  # the browser finds the server again and asks for the page
    assert page.get_by_test_id("deck-root").count() == 1
    page.get_by_test_id("deck-name").click()
    page.keyboard.press("k")
    until(lambda: [event.reviewer for event in ws.reviews.events()] == ["ada"])
    page.wait_for_function("() => [...document.querySelectorAll('input')].some(one => one.value === 'ada')")


def test_what_was_not_saved_is_sent_after_a_reload(page, running, ws):
    opened(page, running, queue="Deck~1~items")
    page.route("**/api/decide/**", lambda route: route.abort())
    page.keyboard.press("x")
    page.keyboard.press("x")
    page.get_by_test_id("deck-status").filter(has_text="2").wait_for()
    page.unroute("**/api/decide/**")
    page.reload()
    until(lambda: verdicts(ws) == ["drop", "drop"], 60)
    assert len({event.target.cluster for event in ws.reviews.events()}) == 2


def test_two_people_see_each_other_within_two_seconds(page, running, ws):
    opened(page, running)
    other = page.context.browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    other.goto(f"{running.address}/review?ws={NAME}")
    other_root = ready(other)
    first = at(other_root)
    assert at(page.get_by_test_id("deck-root")) == first
    began = time.monotonic()
    other.keyboard.press("x")
    page.get_by_test_id("deck-root").get_by_text("dropped").first.wait_for(timeout=10_000)
    took = time.monotonic() - began
    assert took < 6  # two seconds on a machine of its own; see benchmarks/README.md
    assert at(page.get_by_test_id("deck-root")) == first  # what is looked at stays


def test_names_sign_decisions_and_undo_is_ones_own(page, running, ws):
    opened(page, running)
    page.get_by_placeholder("Who decides? Your name").fill("ada")
    page.get_by_placeholder("Who decides? Your name").press("Enter")
    page.wait_for_function("() => localStorage.getItem('curation-reviewer') === 'ada'")
    ws.decide_cluster(1, 0, "drop", reviewer="bob")
    page.get_by_test_id("deck-name").click()
    page.keyboard.press("k")
    until(lambda: [event.reviewer for event in ws.reviews.events()] == ["bob", "ada"])
    page.keyboard.press("u")
    until(lambda: [event.reviewer for event in active(ws.reviews.events())] == ["bob"])
    page.keyboard.press("u")
    page.get_by_text("There is nothing of yours to take back").first.wait_for()
    page.reload()
    ready(page)
    page.wait_for_function("() => [...document.querySelectorAll('input')].some(one => one.value === 'ada')")


def test_a_click_in_the_queue_takes_the_deck_there(page, running, ws):
    root = opened(page, running)
    first = at(root)
    table = page.get_by_test_id("stDataFrame").first
    box = table.bounding_box()
    page.mouse.click(box["x"] + 80, box["y"] + 35 + 35 * 3 + 17)  # the fourth row below the header
    moved(page, first)
    page.wait_for_function("() => new URLSearchParams(location.search).has('at')")


def test_suggestions_are_accepted_together_and_taken_back_together(page, running, ws):
    ws.decide_cluster(2, int(ws.hierarchy().sizes(2).argmax()), "drop")
    page.goto(f"{running.address}/review?ws={NAME}&queue=Suggestions~1~")
    table = page.get_by_test_id("stDataFrame").first
    table.wait_for()
    page.wait_for_timeout(1_000)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 17)  # all rows
    page.get_by_role("button", name=re.compile(r"Accept \d+: drop")).click()
    until(lambda: len(verdicts(ws)) > 2)
    assert len({event.batch for event in ws.reviews.events()[1:]}) == 1
    ws.reviews.undo("")
    assert len(active(ws.reviews.events())) == 1


def test_decisions_are_taken_back_from_their_list(page, running, ws):
    ws.decide_cluster(2, 0, "drop", reviewer="ada")
    ws.decide_cluster(2, 1, "keep", reviewer="ada")
    page.goto(f"{running.address}/review?ws={NAME}&queue=Decisions~0~")
    table = page.get_by_test_id("stDataFrame").first
    table.wait_for()
    page.wait_for_timeout(1_000)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 35 + 17)  # the newest: keep
    page.get_by_role("button", name=re.compile("Take back 1 decision")).click()
    until(lambda: [event.verdict for event in active(ws.reviews.events())] == ["drop"])
    page.get_by_role("button", name=re.compile("dropped item")).click()
    page.get_by_test_id("map-root").wait_for()
    assert "/explore" in page.url


def test_items_picked_in_explore_are_kept_capped_or_cleared(page, running, ws):
    page.goto(f"{running.address}/explore?ws={NAME}&sel=cluster:2:0")
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_text("cap", exact=True).click()
    page.get_by_label("At most").fill("2")
    page.get_by_label("At most").press("Enter")
    page.get_by_role("button", name=re.compile(r"^Cap: \d+ items")).click()
    until(lambda: verdicts(ws) == ["cap"])
    assert ws.decisions().rules.caps[1][0] == 2


def test_keys_can_be_changed_and_the_sheet_says_them(page, running, ws):
    opened(page, running)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    sheet.wait_for()
    sheet.get_by_role("button", name=re.compile("keep", re.IGNORECASE)).first.click()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    until(lambda: verdicts(ws) == ["keep"])
    page.keyboard.press("k")
    page.wait_for_timeout(500)
    assert verdicts(ws) == ["keep"]
