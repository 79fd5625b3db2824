"""A click on another page is never lost to a timer or a fragment of the page it leaves.

Streamlit joins requests that wait for the same script run and takes the page of the newest. A fragment's timer that
fires while a click on the navigation still waits, a component of it that reports by itself, or a fragment that calls
st.rerun then, would so turn the person back (seen with 1.67: a job ends, or a decision is saved, in the moment someone
leaves the page). What the app does by itself may refresh a page, never choose one.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequest,
    ScriptRequests,
    ScriptRequestType,
)
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

Take = Callable[[ScriptRequests], ScriptRequest | None]


def guard() -> None:
    """Make this process keep a click's page; doing it twice changes nothing."""
    if getattr(ScriptRequests, "_keeps_clicks", False):
        return
    join = ScriptRequests._request_rerun_locked

    def request(self: ScriptRequests, new: RerunData) -> bool:
        waiting = self._rerun_data if self._state == ScriptRequestType.RERUN else None
        if waiting is not None and waiting.page_script_hash != new.page_script_hash and _by_itself(new):
            new = replace(
                new,
                page_script_hash=waiting.page_script_hash,
                query_string=waiting.query_string,
                fragment_id=None,
                fragment_id_queue=[],
            )
        elif waiting is None and _is_fragment(new) and _was_left(self, new):
            return True  # its page is not there any more
        return join(self, new)

    changed: Any = ScriptRequests
    changed._request_rerun_locked, changed._keeps_clicks = request, True
    for name in ("on_scriptrunner_yield", "on_scriptrunner_ready"):
        setattr(changed, name, _noting(getattr(ScriptRequests, name)))


def _noting(take: Take) -> Take:
    """Remember the page of every run of a whole script that is taken up."""

    def taken(self: ScriptRequests) -> ScriptRequest | None:
        found = take(self)
        if found is not None and found.type == ScriptRequestType.RERUN and not _is_fragment(found.rerun_data):
            self._page_at_work = found.rerun_data.page_script_hash  # type: ignore[attr-defined]
        return found

    return taken


def _was_left(requests: ScriptRequests, new: RerunData) -> bool:
    """Whether a fragment belongs to another page than the one whose script runs; nameless before the first click."""
    at_work: str = getattr(requests, "_page_at_work", "")
    return bool(at_work and new.page_script_hash) and at_work != new.page_script_hash


def _is_fragment(request: RerunData) -> bool:
    return bool(request.fragment_id or request.fragment_id_queue)


def _by_itself(request: RerunData) -> bool:
    """Whether a request comes from a timer, from a fragment, or from a script that asks to run its own page again."""
    context = get_script_run_ctx(suppress_warning=True)
    runs_itself = context is not None and context.page_script_hash == request.page_script_hash
    return request.is_auto_rerun or _is_fragment(request) or runs_itself
