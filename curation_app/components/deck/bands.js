// Three looks into the cluster: what lies next to its centre, at random, and farthest from it.
const CELL_GAP = 4;
const [LEAST_CELL, MOST_CELL] = [84, 116]; // pixels
const SHOWN_FIRST = 10; // pictures that do not wait until they are scrolled into view
const CELL_MARKS = { keep: "kept", drop: "dropped" };

class Bands {
  constructor() {
    this.root = element("div", "deck-bands");
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.root);
    this.signature = "";
  }

  paint(card, data) {
    const signature = card ? JSON.stringify([card.level, card.cluster, card.bands, data.thumbs, data.modality]) : "";
    if (signature === this.signature) return;
    const isSame = signature && this.place === placeKey(card.level, card.cluster); // asked anew: the scroll stays
    const tops = isSame ? [...this.root.querySelectorAll(".deck-cells")].map((cells) => cells.scrollTop) : [];
    this.signature = signature;
    this.place = card ? placeKey(card.level, card.cluster) : "";
    this.isPicture = data.modality === "image" || data.modality === "tile";
    this.root.classList.toggle("is-text", !this.isPicture);
    if (!isSame) stopLoading(this.root.querySelectorAll(".deck-picture"));
    this.root.replaceChildren(...(card?.bands ?? []).map((band) => this.band(band, data)));
    this.fit();
    this.root.querySelectorAll(".deck-cells").forEach((cells, at) => { cells.scrollTop = tops[at] ?? 0; });
  }

  band(band, data) {
    const made = element("section", "deck-band");
    made.dataset.testid = "deck-band";
    const head = element("h3", "deck-band-head");
    head.append(element("span", "deck-band-title", band.title), element("span", "deck-band-note", band.note));
    const cells = element("div", "deck-cells");
    cells.setAttribute("role", "list");
    cells.setAttribute("aria-label", band.title);
    cells.append(...(band.cells ?? []).map((cell, at) => this.cell(cell, at, data)));
    if (!band.cells?.length) cells.append(element("span", "deck-none", "None."));
    made.append(head, cells);
    return made;
  }

  cell(cell, at, data) {
    const made = element("div", "deck-cell");
    made.dataset.testid = "deck-cell";
    made.setAttribute("role", "listitem");
    made.title = [cell.caption, cell.text].filter(Boolean).join("\n").slice(0, 1000);
    if (this.isPicture && cell.hash) {
      const picture = element("img", "deck-picture");
      picture.alt = cell.caption ?? "";
      picture.decoding = "async";
      picture.loading = at < SHOWN_FIRST ? "eager" : "lazy";
      picture.addEventListener("error", () => made.replaceChildren(...words(cell), ...mark(cell)));
      picture.src = thumbAddress(data.thumbs, cell.hash);
      made.append(picture);
    } else {
      made.append(...words(cell));
    }
    made.append(...mark(cell));
    if (cell.mark) made.classList.add(`is-${cell.mark}`);
    return made;
  }

  // cells as large as lets all of a band be seen at once, where that is possible
  fit() {
    const cells = this.root.querySelectorAll(".deck-cells");
    if (!this.isPicture || !cells.length) return;
    const [wide, high] = [cells[0].clientWidth - 2, cells[0].clientHeight - 2];
    const most = Math.max(...[...cells].map((one) => one.childElementCount));
    let side = MOST_CELL;
    const fits = () => {
      const columns = Math.max(1, Math.floor((wide + CELL_GAP) / (side + CELL_GAP)));
      return Math.ceil(most / columns) * (side + CELL_GAP) - CELL_GAP <= high;
    };
    while (side > LEAST_CELL && !fits()) side -= 1;
    let columns = Math.max(1, Math.floor((wide + CELL_GAP) / (side + CELL_GAP)));
    if (!fits()) { // then lines that are whole, and as wide as there is room
      columns = Math.max(1, Math.ceil((wide + CELL_GAP) / (Math.max(LEAST_CELL, Math.min(MOST_CELL, high)) + CELL_GAP)));
      side = Math.floor((wide + CELL_GAP) / columns) - CELL_GAP;
    }
    this.root.style.setProperty("--deck-columns", columns);
    this.root.style.setProperty("--deck-cell", `${side}px`);
  }
}

function words(cell) {
  const made = [];
  if (cell.text || !cell.hash) made.push(element("p", "deck-text", cell.text || cell.caption));
  if (cell.caption && (cell.text || cell.hash)) made.push(element("span", "deck-caption", cell.caption));
  for (const one of made) one.dir = "auto";
  return made;
}

function mark(cell) {
  if (!CELL_MARKS[cell.mark]) return [];
  const made = element("span", `deck-mark is-${cell.mark}`);
  made.append(icon(cell.mark), element("span", "deck-told", CELL_MARKS[cell.mark]));
  return [made];
}
