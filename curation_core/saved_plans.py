"""Draws that people keep by name, in ``plans.json`` of a workspace; each name points at a kept draw."""

import contextlib
import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from curation_core.artifacts import explained, write_json
from curation_core.config import SampleConfig
from curation_core.errors import ConfigError, StaleArtifact
from curation_core.selection import is_text

FORMAT, MOST_NAME = 1, 80


@dataclass(frozen=True)
class SavedPlan:
    """A draw by name.

    key: of the draw's artefact. config: what asked for it. tree: key of the tree it was drawn from. figures: of the
    draw over the tree's leaves, such as entropy. time: when it was saved, UTC, ISO 8601.
    """

    name: str
    key: str
    config: SampleConfig
    tree: str
    figures: Mapping[str, float] = field(default_factory=dict)
    time: str = ""


class SavedPlans:
    """The named draws of a workspace folder; every call reads and writes the file, one writer at a time."""

    def __init__(self, workspace: Path) -> None:
        self._path = workspace / "plans.json"

    def all(self) -> list[SavedPlan]:
        """All of them, newest first; raises StaleArtifact when the file is damaged or of a newer version."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["format"] > FORMAT:
                raise StaleArtifact(f"plans.json is of format {found['format']}, here {FORMAT}; update to read it")
            return [SavedPlan(**{**row, "config": SampleConfig(**row["config"])}) for row in found["saved"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, RecursionError, ConfigError) as error:
            raise StaleArtifact(
                f"plans.json cannot be read ({type(error).__name__}); put it right, or move it away to begin anew"
            ) from None

    def get(self, name: str) -> SavedPlan:
        """One by name; raises ConfigError when there is none."""
        saved = self.all()
        found = next((one for one in saved if one.name == name), None)
        if found is None:
            names = ", ".join(repr(one.name) for one in saved) or "none"
            raise ConfigError(f"there is no plan {name!r}; the plans are {names}")
        return found

    def save(self, name: str, config: SampleConfig, *, key: str, tree: str, figures: Mapping[str, float]) -> SavedPlan:
        """Keep a draw under a new name; raises ConfigError when the name is taken or does not do."""
        made = SavedPlan(checked_name(name), key, config, tree, dict(figures), _now())
        with self._writing() as saved:
            if any(one.name == made.name for one in saved):
                raise ConfigError(f"there is a plan {made.name!r} already; choose another name, or delete that one")
            self._write([made, *saved])
        return made

    def delete(self, name: str) -> None:
        """Forget a name; the draw itself stays among the results. Raises ConfigError when there is none."""
        gone = self.get(name)
        with self._writing() as saved:
            self._write([one for one in saved if one.name != gone.name])

    @contextlib.contextmanager
    def _writing(self) -> Iterator[list[SavedPlan]]:
        lock = self._path.with_name(".plans.lock")
        with explained(lock), lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # taken for milliseconds; released when the file closes
            yield self.all()

    def _write(self, saved: Sequence[SavedPlan]) -> None:
        rows = [{**asdict(one), "figures": dict(one.figures), "config": one.config.recipe()} for one in saved]
        write_json(self._path, {"format": FORMAT, "saved": rows})


def checked_name(name: str) -> str:
    """A name on one line; raises ConfigError for one that is empty, long or holds what cannot be printed."""
    tidy = " ".join(name.split())
    if not tidy or len(tidy) > MOST_NAME or not is_text(tidy) or not tidy.isprintable():
        raise ConfigError(f"a name has 1 to {MOST_NAME} printable characters, got {len(tidy)}; type another")
    return tidy


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
