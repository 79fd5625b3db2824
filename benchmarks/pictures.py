"""Pictures to measure with: of mixed sizes and formats, as many as wanted, no two files the same."""

import io
import json
import shutil
from pathlib import Path

import numpy as np

SHARES = ((0.70, 64, 320), (0.22, 320, 1024), (0.07, 1024, 2200), (0.01, 2200, 4000))  # of the items: longer sides
N_DISTINCT = 300


def make_pictures(folder: Path, n: int, *, seed: int = 0) -> None:
    """Write n files, unless they are there; 1,000 per folder."""
    if (folder / "done.json").exists() and json.loads((folder / "done.json").read_text()) == [n, seed]:
        return
    shutil.rmtree(folder, ignore_errors=True)
    rng = np.random.default_rng([seed, n])
    kinds = [_distinct(np.random.default_rng([seed, number]), number) for number in range(N_DISTINCT)]
    for number in range(n):
        data, suffix = kinds[int(rng.integers(N_DISTINCT))]
        path = folder / f"{number // 1000:03d}" / f"{number:06d}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data + number.to_bytes(8, "little"))  # decoders stop at the end of the picture
    (folder / "done.json").write_text(json.dumps([n, seed]))


def _distinct(rng: np.random.Generator, number: int) -> tuple[bytes, str]:
    """A picture with slopes, edges and some grain, encoded."""
    from PIL import Image

    shares = np.cumsum([share for share, _, _ in SHARES])
    _, low, high = SHARES[int(np.searchsorted(shares, (number + 0.5) / N_DISTINCT))]
    side = int(np.exp(rng.uniform(np.log(low), np.log(high))))
    width, height = (side, int(side * rng.uniform(0.6, 1.0)))[:: int(rng.choice((1, -1)))]
    coarse = rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    pixels = np.clip(pixels + rng.integers(-6, 7, (height, width, 1), dtype=np.int16), 0, 255).astype(np.uint8)
    kind, suffix, options = (("JPEG", "jpg", {"quality": 88}), ("PNG", "png", {}), ("WEBP", "webp", {"method": 0}))[
        int(rng.choice(3, p=(0.7, 0.2, 0.1)))
    ]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue(), suffix
