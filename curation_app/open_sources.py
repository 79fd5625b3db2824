"""Sources that are kept open for the next picture: listing a million files takes seconds, reading one of them none."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from curation_app import loaders
from curation_core.config import IngestConfig
from curation_core.errors import CurationError, IngestError
from curation_core.origins import Origin, find_origin, open_origin
from curation_core.workspace import Workspace


@dataclass(frozen=True)
class OpenSource:
    """A source of pictures. read: uri -> bytes, from any thread; raises IngestError with a short reason."""

    config: IngestConfig
    origin: Origin
    read: Callable[[str], bytes]
    close: Callable[[], None]


def open_source(ws: Workspace) -> OpenSource:
    """The source of a workspace of pictures as it was listed when it was first asked for since the last ingest.

    Raises IngestError without naming a path where it cannot be opened.
    """
    return _open(str(ws.path), loaders.key_of(ws, "ingest"), ws.plans.source.model_dump_json())


def _close(source: OpenSource) -> None:
    source.close()


@st.cache_resource(max_entries=4, show_spinner=False, on_release=_close)
def _open(path: str, key: str, config: str) -> OpenSource:  # noqa: ARG001 - path and key are the cache's key
    asked = IngestConfig.model_validate_json(config)
    with contextlib.ExitStack() as stack:
        try:
            origin = find_origin(asked)
            media = stack.enter_context(open_origin(origin, asked))
        except (CurationError, OSError) as error:
            raise IngestError("the source cannot be opened; look at the Data page") from error
        return OpenSource(asked, origin, media.read, stack.pop_all().close)
