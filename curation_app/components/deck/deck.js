// The deck: one cluster after the other. Which is shown, what comes next, and what a rerun of the page changes.
const AHEAD = 3;
const TOLD_AFTER = { place: 400, decided: 250 }; // ms
const NEWS = 1500; // ms
const AIM = 300; // ms: a key pressed so soon after a jump was meant for the cluster before it

class Deck {
  constructor() {
    this.root = element("div", "deck");
    this.root.tabIndex = -1;
    this.root.dataset.testid = "deck-root";
    this.keys = new Keys();
    this.cards = new Cards((key) => this.came(key), (place) => this.gone(place));
    this.queue = new Queue();
    this.judge = new Judge(this);
    [this.shown, this.trail, this.told, this.version, this.jumped, this.tries] = [null, [], [], 0, 0, 0];
    this.waiting = []; // decisions whose next card is not painted yet
    [this.header, this.bands, this.side, this.bar] = [new Header(this), new Bands(), new Side(this), new Bar(this)];
    [this.field, this.picker, this.sheet] = [new Field(this), new Picker(this), new Sheet(this)];
    this.empty = element("div", "deck-empty");
    const middle = element("div", "deck-middle");
    middle.append(this.bands.root, this.empty, this.side.root);
    const above = element("div", "deck-above");
    above.append(this.field.root, this.picker.root);
    this.bar.root.prepend(above);
    this.root.append(element("style", "", STYLE), this.header.root, middle, this.bar.root, this.sheet.root);
    // keys of our fields are nobody else's: outside, the page cannot see that they are typed into a field
    for (const kind of ["keydown", "keyup", "keypress"]) this.root.addEventListener(kind, (event) => event.stopPropagation());
    this.onKey = (event) => this.pressed(event);
  }

  // ---- between the page and us

  resume() {
    addEventListener("keydown", this.onKey, true);
    clearInterval(this.ticking);
    this.ticking = setInterval(() => this.tick(), NEWS);
  }

  pause() {
    removeEventListener("keydown", this.onKey, true);
    clearTimeout(this.telling);
    clearTimeout(this.deciding);
    clearInterval(this.ticking);
    this.side.leave();
    if (this.judge.outbox?.heard === this) this.judge.outbox.heard = null;
  }

  show(data, send) {
    const before = this.data;
    [this.data, this.send] = [{ ...data, reviewer: signed(data.reviewer, send.reviewer) }, send];
    data = this.data;
    const isOther = !before || before.workspace !== data.workspace || before.pool_key !== data.pool_key;
    const isLevel = isOther || before.level !== data.level;
    this.judge.begin(data, isOther);
    this.cards.show(data);
    if (isOther) { this.cards.empty(); [this.trail, this.told, this.version] = [[], [], 0]; this.queue.here.clear(); }
    const isNews = data.version > this.version && !isOther;
    this.version = Math.max(this.version, data.version);
    if (isNews || (before && before.reviewer !== data.reviewer)) this.cards.allStale();
    const waited = this.shown && this.queue.has(this.shown);
    this.queue.show(data);
    const called = this.called(before?.place, data.place);
    if (isLevel) {
      this.shown = null;
      this.look(called ?? (!before || data.place?.[0] === data.level ? data.place : null) ?? this.first(), { isBack: true });
    } else if (called && !samePlace(called, this.shown)) this.look(called);
    else if (!this.shown) this.look(this.first(), { isBack: true });
    else {
      this.elsewhere = waited && !this.queue.has(this.shown) && !this.queue.here.has(placeKey(...this.shown)); // perhaps somebody else decided
      this.refresh();
      this.paint();
    }
    this.judge.outbox.listen(this);
    this.changed();
  }

  // a place that the page asks for. What we told it comes back with its reruns, and is no wish of anybody's
  called(before, place) {
    if (!place) return null;
    const at = this.told.findIndex((one) => samePlace(one, place));
    if (at >= 0) { this.told.splice(0, at + 1); return null; }
    if (samePlace(before, place)) return null;
    this.told = [];
    return place;
  }

  first() { const [cluster] = this.queue.waiting(); return cluster === undefined ? null : [this.data.level, cluster]; }

