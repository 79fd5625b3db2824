"""Small files that a workspace keeps for as long as they are used: the newest by use stay, the others go.

Each can be made again, or says that it is gone. Whoever reads one while it is removed has it open or mapped, and reads
it to its end; nothing is removed but whole files with the ending that was asked for.
"""

import contextlib
import os
from collections.abc import Container
from pathlib import Path


def is_used(path: Path) -> bool:
    """Whether a file is there; if it is, it counts as used now."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:  # a workspace that may only be read
        return path.is_file()
    return True


def prune(folder: Path, pattern: str, *, most: int, most_bytes: int, spared: Container[str] = ()) -> int:
    """Remove the files that were used longest ago until `most` of at most `most_bytes` are left; returns how many went.

    pattern: of paths below the folder. spared: names without ending that stay and do not count. The one that was used
    last stays, however large it is.
    """
    ages = []
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):  # gone meanwhile
            told = path.lstat()
            if path.stem not in spared:
                ages.append((told.st_mtime_ns, told.st_size, path))
    removed = n_bytes = 0
    for place, (_, size, path) in enumerate(sorted(ages, reverse=True)):
        n_bytes += size
        if place and (place >= most or n_bytes > most_bytes):
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
    return removed
