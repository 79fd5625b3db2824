"""Every error this package raises on purpose.

The tree, from the one class to catch down to what went wrong::

    CurationError
    ├── ConfigError        a setting is wrong, or does not fit the data
    ├── IngestError        a source cannot be read at all
    ├── ShapeError         arrays do not fit each other
    ├── StepMissing        an earlier step has not been run
    ├── StaleArtifact      an artefact no longer matches what it was made from
    ├── MissingExtra       an optional package or model is not installed
    ├── ManifestMismatch   an export does not verify
    └── Cancelled          a person asked to stop

A message says what, what was got, what was expected, and what to do next.
"""


class CurationError(Exception):
    """Base of all errors that a caller can act on."""


class ConfigError(CurationError):
    """A setting is wrong, or does not fit the data it is used on."""


class IngestError(CurationError):
    """A source cannot be read at all; single unreadable items are failures, not errors."""


class ShapeError(CurationError):
    """Two arrays that belong together do not fit each other, or hold values that no step can use."""


class StepMissing(CurationError):
    """An earlier step has not been run."""


class StaleArtifact(CurationError):
    """An artefact is incomplete, was altered, follows other decisions, or was written by a newer version."""


class MissingExtra(CurationError):
    """An optional package or model is needed; the message names the extra that brings it."""


class ManifestMismatch(CurationError):
    """An export differs from its own checksums or from what its sources give."""


class Cancelled(CurationError):
    """A person asked a running step to stop; what is complete is kept."""
