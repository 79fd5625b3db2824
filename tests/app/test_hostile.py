"""Names, captions, texts, classes and columns that try to be something else are shown as text, and never in full."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from curation_app import chart_sizes, charts, chips, compare_view, distributions_view, item_cards, loaders, places
from curation_app.boundary import escaped
from curation_app.chart_contrast import class_bars
from curation_app.components.grid import Section, grid_data
from curation_core.contrast import class_contrast
from curation_core.distributions import lorenz_curve, rank_curve
from curation_core.selection import Filter, Selection
from curation_core.workspace import Workspace
from tests.app.test_sizes import scene_of

MARKUP = "<img src=x onerror=window.hit=1>"
SCRIPT = "</script><script>window.hit=1</script><a href=javascript:window.hit=1>x</a>"
BEACON = "![x](https://example.invalid/b.png)"
LINK = "[open](javascript:window.hit=1)"
TURNED = "\u202egnp.exe\u2066"
DIRECTIVE = ":red[x] $\\frac{1}{2}$ `c` # d :material/home:"
LONG = f"long {' ' * 10_000_000} end"  # 10 MB, of few words so that it is quickly embedded
HOSTILE = (MARKUP, SCRIPT, BEACON, LINK, TURNED, DIRECTIVE, LONG)
COLUMN = f"{MARKUP}{BEACON}"
MOST_BYTES = 1_500_000  # of one element; the 10 MB text is far above it
TAG = re.compile(r"</?(img|script|a)\b", re.IGNORECASE)
FORBIDDEN = re.compile(rf"{TAG.pattern}|!\[x\]\(|\[open\]\(javascript", re.IGNORECASE)


@pytest.fixture(scope="module")
def hostile_texts(tmp_path_factory) -> Path:
    """A workspace of texts whose ids, texts, classes and column names are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    said = [f"{HOSTILE[row % 6]} word{row % 3} number{row % 5}" for row in range(42)]
    said[:7] = HOSTILE
    table = {
        "id": [f"{HOSTILE[row % 6]}-{row}" for row in range(42)],
        "text": said,
        "name": [HOSTILE[row % 6] if row != 6 else LONG for row in range(42)],
        COLUMN: [HOSTILE[row % 6] for row in range(42)],
        "n": list(range(42)),
    }
    pyarrow.parquet.write_table(pa.table(table), folder / "rows.parquet")
    ws = Workspace.create(folder / "made" / "hostile", folder / "rows.parquet", text_column="text")
    ws.embed(embedder="hashing-text")
    ws.cluster(n_clusters=(8, 3))
    ws.project(method="pca")
    ws.sample(12)
    return ws.path.parent


@pytest.fixture(scope="module")
def hostile_pictures(tmp_path_factory) -> Path:
    """A workspace of pictures whose file names are hostile."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng([5])
    (folder / "data").mkdir()
    for row, name in enumerate(("<img src=x onerror=hit()>", "![x](y)", "\u202egnp.exe", ":red[x]", "`c`", "a&b")):
        for copy in range(6):
            pixels = np.full((32, 32, 3), 40 * row, dtype=np.uint8) + rng.integers(0, 30, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "data" / f"{name} {copy}.png")
    ws = Workspace.create(folder / "made" / "pictures", folder / "data")
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(6, 2))
    ws.project(method="pca")
    ws.sample(8)
    return ws.path.parent


def walk(block: Any) -> Iterator[Any]:
    """Every element of a run, at any depth."""
    for child in block.children.values():
        if hasattr(child, "children"):
            yield from walk(child)
        else:
            yield child


def decoded(spec: str) -> str:
    """A figure's JSON with every character as itself; plotly reads a subset of HTML in it, and no Markdown."""
    return json.dumps(json.loads(spec), ensure_ascii=False)


def unescaped(markdown: str) -> str:
    """Markdown without what a backslash protects: what is left is obeyed."""
    return re.sub(r"\\[^\w\s]", "", markdown)


