// The card of the point under the pointer: its picture or text and what is known of it; fetched once, then at hand.
const MOST_CARDS = 400, REST = 50, LINES = 6, LONGEST = 280; // kept; ms a pointer rests before a card is fetched

class Hover {
  constructor(card) {
    this.card = card;
    this.cards = new Map(); // row -> what the server said
    this.row = -1;
  }

  async show(row, at, bounds, data) {
    this.row = row;
    clearTimeout(this.timer);
    const held = this.cards.get(row);
    if (held) { this.paint(held, at, bounds, data); return; }
    this.timer = setTimeout(() => this.fetch(row, at, bounds, data), REST);
  }

  async fetch(row, at, bounds, data) {
    this.abort?.abort();
    this.abort = new AbortController();
    try {
      const answer = await fetch(`${data.item}${row}`, { signal: this.abort.signal });
      if (!answer.ok) return;
      const said = await answer.json();
      this.cards.set(row, said);
      if (this.cards.size > MOST_CARDS) this.cards.delete(this.cards.keys().next().value);
      if (this.row === row) this.paint(said, at, bounds, data);
    } catch (error) {
      if (error.name !== "AbortError") this.hide();
    }
  }

  paint(said, [x, y], [width, height], data) {
    const { card } = this;
    card.replaceChildren();
    card.dataset.row = said.row;
    if (said.picture && said.hash) {
      const picture = element("img", "map-card-picture");
      picture.alt = "";
      picture.addEventListener("error", () => picture.remove());
      picture.src = `${data.thumbs}${encodeURIComponent(said.hash)}.webp`;
      card.append(picture);
    } else if (said.text) card.append(element("div", "map-card-text", cut(String(said.text))));
    const name = said.caption || said.id;
    if (name && name !== said.text) card.append(element("div", "map-card-name", cut(String(name))));
    for (const [label, value] of (said.lines ?? []).slice(0, LINES)) {
      const line = element("div", "map-card-line");
      line.append(element("span", "", cut(String(label))), element("bdi", "", cut(String(value))));
      card.append(line);
    }
    card.hidden = false;
    const [wide, high] = [card.offsetWidth, card.offsetHeight];
    const left = x + 14 + wide > width ? x - 14 - wide : x + 14;
    card.style.left = `${clamp(left, 4, Math.max(4, width - wide - 4))}px`;
    card.style.top = `${clamp(y - high / 3, 4, Math.max(4, height - high - 4))}px`;
  }

  hide() {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.row = -1;
    this.card.hidden = true;
  }
}

function cut(text) { return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text; }
