// Which key does what. A person may change the keys; they are kept in this browser.
const ACTIONS = {
  keep: ["k", "Keep"], drop: ["x", "Drop"], cap: ["p", "Cap"], weight: ["w", "Weight"], label: ["l", "Label"], merge: ["m", "Merge"],
  split: ["s", "Split"], note: ["t", "Note"], skip: ["n", "Skip, go on to the next"], back: ["b", "Back to the one before"],
  clear: ["c", "Clear the decision"], undo: ["u", "Undo"], redo: ["shift+u", "Redo"], accept: ["g", "Accept the suggestion"], keys: ["?", "This list"],
};
const KEYS_KEPT = "curation-deck-keys";
const OTHER_USES = { enter: "Enter", " ": "Space", tab: "Tab", escape: "Escape" }; // work buttons and fields
const WRITTEN = { arrowleft: "←", arrowright: "→", arrowup: "↑", arrowdown: "↓", backspace: "⌫", delete: "Del" };
const BARE = new Set(["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Dead", "Process", "Unidentified", "Fn"]);

class Keys {
  constructor() {
    const kept = stored(KEYS_KEPT);
    this.of = Object.fromEntries(Object.entries(ACTIONS).map(([action, [key]]) => [action, key]));
    for (const action of Object.keys(ACTIONS)) if (typeof kept?.[action] === "string" && kept[action].length < 30) this.of[action] = kept[action];
  }

  // the action of a key press, "" for none
  action(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return commanded(event);
    for (const pressed of pressedKeys(event)) {
      const found = Object.keys(this.of).find((action) => this.of[action] === pressed);
      if (found) return found;
    }
    return "";
  }

  // give an action another key; a sentence when that cannot be
  change(action, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return "Keys with Ctrl, Alt or Cmd belong to the browser. Press a key alone or with Shift.";
    const pressed = pressedKeys(event).at(-1);
    if (OTHER_USES[pressed.replace("shift+", "")]) return `${OTHER_USES[pressed.replace("shift+", "")]} works buttons and fields. Press another key.`;
    const holder = Object.keys(this.of).find((other) => other !== action && this.of[other] === pressed);
    if (holder) return `${writtenKey(pressed)} is the key of “${ACTIONS[holder][1]}”. Press another key, or give that one another first.`;
    this.of[action] = pressed;
    store(KEYS_KEPT, this.of);
    return "";
  }

  reset() {
    store(KEYS_KEPT, null);
    for (const action of Object.keys(ACTIONS)) this.of[action] = ACTIONS[action][0];
  }
}

// names of a press: as it was typed, and for other alphabets by where the key lies
function pressedKeys(event) {
  const names = [];
  const shift = event.shiftKey ? "shift+" : "";
  const key = event.key.toLowerCase();
  names.push(key.length === 1 && key === event.key.toUpperCase() ? key : shift + key); // a sign such as ? says itself that Shift is held
  const letter = /^Key([A-Z])$/.exec(event.code ?? "");
  if (letter && !/^[ -~]$/.test(event.key)) names.push(shift + letter[1].toLowerCase());
  return names;
}

function commanded(event) {
  if (event.altKey || (event.ctrlKey && event.metaKey)) return "";
  const key = pressedKeys(event).at(-1);
  return { z: "undo", "shift+z": "redo", y: event.ctrlKey ? "redo" : "" }[key] ?? "";
}

function writtenKey(name) {
  const shifted = name.startsWith("shift+");
  const key = shifted ? name.slice(6) : name;
  return (shifted ? "⇧" : "") + (WRITTEN[key] ?? (key.length === 1 ? key.toUpperCase() : key));
}

// where letters are typed, or where another dialog of the page is open, keys are not ours; a box to tick takes no letters
const TAKES_NO_LETTERS = "input[type=checkbox], input[type=radio], input[type=range], input[type=button], input[type=submit]";

function isTyping(event) {
  const at = event.composedPath()[0];
  if (!(at instanceof Element) || at.matches(TAKES_NO_LETTERS)) return false;
  return at.isContentEditable || at.closest("input, textarea, select, [role=textbox], [role=combobox], [role=searchbox]") !== null;
}

function otherDialog() { return document.querySelector('[data-testid="stDialog"], dialog[open]:not(.deck-sheet)') !== null; }
