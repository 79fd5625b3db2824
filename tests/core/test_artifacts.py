import errno
import json
import threading

import numpy as np
import pytest

from curation_core import artifacts
from curation_core.artifacts import ArtifactStore, artefact_key, read_array, write_array, write_bytes
from curation_core.errors import ConfigError, CurationError, StaleArtifact, StepMissing


def test_the_key_depends_on_step_version_config_and_inputs_only():
    key = artefact_key("embed", 1, {"a": 1, "b": 2}, {"ingest": "x"})
    assert key == artefact_key("embed", 1, {"b": 2, "a": 1}, {"ingest": "x"})
    others = [
        ("embed", 2, {"a": 1, "b": 2}, {"ingest": "x"}),
        ("embed", 1, {"a": 1, "b": 3}, {"ingest": "x"}),
        ("embed", 1, {"a": 1, "b": 2}, {"ingest": "y"}),
    ]
    assert len(key) == 16
    assert all(artefact_key(*other) != key for other in others)


def test_an_artefact_exists_only_after_its_block_ended_well(tmp_path):
    store = ArtifactStore(tmp_path)

    def killed():
        with store.writing("embed", "k1", {}) as folder:
            (folder / "half.txt").write_text("half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        killed()
    assert not store.has("embed", "k1")
    with pytest.raises(StepMissing, match="run embed"):
        store.folder("embed", "k1")
    with store.writing("embed", "k1", {"n": 3}) as folder:
        assert (folder / "half.txt").read_text() == "half"  # the next run goes on where the first was stopped
    assert store.meta("embed", "k1")["n"] == 3
    assert [meta["key"] for meta in store.all_meta("embed")] == ["k1"]


def test_two_writers_of_one_artefact_do_not_mix(tmp_path):
    store, raised = ArtifactStore(tmp_path), []

    def second():
        try:
            with store.writing("embed", "k1", {}):
                pass
        except ConfigError as error:
            raised.append(str(error))

    with store.writing("embed", "k1", {}):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "another process" in raised[0]


def test_an_artefact_of_a_newer_version_is_refused(tmp_path):
    store = ArtifactStore(tmp_path)
    with store.writing("embed", "k1", {}):
        pass
    path = tmp_path / "embed" / "k1" / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(StaleArtifact, match="newer version"):
        store.meta("embed", "k1")


def test_a_file_is_whole_or_absent(tmp_path, monkeypatch):
    path = tmp_path / "x.bin"
    write_bytes(path, b"first")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifacts.os, "fsync", full)
    with pytest.raises(CurationError, match=r"disk is full.*free some space"):
        write_bytes(path, b"second")
    with pytest.raises(CurationError, match="disk is full"):
        write_array(tmp_path / "a.npy", np.zeros(3))
    assert path.read_bytes() == b"first"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["x.bin"]


def test_a_torn_array_is_named(tmp_path):
    path = tmp_path / "a.npy"
    write_array(path, np.arange(1000))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StaleArtifact, match=r"a\.npy cannot be read"):
        read_array(path)


def test_an_array_comes_back_as_a_read_only_map(tmp_path):
    write_array(tmp_path / "deep" / "a.npy", np.arange(5))
    found = read_array(tmp_path / "deep" / "a.npy")
    assert isinstance(found, np.memmap)
    assert found.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_removing_leaves_nothing(tmp_path):
    store = ArtifactStore(tmp_path)
    with store.writing("embed", "k1", {}):
        pass
    store.remove("embed", "k1")
    assert not store.has("embed", "k1")
    assert store.all_meta("embed") == []
