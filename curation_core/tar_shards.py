"""Tar shards written as fast as the disk takes them: one header per file, no clock, no owner (POSIX ustar)."""

from curation_core.export_folder import Entry, ExportFolder

BLOCK = 512
_PADDING = bytes(BLOCK)
_END = bytes(2 * BLOCK)  # two empty blocks close a tar
_REST = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\x000000000\x00" + bytes(167)  # a file, of nobody
_REST_SUM = sum(_REST) + 8 * ord(" ")  # the checksum itself counts as spaces


def header(name: str, size: int) -> bytes:
    """The header of a regular file that everybody may read: 512 bytes. name: at most 100 bytes of ASCII.

    Source: POSIX.1-2001, ustar interchange format. Raises ValueError for a name or size that does not fit.
    """
    encoded = name.encode("ascii")
    if len(encoded) > 100 or size >= 1 << 33:
        raise ValueError(f"{name!r} of {size} bytes does not fit a tar header")
    fields = b"%s0000644\x000000000\x000000000\x00%011o\x0000000000000\x00" % (encoded.ljust(100, b"\0"), size)
    return fields + b"%06o\x00 " % (sum(fields) + _REST_SUM) + _REST


class TarShard:
    """One tar that is being written."""

    def __init__(self, folder: ExportFolder, name: str) -> None:
        self._file = folder.create(name)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._file.size

    def add(self, *files: tuple[str, bytes]) -> None:
        """Add files by name."""
        for name, data in files:
            self._file.write(header(name, len(data)))
            self._file.write(data)
            self._file.write(_PADDING[: -len(data) % BLOCK])

    def finish(self, **facts: object) -> Entry:
        """Close the tar and put it in its place."""
        self._file.write(_END)
        return self._file.finish(**facts)

    def close(self) -> None:
        """Give it up unless it is finished."""
        self._file.close()
