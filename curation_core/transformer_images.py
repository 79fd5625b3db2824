"""Images by a person's own vision model: DINOv2, DINOv3, ViT and the like, or CLIP and SigLIP with their text side."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core.config import Device
from curation_core.devices import choose_device, inference
from curation_core.errors import ConfigError
from curation_core.image_inputs import image_inputs
from curation_core.model_folders import ModelFolder
from curation_core.transformer_models import load_model, load_tokenizer, quiet

if TYPE_CHECKING:
    from PIL.Image import Image

_POOLED = ("dinov2", "dinov3", "swin")  # class token or mean, normalised; other poolers are trained for something else
_ROOM = 2  # long pictures keep their detail up to an aspect ratio of 2 to 1
_CPU_BATCH = 8  # measured: larger batches are slower on a CPU


class TransformerImages:
    """One vector per picture; with embed_text where the model was trained on pictures and texts together."""

    modality = "image"

    def __init__(self, folder: ModelFolder, device: Device = "auto") -> None:
        from PIL import Image

        self.name, self._folder = folder.name, folder
        self.device = choose_device(device)
        self._model = load_model(folder, self.device)
        self._kind = str(self._model.config.model_type)
        self._inputs, self.image_side = (
            _patches(folder) if self._kind == "siglip2" else _pixels(folder, self._kind)
        )  # image_side: longer side in pixels that pictures should come with
        self._tokenizer: Any = None
        if self.device == "cpu":
            self.preferred_batch = _CPU_BATCH
        self.dim = 0  # until a first item has been tried
        self.dim = int(self([Image.new("RGB", (32, 32))]).shape[1])

    def __call__(self, batch: Sequence["Image"]) -> np.ndarray:
        """RGB images to (len(batch), dim) float32, not normalised."""
        if not len(batch):
            return np.empty((0, self.dim), dtype=np.float32)
        inputs = {name: value.to(self.device) for name, value in self._inputs(batch).items()}
        with inference(self.device):
            if hasattr(self._model, "get_image_features"):
                found = _tensor(self._model.get_image_features(**inputs))
            else:
                found = self._pooled(self._model(**inputs))
            vectors: np.ndarray = found.float().cpu().numpy()
        return vectors

    def _pooled(self, output: Any) -> Any:
        if self._kind.startswith(_POOLED) or output.last_hidden_state.ndim == 4:  # (b, c, h, w): a convolutional model
            return output.pooler_output.flatten(1)
        return output.last_hidden_state[:, 0]

    @property
    def has_text(self) -> bool:
        """Whether embed_text works: a model of both, with its tokenizer."""
        return hasattr(self._model, "get_text_features") and self._folder.has_tokenizer

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Texts into the space of the pictures: (len(texts), dim) float32; raises ConfigError where it cannot."""
        if not hasattr(self._model, "get_text_features"):
            raise ConfigError(f"{self.name} knows pictures only; for text search choose a CLIP or SigLIP model")
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(self._folder)
        return joint_text_vectors(self._model, self._tokenizer, texts, self.device)


def joint_text_vectors(model: Any, tokenizer: Any, texts: Sequence[str], device: str) -> np.ndarray:
    """Texts through the text side of CLIP, SigLIP and the like: (len(texts), dim) float32.

    SigLIP was trained on texts in lower case, padded to the full length and without a mask.
    """
    siglip = str(model.config.model_type).startswith("siglip")
    length = int(model.config.text_config.max_position_embeddings)
    texts = [text.lower() for text in texts] if siglip else list(texts)
    padding = "max_length" if siglip else True
    with quiet():
        tokens = tokenizer(texts, padding=padding, truncation=True, max_length=length, return_tensors="pt")
    names = ("input_ids",) if siglip else ("input_ids", "attention_mask")
    with inference(device):
        found = _tensor(model.get_text_features(**{name: tokens[name].to(device) for name in names}))
        vectors: np.ndarray = found.float().cpu().numpy()
    return vectors


def _tensor(output: Any) -> Any:
    """Features were a tensor before transformers 5 and are an object that holds one since."""
    return getattr(output, "pooler_output", output)


def _pixels(folder: ModelFolder, kind: str) -> tuple[Any, int]:
    import torch

    both = folder.read_json("processor_config.json").get("image_processor")
    settings = folder.read_json("preprocessor_config.json") or both
    if not settings:
        raise ConfigError(
            f"{folder.name} has no preprocessor_config.json, which says how pictures are scaled; copy it into its "
            "folder"
        )
    prepare = image_inputs(settings, kind)
    return lambda images: {"pixel_values": torch.from_numpy(prepare(images))}, prepare.longest_side


def _patches(folder: ModelFolder) -> tuple[Any, int]:
    """SigLIP2 of any aspect ratio: the library cuts patches with Pillow and numpy, and masks what is not filled."""
    with quiet():
        import transformers

        loader: Any = transformers.AutoImageProcessor  # without types
        try:
            processor = loader.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # as for models
            raise ConfigError(
                f"{folder.name} has no preprocessor_config.json that can be read ({str(error)[:120]}); copy it into "
                "the folder"
            ) from None
    side = _ROOM * processor.patch_size * math.isqrt(processor.max_num_patches)
    return lambda images: dict(processor(images=list(images), return_tensors="pt")), side
