import math
import re
from html.parser import HTMLParser

import mlcroissant
import numpy as np
import pytest

from curation_core.card_blocks import clean
from curation_core.card_config import PEOPLE_SAY
from curation_core.card_markdown import escaped
from curation_core.cards import WRITES
from curation_core.croissant import GEO_1_0, RAI_1_0, V_1_1
from curation_core.errors import ConfigError
from curation_core.workspace import Workspace
from tests.core.carded import HOSTILE, Carded, placed_pictures, texts


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    ws = placed_pictures(tmp_path_factory.mktemp("pictures"))
    ws.configure(bias={"protected": {"kind": [HOSTILE]}})
    return Carded(ws, "placed", files="copy")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    ws = texts(tmp_path_factory.mktemp("texts"))
    ws.configure(split={})
    return Carded(ws, "texts", mask_personal=True)


class Page(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")
def read_back(carded):
    """The description as mlcroissant sees it, and its records."""
    found = mlcroissant.Dataset(jsonld=carded.folder / "croissant.json")
    assert not found.metadata.ctx.issues.errors
    return found.metadata, list(found.records("items"))


def same(theirs, ours):
    """Whether a value that mlcroissant read is the manifest's."""
    if isinstance(theirs, list | np.ndarray):
        return len(theirs) == len(ours) and all(map(same, theirs, ours))
    if ours is None:
        return theirs is None or theirs != theirs
    if isinstance(ours, str):
        return theirs.decode() == ours
    if isinstance(ours, float):
        return math.isclose(theirs, ours, rel_tol=1e-6)
    if hasattr(ours, "year"):
        return str(theirs)[:10] == str(ours)[:10]
    return theirs == ours and isinstance(theirs, bool) == isinstance(ours, bool)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("which", ["pictures", "written"])
def test_mlcroissant_accepts_the_description_and_reads_every_row_as_the_manifest_has_it(which, request):
    carded = request.getfixturevalue(which)
    _, records = read_back(carded)
    assert len(records) == len(carded.rows)
    for record, row in zip(records, carded.rows, strict=True):
        told = {mlcroissant_name(key): value for key, value in record.items()}
        assert set(told) == set(row) - {"nested"}  # a structure has no word in Croissant
        assert {name for name, value in told.items() if not same(value, row[name])} == set()


def mlcroissant_name(key):
    from urllib.parse import unquote

    return unquote(key.partition("/")[2])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_people_filled_in_leaves_no_blank_and_no_warning(written):
    settings = written.ws.settings
    said = {**dict.fromkeys(PEOPLE_SAY, "Said."), "limitations": "Said.", "published": "2026-01-29"}
    said |= {"license": "https://spdx.org/licenses/CC0-1.0.html", "url": "https://example.org/texts", "title": "Texts"}
    assert "To be filled in" in written.text("card.md")
    written.ws.configure(card=said)
    try:
        written.write()
        metadata, _ = read_back(written)
        assert not metadata.ctx.issues.warnings
        assert metadata.name == "Texts"
        assert "To be filled in" not in written.text("card.md") + written.text("card.html")
    finally:
        written.ws._save(settings)
        written.write()


def test_tiles_conform_to_the_geographic_extension_and_texts_do_not(pictures, written):
    made = pictures.json("croissant.json")
    assert made["conformsTo"] == [V_1_1, RAI_1_0, GEO_1_0]
    south, west, north, east = map(float, made["spatialCoverage"]["geo"]["box"].split())
    lon, lat = ([row[name] for row in pictures.rows] for name in ("longitude", "latitude"))
    assert (south, west, north, east) == (min(lat), min(lon), max(lat), max(lon))
    assert made["geocr:coordinateReferenceSystem"] == "EPSG:4326"
    assert "0 to 30" in made["geocr:spatialBias"]
    assert written.json("croissant.json")["conformsTo"] == [V_1_1, RAI_1_0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_splits_are_a_record_set_that_the_rows_refer_to(written):
    _, records = read_back(written)
    theirs = mlcroissant.Dataset(jsonld=written.folder / "croissant.json").records("splits")
    splits = {row["splits/name"]: row["splits/url"] for row in theirs}
    assert splits == {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
    told = written.json("run.json")["splits"]
    found = [record["items/split"].decode() for record in records]
    assert {name: found.count(name) for name in splits} == told
    assert "Items per split" in written.text("card.md")


def test_every_file_of_the_export_is_described_with_its_true_sum(pictures):
    import hashlib

    told = {r["@id"]: r for r in pictures.json("croissant.json")["distribution"]}
    there = {path.name for path in pictures.folder.iterdir() if path.is_file()} - {*WRITES, "SHA256SUMS"}
    assert there <= set(told)
    for name in there:
        assert told[name]["sha256"] == hashlib.sha256((pictures.folder / name).read_bytes()).hexdigest()
    assert told["files/"]["includes"] == "files/**"


def test_the_run_tells_only_what_it_knows(written):
    made = written.json("croissant.json")
    assert "rai:dataAnnotationProtocol" not in made  # nobody reviewed
    assert "license" not in made
    assert made["prov:wasDerivedFrom"]["prov:label"] == "texts.parquet"
    assert any("mail address" in said for said in made["rai:personalSensitiveInformation"])


def test_nothing_from_the_data_becomes_markup(pictures):
    page = Page(pictures.text("card.html"))
    assert {tag for tag, _ in page.tags} & {"script", "iframe", "link", "object", "base", "form"} == set()
    assert all(image["src"].startswith("data:image/webp;base64,") for image in page.all("img"))
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert any(clean(HOSTILE, 60) in text for text in page.texts)
    assert "\u202e" not in pictures.text("card.html") + pictures.text("card.md")
    lines = [line for line in pictures.text("card.md").splitlines() if "onerror" in line]
    assert lines
    assert not any(re.search(r"(?<!\\)[<`\[]|(?<!\\)\]\(", re.sub(r"\(setting `[^`]*`\)", "", line)) for line in lines)


@pytest.mark.parametrize(
    "text", ["# a", "- b", "12. c", "> d", "* e", "a | b", "**f**", "<g>", "[h](i)", "http://j", "`k`"]
)
def test_markdown_shows_a_name_as_it_is(text):
    shown = escaped(text)
    assert shown != text
    assert shown.replace("\\", "") == text


def test_the_page_needs_nothing_else_and_can_be_read_without_seeing(pictures, written):
    for carded in (pictures, written):
        page = Page(carded.text("card.html"))
        assert all(a.get("alt") for a in page.all("img"))
        assert all(a.get("aria-label") or a.get("aria-hidden") for a in page.all("svg"))
        keys = [a["id"] for a in page.all("section")]
        assert [a["href"] for a in page.all("a")] == [f"#{key}" for key in keys]
        assert len(set(keys)) == len(keys)
        assert "default-src 'none'" in page.all("meta")[1]["content"]
        assert "url(" not in carded.text("card.html")


def test_a_protected_group_that_falls_is_warned_about_everywhere(pictures):
    report = next(r for r in pictures.json("bias.json") if r["column"] == "kind")
    assert report["warning"]
    assert pictures.json("bias.json")[0] == report  # protected columns come first
    assert "Warning." in pictures.text("card.md")
    assert 'class="alarm"' in pictures.text("card.html")
    assert any("lowers protected" in said for said in pictures.json("croissant.json")["rai:dataBiases"])


def test_personal_data_stays_out_of_every_card(written):
    assert not any("jane.doe" in written.text(name) for name in WRITES)


def test_the_same_export_gives_the_same_bytes_and_pictures_may_be_gone(pictures):
    first = {name: (pictures.folder / name).read_bytes() for name in WRITES}
    pictures.write()
    assert {name: (pictures.folder / name).read_bytes() for name in WRITES} == first
    assert first["card.html"].count(b"data:image/webp") > 20
    thumbnails = pictures.ws.path / "thumbnails"
    thumbnails.rename(thumbnails.with_name("elsewhere"))
    try:
        pictures.write()
        assert b"data:image" not in (pictures.folder / "card.html").read_bytes()
    finally:
        thumbnails.with_name("elsewhere").rename(thumbnails)
        pictures.write()


def test_items_that_were_dropped_are_never_shown(tmp_path):
    ws = placed_pictures(tmp_path)
    ws.decide_items(range(0, 40, 2), "drop", reviewer="ana@example.org")
    ws.sample(target_size=10)
    carded = Carded(ws, "half")
    captions = {image["alt"] for image in Page(carded.text("card.html")).all("img")}
    assert captions
    assert captions <= {row["path"].removesuffix(".png") for row in carded.rows}
    assert "ana@example.org" in carded.text("card.md").replace("\\", "")
    assert carded.json("croissant.json")["rai:dataAnnotationPlatform"] == ["Curation Studio"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_draw_of_nothing_and_rows_without_columns_have_a_card_too(tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(60, 4)).astype("float32"))
    ws = Workspace.create(tmp_path / "ws", tmp_path / "v.npy")
    ws.embed()
    ws.cluster(n_clusters=(5,))
    for target in (0, 60):
        ws.sample(target)
        carded = Carded(ws, f"of-{target}", formats=("csv",))
        assert not mlcroissant.Dataset(jsonld=carded.folder / "croissant.json").metadata.ctx.issues.errors
        assert "No column of the data makes groups" in carded.text("card.md")
        assert carded.json("bias.json") == []
        assert ws.verify(f"of-{target}").ok


def test_what_probes_learned_stands_in_the_card_and_is_made_again_with_it(tmp_path):
    ws = texts(tmp_path, n=120)
    ws.use(column="topic", n_seeds=3)
    carded = Carded(ws, "used", formats=("parquet",))
    report = ws.reports()["use"]
    assert report["sentence"] in carded.text("card.md").replace("\\", "")
    assert "How well models learn" in carded.text("card.html")
    again = ws.repro("used")
    assert again.ok, again.files
    assert {"card.html", "card.md", "croissant.json", "bias.json"} <= set(again.files)


def test_a_column_that_is_not_there_is_named(written):
    settings = written.ws.settings
    written.ws.configure(bias={"columns": ["colour"]})
    try:
        with pytest.raises(ConfigError, match="no column 'colour'"):
            written.write()
    finally:
        written.ws._save(settings)
