"""Every built-in embedder keeps the contract; names, defaults and plug-ins."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest
from PIL import Image, ImageDraw

from curation_core import embedders
from curation_core.config import EmbedConfig
from curation_core.embedders import AsIs, embed_key, embedder_names, open_embedder
from curation_core.errors import ConfigError, MissingExtra
from curation_core.testing import EmbedderContract

TEXTS = ["the cat sat on the mat", "a kitten sits on a rug", "stock markets fell sharply", "…!?", "日本語のテキスト"]


def pictures():
    found = []
    for colour, size in (("red", (90, 60)), ("green", (20, 80)), ("navy", (256, 256)), ("white", (1, 1))):
        image = Image.new("RGB", size, colour)
        ImageDraw.Draw(image).ellipse((2, 2, size[0] // 2 + 2, size[1] // 2 + 2), fill="orange")
        found.append(image)
    return found


class TestEfficientNetLite0(EmbedderContract):
    def embedder(self):
        return open_embedder("efficientnet-lite0", "image")

    def batch(self):
        return pictures()


class TestColorHog(EmbedderContract):
    def embedder(self):
        return open_embedder("color-hog", "image")

    def batch(self):
        return pictures()


class TestSpectral(EmbedderContract):
    def embedder(self):
        return open_embedder("spectral", "image")

    def batch(self):
        return pictures()


class TestWordLlama(EmbedderContract):
    def embedder(self):
        return open_embedder("wordllama", "text")

    def batch(self):
        return TEXTS


class TestHashingText(EmbedderContract):
    def embedder(self):
        return open_embedder("hashing-text", "text")

    def batch(self):
        return TEXTS


class TestAsIs(EmbedderContract):
    def embedder(self):
        return open_embedder("as-is", "vector")

    def batch(self):
        return list(np.arange(12, dtype=np.float32).reshape(4, 3))


def test_the_default_comes_first_and_auto_is_the_default():
    assert embedder_names("image") == ("efficientnet-lite0", "color-hog", "spectral")
    assert embedder_names("text") == ("wordllama", "hashing-text", "minilm")
    assert open_embedder("auto", "vector").name == "as-is"


def test_without_the_weights_the_embedder_without_weights_is_the_default(monkeypatch):
    monkeypatch.setitem(embedders._NEEDS, "efficientnet-lite0", ("a_package_that_is_not_there",))
    assert embedder_names("image") == ("color-hog", "spectral", "efficientnet-lite0")
    assert open_embedder("auto", "image").name == "color-hog"
    with pytest.raises(MissingExtra, match="needs a_package_that_is_not_there; install them, or choose color-hog"):
        open_embedder("efficientnet-lite0", "image")


def test_a_wrong_name_is_answered_with_the_nearest_and_all():
    with pytest.raises(ConfigError, match=r"did you mean 'color-hog'\? for image items there are efficientnet-lite0"):
        open_embedder("colour-hog", "image")
    with pytest.raises(ConfigError, match="'wordllama' is for text items, these are image"):
        open_embedder("wordllama", "image")


def test_other_packages_bring_embedders_by_entry_point(monkeypatch):
    point = EntryPoint("mine", "curation_core.embedders:AsIs", embedders.GROUP)
    strange = EntryPoint("strange", "a_package_that_is_not_there:X", embedders.GROUP)
    monkeypatch.setattr(AsIs, "__init__", lambda self, modality="vector": None, raising=False)
    monkeypatch.setattr(embedders, "entry_points", lambda group: [strange, point])
    assert embedder_names("vector") == ("as-is", "mine", "strange")
    assert isinstance(open_embedder("mine", "vector"), AsIs)
    with pytest.raises(ConfigError, match="'mine' is for vector items, these are text"):
        open_embedder("mine", "text")
    with pytest.raises(MissingExtra, match="cannot be imported"):
        open_embedder("strange", "vector")


def test_a_plug_in_that_takes_a_device_is_told_it(monkeypatch):
    def factory(modality, device="nowhere"):
        made = AsIs()
        made.device = device
        return made

    monkeypatch.setattr(EntryPoint, "load", lambda self: factory)
    monkeypatch.setattr(embedders, "entry_points", lambda group: [EntryPoint("mine", "a:b", embedders.GROUP)])
    assert open_embedder("mine", "vector", device="cpu").device == "cpu"


def test_the_key_names_the_embedder_and_neither_device_nor_a_path(tmp_path):
    key = embed_key(EmbedConfig(device="cpu"), "image")
    assert key == {"embedder": "efficientnet-lite0", "shard_size": 512, "storage": "float32"}
    assert embed_key(EmbedConfig(device="auto"), "image") == key
    assert embed_key(EmbedConfig(batch_size=4), "image") == {**key, "batch_size": 4}
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    name = embed_key(EmbedConfig(embedder=f"hf:{folder}"), "image")["embedder"]
    assert name.startswith("hf:small@")
    (folder / "config.json").unlink()
    assert embed_key(EmbedConfig(embedder=f"hf:{folder}"), "image", known=["wordllama", name])["embedder"] == name


def test_importing_the_embedders_loads_no_model_library():
    import subprocess
    import sys

    program = (
        "import sys, curation_core.embedders, curation_core.embed, curation_core.search\n"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'PIL', 'huggingface_hub', 'sentence_transformers'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
