"""Lists of picked items that links name: the same items are one file, old ones go, and what people saved stays."""

import os
import threading

import pyarrow as pa
import pytest

from curation_core import picked_items
from curation_core.errors import ConfigError
from curation_core.picked_items import PickedItems
from curation_core.saved_selections import SavedSelections
from curation_core.selection import Selection

IDS = [f"{number:016x}" for number in range(1_000)]


@pytest.fixture
def lists(tmp_path) -> PickedItems:
    return PickedItems(tmp_path)


def files(folder):
    return sorted(path.stem for path in (folder / "selections").glob("*.parquet"))


def test_what_is_kept_comes_back_in_its_order_also_after_a_restart(lists, tmp_path):
    name = lists.keep(IDS[::-1])
    assert PickedItems(tmp_path).ids(name).to_pylist() == IDS[::-1]
    assert name.startswith("1000-")


def test_the_same_items_are_one_file_however_they_are_held(lists, tmp_path):
    table = pa.chunked_array([pa.array(["x", *IDS[:400]]), pa.array(IDS[400:])])
    names = {lists.keep(IDS), lists.keep(pa.array(IDS, pa.large_string())), lists.keep(table.slice(1))}
    assert files(tmp_path) == sorted(names)
    assert len(names) == 1


def test_other_items_or_another_order_are_another_file(lists, tmp_path):
    for ids in (IDS, IDS[:-1], IDS[::-1], ["ab", "c"], ["a", "bc"]):
        lists.keep(ids)
    assert len(files(tmp_path)) == 5


def test_ids_of_any_letters_are_kept(lists):
    ids = ["a b", "ü/😀", "x" * 500, "'", "\n"]
    assert lists.ids(lists.keep(ids)).to_pylist() == ids


def test_only_the_newest_stay_and_one_that_is_read_is_new_again(lists, tmp_path, monkeypatch):
    monkeypatch.setattr(picked_items, "MOST_KEPT", 3)
    names = []
    for number in range(3):
        names.append(lists.keep(IDS[: number + 1]))
        os.utime(tmp_path / "selections" / f"{names[-1]}.parquet", (number, number))
    lists.ids(names[0])
    names.append(lists.keep(IDS))
    assert files(tmp_path) == sorted([names[0], names[2], names[3]])
    with pytest.raises(ConfigError, match="not kept here any more; pick them again"):
        lists.ids(names[1])


def test_a_list_that_a_saved_selection_names_is_never_removed(lists, tmp_path, monkeypatch):
    monkeypatch.setattr(picked_items, "MOST_KEPT", 1)
    kept, saved = lists.keep(IDS), SavedSelections(tmp_path)
    saved.save("mine", Selection("items", kept=kept), tree="t", count=1_000)
    saved.save("like mine", Selection("nearest", kept=lists.keep(IDS[:5])), tree="t", count=100)
    os.utime(tmp_path / "selections" / f"{kept}.parquet", (0, 0))
    for number in range(10, 15):
        lists.keep(IDS[:number])
    assert saved.get("mine").selection.kept == kept
    assert lists.ids(kept).to_pylist() == IDS
    saved.remove("mine")
    lists.keep(IDS[:20])
    assert lists.ids(saved.restore().selection.kept).to_pylist() == IDS


@pytest.mark.parametrize("name", ["", "../selections/x", "1000-" + "0" * 32, "x" * 5_000, "1-" + "é" * 32])
def test_a_name_of_nothing_is_refused_in_one_sentence(lists, name):
    with pytest.raises(ConfigError, match="not kept here any more"):
        lists.ids(name)


def test_a_damaged_or_foreign_file_is_refused_in_the_same_sentence(lists, tmp_path):
    name, other = lists.keep(IDS), lists.keep(IDS[:3])
    path = tmp_path / "selections" / f"{name}.parquet"
    path.write_bytes((tmp_path / "selections" / f"{other}.parquet").read_bytes())
    with pytest.raises(ConfigError, match="pick them again"):
        lists.ids(name)
    path.write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match="pick them again"):
        lists.ids(name)


def test_nothing_is_no_list(lists):
    with pytest.raises(ConfigError, match="pick at least one"):
        lists.keep([])


def test_readers_are_not_hurt_while_others_keep_and_remove(lists, monkeypatch):
    monkeypatch.setattr(picked_items, "MOST_KEPT", 2)
    name, problems, read = lists.keep(IDS), [], []

    def reader():
        for _ in range(60):
            try:
                read.append(len(lists.ids(name)))
            except ConfigError:
                lists.keep(IDS)  # gone between two reads: said, and kept again
            except Exception as error:
                problems.append(error)

    threads = [threading.Thread(target=reader) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 40):
        lists.keep(IDS[:number])
    for thread in threads:
        thread.join()
    assert not problems
    assert read
    assert set(read) == {1_000}
