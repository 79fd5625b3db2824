// Decisions as they are made: shown at once, put into the outbox, taken back, and what the server says about them.
const GOES_ON = new Set(["keep", "drop", "cap", "weight", "skip", "merge"]);
const SETTLES = new Set(["keep", "drop", "cap", "weight", "clear"]);
const RESHAPES = new Set(["merge", "split", "undo", "redo"]); // other clusters may look different afterwards
const NOTHING_DECIDED = { verdict: "", cap: "", weight: "" };
const MOST_STEPS = 500;

class Judge {
  constructor(deck) {
    this.deck = deck;
    this.over = new Map(); // key -> what was decided here and the card at hand does not know yet
    [this.done, this.undone] = [[], []];
  }

  begin(data, isOther) {
    this.outbox = outboxOf(data);
    if (!isOther) return;
    this.over.clear();
    [this.done, this.undone] = [[], []];
  }

  // a card with what was decided since it was made
  view(card) {
    const over = card && this.over.get(placeKey(card.level, card.cluster));
    if (!over) return card;
    const seen = { ...card, ...over.after };
    if (over.after.label) seen.name = `${card.number} · ${over.after.label}`;
    if (!samePlain(card, seen)) [seen.decided_by, seen.decided_at] = ["", ""];
    return seen;
  }

  verdict(one) { return this.over.get(placeKey(one.level, one.cluster))?.after.verdict ?? one.verdict; }

  // a card that was asked for after all was saved knows it itself
  came(key) { if (this.over.get(key)?.isSaved && !this.outbox.has(key)) this.over.delete(key); }

  op(verdict, place, { value = "", into = null, parts = null } = {}) {
    const { pool_key: tree, reviewer } = this.deck.data;
    const made = { op: randomHex(), seq: this.outbox.next(), verdict, level: place[0], cluster: place[1], value, into, parts, tree, reviewer };
    timed("deck-key", made);
    return made;
  }

  decide(verdict, more = {}) {
    const { deck } = this;
    const place = deck.aimed();
    if (!place || this.outbox.stopped.has(deck.data.pool_key)) return;
    const key = placeKey(...place);
    const card = this.view(deck.cards.peek(key));
    const before = standing(card);
    const after = changed(before, verdict, more);
    const waited = card ? !isDecided(card) : deck.queue.has(place);
    const op = this.op(verdict, place, more);
    const step = { op: op.op, place, before, after, waited, size: card?.size ?? 0, waits: waited, last: verdict === "skip" };
    if (SETTLES.has(verdict)) step.waits = !isDecided(after);
    if (verdict === "merge") step.waits = false;
    this.remember(step);
    this.put(key, step.after);
    if (step.waits !== waited || step.last) deck.queue.put(place, { waits: step.waits, last: step.last, was: waited, size: step.size });
    deck.say("");
    this.outbox.add(op);
    deck.awaits(op);
    const takesAway = (verdict === "cap" || verdict === "weight") && !more.value;
    if (GOES_ON.has(verdict) && !takesAway && samePlace(place, deck.shown)) deck.goOn(); else deck.paint();
  }

  put(key, after) { this.over.set(key, { after, isSaved: false }); }

  remember(step) {
    this.done.push(step);
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone = [];
  }

  undo() { this.turn("undo", this.done, this.undone); }

  redo() { this.turn("redo", this.undone, this.done); }

  // back to the cluster of the last decision at once; what that was is for the server to say
  turn(verdict, from, to) {
    const { deck } = this;
    if (this.outbox.stopped.has(deck.data.pool_key)) return;
    const step = from.pop();
    const op = this.op(verdict, step?.place ?? deck.shown ?? [deck.data.level, 0]);
    if (step) {
      to.push(step);
      const isBack = verdict === "undo";
      this.put(placeKey(...step.place), isBack ? step.before : step.after);
      deck.queue.put(step.place, { waits: isBack ? step.waited : step.waits, last: !isBack && step.last, was: step.waited, size: step.size });
    }
    deck.say(step ? "" : verdict === "undo" ? "Looking for what to take back…" : "Looking for what to bring back…");
    this.turns = new Map([...(this.turns ?? []), [op.op, step]].slice(-MOST_STEPS));
    this.outbox.add(op);
    deck.awaits(op);
    if (step) deck.look(step.place); else deck.paint();
  }

