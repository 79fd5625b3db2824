// One field above the bar for what a verdict needs: a cap, a weight, a label, a note, a number of parts.
const FIELDS = {
  cap: {
    title: "Cap", hint: "120 or 10 %", now: (card) => card.cap, most: 16,
    read(text, card) {
      const found = /^(?:(\d{1,3}(?:,\d{3})+|\d{1,12})|(\d{1,3}(?:\.\d{1,4})?)\s?%)$/.exec(text);
      if (!text && card.cap) return { value: "", does: ["Take the cap of ", card, " away"] };
      if (!found || Number(found[2] ?? 0) > 100) return { wrong: "Expected a whole number of items such as 120, or a share from 0 to 100 % such as 10 %." };
      const number = Number((found[1] ?? "").replaceAll(",", ""));
      if (found[1]) return { value: String(number), does: ["Cap ", card, ` at ${counted(number)} of ${items(card.size)}`] };
      const share = Math.floor((Number(found[2]) / 100) * card.size + 1e-9);
      return { value: `${Number(found[2])} %`, does: ["Cap ", card, ` at ${Number(found[2])} %: ${counted(share)} of ${items(card.size)}`] };
    },
  },
  weight: {
    title: "Weight", hint: "2 = twice as high as its siblings", now: (card) => card.weight, most: 12,
    read(text, card) {
      if (!text && card.weight) return { value: "", does: ["Take the weight of ", card, " away"] };
      const value = /^\d{0,3}(?:[.,]\d{1,4})?$/.test(text) && text ? Number(text.replace(",", ".")) : NaN;
      if (!(value >= 0.01 && value <= 100)) return { wrong: "Expected a number from 0.01 to 100, such as 2 for twice as high as its siblings." };
      return { value: String(value), does: [`Give the ${items(card.size)} of `, card, ` the weight ${value}`] };
    },
  },
  label: {
    title: "Label", hint: "a name for the cluster", now: (card) => card.label, most: 400,
    read(text, card) {
      if ([...text].length > 80) return { wrong: `Expected at most 80 characters, got ${[...text].length}.` };
      if (!text) return card.label ? { value: "", does: ["Take the label of ", card, " away"] } : { wrong: "Expected a name of 1 to 80 characters." };
      return { value: text, does: [`Call ${items(card.size)} “`, { name: text }, "”"] };
    },
  },
  note: {
    title: "Note", hint: "what the next person should know (Shift+Enter: new line)", now: (card) => card.note, most: 4000, isLong: true,
    read(text, card) {
      const length = [...text].length;
      if (length > 2000) return { wrong: `Expected at most 2,000 characters, got ${counted(length)}.` };
      if (!text) return card.note ? { value: "", does: ["Take the note of ", card, " away"] } : { wrong: "Expected a note of 1 to 2,000 characters." };
      return { value: text, does: ["Note this about ", card, ` (${counted(length)} of 2,000 characters)`] };
    },
  },
  split: {
    title: "Parts", hint: "2 to 8", now: () => "2", most: 2,
    read(text, card) {
      const most = Math.min(8, card.splittable);
      if (!/^[2-8]$/.test(text) || Number(text) > most) return { wrong: `Expected a whole number of parts from 2 to ${most}.` };
      return { parts: Number(text), does: [`Split ${items(card.size)} of `, card, ` into ${text} clusters`] };
    },
  },
};

class Field {
  constructor(deck) {
    this.deck = deck;
    this.root = element("form", "deck-panel deck-form");
    this.root.hidden = true;
    this.root.noValidate = true;
    this.caption = element("label", "deck-form-title");
    this.line = element("div", "deck-form-line");
    this.hint = element("p", "deck-form-hint");
    this.hint.id = "deck-form-hint";
    this.apply = button("deck-button is-primary is-apply", "", () => {}, { testid: "deck-apply" });
    this.apply.type = "submit";
    const close = button("deck-button", "Cancel", () => this.close());
    close.append(element("kbd", "", "Esc"));
    const foot = element("div", "deck-form-foot");
    foot.append(this.apply, close);
    this.root.append(this.caption, this.line, this.hint, foot);
    this.root.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.root.addEventListener("keydown", (event) => this.pressed(event));
  }

  get isOpen() { return !this.root.hidden; }

  open(kind, card) {
    [this.kind, this.card, this.tried] = [kind, card, false];
    const about = FIELDS[kind];
    this.input = element(about.isLong ? "textarea" : "input", "deck-input");
    if (about.isLong) this.input.rows = 3; else this.input.type = "text";
    this.input.id = "deck-form-input";
    this.input.dataset.testid = "deck-field";
    this.input.maxLength = about.most;
    this.input.placeholder = about.hint;
    this.input.autocomplete = "off";
    this.input.spellcheck = false;
    this.input.dir = "auto";
    this.input.value = about.now(card) ?? "";
    this.input.setAttribute("aria-describedby", this.hint.id);
    this.input.addEventListener("input", () => this.check());
    this.caption.htmlFor = this.input.id;
    this.caption.replaceChildren(element("span", "", `${about.title} of `), named("", card.name));
    this.line.replaceChildren(this.input);
    this.root.hidden = false;
    this.check();
    this.input.focus({ preventScroll: true });
    this.input.select();
  }

  check() {
    const found = FIELDS[this.kind].read(this.input.value.trim(), this.card);
    this.apply.firstChild.replaceChildren(...sentence(found.does ?? [FIELDS[this.kind].title]));
    this.apply.title = this.apply.textContent;
    this.apply.setAttribute("aria-disabled", String(Boolean(found.wrong)));
    const isWrong = Boolean(found.wrong) && (this.tried || this.input.value.trim() !== "");
    this.hint.textContent = isWrong ? found.wrong : FIELDS[this.kind].hint;
    this.hint.classList.toggle("is-wrong", isWrong);
    this.input.setAttribute("aria-invalid", String(isWrong));
    return found;
  }

  send() {
    this.tried = true;
    const found = this.check();
    if (found.wrong) { this.input.focus(); return; }
    const { kind } = this;
    this.close();
    this.deck.judge.decide(kind, { value: found.value ?? "", parts: found.parts ?? null });
  }

  pressed(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") { event.preventDefault(); this.close(); }
    if (event.key === "Enter" && event.target === this.input && !event.shiftKey) { event.preventDefault(); this.send(); }
  }

  close() {
    if (!this.isOpen) return;
    this.root.hidden = true;
    this.deck.focus();
  }
}
