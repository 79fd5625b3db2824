"""How much may be uploaded, as the operator says when the server starts."""

import os
import re
from dataclasses import dataclass

from curation_core.errors import ConfigError

MAX_UPLOAD, QUOTA = "CURATE_MAX_UPLOAD", "CURATE_UPLOAD_QUOTA"
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True)
class Limits:
    """What is taken, in bytes: one upload, all uploads together, what stays free on the disk; files in one upload."""

    max_upload: int = 20 * 10**9
    quota: int = 100 * 10**9
    keep_free: int = 10**9
    max_files: int = 50_000


def limits() -> Limits:
    """The operator's limits; raises ConfigError for a size that is none."""
    largest = parse_size(os.environ.get(MAX_UPLOAD) or str(Limits.max_upload))
    quota = parse_size(os.environ.get(QUOTA) or str(max(Limits.quota, largest)))
    return Limits(largest, quota)


def parse_size(text: str) -> int:
    """Bytes of a size such as 500MB, 20 GB or 0; raises ConfigError for anything else."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ConfigError(f"size {text!r} is not understood; write a number with its unit, for example 20GB or 500MB")
    return int(float(match[1]) * _UNITS[match[2].lower()])