  // ---- what the server says

  saved(ops, answer) {
    const { deck } = this;
    if (Number.isInteger(answer.version)) deck.version = Math.max(deck.version, answer.version);
    const results = new Map(answer.results.map((one) => [one?.op, one]));
    const refused = [];
    for (const op of ops) {
      const result = results.get(op.op) ?? {};
      const key = placeKey(op.level, op.cluster);
      deck.cards.stale(key);
      if (op.into !== null) deck.cards.stale(placeKey(op.level, op.into));
      if (RESHAPES.has(op.verdict)) deck.cards.allStale();
      if (op.verdict === "undo" || op.verdict === "redo") this.turned(op, result);
      else if (result.state === "refused") { this.refused(op); refused.push([op, result]); }
      else if (result.said) deck.say(result.said);
      this.settled(key);
    }
    if (refused.length) {
      const [op, result] = refused[0];
      const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : "";
      deck.say(`Refused: ${result.reason || "the server gave no reason"}${more}`, "wrong");
      deck.jump([op.level, op.cluster]);
    }
    deck.side.again(); // the draw may be another one
    deck.refresh();
    deck.decided();
  }

  settled(key) {
    if (this.outbox.has(key)) return;
    if (this.over.has(key)) this.over.get(key).isSaved = true;
    this.deck.queue.saved(key, this.deck.version);
  }

  refused(op) {
    const at = this.done.findLastIndex((step) => step.op === op.op);
    if (at >= 0) this.done.splice(at, 1);
    const key = placeKey(op.level, op.cluster);
    this.over.delete(key);
    this.deck.queue.forget(key);
  }

  // what an undo or redo was about: mostly what we thought, else the person is taken there
  turned(op, result) {
    const { deck } = this;
    const step = this.turns?.get(op.op);
    this.turns?.delete(op.op);
    const told = Number.isInteger(result.level) && Number.isInteger(result.cluster) ? [result.level, result.cluster] : null;
    deck.say(result.said || (result.reason ? `${result.state === "refused" ? "Refused: " : ""}${result.reason}` : ""), result.state === "refused" ? "wrong" : "");
    if (step && (result.state === "refused" || (told && !samePlace(told, step.place)))) {
      this.over.delete(placeKey(...step.place));
      deck.queue.forget(placeKey(...step.place));
    }
    if (step && result.state === "refused") for (const list of [this.done, this.undone]) if (list.includes(step)) list.splice(list.indexOf(step), 1);
    if (!told) return;
    deck.cards.stale(placeKey(...told));
    this.settled(placeKey(...told));
    if (!step && op.verdict === "undo") deck.queue.put(told, { waits: true, was: false, size: deck.cards.peek(placeKey(...told))?.size ?? 0 });
    const stands = !deck.shown || samePlace(deck.shown, step?.place ?? [op.level, op.cluster]); // has not gone on since
    if (!samePlace(told, step?.place) && stands) deck.jump(told);
  }
}

function standing(card) { return Object.fromEntries(["verdict", "cap", "weight", "label", "note", "skipped"].map((name) => [name, card?.[name] ?? (name === "skipped" ? false : "")])); }

function changed(before, verdict, { value = "" }) {
  switch (verdict) {
    case "keep": case "drop": return { ...before, verdict, skipped: false };
    case "cap": case "weight": case "label": case "note": return { ...before, [verdict]: value };
    case "merge": return { ...before, verdict };
    case "clear": return { ...before, ...NOTHING_DECIDED, skipped: false };
    case "skip": return { ...before, skipped: true };
    default: return before;
  }
}

function isDecided(one) { return Boolean(one.verdict || one.cap || one.weight); }

function samePlain(one, other) { return ["verdict", "cap", "weight"].every((name) => one[name] === other[name]); }
