// The head of the deck: which cluster this is, what has been decided about it, what speaks for a decision.
const VERDICTS = { keep: "kept", drop: "dropped", cap: "capped", weight: "weighted", merge: "merged", pending: "waits" };

class Header {
  constructor(deck) {
    this.deck = deck;
    this.root = element("header", "deck-head");
    this.badge = element("span", "deck-badge");
    this.name = element("h2", "deck-name");
    this.name.dir = "auto";
    this.name.dataset.testid = "deck-name";
    this.name.setAttribute("aria-live", "polite");
    this.size = element("span", "deck-size");
    this.progress = element("div", "deck-progress");
    this.done = element("span", "deck-done");
    this.bar = element("span", "deck-bar-track");
    this.bar.append(element("span", "deck-bar-fill"));
    this.progress.append(this.done, this.bar);
    const first = element("div", "deck-line is-first");
    first.append(this.badge, this.name, this.size, this.progress);
    this.facts = element("div", "deck-line is-facts");
    this.suggestion = element("div", "deck-line deck-suggestion");
    this.root.append(first, this.facts, this.suggestion);
  }

  paint(card, data, shown, [decided, all, share]) {
    this.done.textContent = `${counted(decided)} of ${counted(all)} decided · ${percent(share)} of items`;
    this.bar.firstChild.style.width = `${(100 * share).toFixed(2)}%`;
    this.badge.hidden = this.size.hidden = !card;
    this.facts.replaceChildren();
    this.suggestion.replaceChildren();
    const name = card ? card.name : shown ? `Cluster ${shown[1]} of level ${shown[0]}` : "";
    if (this.name.textContent !== name) this.name.textContent = name; // said aloud only when it changes
    this.name.title = name;
    if (!card) return;
    this.badges(card);
    this.size.textContent = `${items(card.size)} · ${percent(card.size / Math.max(1, card.pool))}`;
    this.crumbs(card);
    if (card.overruled) this.facts.append(chip(card.overruled, "warn"));
    if (card.blind) this.facts.append(chip("Two people judge this one; what the other said is not shown", "info"));
    if (card.skipped) this.facts.append(chip("put off", "skip"));
    for (const flag of card.flags ?? []) this.facts.append(chip(flag.text, flag.kind === "warn" ? "warn" : "info"));
    if (card.note) this.facts.append(chip(`Note: ${card.note}`, "info"));
    this.suggest(card);
  }

  badges(card) {
    const said = [];
    if (card.verdict) said.push([card.verdict, VERDICTS[card.verdict] ?? card.verdict]);
    if (card.cap) said.push(["cap", `at most ${card.cap}`]);
    if (card.weight) said.push(["weight", `weight ${card.weight}`]);
    if (!said.length) said.push(["pending", VERDICTS.pending]);
    this.badge.replaceChildren(...said.map(([kind, text]) => {
      const made = element("span", `deck-verdict is-${kind}`);
      made.append(icon(kind), element("span", "", text));
      return made;
    }));
    const by = [card.decided_by && `by ${card.decided_by}`, card.decided_at].filter(Boolean).join(", ");
    this.badge.title = by;
    if (by && (card.verdict || card.cap || card.weight)) this.badge.append(element("bdi", "deck-by", by));
  }

  // the way from the top to the cluster; a click looks at what lies on it
  crumbs(card) {
    const way = element("nav", "deck-crumbs");
    way.setAttribute("aria-label", "Place in the tree");
    const parents = card.place?.length ? card.place : card.parent ? [card.parent] : [];
    for (const one of parents) {
      const link = element("button", "deck-link");
      link.type = "button";
      link.append(named("", one.name));
      link.addEventListener("click", () => this.deck.look([one.level, one.cluster]));
      way.append(link, element("span", "deck-slash", "/"));
    }
    way.append(element("span", "deck-level", `level ${card.level}`));
    this.facts.append(way);
  }

  suggest(card) {
    const found = card.suggestion;
    if (!found) {
      this.suggestion.append(element("span", "deck-none", "No suggestion for this cluster."));
      return;
    }
    const does = { keep: "keep", drop: "drop", cap: `cap at ${found.value}`, weight: `weight ${found.value}` }[found.verdict] ?? found.verdict;
    const why = element("span", "deck-why");
    why.append(element("strong", "", `Suggestion: ${does}`), element("span", "", " because "), named("", found.reason));
    const accept = button("deck-button is-small", `Accept: ${does}${found.verdict === "keep" || found.verdict === "drop" ? ` ${items(card.size)}` : ""}`, () => this.deck.act("accept"), { testid: "deck-accept" });
    accept.append(element("kbd", "", writtenKey(this.deck.keys.of.accept)));
    this.suggestion.append(why, accept);
  }
}

function chip(text, kind) {
  const made = element("span", `deck-chip is-${kind}`);
  made.append(icon(kind), named("", text));
  return made;
}
