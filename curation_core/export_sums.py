"""The checksums of an export: what was changed, is missing or was added, each by name."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from curation_core.artifacts import file_hash
from curation_core.errors import ManifestMismatch

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_ALIKE = 56  # of 64 digits: two sums of different files agree in far fewer, so the line itself was changed


@dataclass(frozen=True)
class Hashes:
    """Sha256 of an export's files, each made once."""

    folder: Path
    made: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """The sha256 of a file, hex."""
        if name not in self.made:
            self.made[name] = file_hash(self.folder / name)
        return self.made[name]


def check_sums(folder: Path, hashes: Hashes, *, links: bool) -> str:
    """Compare all files with SHA256SUMS; returns what was found in words.

    links: whether the export says that its files are symbolic links. Raises ManifestMismatch naming what differs.
    """
    listed, wrong = _listed(folder)
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    there -= {SUMS}
    wrong += [f"{name} is missing" for name in sorted(set(listed) - there)]
    wrong += [f"{name} is not listed in {SUMS}" for name in sorted(there - set(listed))]
    for name in sorted(there & set(listed)):
        path = folder / name
        if not path.is_file() or (path.is_symlink() and not links):
            wrong.append(f"{name} is no regular file")
        elif (found := hashes.of(name)) != listed[name]:
            same = sum(ours == theirs for ours, theirs in zip(found, listed[name], strict=True))
            wrong.append(f"{name} was changed" if same < _ALIKE else f"the line of {name} in {SUMS} was changed")
    return all_well(wrong, f"{len(listed)} files")


def all_well(wrong: list[str], detail: str) -> str:
    """The detail, or ManifestMismatch with the first of what is wrong."""
    if wrong:
        more = f", and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ManifestMismatch(", ".join(wrong[:5]) + more)
    return detail


def _listed(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Sha256 by name, and the lines that are none."""
    listed, wrong = dict[str, str](), list[str]()
    lines = (folder / SUMS).read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        found = _LINE.fullmatch(line)
        if found is None and (line or number != len(lines)):
            wrong.append(f"line {number} of {SUMS} is broken")
        elif found is not None and found[2] in listed:
            wrong.append(f"{found[2]} is twice in {SUMS}")
        elif found is not None:
            listed[found[2]] = found[1]
    if lines[-1]:
        wrong.append(f"the end of {SUMS} is missing")
    return listed, wrong