  tell() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      if (!this.shown || samePlace(this.shown, this.told.at(-1) ?? this.data.place)) return;
      this.told = [...this.told.slice(-50), this.shown];
      this.send.place(this.shown);
    }, TOLD_AFTER.place);
  }

  decided() {
    clearTimeout(this.deciding);
    if (this.judge.outbox.length) return;
    this.deciding = setTimeout(() => { if (!this.judge.outbox.length) this.send.decided({ version: this.version }); }, TOLD_AFTER.decided);
  }

  // what others decided
  async tick() {
    this.repaintTheme();
    const { outbox } = this.judge;
    if (document.hidden || outbox.length || this.asking) return;
    const known = this.version;
    this.asking = true;
    try {
      const news = await fetchJson(this.data.news);
      if (!Number.isInteger(news.version) || news.version === known || this.version !== known || outbox.length) return;
      this.version = news.version;
      this.cards.allStale();
      this.elsewhere = true;
      this.refresh();
      this.changed();
      this.decided();
    } catch { /* asked again soon */ } finally { this.asking = false; }
  }

  // ---- what is shown

  look(place, { isBack = false } = {}) {
    const left = this.shown;
    if (left && !isBack && !samePlace(place, left)) this.trail.push(left);
    if (this.trail.length > 200) this.trail.shift();
    [this.shown, this.failure, this.elsewhere, this.tries] = [place, "", false, 0];
    clearTimeout(this.again);
    this.field.close();
    this.picker.close();
    if (left && !samePlace(left, place)) this.cards.left(placeKey(...left));
    if (place) this.queue.at(place);
    this.paint();
    this.tell();
    if (!place) return;
    if (this.cards.isOld(placeKey(...place)) && this.cards.peek(placeKey(...place))) this.cards.stale(placeKey(...place));
    this.refresh();
    this.ahead();
  }

  // not because of the person: a key that comes at once was meant for what was shown before
  jump(place) {
    if (samePlace(place, this.shown) || this.field.isOpen || this.picker.isOpen) return; // nobody loses what they are writing
    [this.jumped, this.jumpedFrom] = [performance.now(), this.shown];
    this.look(place);
  }

  aimed() { return this.jumpedFrom && performance.now() - this.jumped < AIM ? this.jumpedFrom : this.shown; }

  goOn() {
    const [next] = this.queue.after(this.shown);
    if (next !== undefined && this.shown && samePlace([this.data.level, next], this.shown)) this.say("It is the only one that waits.");
    this.look(next === undefined ? null : [this.data.level, next]);
  }

  back() { if (this.trail.length) this.look(this.trail.pop(), { isBack: true }); }

  // what comes next is fetched behind a decision that is on its way, never beside it
  ahead() {
    if (!this.judge.outbox?.flying) this.cards.ahead(this.queue.after(this.shown).slice(0, AHEAD).map((cluster) => [this.data.level, cluster]));
  }

  // the card of what is shown, from the server where ours does not hold any more
  async refresh() {
    const place = this.shown;
    if (!place) return;
    try {
      await this.cards.get(...place);
      if (!samePlace(place, this.shown)) return;
      [this.failure, this.tries] = ["", 0];
      this.paint();
    } catch (error) {
      if (error.status !== 404 && samePlace(place, this.shown) && !this.cards.peek(placeKey(...place))) this.failed(error);
    }
  }

  came(key) {
    this.judge.came(key);
    if (this.shown && key === placeKey(...this.shown)) this.paint();
  }

  gone(place) {
    if (this.judge.outbox.has(placeKey(...place))) return; // an undo may bring it back; asked again when that is saved
    const next = this.queue.after(place).find((cluster) => cluster !== place[1]);
    this.queue.remove(place);
    this.cards.remove(placeKey(...place));
    this.trail = this.trail.filter((one) => !samePlace(one, place));
    if (!samePlace(place, this.shown)) return;
    this.say(this.bar.said.textContent || `Cluster ${place[1]} of level ${place[0]} is no more: it was merged or split.`);
    [this.jumped, this.jumpedFrom] = [0, null];
    this.look(next === undefined ? null : [this.data.level, next], { isBack: true });
  }

  failed(error) {
    this.failure = error.message;
    this.tries += 1;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.refresh(), Math.min(3000, 1000 * this.tries));
    this.paint();
  }

  paint() {
    if (!this.data) return;
    const known = this.shown ? this.cards.peek(placeKey(...this.shown)) : undefined;
    const card = this.judge.view(known);
    const state = card ? "ready" : this.shown ? (this.failure ? "failed" : "loading") : this.queue.isCut ? "loading" : "done";
    this.dark = isDark(this.root);
    this.root.classList.toggle("is-dark", this.dark);
    Object.assign(this.root.dataset, { state, cluster: this.shown ? placeKey(...this.shown) : "" });
    this.header.paint(card, this.data, this.shown, this.queue.progressNow(card?.pool ?? this.pool ?? 0));
    if (card) this.pool = card.pool;
    this.bands.paint(card, this.data);
    this.side.paint(card, this.data, this.dark);
    this.bar.paint(card, this.shown);
    this.paintEmpty(state);
    if (known && this.elsewhere && !this.cards.held.get(placeKey(...this.shown)).isStale) this.others(card);
    if (state !== "loading" && state !== "failed") this.painted();
  }

  paintEmpty(state) {
    this.bands.root.hidden = state !== "ready";
    this.side.root.hidden = state !== "ready";
    this.empty.hidden = state === "ready";
    if (state === "done") {
      this.empty.replaceChildren(
        element("h3", "", "Every cluster of this level is decided."),
        element("p", "", "Go on with a finer level, or see what it does on Balance."),
      );
    } else if (state === "failed") {
      const again = button("deck-button", "Try now", () => { this.failure = ""; this.paint(); this.refresh(); });
      this.empty.replaceChildren(element("h3", "", "The cluster could not be loaded."), element("p", "", `${this.failure}. Trying again…`), again);
    } else if (state === "loading") this.empty.replaceChildren(element("p", "", this.shown ? "Loading…" : "Fetching what waits next…"));
  }

  others(card) {
    this.elsewhere = false;
    if (!card.decided_by || card.decided_by === this.data.reviewer || !isDecided(card) || this.queue.has(this.shown)) return;
    this.say(`Decided by others: ${[card.decided_by, card.decided_at].filter(Boolean).join(", ")}. It stays here until you go on.`);
  }

  // ---- the benchmarks' marks

  awaits(op) { this.waiting.push(op); }

  painted() {
    if (!this.waiting.length) return;
    const seen = this.waiting;
    this.waiting = [];
    requestAnimationFrame(() => { for (const op of seen) timed("deck-painted", op); });
  }

  // ---- what is said below

  changed() {
    const { outbox } = this.judge;
    Object.assign(this.root.dataset, { waiting: String(outbox.length), version: String(this.version) });
    this.bar.state(outbox, this.data.pool_key);
  }

  saved(ops, answer) { this.judge.saved(ops, answer); this.changed(); this.ahead(); }

  say(text, kind) { this.bar.say(text, kind); }

  verdictOf(one) { return this.judge.verdict(one); }

  repaintTheme() { if (isDark(this.root) !== this.dark) this.paint(); }

  focus() { this.root.focus({ preventScroll: true }); }

  // ---- keys

  pressed(event) {
    if (this.sheet.isOpen) { if (this.sheet.pressed(event)) handled(event); else event.stopPropagation(); return; }
    if (event.defaultPrevented || event.isComposing || isTyping(event) || otherDialog() || !this.root.isConnected) return;
    const action = this.keys.action(event);
    if (action === "" && event.key === "Escape" && (this.field.isOpen || this.picker.isOpen)) { handled(event); this.field.close(); this.picker.close(); return; }
    if (!action) return;
    handled(event);
    if (!event.repeat) this.act(action); // a key that is held down decides once
  }

  act(action) {
    const card = this.shown ? this.judge.view(this.cards.peek(placeKey(...this.shown))) : undefined;
    if (action === "keys") this.sheet.open();
    else if (action === "back") this.back();
    else if (action === "undo") this.judge.undo();
    else if (action === "redo") this.judge.redo();
    else if (!this.shown) return;
    else if (action === "accept") this.accept();
    else if (action === "merge") { if (card) { this.field.close(); this.picker.open(card); } }
    else if (action === "split" && card && !(card.splittable >= 2)) this.say("It has fewer than two parts of its own, so it cannot be split.");
    else if (FIELDS[action]) { if (card) { this.picker.close(); this.field.open(action, card); } }
    else this.judge.decide(action);
  }

  accept() {
    const found = this.cards.peek(placeKey(...this.aimed()))?.suggestion;
    if (found) this.judge.decide(found.verdict, { value: found.value ?? "" });
    else this.say("There is no suggestion for this cluster.");
  }
}

function handled(event) { event.preventDefault(); event.stopPropagation(); }
