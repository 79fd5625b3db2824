// Who signs in this browser. Where the page does not know it, on a first visit or after the server was started anew, the
// name that was signed with last goes on and the page is told.
const SIGNED = "curation-reviewer";

function signed(name, tell) {
  try {
    const known = localStorage.getItem(SIGNED) ?? "";
    if (name) localStorage.setItem(SIGNED, name);
    else if (known) tell(known);
    return name || known;
  } catch { return name; } // a private window: the name is not kept
}
