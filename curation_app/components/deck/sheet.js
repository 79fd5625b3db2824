// The list of keys, where each can be changed.
class Sheet {
  constructor(deck) {
    this.deck = deck;
    this.root = element("dialog", "deck-sheet");
    this.root.setAttribute("aria-labelledby", "deck-sheet-title");
    const title = element("h2", "deck-sheet-title", "Keys");
    title.id = "deck-sheet-title";
    this.about = element("p", "deck-sheet-about");
    this.about.setAttribute("aria-live", "polite");
    this.list = element("div", "deck-sheet-list");
    const foot = element("div", "deck-form-foot");
    foot.append(button("deck-button", "Reset all keys", () => { deck.keys.reset(); this.changed("The keys are the first ones again."); }, { testid: "deck-keys-reset" }));
    const close = button("deck-button is-primary is-apply", "Close", () => this.root.close());
    close.append(element("kbd", "", "Esc"));
    foot.append(close);
    this.root.append(title, this.about, this.list, foot);
    this.root.addEventListener("click", (event) => { if (event.target === this.root) this.root.close(); });
    this.root.addEventListener("close", () => { this.waits = ""; deck.focus(); });
  }

  get isOpen() { return this.root.open; }

  open() { this.changed("Click a key, then press the one that is to replace it. They are kept in this browser."); this.root.showModal(); }

  changed(said, isWrong = false) {
    this.waits = "";
    this.about.textContent = said;
    this.about.classList.toggle("is-wrong", isWrong);
    this.list.replaceChildren(...Object.entries(ACTIONS).flatMap(([action, [, words]]) => {
      const key = button("deck-key", writtenKey(this.deck.keys.of[action]), () => this.wait(action), { testid: `deck-key-${action}` });
      key.setAttribute("aria-label", `${words}: ${writtenKey(this.deck.keys.of[action])}. Change the key`);
      return [element("span", "deck-sheet-words", words), key];
    }));
    this.deck.bar?.showKeys();
  }

  wait(action) {
    this.changed(`Press the new key of “${ACTIONS[action][1]}”. Esc leaves it as it is.`);
    this.waits = action;
    const made = this.list.querySelector(`[data-testid=deck-key-${action}]`);
    made.classList.add("is-waiting");
    made.firstChild.textContent = "…";
    made.focus();
  }

  // a key that is pressed while the list is open; true when it was meant for us
  pressed(event) {
    if (this.waits) {
      if (BARE.has(event.key)) return true;
      const action = this.waits;
      const wrong = event.key === "Escape" ? "It is as it was." : this.deck.keys.change(action, event);
      this.changed(wrong || `${writtenKey(this.deck.keys.of[action])} is the key of “${ACTIONS[action][1]}” now.`, wrong !== "" && event.key !== "Escape");
      if (wrong && event.key !== "Escape") this.waits = action;
      this.list.querySelector(`[data-testid=deck-key-${action}]`).focus();
      this.deck.paint();
      return true;
    }
    if (this.deck.keys.action(event) === "keys") { this.root.close(); return true; }
    return false;
  }
}
