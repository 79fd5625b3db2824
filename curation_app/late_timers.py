"""A click on another page is never lost to a timer of the page it leaves.

Streamlit joins requests that wait for the same script run and takes the page of the newest. A fragment's timer that
fires while a click on the navigation still waits, or a fragment that calls st.rerun then, would so turn the person
back (seen with 1.67: a job ends in the moment someone leaves its page). What the app does by itself may refresh a page,
never choose one.
"""

from dataclasses import replace
from typing import Any

from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx


def guard() -> None:
    """Make this process keep a waiting click's page; doing it twice changes nothing."""
    if getattr(ScriptRequests, "_keeps_clicks", False):
        return
    join = ScriptRequests._request_rerun_locked

    def request(self: ScriptRequests, new: RerunData) -> bool:
        waiting = self._rerun_data if self._state == ScriptRequestType.RERUN else None
        if waiting is not None and waiting.page_script_hash != new.page_script_hash and _by_itself(new):
            new = replace(new, page_script_hash=waiting.page_script_hash, query_string=waiting.query_string)
        return join(self, new)

    changed: Any = ScriptRequests
    changed._request_rerun_locked, changed._keeps_clicks = request, True


def _by_itself(request: RerunData) -> bool:
    """Whether a request comes from a timer, or from a script that asks to run its own page again."""
    context = get_script_run_ctx(suppress_warning=True)
    return request.is_auto_rerun or (context is not None and context.page_script_hash == request.page_script_hash)