def check(app: AppTest) -> int:
    """No element obeys what stands in the data, and none carries it in full; returns the elements looked at."""
    assert not app.exception
    assert not app.error
    looked_at = 0
    for element in walk(app._tree):
        proto = element.proto
        assert proto.ByteSize() < MOST_BYTES, (element.type, proto.ByteSize())
        for field in ("body", "label", "help", "caption"):
            said = getattr(proto, field, "")
            if isinstance(said, str) and not getattr(proto, "allow_html", False):
                assert not FORBIDDEN.search(unescaped(said)), (element.type, field, said[:300])
            elif isinstance(said, str):
                assert "window.hit" not in said
            looked_at += 1
        if element.type == "button_group":  # its options are read as Markdown, those of other choices are not
            assert not any(FORBIDDEN.search(unescaped(option.content)) for option in proto.options)
        spec = getattr(proto, "spec", "")
        if element.type == "plotly_chart":
            assert not TAG.search(decoded(spec))
    return looked_at


def opened(monkeypatch, folder: Path, view: str, **query: str) -> AppTest:
    monkeypatch.setenv(places.WORKSPACES, str(folder))
    monkeypatch.delenv(places.ROOTS, raising=False)
    app = AppTest.from_file(str(Path(__file__).resolve().parents[2] / "curation_app" / "shell.py"), default_timeout=120)
    app.query_params.update({"ws": next(folder.iterdir()).name, "view": view, **query})
    app.run()
    app.switch_page("../pages/explore.py")
    app.run()
    assert app.segmented_control(key="explore-view").value == view
    return app


@pytest.mark.parametrize("view", ["Map", "Icicle", "Treemap", "Sizes", "Compare"])
def test_no_view_of_hostile_texts_obeys_or_carries_them_whole(hostile_texts, monkeypatch, view):
    app = opened(monkeypatch, hostile_texts, view, pinned="cluster:2:0", level="2", cluster="1")
    assert check(app) > 40


@pytest.mark.parametrize("view", ["Map", "Icicle", "Sizes", "Compare"])
def test_no_view_of_hostile_file_names_obeys_them(hostile_pictures, monkeypatch, view):
    app = opened(monkeypatch, hostile_pictures, view, pinned="cluster:2:0", level="2", cluster="1")
    assert check(app) > 40


@pytest.mark.parametrize("tab", ["Pictures", "Classes", "Words"])
def test_no_tab_of_a_comparison_obeys_hostile_texts(hostile_texts, monkeypatch, tab):
    app = opened(monkeypatch, hostile_texts, "Compare", pinned="cluster:2:0", level="2", cluster="1")
    app.segmented_control(key="compare-tab").set_value(tab).run()
    assert check(app) > 40


@pytest.mark.parametrize("view", ["Curve", "Histogram", "Lorenz"])
def test_sizes_of_a_hostile_column_name_it_as_text(hostile_texts, monkeypatch, view):
    app = opened(monkeypatch, hostile_texts, "Sizes")
    app.segmented_control(key="sizes-view").set_value(view).run()
    app.selectbox(key="sizes-column").set_value(COLUMN).run()
    check(app)
    title = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["title"]["text"]
    assert "&lt;img" in title


@pytest.mark.parametrize("page", ["overview", "data", "review", "balance", "export", "runs"])
def test_no_other_page_obeys_hostile_texts(hostile_texts, monkeypatch, page):
    app = opened(monkeypatch, hostile_texts, "Map")
    app.switch_page(f"../pages/{page}.py").run()
    assert check(app) > 10


@pytest.mark.parametrize("name", HOSTILE, ids=["markup", "script", "image", "link", "turned", "directive", "long"])
def test_names_in_charts_are_escaped_and_bounded(name):
    counts = np.array([5, 3, 1])
    series = [chart_sizes.Sizes("pool", counts, rank_curve(counts), lorenz_curve(counts))]
    subject = chart_sizes.Subject(charts.clipped(name, 60), "value", 9, lambda groups: [name] * len(groups))
    found = class_contrast(np.array([0, 1, 0]), [name, "b"], np.array([0, 1]), np.array([2]))
    made = [
        chart_sizes.size_curves(series, subject, selected=1),
        chart_sizes.lorenz_curves(series, subject),
        class_bars(found, charts.clipped(name, 60), (name, name)),
        charts.share_bars([charts.clipped(name, 200)], counts[:1], counts[:1], charts.clipped(name, 60)),
    ]
    for chart in made:
        text = chart.figure.to_json()
        assert not TAG.search(decoded(text))
        assert "\u202e" not in json.loads(text)["layout"]["title"]["text"]
        assert len(text) < 100_000


