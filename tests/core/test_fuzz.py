"""Damaged files of every format are read or refused: no crash, no other error, no unbounded memory or time."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

FORMATS = ["jpeg", "png", "webp", "gif", "bmp", "tiff", "zip", "tar", "csv", "jsonl", "parquet", "npy", "geotiff"]
COUNT = 5000


@pytest.fixture
def quick_folder():
    """In memory where there is such a place: a disk would be asked to keep every one of the small files."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_five_thousand_damaged_files_are_read_or_refused(kind, quick_folder):
    if kind == "geotiff" and importlib.util.find_spec("rasterio") is None:
        pytest.skip("rasterio is not installed")
    script = Path(__file__).with_name("fuzzing.py")
    command = [sys.executable, str(script), kind, str(COUNT), str(quick_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    left = (quick_folder / "mutation").read_bytes() if (quick_folder / "mutation").exists() else b""
    assert done.returncode == 0, f"{kind}: ended with {done.returncode} on {left[:2000]!r}\n{done.stderr[-3000:]}"
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["n"] == COUNT
    assert found["refused"] >= COUNT // 20  # the damage is real
    assert found["slowest_s"] < 10
    assert found["peak_mb"] < 1000
