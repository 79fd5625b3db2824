"""Files that are kept while they are used: by number, by bytes, by use, and never under the hands of a reader."""

import os

import numpy as np
import pytest

from curation_core.artifacts import read_array, write_array
from curation_core.kept_files import is_used, prune


@pytest.fixture
def folder(tmp_path):
    """Six vectors of 528 bytes below two keys; the first was used longest ago."""
    for number in range(6):
        path = tmp_path / f"key{number % 2}" / f"{number}.npy"
        write_array(path, np.full(100, number, np.float32))
        os.utime(path, (number, number))
    return tmp_path


def names(folder):
    return sorted(path.stem for path in folder.glob("*/*.npy"))


def test_few_and_small_files_all_stay(folder):
    assert prune(folder, "*/*.npy", most=6, most_bytes=10_000) == 0
    assert len(names(folder)) == 6


def test_those_used_longest_ago_go_first_whatever_folder_they_lie_in(folder):
    assert is_used(folder / "key0" / "0.npy")
    assert prune(folder, "*/*.npy", most=3, most_bytes=10_000) == 3
    assert names(folder) == ["0", "4", "5"]


def test_bytes_are_bounded_too_and_the_last_one_stays_however_large(folder):
    assert prune(folder, "*/*.npy", most=6, most_bytes=1_200) == 4
    assert names(folder) == ["4", "5"]
    assert prune(folder, "*/*.npy", most=6, most_bytes=1) == 1
    assert names(folder) == ["5"]


def test_what_is_spared_stays_and_does_not_count(folder):
    prune(folder, "*/*.npy", most=2, most_bytes=10_000, spared={"0", "1"})
    assert names(folder) == ["0", "1", "4", "5"]


def test_what_is_being_written_and_other_files_are_left_alone(folder):
    for name in (".6.npy.17.tmp", "note.txt"):
        (folder / "key0" / name).write_text("x")
        os.utime(folder / "key0" / name, (0, 0))
    prune(folder, "*/*.npy", most=1, most_bytes=1)
    assert {".6.npy.17.tmp", "note.txt"} <= {path.name for path in (folder / "key0").iterdir()}


def test_a_reader_keeps_what_it_reads_when_the_file_goes(folder):
    mapped = read_array(folder / "key0" / "0.npy")
    prune(folder, "*/*.npy", most=1, most_bytes=1)
    assert names(folder) == ["5"]
    np.testing.assert_array_equal(mapped, np.zeros(100, np.float32))


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert prune(tmp_path / "gone", "*.npy", most=1, most_bytes=1) == 0
    assert not is_used(tmp_path / "gone" / "x.npy")
