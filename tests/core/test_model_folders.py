"""A person's own model: found without a network, named alike on every machine, refused in words."""

import json
import os

import numpy as np
import pytest

from curation_core.errors import ConfigError, MissingExtra
from curation_core.model_folders import absolute_spec, find_model, recorded_name


def model_at(folder, *, weights=None, config=None):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config or {"model_type": "dinov2"}))
    numbers = np.arange(50_000, dtype=np.float32) if weights is None else weights
    (folder / "model.safetensors").write_bytes(numbers.tobytes())
    return folder


def test_the_name_is_the_folders_and_a_hash_and_not_where_it_lies(tmp_path):
    one, other = model_at(tmp_path / "a" / "small"), model_at(tmp_path / "b" / "c" / "small")
    os.utime(other / "model.safetensors", (1, 1))
    name = find_model(f"hf:{one}").name
    assert name == find_model(f"hf:{other}").name
    assert name.startswith("hf:small@")
    assert len(name) == len("hf:small@") + 8
    assert str(tmp_path) not in name


def test_other_weights_and_another_configuration_have_another_name(tmp_path):
    first = find_model(f"hf:{model_at(tmp_path / 'a' / 'm')}").name
    trained = np.arange(50_000, dtype=np.float32) * 1.001
    assert find_model(f"hf:{model_at(tmp_path / 'b' / 'm', weights=trained)}").name != first
    assert find_model(f"hf:{model_at(tmp_path / 'c' / 'm', config={'model_type': 'clip'})}").name != first


def test_weights_replaced_in_place_are_seen(tmp_path):
    folder = model_at(tmp_path / "m")
    first = find_model(f"hf:{folder}").name
    (folder / "model.safetensors").write_bytes(np.ones(50_000, np.float32).tobytes())
    os.utime(folder / "model.safetensors", ns=(1, 1))
    assert find_model(f"hf:{folder}").name != first


def test_a_hub_id_is_looked_up_in_the_local_cache_only(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    store = tmp_path / "models--org--small"
    (store / "refs").mkdir(parents=True)
    (store / "refs" / "main").write_text("a" * 40)
    model_at(store / "snapshots" / ("a" * 40))
    found = find_model("hf:org/small")
    assert found.name.startswith("hf:org/small@")
    assert found.path == store / "snapshots" / ("a" * 40)
    with pytest.raises(MissingExtra) as error:
        find_model("hf:org/large")
    assert "neither a folder here nor in this machine's hub cache" in str(error.value)
    assert "hf download org/large --local-dir large" in str(error.value)
    assert "give hf:/path/to/large" in str(error.value)


def test_what_is_no_model_is_told_what_was_expected(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"empty is no model: expected config\.json, \*\.safetensors and"):
        find_model(f"hf:{tmp_path / 'empty'}")
    (model_at(tmp_path / "bare") / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="bare has no weights"):
        find_model(f"hf:{tmp_path / 'bare'}")
    with pytest.raises(ConfigError, match="names no folder on this machine"):
        find_model(f"hf:{tmp_path / 'absent'}")
    with pytest.raises(ConfigError, match="names no folder on this machine"):
        find_model("hf:")
    (model_at(tmp_path / "torn") / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json of hf:torn@\w+ cannot be read"):
        find_model(f"hf:{tmp_path / 'torn'}").read_json("config.json")


def test_where_the_model_is_not_its_newest_known_name_stands(tmp_path):
    spec = f"hf:{tmp_path / 'gone' / 'small'}"
    assert recorded_name(spec, ["minilm", "hf:small@22222222", "hf:small@11111111"]) == "hf:small@22222222"
    assert recorded_name(spec, ["hf:smaller@22222222"]) == spec
    model_at(tmp_path / "gone" / "small")
    assert recorded_name(spec, ["hf:small@22222222"]) == find_model(spec).name != "hf:small@22222222"


def test_a_folder_named_from_here_is_saved_so_that_other_processes_find_it(tmp_path, monkeypatch):
    model_at(tmp_path / "m")
    monkeypatch.chdir(tmp_path)
    assert absolute_spec("hf:m") == f"hf:{tmp_path / 'm'}"
    assert absolute_spec("st:./m") == f"st:{tmp_path / 'm'}"
    assert absolute_spec("hf:org/name") == "hf:org/name"
    assert absolute_spec("wordllama") == "wordllama"
    assert absolute_spec("hf:") == "hf:"
