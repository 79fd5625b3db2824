"""Where a model runs, in which numbers, and what it looks like when memory runs out."""

import contextlib
import sys
from collections.abc import Iterator

from curation_core.config import Device
from curation_core.errors import ConfigError

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "failed to allocate")


def choose_device(wanted: Device) -> str:
    """The device that is meant, "cuda", "mps" or "cpu": for auto a GPU where torch sees one.

    Raises ConfigError when a GPU is asked for that torch does not see.
    """
    import torch

    seen = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(device for device, there in seen.items() if there)
    if not seen[wanted]:
        there = " and ".join(device for device, is_there in seen.items() if is_there)
        raise ConfigError(f"device is {wanted!r}, but torch {torch.__version__} sees {there} only; choose auto or cpu")
    return wanted


@contextlib.contextmanager
def inference(device: str) -> Iterator[None]:
    """No gradients; on a GPU half precision (bfloat16 where it has it), on a CPU float32."""
    import torch

    with torch.inference_mode():
        if device == "cpu":
            yield
        else:
            brain = device == "cuda" and torch.cuda.is_bf16_supported()
            with torch.autocast(device, dtype=torch.bfloat16 if brain else torch.float16):
                yield


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: Python's own, torch's for GPU and CPU, onnxruntime's."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    from_a_runtime = isinstance(error, RuntimeError) or type(error).__module__.startswith("onnxruntime")
    return from_a_runtime and any(words in str(error).lower() for words in _NO_MEMORY)


def release_memory() -> None:
    """Give a GPU's cached blocks back, where torch is loaded at all."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
