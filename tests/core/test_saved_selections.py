"""Selections kept by name: whole or not at all, one writer at a time, and refused where they would mean other items."""

import json
import multiprocessing

import pytest

from curation_core.errors import ConfigError, StaleArtifact
from curation_core.saved_selections import SavedSelections, refusal
from curation_core.selection import Area, Filter, Selection

CLUSTER = Selection("cluster", 2, 5)
OUTLINE = Selection("area", areas=(Area(((0, 0), (1, 0), (1, 1))),))
WORDS = Selection("nearest", text="boats", n=50)
FILTERS = (Filter("one_of", "shape", values=("cat",)), Filter("where", text="width > 3"))


def store(folder):
    return SavedSelections(folder)


def save(folder, name, selection=WORDS, filters=(), **keys):
    return store(folder).save(name, selection, filters, **{"tree": "T", "map": "M", "count": 7, **keys})


def names(folder):
    return [one.name for one in store(folder).all()]


def test_what_is_saved_is_there_for_whoever_looks_next(tmp_path):
    made = save(tmp_path, "  cats\tand boats ", OUTLINE, FILTERS)
    assert store(tmp_path).all() == [made]
    assert (made.name, made.selection, made.filters) == ("cats and boats", OUTLINE, FILTERS)
    assert (made.tree, made.map, made.count) == ("T", "M", 7)
    assert made.time.endswith("+00:00")
    assert store(tmp_path).get("cats and boats") == made


def test_nothing_saved_is_an_empty_list_and_writes_no_file(tmp_path):
    assert store(tmp_path).all() == []
    assert store(tmp_path).removed() == ""
    assert list(tmp_path.iterdir()) == []


def test_the_newest_comes_first(tmp_path):
    for name in ("one", "two", "three"):
        save(tmp_path, name)
    assert names(tmp_path) == ["three", "two", "one"]


def test_a_name_stands_for_one_selection(tmp_path):
    save(tmp_path, "one")
    save(tmp_path, "two")
    with pytest.raises(ConfigError, match="there is a selection 'one' already"):
        save(tmp_path, "one ")
    with pytest.raises(ConfigError, match="already"):
        store(tmp_path).rename("two", "one")
    store(tmp_path).rename("two", "two")
    store(tmp_path).rename("two", "2")
    assert names(tmp_path) == ["2", "one"]


@pytest.mark.parametrize("name", ["", "  ", "a" * 81, "a\u202eb", "half\ud800"])
def test_a_name_has_a_few_printable_characters(tmp_path, name):
    with pytest.raises(ConfigError, match="1 to 80 printable characters"):
        save(tmp_path, name)


def test_what_is_gone_is_said(tmp_path):
    for act in (store(tmp_path).get, store(tmp_path).remove, lambda name: store(tmp_path).rename(name, "b")):
        with pytest.raises(ConfigError, match="no selection 'a' any more"):
            act("a")


def test_nothing_cannot_be_saved_and_neither_can_more_than_a_file_should_hold(tmp_path):
    with pytest.raises(ConfigError, match="nothing to save"):
        save(tmp_path, "nothing", Selection())
    with pytest.raises(ConfigError, match="more values than can be kept"):
        save(tmp_path, "all", WORDS, [Filter("one_of", "a", values=tuple(map(str, range(2_000))))])
    assert names(tmp_path) == []


def test_what_was_removed_comes_back_in_its_place(tmp_path):
    for name in ("one", "two"):
        save(tmp_path, name)
    store(tmp_path).remove("one")
    store(tmp_path).remove("two")
    assert names(tmp_path) == []
    assert store(tmp_path).removed() == "two"
    assert store(tmp_path).restore().name == "two"
    assert store(tmp_path).restore().name == "one"
    assert sorted(names(tmp_path)) == ["one", "two"]
    assert store(tmp_path).restore() is None


def test_what_comes_back_where_its_name_is_taken_gets_another(tmp_path):
    save(tmp_path, "one")
    store(tmp_path).remove("one")
    save(tmp_path, "one", CLUSTER)
    assert store(tmp_path).restore().name == "one (2)"
    assert store(tmp_path).get("one").selection == CLUSTER


@pytest.mark.parametrize(
    ("selection", "filters", "reason"),
    [
        (CLUSTER, (), "clusters of another tree"),
        (OUTLINE, (), "another map"),
        (WORDS, (), ""),
        (Selection("items", items=("a",)), FILTERS, ""),
        (WORDS, (Filter("one_of", "level 2", values=("5",)),), "clusters of another tree"),
        (WORDS, (Filter("where", text="width > 1 or `level 1` = '5'"),), "clusters of another tree"),
    ],
)
def test_what_hangs_on_tree_or_map_is_refused_on_another_with_the_reason(tmp_path, selection, filters, reason):
    saved = save(tmp_path, "one", selection, filters)
    assert refusal(saved, tree="T", map="M") == ""
    said = refusal(saved, tree="other", map="other")
    assert reason in said
    assert bool(said) == bool(reason)


def test_an_outline_needs_a_map_and_a_tree_may_change_under_it(tmp_path):
    saved = save(tmp_path, "one", OUTLINE)
    assert refusal(saved, tree="other", map="M") == ""
    assert "make one first" in refusal(saved, tree="T", map="")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        '{"format": 1}',
        '{"format": 1, "saved": [{}], "removed": []}',
        '{"format": "a", "saved": [], "removed": []}',
        "[" * 100_000,
        "\\xff",
    ],
)
def test_a_damaged_file_is_a_sentence_and_is_never_written_over(tmp_path, content):
    path = tmp_path / "selections.json"
    path.write_bytes(content.encode().decode("unicode_escape").encode("latin-1"))
    before = path.read_bytes()
    with pytest.raises(StaleArtifact, match=r"selections.json cannot be read .*move it away"):
        store(tmp_path).all()
    with pytest.raises(StaleArtifact):
        save(tmp_path, "one")
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version_is_left_alone(tmp_path):
    (tmp_path / "selections.json").write_text(json.dumps({"format": 2, "saved": [], "removed": []}))
    with pytest.raises(StaleArtifact, match="format 2, here 1; update"):
        save(tmp_path, "one")


def _save_many(folder, who, together):
    together.wait(60)
    for number in range(25):
        save(folder, f"{who} {number}")


def test_two_writers_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    writers = [context.Process(target=_save_many, args=(tmp_path, who, together)) for who in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(names(tmp_path)) == 50