@pytest.mark.parametrize("name", HOSTILE[:-1])
def test_markdown_shows_every_character_of_a_name(name):
    shown = escaped(name)
    assert not FORBIDDEN.search(unescaped(shown))
    assert re.sub(r"\\([^\w\s])", r"\1", shown).split() == name.replace("\\", "").split() or "\\" in name


def test_a_name_for_a_chart_is_cut_before_it_is_searched():
    assert charts.clipped("long " * 2_000_000, 40) == ("long " * 8)[:39] + "…"
    assert charts.clipped(LONG, 40) == "long"
    assert charts.named(f"{TURNED}<b>", 40) == "gnp.exe &lt;b&gt;"
    assert charts.clipped("a\nb\tc\x00d", 40) == "a b c d"


def test_cells_of_a_grid_are_bounded(hostile_texts):
    ws = Workspace(hostile_texts / "hostile")
    scene = scene_of(ws, Selection("cluster", 2, 1))
    cells = compare_view._cells(scene, range(scene.n))
    data = grid_data("hostile", [Section(cells)], height=None, mode="none", toolbar=False, empty="")
    for item in data["sections"][0]["items"]:
        assert len(json.dumps(item)) < 4_000
    assert any(
        MARKUP in item.get("text", "") for item in data["sections"][0]["items"]
    )  # as it is: the browser sets text


def test_chips_of_filters_are_bounded():
    for one in (
        Filter("contains", COLUMN, text=LONG),
        Filter("where", text=LONG),
        Filter("one_of", COLUMN, (LONG, MARKUP, BEACON)),
        Filter("between", LONG, low=0.0),
    ):
        label = chips.filter_label(one)
        assert len(label) < 200
        assert "\u202e" not in label


def test_a_card_of_an_item_is_bounded(hostile_texts):
    ws = Workspace(hostile_texts / "hostile")
    pool = loaders.pool(ws)
    scene = scene_of(ws)
    known = item_cards.Known(scene.decided, scene.drawn, scene.ws.scores(), {})
    row = int(np.flatnonzero(pool.rows == 6)[0])
    assert len(json.dumps(item_cards.short_card(pool, row, known))) < 10_000
    assert len(json.dumps(item_cards.full_card(pool, row, known))) < 500_000


def test_a_click_on_a_hostile_class_filters_by_its_whole_name(hostile_texts, monkeypatch):
    heard: list[Filter] = []
    monkeypatch.setattr("curation_app.state.add_filter", heard.append)
    scene = scene_of(Workspace(hostile_texts / "hostile"))
    names = scene.columns.codes(COLUMN)[1]
    distributions_view.choose(scene, COLUMN, [names.index(MARKUP)])
    assert heard == [Filter("one_of", COLUMN, (MARKUP,))]


@pytest.mark.parametrize("made", ["hostile_texts", "hostile_pictures"])
def test_compared_draws_of_hostile_items_and_plans_are_text(made, monkeypatch, request):
    folder = request.getfixturevalue(made)
    ws = Workspace.open(next(folder.iterdir()))
    ws.save_plan("<img src=x onerror=hit()> :red[x] ![x](y)", ws.settings.sample.model_copy(update={"target_size": 5}))
    app = opened(monkeypatch, folder, "Map")
    app.switch_page("../pages/runs.py").run()
    app.segmented_control(key="runs-part").set_value("Compare").run()
    assert {metric.label for metric in app.metric} >= {"Entered", "Left", "Overlap"}
    assert check(app) > 20
    a, b = (app.session_state[f"compare-{side}"] for side in "ab")
    app.session_state[f"compare-at-{a}-{b}-a"] = (2, 0)  # one cluster further down the tree
    app.run()
    assert check(app) > 20
