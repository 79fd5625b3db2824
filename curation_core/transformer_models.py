"""Loading a person's own transformer: from its folder only, no code of its own, no weight left to chance."""

import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from curation_core.errors import ConfigError, MissingExtra
from curation_core.model_folders import ModelFolder


def load_model(folder: ModelFolder, device: str) -> Any:
    """The model in float32 on a device, ready for inference.

    Raises MissingExtra without transformers; ConfigError when the folder asks for code of its own, is of a kind that
    transformers does not know, is torn, or lacks weights (which would be drawn at random).
    """
    try:
        import torch
        from transformers import AutoModel
    except ImportError as error:
        raise MissingExtra(f"{folder.name} needs transformers ({error}); install curation-studio[models]") from None
    with quiet():
        try:
            model, report = AutoModel.from_pretrained(
                folder.path,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True if folder.has_safetensors else None,  # else .bin, read with weights_only
                dtype=torch.float32,
                output_loading_info=True,
            )
        except Exception as error:  # transformers raises many kinds for what is not a whole model of a known kind
            raise ConfigError(_reason(folder, error)) from None
    lacking = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    wrong = [str(item[0] if isinstance(item, tuple) else item) for item in report["mismatched_keys"]]
    if lacking or wrong:
        raise ConfigError(
            f"{folder.name} lacks {len(lacking) + len(wrong)} of its weights ({(lacking + wrong)[0]}); copy the whole "
            "model"
        )
    return model.eval().to(device)


def load_tokenizer(folder: ModelFolder) -> Any:
    """The tokenizer of a model; raises ConfigError when the folder has none that works."""
    advice = "copy tokenizer.json and tokenizer_config.json into its folder"
    if not folder.has_tokenizer:  # transformers would make up an empty one
        raise ConfigError(f"{folder.name} has no tokenizer, so it cannot read texts; {advice}")
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtra(f"{folder.name} needs transformers ({error}); install curation-studio[models]") from None
    with quiet():
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # as above
            raise ConfigError(
                f"the tokenizer of {folder.name} cannot be read ({_first_line(error)}); {advice}"
            ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from drawing bars and from talking below errors; its settings are put back."""
    theirs: Any = importlib.import_module("transformers.utils.logging")  # its switches have no types

    level, bars = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    theirs.set_verbosity(logging.ERROR)
    theirs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="(transformers|huggingface_hub)")
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="(transformers|huggingface_hub)")
            yield
    finally:
        theirs.set_verbosity(level)
        if bars:
            theirs.enable_progress_bar()


def _reason(folder: ModelFolder, error: Exception) -> str:
    if "trust_remote_code" in str(error):
        return f"{folder.name} brings code of its own, which is never run; choose a model that transformers knows"
    return f"{folder.name} cannot be loaded ({_first_line(error)}); expected a model that transformers.AutoModel opens"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
