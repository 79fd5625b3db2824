"""The one place where an error becomes something a person reads."""

import logging
import re
import uuid

import streamlit as st

from curation_core.errors import CurationError

_LOG = logging.getLogger("curation_app")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/])")


def escaped(text: object) -> str:
    """Text that Streamlit's Markdown shows as it is: no links, images, directives or formulas can hide in it."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def show_error(error: Exception) -> bool:
    """Show an error: a CurationError as its own sentence, anything else as an apology with a reference to the log."""
    if isinstance(error, CurationError):
        sentence = str(error)
        st.error(escaped(sentence[:1].upper() + sentence[1:]), icon=":material/error:")
        return True
    reference = uuid.uuid4().hex[:8]
    _LOG.error("unexpected error %s", reference, exc_info=error)
    st.error(
        f"Something went wrong that should not have. The server's log has the details under {reference}.",
        icon=":material/error:",
    )
    return True
