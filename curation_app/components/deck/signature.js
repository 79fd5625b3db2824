// Who signed in this browser last. A page that nobody has signed yet is told the name once.
const SIGNED = "curation-reviewer";

function signed(before, name, tell) {
  try {
    if (name) localStorage.setItem(SIGNED, name);
    else if (before) localStorage.removeItem(SIGNED); // the name was taken away on purpose
    else if (before === undefined && localStorage.getItem(SIGNED)) tell(localStorage.getItem(SIGNED));
  } catch { /* a private window: the name is not kept */ }
}
