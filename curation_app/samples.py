"""The data sets that come with the program: small, free, and ready without a network."""

from dataclasses import dataclass
from pathlib import Path

from curation_core.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sample:
    """A bundled data set: file name, title, one sentence, and the column that holds its text if it is a table."""

    file: str
    title: str
    description: str
    text_column: str | None = None


SAMPLES = (
    Sample(
        "emoji.zip",
        "Emoji pictures",
        "A few thousand small drawings with names and groups; people outnumber everything.",
    ),
    Sample("blue_marble.zip", "Blue Marble tiles", "Satellite tiles of the whole Earth; most of them are ocean."),
    Sample("glosses.csv", "Word glosses", "Short definitions of English words with their topic.", "text"),
)


def sample_path(name: str) -> Path:
    """A sample's file, in the source tree or in an installed wheel; raises ConfigError when it is absent."""
    candidates = (_PACKAGE.parent / "sample_data" / name, _PACKAGE.parent / "curation_core" / "sample_data" / name)
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise ConfigError(f"the sample {name} is not installed; build it with `make samples` or use your own data")
    return found
