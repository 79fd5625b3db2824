// The bottom bar: every verdict with its key, what moves through the queue, and whether all is saved.
const VERDICT_BUTTONS = ["keep", "drop", "cap", "weight", "label", "merge", "split"];
const WAY_BUTTONS = ["note", "skip", "back", "clear", "undo", "redo", "keys"];
const NEEDS_CLUSTER = [...VERDICT_BUTTONS, "note", "skip", "clear"];
const SHORT = { skip: "Skip", back: "Back", clear: "Clear", keys: "Keys" };
const ABOUT = {
  keep: "All of it may be drawn, and it counts as decided", drop: "None of it is drawn", cap: "Draw at most so many of it",
  weight: "Draw more or less of it than of its siblings", label: "Give it a name", merge: "Make it one with another cluster of its level",
  split: "Part it into several clusters", note: "Write something down about it", skip: "Put it off: it comes again at the end",
  back: "Look at the cluster that was shown before", clear: "Take back what was decided about it", undo: "Take your last decision back",
  redo: "Bring back what you took back", keys: "Which key does what",
};

class Bar {
  constructor(deck) {
    this.deck = deck;
    this.root = element("footer", "deck-foot");
    this.buttons = {};
    const make = (action) => {
      const kind = action === "keep" || action === "drop" ? `is-primary is-${action}` : "";
      const made = button(`deck-button ${kind}`, SHORT[action] ?? ACTIONS[action][1], () => deck.act(action), { testid: `deck-${action}`, picture: kind ? action : "" });
      made.title = ABOUT[action];
      made.append(element("kbd"));
      this.buttons[action] = made;
      return made;
    };
    const verdicts = element("div", "deck-verdicts");
    verdicts.setAttribute("role", "group");
    verdicts.setAttribute("aria-label", "Decide");
    verdicts.append(...VERDICT_BUTTONS.map(make));
    const way = element("div", "deck-way");
    this.status = element("div", "deck-status");
    this.status.dataset.testid = "deck-status";
    this.status.setAttribute("role", "status");
    this.status.setAttribute("aria-live", "polite");
    this.said = element("bdi", "deck-said");
    this.saved = element("span", "deck-saved");
    this.status.append(this.said, this.saved);
    this.discard = button("deck-button is-small", "", () => deck.judge.outbox.discard(), { testid: "deck-discard" });
    way.append(this.status, this.discard, ...WAY_BUTTONS.map(make));
    this.root.append(verdicts, way);
    this.showKeys();
  }

  showKeys() {
    for (const [action, made] of Object.entries(this.buttons)) {
      const key = this.deck.keys.of[action];
      made.lastChild.textContent = writtenKey(key);
      made.setAttribute("aria-keyshortcuts", key.replace("shift+", "Shift+"));
    }
  }

  paint(card, shown) {
    const text = (action, words) => { this.buttons[action].querySelector("span").textContent = words; };
    text("keep", card ? `Keep ${items(card.size)}` : "Keep");
    text("drop", card ? `Drop ${items(card.size)} (${percent(card.size / Math.max(1, card.pool))})` : "Drop");
    for (const action of NEEDS_CLUSTER) this.buttons[action].disabled = !shown;
    for (const action of ["keep", "drop"]) this.buttons[action].classList.toggle("is-set", card?.verdict === action);
    this.buttons.split.disabled = !shown || (card !== undefined && !(card.splittable >= 2));
    this.buttons.split.title = this.buttons.split.disabled && shown ? "It has fewer than two parts of its own" : ABOUT.split;
    this.buttons.back.disabled = !this.deck.trail.length;
  }

  say(text, kind = "") {
    this.said.textContent = text;
    this.said.title = text;
    this.said.className = `deck-said ${kind && `is-${kind}`}`;
  }

  state(outbox, tree) {
    const n = outbox.length;
    const stopped = [...outbox.stopped.entries()].filter(([of]) => of === tree || outbox.ops.some((op) => op.tree === of));
    const stuck = outbox.ops.filter((op) => outbox.stopped.has(op.tree)).length;
    let [text, kind] = [n ? `${counted(n)} waiting` : "saved", n ? "waiting" : "saved"];
    if (stopped.length) [text, kind] = [`not saved: ${stopped.at(-1)[1].replace(/\.$/, "")} (${counted(n)} waiting)`, "wrong"];
    else if (n && outbox.reason) [text, kind] = [`not saved: ${outbox.reason}, trying again (${counted(n)} waiting)`, "wrong"];
    if (this.saved.textContent !== text) this.saved.textContent = text;
    this.saved.title = text;
    this.saved.className = `deck-saved is-${kind}`;
    this.discard.hidden = !stuck;
    this.discard.firstChild.textContent = `Give up ${stuck === 1 ? "1 decision" : `${counted(stuck)} decisions`}`;
  }
}
