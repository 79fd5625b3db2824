"""Read a regular file of a folder, and nothing that a link places elsewhere."""

import os
import stat
from pathlib import Path

from curation_core.errors import IngestError

MAX_MEMBER_BYTES = 1 << 29  # 512 MB for one file, in a folder or unpacked from a zip


def read_inside(root: Path, path: Path) -> bytes:
    """Bytes of a regular file that no link places outside a folder; raises IngestError with a short reason."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # non-blocking: it may have become a pipe
        try:
            if not _is_below(str(root), path, descriptor):  # a link may have changed since the listing
                raise IngestError("leads out of the source folder")
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise IngestError("not a regular file")
            if status.st_size > MAX_MEMBER_BYTES:
                raise IngestError(f"file of {status.st_size >> 20} MB is larger than {MAX_MEMBER_BYTES >> 20} MB")
            return os.read(descriptor, status.st_size)
        finally:
            os.close(descriptor)
    except (OSError, RuntimeError, ValueError) as error:
        raise IngestError(f"cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})") from None


def _is_below(root: str, path: Path, descriptor: int) -> bool:
    """Whether an open file really lies below a folder: as the kernel says, where it does, which is one call."""
    try:
        real = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - a Path costs as much as the reading
    except OSError:
        real = os.path.realpath(path)
    return real.startswith(root if root.endswith("/") else f"{root}/")
