"""Vision models from a folder: each family keeps the contract, and is what transformers itself would give."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from curation_core.embedders import open_embedder
from curation_core.errors import ConfigError
from curation_core.testing import EmbedderContract

pytest.importorskip("transformers")
from tests.tiny_models import WRITERS, write_convolutional

FAMILIES = ("dinov2", "dinov3", "vit", "clip", "siglip", "siglip2")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for family in FAMILIES:
        WRITERS[family](root / family)
    return root


def pictures():
    found = []
    for colour, size in (("red", (90, 60)), ("green", (20, 80)), ("navy", (256, 256)), ("white", (1, 1))):
        image = Image.new("RGB", size, colour)
        ImageDraw.Draw(image).ellipse((2, 2, size[0] // 2 + 2, size[1] // 2 + 2), fill="orange")
        found.append(image)
    return found


class TestContract(EmbedderContract):
    @pytest.fixture(autouse=True, params=FAMILIES)
    def _family(self, request, folders):
        self.spec = f"hf:{folders / request.param}"

    def embedder(self):
        return open_embedder(self.spec, "image", device="cpu")

    def batch(self):
        return pictures()


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_those_that_transformers_gives_for_the_same_pixels(folders, family):
    import torch
    from transformers import AutoImageProcessor, AutoModel

    embedder = open_embedder(f"hf:{folders / family}", "image")
    model = AutoModel.from_pretrained(folders / family, local_files_only=True).eval()
    if family == "dinov3":  # its processor needs torchvision
        small = [np.asarray(image.resize((64, 64), 2)) / 255.0 for image in pictures()]
        arrays = (np.stack(small) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        inputs = {"pixel_values": torch.tensor(arrays.transpose(0, 3, 1, 2), dtype=torch.float32)}
    else:
        inputs = AutoImageProcessor.from_pretrained(folders / family)(images=pictures(), return_tensors="pt")
    with torch.no_grad():
        if hasattr(model, "get_image_features"):
            expected = model.get_image_features(**inputs).pooler_output
        else:
            output = model(**inputs)
            expected = output.last_hidden_state[:, 0] if family == "vit" else output.pooler_output
    assert np.allclose(embedder(pictures()), expected.numpy(), atol=2e-6)
    assert embedder.dim == expected.shape[1]
    assert embedder.device == "cpu"


@pytest.mark.parametrize("kind", ["ConvNext", "ResNet", "DINOv3ConvNext", "Swin"])
def test_models_without_a_class_token_give_their_pooled_output(kind, tmp_path):
    import torch
    from transformers import AutoImageProcessor, AutoModel

    write_convolutional(tmp_path / kind, kind)
    embedder = open_embedder(f"hf:{tmp_path / kind}", "image")
    inputs = AutoImageProcessor.from_pretrained(tmp_path / kind)(images=pictures(), return_tensors="pt")
    with torch.no_grad():
        expected = AutoModel.from_pretrained(tmp_path / kind).eval()(**inputs).pooler_output.flatten(1).numpy()
    assert expected.shape == (4, 16)
    assert np.allclose(embedder(pictures()), expected, atol=2e-6)


def test_a_pickle_among_the_weights_is_never_run(folders, tmp_path):
    import torch

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    folder = copied(folders, tmp_path, "dinov2", without=("model.safetensors",))
    torch.save({"embeddings.cls_token": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        open_embedder(f"hf:{folder}", "image")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("family", "side"), [("dinov2", 128), ("dinov3", 64), ("vit", 32), ("clip", 64), ("siglip", 32), ("siglip2", 128)]
)
def test_a_model_says_how_large_pictures_should_come(folders, family, side):
    assert open_embedder(f"hf:{folders / family}", "image").image_side == side


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_texts_come_into_the_space_of_the_pictures(folders, family):
    embedder = open_embedder(f"hf:{folders / family}", "image")
    found = embedder.embed_text(["a photo of the red cat", "the blue sea", "A PHOTO OF THE RED CAT"])
    assert found.shape == (3, embedder.dim)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert not np.allclose(found[0], found[1])
    assert np.allclose(found[0], found[2], atol=1e-6)
    long = embedder.embed_text(["sea " * 500])
    assert np.isfinite(long).all()


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_the_text_side_is_that_of_transformers(folders, family):
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folders / family).eval()
    tokenizer = AutoTokenizer.from_pretrained(folders / family)
    texts = ["a red cat", "the blue sea of a dog"]
    padding = "max_length" if family == "siglip" else True
    tokens = tokenizer(texts, padding=padding, truncation=True, max_length=16, return_tensors="pt")
    with torch.no_grad():
        mask = {} if family == "siglip" else {"attention_mask": tokens["attention_mask"]}
        expected = model.get_text_features(input_ids=tokens["input_ids"], **mask).pooler_output.numpy()
    assert np.allclose(open_embedder(f"hf:{folders / family}", "image").embed_text(texts), expected, atol=2e-6)


def test_a_model_of_pictures_alone_says_that_it_knows_no_texts(folders):
    with pytest.raises(ConfigError, match="knows pictures only; for text search choose a CLIP or SigLIP model"):
        open_embedder(f"hf:{folders / 'dinov2'}", "image").embed_text(["sea"])


def copied(folders, tmp_path, family, without=()):
    shutil.copytree(folders / family, tmp_path / family)
    for file in without:
        (tmp_path / family / file).unlink()
    return tmp_path / family


def test_without_a_tokenizer_pictures_are_embedded_and_texts_are_not(folders, tmp_path):
    folder = copied(folders, tmp_path, "clip", without=("tokenizer.json", "tokenizer_config.json"))
    embedder = open_embedder(f"hf:{folder}", "image")
    assert embedder(pictures()).shape == (4, 24)
    assert not embedder.has_text
    with pytest.raises(ConfigError, match="has no tokenizer, so it cannot read texts"):
        embedder.embed_text(["sea"])


def test_settings_of_pictures_may_stand_in_the_processors_file(folders, tmp_path):
    folder = copied(folders, tmp_path, "clip")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").rename(folder / "gone")
    with pytest.raises(ConfigError, match=r"no preprocessor_config\.json, which says how pictures are scaled"):
        open_embedder(f"hf:{folder}", "image")
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": settings}))
    again = open_embedder(f"hf:{folder}", "image")(pictures())
    assert again.tobytes() == open_embedder(f"hf:{folders / 'clip'}", "image")(pictures()).tobytes()


def test_weights_that_are_missing_are_never_drawn_at_random(folders, tmp_path):
    from safetensors.numpy import load_file, save_file

    folder = copied(folders, tmp_path, "dinov2")
    weights = load_file(folder / "model.safetensors")
    dropped = next(name for name in sorted(weights) if "attention" in name)
    save_file({name: value for name, value in weights.items() if name != dropped}, folder / "model.safetensors")
    with pytest.raises(ConfigError, match=r"lacks 1 of its weights .*attention.*copy the whole model"):
        open_embedder(f"hf:{folder}", "image")


def test_torn_weights_and_unknown_kinds_are_a_sentence(folders, tmp_path):
    folder = copied(folders, tmp_path, "dinov2")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match="cannot be loaded"):
        open_embedder(f"hf:{folder}", "image")
    (folder / "model.safetensors").write_bytes(whole)
    (folder / "config.json").write_text('{"model_type": "nothing-of-the-kind"}')
    with pytest.raises(ConfigError, match=r"cannot be loaded .*expected a model that transformers\.AutoModel opens"):
        open_embedder(f"hf:{folder}", "image")


def test_code_that_a_model_brings_is_never_run(folders, tmp_path):
    folder = copied(folders, tmp_path, "dinov2")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(ConfigError, match="brings code of its own, which is never run"):
        open_embedder(f"hf:{folder}", "image")
    assert not (tmp_path / "ran").exists()


def test_nothing_needs_torchvision_or_a_network(folders):
    program = (
        "import sys, socket\n"
        "def refuse(*_, **__): raise RuntimeError('no network here')\n"
        "socket.socket.connect = refuse\n"
        "sys.modules['torchvision'] = None\n"
        "from PIL import Image\n"
        "from curation_core.embedders import open_embedder\n"
        f"print(open_embedder('hf:{folders / 'dinov3'}', 'image')([Image.new('RGB', (9, 9))]).shape)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert run.stdout.strip() == "(1, 32)", run.stderr
    assert run.stderr == ""
