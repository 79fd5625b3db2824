// The right column: where the cluster lies, its figures, what dropping it would do, and its siblings.
const EFFECT_AFTER = 120; // ms; who leafs through does not ask for it
const MOST_GAINS = 5;

class Side {
  constructor(deck) {
    this.deck = deck;
    this.root = element("aside", "deck-side");
    this.map = new MiniMap();
    this.figures = element("dl", "deck-figures");
    this.effect = element("section", "deck-effect");
    this.siblings = element("section", "deck-siblings");
    this.root.append(this.map.root, this.figures, this.effect, this.siblings);
  }

  paint(card, data, dark) {
    this.map.paint(card, data, dark);
    if (!card) {
      this.leave();
      for (const part of [this.figures, this.effect, this.siblings]) part.replaceChildren();
      return;
    }
    const place = placeKey(card.level, card.cluster);
    this.paintFigures(card);
    this.paintSiblings(card, data);
    if (place !== this.place) { this.root.scrollTop = 0; this.paintEffect([element("p", "deck-none", "…")]); }
    if (place !== this.place || this.isOld) this.askEffect(card, place);
  }

  paintFigures(card) {
    const rows = [{ name: "drawn", text: `${counted(card.drawn)} of ${counted(card.target)}`, about: "How many items of it the present draw takes, of all that are drawn" }];
    this.figures.replaceChildren(...[...rows, ...(card.figures ?? [])].flatMap((figure) => {
      const [name, text] = [element("dt", "", figure.name), element("dd", "", figure.text)];
      if (figure.about) name.title = text.title = figure.about;
      return [name, text];
    }));
  }

  // ---- what dropping does: asked for when the card has been seen, and given up when the person goes on

  leave() {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.place = "";
  }

  askEffect(card, place) {
    this.leave();
    [this.place, this.isOld] = [place, false];
    this.timer = setTimeout(async () => {
      this.asked = new AbortController();
      try {
        const found = await fetchJson(`${this.deck.data.effects}${card.level}/${card.cluster}`, { signal: this.asked.signal });
        if (this.place === place) this.paintEffect(effectLines(found.drop));
      } catch (error) {
        if (!error.aborted && this.place === place) this.paintEffect([element("p", "deck-none", `Not known: ${error.message}.`)]);
      }
    }, EFFECT_AFTER);
  }

  again() { this.isOld = true; } // the next paint asks anew, and shows what is known until then

  paintEffect(lines) { this.effect.replaceChildren(element("h3", "deck-side-head", "What dropping does"), ...lines); }

  paintSiblings(card, data) {
    const found = card.siblings ?? [];
    const signature = JSON.stringify([found, found.map((one) => this.deck.verdictOf(one)), data.thumbs]);
    if (signature === this.signature && this.siblings.childElementCount) return;
    this.signature = signature;
    const head = element("h3", "deck-side-head", card.parent ? "In the same parent" : "Siblings");
    const list = element("div", "deck-sibling-list");
    list.append(...found.map((one) => this.sibling(one, data)));
    if (!found.length) list.append(element("p", "deck-none", "It has none."));
    this.siblings.replaceChildren(head, list);
  }

  sibling(one, data) {
    const made = element("button", "deck-sibling");
    made.type = "button";
    const verdict = this.deck.verdictOf(one);
    const kind = ICONS[verdict] ? verdict : "pending";
    made.title = `${one.name}: ${items(one.size)}, ${VERDICTS[kind]}. Look at it`;
    made.append(glimpse(one, data), named("deck-sibling-name", one.name), element("span", "deck-sibling-share", percent(one.share)), icon(kind));
    made.append(element("span", "deck-told", VERDICTS[kind]));
    made.addEventListener("click", () => this.deck.look([one.level, one.cluster]));
    return made;
  }
}

// a small picture of a cluster, or the beginning of a text
function glimpse(one, data) {
  if (!one.hash) return element("span", "deck-glimpse is-text", (one.text ?? "").slice(0, 40));
  const made = element("img", "deck-glimpse");
  made.alt = "";
  made.loading = "lazy";
  made.decoding = "async";
  made.addEventListener("error", () => { made.style.visibility = "hidden"; });
  made.src = thumbAddress(data.thumbs, one.hash);
  return made;
}

function effectLines(drop) {
  if (!drop) return [element("p", "deck-none", "Not known: there is no draw yet.")];
  const lines = [];
  const line = (text) => lines.push(element("p", "", text));
  if (!drop.here) line("The draw takes nothing from it, so nothing moves.");
  else if (!drop.moved) line(`Its ${items(drop.here)} of the draw would be drawn nowhere else.`);
  else line(`Its ${items(drop.here)} of the draw go; ${counted(drop.moved)} are drawn from ${counted(drop.receivers)} other ${drop.receivers === 1 ? "cluster" : "clusters"} instead.`);
  if (drop.shortfall) lines.push(chip(`The draw falls short by ${items(drop.shortfall)}`, "warn"));
  const gains = (drop.per_sibling ?? []).filter((one) => one.gain);
  if (gains.length) {
    const list = element("ul", "deck-gains");
    for (const one of gains.slice(0, MOST_GAINS)) {
      const row = element("li");
      row.append(named("deck-gain-name", one.name), element("span", "deck-gain", `${one.gain > 0 ? "+" : "−"}${counted(Math.abs(one.gain))}`));
      list.append(row);
    }
    if (gains.length > MOST_GAINS) list.append(element("li", "deck-none", `and ${counted(gains.length - MOST_GAINS)} more siblings`));
    lines.push(list);
  }
  return lines;
}
