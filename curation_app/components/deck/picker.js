// The cluster to merge into: siblings and near ones first, or what a search finds.
const SEARCH_AFTER = 150; // ms

class Picker {
  constructor(deck) {
    this.deck = deck;
    this.root = element("div", "deck-panel deck-picker");
    this.root.hidden = true;
    this.title = element("label", "deck-form-title");
    this.title.htmlFor = "deck-search";
    this.input = element("input", "deck-input");
    Object.assign(this.input, { id: "deck-search", type: "text", autocomplete: "off", spellcheck: false, placeholder: "name or number of a cluster", maxLength: 100 });
    this.input.dataset.testid = "deck-search";
    for (const [name, value] of [["role", "combobox"], ["aria-controls", "deck-options"], ["aria-expanded", "true"], ["aria-autocomplete", "list"]]) this.input.setAttribute(name, value);
    this.list = element("div", "deck-options");
    this.list.id = "deck-options";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Clusters to merge into");
    this.apply = button("deck-button is-primary is-apply", "", () => this.send(), { testid: "deck-apply" });
    const close = button("deck-button", "Cancel", () => this.close());
    close.append(element("kbd", "", "Esc"));
    const foot = element("div", "deck-form-foot");
    foot.append(this.apply, close);
    this.root.append(this.title, this.input, this.list, foot);
    this.input.addEventListener("input", () => { clearTimeout(this.timer); this.timer = setTimeout(() => this.ask(), SEARCH_AFTER); });
    this.root.addEventListener("keydown", (event) => this.pressed(event));
  }

  get isOpen() { return !this.root.hidden; }

  open(card) {
    this.card = card;
    this.title.replaceChildren(element("span", "", "Merge "), named("", card.name), element("span", "", ` (${items(card.size)}) into`));
    this.input.value = "";
    this.root.hidden = false;
    this.show([], "Looking for clusters near it…");
    this.input.focus({ preventScroll: true });
    this.ask();
  }

  async ask() {
    this.asked?.abort();
    const asked = this.asked = new AbortController();
    const { level, cluster } = this.card;
    const query = new URLSearchParams({ q: this.input.value.trim(), not: String(cluster) });
    try {
      const found = await fetchJson(`${this.deck.data.find}${level}?${query}`, { signal: asked.signal });
      const others = (found.clusters ?? []).filter((one) => one.level === level && one.cluster !== cluster);
      if (asked === this.asked) this.show(others, this.input.value.trim() ? `No cluster of level ${level} is called so.` : "There is no other cluster on this level.");
    } catch (error) {
      if (asked === this.asked && !error.aborted) this.show([], `Clusters could not be looked for: ${error.message}.`);
    }
  }

  show(found, otherwise) {
    this.found = found;
    this.list.replaceChildren(...found.map((one, at) => this.option(one, at)));
    if (!found.length) this.list.append(element("p", "deck-none", otherwise));
    this.mark(0);
  }

  option(one, at) {
    const made = element("div", "deck-option");
    made.id = `deck-option-${at}`;
    made.dataset.testid = "deck-option";
    made.dataset.cluster = placeKey(one.level, one.cluster);
    made.setAttribute("role", "option");
    made.append(glimpse(one, this.deck.data), named("deck-option-name", one.name), element("span", "deck-option-size", items(one.size)));
    made.addEventListener("pointermove", () => { if (this.at !== at) this.mark(at); });
    made.addEventListener("click", () => { this.mark(at); this.send(); });
    return made;
  }

  mark(at) {
    this.at = Math.max(0, Math.min(at, this.found.length - 1));
    [...this.list.querySelectorAll(".deck-option")].forEach((one, place) => one.setAttribute("aria-selected", String(place === this.at)));
    const one = this.found[this.at];
    this.apply.disabled = !one;
    this.apply.firstChild.replaceChildren(...sentence(one ? ["Merge into ", one, `: ${items(one.size + this.card.size)}`] : ["Merge"]));
    if (!one) { this.input.removeAttribute("aria-activedescendant"); return; }
    this.input.setAttribute("aria-activedescendant", `deck-option-${this.at}`);
    this.list.children[this.at].scrollIntoView({ block: "nearest" });
  }

  send() {
    const one = this.found[this.at];
    if (!one) return;
    this.close();
    this.deck.judge.decide("merge", { into: one.cluster });
  }

  pressed(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 6, PageUp: -6 }[event.key];
    if (step) { event.preventDefault(); this.mark(this.at + step); }
    if (event.key === "Enter" && event.target === this.input) { event.preventDefault(); this.send(); }
    if (event.key === "Escape") { event.preventDefault(); this.close(); }
  }

  close() {
    if (!this.isOpen) return;
    clearTimeout(this.timer);
    this.asked?.abort();
    this.asked = null;
    this.root.hidden = true;
    this.deck.focus();
  }
}
