"""Where models run, and how it is told that memory ran out."""

import pytest

from curation_core.devices import choose_device, inference, is_out_of_memory
from curation_core.errors import ConfigError

torch = pytest.importorskip("torch")


def test_auto_takes_a_gpu_where_torch_sees_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    with pytest.raises(ConfigError, match=r"device is 'cuda', but torch .* sees cpu only; choose auto or cpu"):
        choose_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cuda"
    assert choose_device("cpu") == "cpu"


def test_on_a_cpu_numbers_keep_full_precision_and_no_gradient_is_kept():
    layer = torch.nn.Linear(4, 4)
    with inference("cpu"):
        found = layer(torch.ones(1, 4))
    assert found.dtype == torch.float32
    assert not found.requires_grad


def test_every_kind_of_no_memory_is_known_and_nothing_else():
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory"))
    fail = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state").RuntimeException
    assert is_out_of_memory(fail("BFCArena: Failed to allocate memory for requested buffer of size 9"))
    assert not is_out_of_memory(fail("invalid dimensions"))
    with pytest.raises(RuntimeError) as real:
        torch.empty(10**15)
    assert is_out_of_memory(real.value)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))
