// Decisions on their way to the server. They wait in memory and in this browser's storage, so that neither a reload nor a
// crash loses one; the server ignores those that it knows by their id, so that sending twice does no harm.
const MOST_OPS = 100; // in one request
const PAUSES = [500, 1000, 2000, 3000]; // ms until the next try
const BEAT = 2000; // ms; how often a tab says that it still looks after its outbox
const LEFT_AFTER = 90_000; // ms without a sign: background tabs are woken once a minute
const NO_ANSWER = 20_000; // ms
const MOST_KEPT_ALIVE = 50_000; // bytes that a browser still sends when the page goes
const outboxes = new Map(); // workspace -> Outbox; it goes on sending when the person turns to another page

function outboxOf(data) {
  if (!outboxes.has(data.workspace)) outboxes.set(data.workspace, new Outbox(data.workspace));
  const found = outboxes.get(data.workspace);
  found.address = data.decide;
  return found;
}

class Outbox {
  constructor(workspace) {
    this.prefix = `curation-deck-outbox/${encodeURIComponent(workspace)}/`;
    this.name = this.prefix + randomHex();
    this.ops = []; // each with the tree and the reviewer that it is of
    this.stopped = new Map(); // tree that was replaced -> what the server said
    [this.seq, this.failures, this.flying, this.isKept] = [0, 0, null, true];
    this.heard = null; // the deck that is told
    this.missed = []; // answers that came while no deck was there
    setInterval(() => this.beat(), BEAT);
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", (event) => { if (event.persisted) { this.keep(); this.send(); } });
    addEventListener("online", () => this.soon(0));
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.soon(0); });
  }

  get length() { return this.ops.length; }

  add(op) {
    this.ops.push(op);
    this.keep();
    this.send();
  }

  listen(deck) {
    if (this.heard === deck) return;
    this.heard = deck;
    for (const [ops, answer] of this.missed.splice(0)) deck.saved(ops, answer);
    this.adopt();
  }

  next() { this.seq += 1; return this.seq; }

  has(key) { return this.ops.some((op) => placeKey(op.level, op.cluster) === key); }

  keep(beat = Date.now()) {
    this.isKept = store(this.name, this.ops.length ? { beat, ops: this.ops } : null);
  }

  beat() {
    if (this.ops.length) this.keep();
    if (this.heard && !document.hidden) this.adopt();
  }

  // what closed tabs of this workspace have left; they are older than what waits here
  adopt() {
    const found = [];
    const known = new Set(this.ops.map((op) => op.op));
    let names = [];
    try { names = Object.keys(localStorage); } catch { /* none is kept */ }
    for (const name of names) {
      if (!name.startsWith(this.prefix) || name === this.name) continue;
      const left = stored(name);
      if (left && Date.now() - Number(left.beat || 0) < LEFT_AFTER) continue;
      for (const op of Array.isArray(left?.ops) ? left.ops : []) if (isOp(op) && !known.has(op.op)) found.push(op);
      this.emptied = [...(this.emptied ?? []), name];
    }
    if (found.length) {
      this.ops = this.flying ? [...this.ops, ...found] : [...found, ...this.ops]; // never before what is being sent
      this.seq = Math.max(this.seq, ...found.map((op) => op.seq));
      this.keep();
      this.tell();
    }
    for (const name of this.emptied ?? []) store(name, null); // only once they are kept under our own name
    this.emptied = [];
    if (found.length) this.send();
  }

  // the page goes: what waits is sent as far as that still works, and another page may take it over
  leave() {
    this.keep(0);
    const ops = this.batch();
    if (ops.length && !this.flying && this.address) {
      const body = this.body(ops);
      if (body.length < MOST_KEPT_ALIVE) fetch(this.address, { ...posted(body), keepalive: true }).catch(() => {});
    }
  }

  // the first that wait, of one tree and one reviewer
  batch() {
    const ready = this.ops.filter((op) => !this.stopped.has(op.tree));
    const other = ready.findIndex((op) => op.tree !== ready[0].tree || op.reviewer !== ready[0].reviewer);
    return ready.slice(0, Math.min(MOST_OPS, other < 0 ? ready.length : other));
  }

  body(ops) {
    const { tree, reviewer } = ops[0] ?? {};
    return JSON.stringify({ tree, reviewer, ops: ops.map(({ tree: _tree, reviewer: _reviewer, ...op }) => op) });
  }

  async send() {
    if (this.flying || this.waits) { this.tell(); return; }
    const ops = this.batch();
    if (!ops.length) { this.tell(); return; }
    this.flying = ops;
    this.tell();
    const body = this.body(ops);
    try {
      const options = { ...posted(body), keepalive: body.length < MOST_KEPT_ALIVE, signal: AbortSignal.timeout(NO_ANSWER) };
      const answer = await fetchJson(this.address, options);
      if (!Array.isArray(answer.results)) throw Object.assign(new Error("the answer is not understood"), { status: -1 });
      this.saved(ops, answer);
    } catch (error) {
      this.failed(ops, error);
    }
  }

  saved(ops, answer) {
    const sent = new Set(ops.map((op) => op.op));
    this.ops = this.ops.filter((op) => !sent.has(op.op));
    [this.flying, this.failures, this.reason] = [null, 0, ""];
    this.keep();
    for (const op of ops) timed("deck-saved", op);
    if (this.heard) this.heard.saved(ops, answer); else this.missed = [...this.missed.slice(-50), [ops, answer]];
    this.send();
  }

  failed(ops, error) {
    this.flying = null;
    if (error.status === 409) {
      this.stopped.set(ops[0].tree, error.message);
      this.send(); // what is of another tree
      return;
    }
    this.reason = error.status > 0 ? error.message : "the server does not answer";
    this.soon(PAUSES[Math.min(this.failures, PAUSES.length - 1)]);
    this.failures += 1;
    this.tell();
  }

  soon(pause) {
    if (!this.ops.length || this.flying) return;
    clearTimeout(this.waits);
    this.waits = setTimeout(() => { this.waits = 0; this.send(); }, pause);
  }

  // decisions on a tree that is no more: only the person gives them up
  discard() {
    this.ops = this.ops.filter((op) => !this.stopped.has(op.tree));
    this.keep();
    this.tell();
  }

  tell() { this.heard?.changed(); }
}

function posted(body) { return { method: "POST", body, headers: { "Content-Type": "application/json" } }; }

function isOp(op) {
  return typeof op?.op === "string" && /^[0-9a-f]{32}$/.test(op.op) && Number.isInteger(op.seq) && typeof op.verdict === "string"
    && typeof op.tree === "string" && typeof op.reviewer === "string";
}
