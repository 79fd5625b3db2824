// The legend is the control: a click hides a class, a double click leaves it alone on the map, and again brings all back.
const MARKS = [["dropped", "×", "dropped"], ["kept", "◎", "kept"], ["drawn", "●", "in the draw"]];

class Legend {
  constructor(root, changed, resized) {
    Object.assign(this, { root, changed, resized });
    this.hidden = new Set(); // codes
    this.remembered = new Map(); // title -> names that were hidden
    this.head = element("button", "map-legend-head");
    this.head.type = "button";
    this.head.setAttribute("aria-expanded", "true");
    this.title = element("bdi", "map-legend-title");
    this.head.append(this.title, element("span", "map-legend-fold"));
    this.head.addEventListener("click", () => { this.byHand = true; this.fold(); });
    this.rows = element("div", "map-legend-rows");
    this.rows.dataset.testid = "map-legend";
    this.sizing = element("div", "map-legend-sizes");
    this.sizing.dataset.testid = "map-legend-sizes";
    this.foot = element("div", "map-legend-foot");
    root.append(this.head, this.rows, this.sizing, this.foot);
    this.rows.addEventListener("click", (event) => this.clicked(event, false));
    this.rows.addEventListener("dblclick", (event) => this.clicked(event, true));
    this.rows.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.shiftKey) return;
      event.preventDefault();
      this.clicked(event, true);
    });
  }

  get folded() { return this.root.classList.contains("is-folded"); }

  // on a small map it starts folded; what people have chosen since stays
  shrink(small) { if (!this.byHand && small !== this.folded) this.fold(); }

  fold() {
    const open = this.folded;
    this.head.setAttribute("aria-expanded", String(open));
    this.root.classList.toggle("is-folded", !open);
    this.resized();
  }

  // classes: a list of each field; their colours are the end of the palette
  show({ classes: said, ...given }, size, masks, selecting) {
    const signature = JSON.stringify([said, given, size, MARKS.map(([kind]) => Boolean(masks[kind])), selecting]);
    if (signature === this.signature) return;
    this.signature = signature;
    const before = Math.max(0, given.palette.length - said.name.length);
    const classes = said.name.map((name, at) => ({ name, colour: given.palette[before + at], total: said.total[at], selected: said.selected[at] }));
    const colour = { ...given, classes };
    if (this.of !== colour.title) this.scrollTo = 0;
    this.of = colour.title;
    this.first = Math.max(0, colour.palette.length - colour.classes.length); // code of the first row; before it a scale's steps
    this.names = new Map(colour.classes.map((one, at) => [this.first + at, one.name]));
    const hidden = this.remembered.get(colour.title) ?? new Set();
    this.hidden = new Set([...this.names].flatMap(([code, name]) => (hidden.has(name) ? [code] : [])));
    this.title.textContent = colour.title;
    this.draw(colour, selecting);
    this.foot.replaceChildren(...MARKS.filter(([kind]) => masks[kind]).map(([kind, sign, said]) => {
      const made = element("span", "map-mark");
      made.title = "Marks show where points are large enough. Before, dropped points are pale and reddish, those in the draw are solid.";
      made.append(element("span", `map-sign is-${kind}`, sign), document.createTextNode(said));
      return made;
    }));
    this.foot.hidden = !this.foot.childElementCount;
    this.sizing.replaceChildren(...(size ? this.sizes(size) : []));
    this.sizing.hidden = !size;
    this.paint();
  }

  draw(colour, selecting) {
    const from = this.rows.scrollTop;
    this.rows.replaceChildren();
    if (colour.kind === "scale") this.rows.append(this.scale(colour));
    this.buttons = colour.classes.map((one, at) => {
      const made = element("button", "map-class");
      made.type = "button";
      made.dataset.testid = "map-legend-row";
      made.dataset.code = this.first + at;
      const swatch = element("span", "map-swatch");
      swatch.style.background = one.colour;
      const numbers = selecting ? `${count(one.selected)} / ${count(one.total)}` : count(one.total);
      made.append(swatch, element("bdi", "map-class-name", one.name), element("span", "map-class-count", numbers));
      made.title = `${one.name}\n${selecting ? `${count(one.selected)} selected of ` : ""}${count(one.total)} items\nClick hides or shows, double click (Shift+Enter) leaves it alone`;
      this.rows.append(made);
      return made;
    });
    this.rows.scrollTop = this.scrollTo === 0 ? 0 : from;
    this.scrollTo = undefined;
  }

  scale(colour) {
    const made = element("div", "map-scale");
    const bar = element("div", "map-scale-bar");
    const steps = Array.from({ length: 9 }, (_, at) => colour.palette[Math.round((at / 8) * Math.max(0, this.first - 1))]);
    bar.style.background = `linear-gradient(to right, ${steps.join(", ")})`;
    const ends = element("div", "map-scale-ends");
    ends.append(element("bdi", "", colour.low), element("bdi", "", colour.high));
    made.append(bar, ends);
    return made;
  }

  // what a small point means and what a large one
  sizes(size) {
    const title = element("bdi", "map-legend-title", `Size: ${size.title}`);
    title.title = `${size.title}\nPoints without a value are the smallest`;
    const row = element("div", "map-sizes-row");
    const dots = element("span", "map-sizes-dots");
    dots.setAttribute("aria-hidden", "true");
    for (const share of [0, 0.5, 1]) {
      const dot = element("span", "map-sizes-dot");
      dot.style.width = dot.style.height = `${5 * (SMALLEST + share * (LARGEST - SMALLEST))}px`;
      dots.append(dot);
    }
    row.append(element("bdi", "", size.low), dots, element("bdi", "", size.high));
    return [title, row];
  }

  clicked(event, alone) {
    const made = event.target.closest(".map-class");
    if (!made || (!alone && event.detail > 1)) return; // the second click of a double one is not a click more
    const code = Number(made.dataset.code);
    if (alone) this.isolate(code, event.type === "dblclick");
    else if (!this.hidden.delete(code)) this.hidden.add(code);
    this.store();
  }

  // a double click began with a click, which has turned the class over once
  isolate(code, turned) {
    if (turned && !this.hidden.delete(code)) this.hidden.add(code);
    const others = [...this.names.keys()].filter((other) => other !== code);
    const already = !this.hidden.has(code) && others.length > 0 && others.every((other) => this.hidden.has(other));
    this.hidden = new Set(already ? [] : others);
  }

  store() {
    this.remembered.set(this.of, new Set([...this.hidden].map((code) => this.names.get(code))));
    this.paint();
    this.changed();
  }

  paint() {
    for (const made of this.buttons) made.setAttribute("aria-pressed", String(!this.hidden.has(Number(made.dataset.code))));
    this.root.classList.toggle("is-empty", !this.buttons.length && !this.rows.childElementCount && this.sizing.hidden);
  }
}
