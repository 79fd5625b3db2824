// A gallery of any number of cells. Only those in view are in the document; everything else is a number.
const live = new WeakMap(); // parentElement -> what is kept between reruns
const GAP = 8;
const OVERSCAN = 3; // lines above and below the view
const TALLEST = 8000000; // pixels; browsers give up a little above 30 million, longer lists scroll by proportion
const CAPTION = 22;
const SIZES = { image: { S: 48, M: 68, L: 150 }, text: { S: 140, M: 184, L: 300 }, vector: { S: 100, M: 150, L: 300 } };
const HEIGHTS = { text: { S: 62, M: 94, L: 174 }, vector: { S: 32, M: 32, L: 48 } };
const LINES = { S: 3, M: 5, L: 10 }; // of a text that fit into these heights
const MARKS = { keep: "✓", drop: "✕" };
const SAID = { keep: "kept", drop: "dropped" };

class Gallery {
  constructor(root) {
    this.root = root;
    this.picks = new Picks();
    const [came, lost] = [() => this.render(), () => this.lost()];
    this.pages = new Pages({ size: 200, most: 60, read: (answer) => answer.json(), came, lost });
    this.thumbs = new Pages({ size: 50, most: 80, read: readPictures, drop: dropPictures, came, lost });
    this.nodes = new Map(); // index -> element
    [this.top, this.at, this.anchor, this.seq] = [0, 0, null, 0];
    this.bar = element("div", "gallery-bar");
    this.count = element("span", "gallery-count");
    this.order = element("select", "gallery-order");
    this.order.setAttribute("aria-label", "Order");
    this.order.addEventListener("change", () => this.reorder());
    this.all = button("gallery-link", "", () => this.pickAll());
    this.none = button("gallery-link", "Clear (Esc)", () => this.pickNone(), { text: "Clear" });
    const [looks, picking] = [element("div", "gallery-row"), element("div", "gallery-row")];
    looks.append(this.count, this.sizeControl());
    picking.append(this.order, this.all, this.none);
    this.bar.append(looks, picking);
    this.list = element("div", "gallery-list");
    this.list.tabIndex = 0;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-multiselectable", "true");
    this.space = element("div", "gallery-space");
    this.band = element("div", "gallery-band");
    this.band.hidden = true;
    this.space.append(this.band);
    this.list.append(this.space);
    root.append(this.bar, this.list);
    this.full = new FullView(root, this);
    this.listen();
  }

  listen() {
    this.list.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.list.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    this.list.addEventListener("keydown", (event) => this.pressed(event));
    this.list.addEventListener("click", (event) => this.clicked(event));
    this.list.addEventListener("dblclick", (event) => { const index = indexOf(event); if (index !== null) this.full.open(index); });
    this.list.addEventListener("pointerdown", (event) => this.grabbed(event));
    this.list.addEventListener("pointermove", (event) => this.dragged(event));
    this.list.addEventListener("pointerup", () => this.dropped());
    this.list.addEventListener("pointercancel", () => this.dropped());
    this.watch = new ResizeObserver(() => this.measured());
    this.watch.observe(this.list);
  }

  sizeControl() {
    const group = element("div", "gallery-sizes");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Size of the cells");
    this.sizes = {};
    for (const [name, words] of [["S", "Small"], ["M", "Medium"], ["L", "Large"]]) {
      this.sizes[name] = button("gallery-size", words, () => this.resize(name), { text: name });
      group.append(this.sizes[name]);
    }
    this.captions = button("gallery-size", "Captions", () => this.caption(), { picture: "captions" });
    group.append(this.captions);
    return group;
  }

  // ---- data

  show(data, send) {
    const before = this.data;
    [this.data, this.send] = [data, send];
    if (before && before.sheet_version !== data.sheet_version) this.empty(); // pictures that are to be seen no more
    this.kind = SIZES[data.modality] ? data.modality : "image";
    this.root.style.height = data.height ? `${data.height}px` : "";
    this.pages.show(`${data.cells}${data.token}?scores=${data.scores}`, data.version);
    this.thumbs.show(`${data.sheets}${data.token}?v=${encodeURIComponent(data.sheet_version)}`, "");
    if (!before || before.members !== data.members || before.pool_key !== data.pool_key) {
      this.picks.clear();
      [this.at, this.anchor] = [0, null];
    }
    if (!before || before.token !== data.token) { this.top = 0; this.list.scrollTop = 0; this.expected = 0; this.at = 0; this.anchor = null; }
    if (!before || before.pool_key !== data.pool_key) this.known = null;
    this.showOrders();
    this.look = data.places ? "tile" : this.kind; // tiles carry longer captions: coordinates
    const size = remembered(`${this.look}-size`, data.places ? "L" : "M");
    this.size = size in this.sizes ? size : "M";
    this.named = remembered("captions", "true") === "true";
    this.measured();
  }

  showOrders() {
    const signature = JSON.stringify(this.data.orders);
    if (signature !== this.orders) {
      this.orders = signature;
      this.order.replaceChildren(...this.data.orders.map(([value, words]) => new Option(words, value)));
    }
    this.order.value = this.data.order;
  }

  // places of the pool, fetched once
  places() {
    this.known ??= fetched(this.data.places).then((answer) => answer.json());
    return this.known;
  }

  lost() { this.send.lost({ token: this.data.token, at: Date.now() }); }

  // ---- layout

  measured() {
    if (!this.data || !this.list.clientWidth) return;
    const wide = this.list.clientWidth - 2;
    this.view = this.list.clientHeight;
    const laid = [wide, this.kind, this.size, this.named, this.data.n].join();
    if (laid === this.laid) { this.scrollTo(this.top); return; }
    this.laid = laid;
    const least = this.kind === "image" ? Math.min(SIZES.image[this.size], Math.floor((wide - GAP) / 2)) : SIZES[this.kind][this.size];
    const was = this.columns;
    const first = this.columns ? Math.floor(this.top / this.line) * this.columns : 0;
    this.columns = Math.max(1, Math.floor((wide + GAP) / (least + GAP)));
    this.width = Math.floor((wide - GAP * (this.columns - 1)) / this.columns);
    const tall = this.kind === "image" ? this.width : HEIGHTS[this.kind][this.size];
    this.tall = tall + (this.kind === "image" && this.named ? CAPTION : 0);
    this.line = this.tall + GAP;
    this.lines = Math.ceil(this.data.n / this.columns);
    this.total = Math.max(0, this.lines * this.line - GAP) + 2;
    this.space.style.height = `${Math.min(this.total, TALLEST)}px`;
    for (const [name, made] of Object.entries(this.sizes)) made.setAttribute("aria-pressed", String(name === this.size));
    this.captions.setAttribute("aria-pressed", String(this.named));
    this.captions.hidden = this.kind !== "image";
    this.empty();
    this.scrollTo(was ? Math.floor(first / this.columns) * this.line : this.top);
  }

  empty() {
    for (const node of this.nodes.values()) node.remove();
    this.nodes.clear();
  }

  get isFolded() { return this.total > TALLEST; }

  scrollTo(top) {
    this.top = Math.max(0, Math.min(top, this.total - this.view));
    this.list.scrollTop = this.isFolded ? (this.top / (this.total - this.view)) * (TALLEST - this.view) : this.top;
    this.expected = this.list.scrollTop;
    this.render();
  }

  scrolled() {
    const at = this.list.scrollTop;
    const moved = Math.abs(at - (this.expected ?? 0));
    if (this.isFolded && moved < 1.5) return; // our own doing; this.top is finer than the scroll bar
    const before = this.top;
    this.expected = at;
    this.top = this.isFolded ? (at / (TALLEST - this.view)) * (this.total - this.view) : at;
    this.render(Math.abs(this.top - before) > 2 * this.view ? 70 : 0);
  }

  wheeled(event) {
    if (!this.isFolded || event.ctrlKey) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 32 : event.deltaMode === 2 ? this.view : 1;
    this.scrollTo(this.top + event.deltaY * unit);
  }

  // ---- drawing

  render(wait = 0) {
    if (!this.data || !this.columns) return;
    const first = Math.max(0, Math.floor(this.top / this.line) - OVERSCAN) * this.columns;
    const end = Math.min(this.data.n, (Math.ceil((this.top + this.view) / this.line) + OVERSCAN) * this.columns);
    if (end > first) this.pages.want(first, end - 1, wait);
    if (end > first && this.kind === "image") this.thumbs.want(first, end - 1, wait);
    for (const [index, node] of this.nodes) if (index < first || index >= end) { node.remove(); this.nodes.delete(index); }
    const shift = this.list.scrollTop - this.top;
    for (let index = first; index < end; index += 1) this.put(index, shift);
    this.paint();
  }

  put(index, shift) {
    const cell = this.pages.item(index);
    let node = this.nodes.get(index);
    if (!node || node.cell !== cell) {
      const made = this.made(index, cell);
      if (node) node.replaceWith(made); else this.space.append(made);
      this.nodes.set(index, made);
      node = made;
    }
    const url = node.image && !node.image.src ? this.thumbs.item(index) : undefined;
    if (url) node.image.src = url;
    else if (url === "") node.classList.add("is-broken");
    const x = (index % this.columns) * (this.width + GAP) + 1;
    const y = Math.floor(index / this.columns) * this.line + shift + 1;
    node.style.transform = `translate(${x}px, ${y}px)`;
  }

  made(index, cell) {
    const node = element("div", "gallery-cell");
    node.cell = cell;
    node.id = `cell-${index}`;
    node.dataset.index = index;
    node.style.width = `${this.width}px`;
    node.style.height = `${this.tall}px`;
    node.setAttribute("role", "option");
    node.setAttribute("aria-setsize", this.data.n);
    node.setAttribute("aria-posinset", index + 1);
    if (!cell) { node.classList.add("is-coming"); return node; }
    const score = cell.score === undefined ? "" : this.data.order === "ranked" ? cell.score.toFixed(2) : figure(cell.score);
    const said = [SAID[cell.mark], cell.drawn && "drawn"].filter(Boolean).join(", ");
    node.title = [cell.caption || cell.id, cell.place, score && `${this.scoreName()} ${score}`, said].filter(Boolean).join("\n");
    node.setAttribute("aria-label", [cell.caption || cell.text.slice(0, 120) || cell.id, cell.place, score, said].filter(Boolean).join(", "));
    if (cell.hash) this.addPicture(node, cell, score); else this.addText(node, cell, score);
    if (cell.mark) {
      node.append(element("span", `gallery-mark ${cell.mark === "keep" ? "keep" : "drop"}`, MARKS[cell.mark] ?? "•"));
      if (cell.mark === "drop") node.classList.add("is-dropped");
    }
    const open = button("gallery-open", "Open (Enter)", (event) => { event.stopPropagation(); this.go(index); this.full.open(index); }, { picture: "expand" });
    open.tabIndex = -1;
    node.append(open);
    return node;
  }

  addPicture(node, cell, score) {
    node.classList.add("is-picture");
    const image = element("img", "gallery-picture");
    image.alt = "";
    image.decoding = "async";
    image.draggable = false;
    image.style.height = `${this.width - 2}px`;
    image.addEventListener("error", () => node.classList.add("is-broken"));
    node.image = image; // its source follows with the sheet of pictures
    node.append(image);
    if (score) node.append(element("span", "gallery-score", score));
    if (this.named) node.append(this.line_of(cell.place || cell.caption, "gallery-caption", cell.drawn));
    else if (cell.drawn) node.append(element("span", "gallery-drawn is-alone"));
  }

  addText(node, cell, score) {
    const isOwn = cell.caption && !cell.text.startsWith(cell.caption.slice(0, 40));
    if (isOwn) node.append(this.line_of(cell.caption, "gallery-name", false));
    const text = this.line_of(cell.text, "gallery-text", cell.drawn);
    const lines = LINES[this.size] - (isOwn ? 1 : 0) - (score ? 1 : 0); // the name above and the score below take one each
    text.style.setProperty("-webkit-line-clamp", Math.max(1, lines));
    node.append(text);
    if (score) node.append(element("span", "gallery-score", score));
  }

  line_of(text, name, drawn) {
    const line = element("div", name, text);
    line.dir = "auto";
    if (drawn) line.prepend(element("span", "gallery-drawn"));
    return line;
  }

  scoreName() { return this.data.order === "ranked" ? "similarity" : this.data.order.replace(/^(up|down):/, ""); }

  paint() {
    const { n } = this.data;
    for (const [index, node] of this.nodes) {
      const picked = node.cell ? this.picks.has(node.cell.row) : this.picks.everything;
      node.setAttribute("aria-selected", String(picked));
      node.classList.toggle("is-at", index === this.at);
    }
    if (this.nodes.has(this.at)) this.list.setAttribute("aria-activedescendant", `cell-${this.at}`);
    else this.list.removeAttribute("aria-activedescendant");
    const picked = this.picks.count(n);
    const first = Math.min(n, Math.round(this.top / this.line) * this.columns + 1);
    const last = Math.min(n, Math.max(first, Math.floor((this.top + this.view + GAP) / this.line) * this.columns));
    this.count.textContent = picked ? `${counted(picked)} of ${counted(n)} picked` : n ? `${counted(first)}–${counted(last)} of ${counted(n)}` : "Nothing to show";
    this.all.textContent = `Pick all ${counted(n)}`;
    this.all.hidden = picked === n || n === 0;
    this.none.hidden = picked === 0;
    this.list.setAttribute("aria-label", `${counted(n)} items${picked ? `, ${counted(picked)} picked` : ""}`);
  }

  // ---- picking

  reported() {
    this.paint();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.seq += 1; this.send.picked({ seq: this.seq, ...this.picks.told(this.data) }); }, 250); // several quick picks make one message
  }

  pickAll() { this.picks.all(); this.reported(); }

  pickNone() { this.picks.clear(); this.reported(); }

  // tree rows of the cells first..last, whether or not anybody looked at them
  async rows(first, last) {
    const known = [];
    for (let index = first; index <= last; index += 1) {
      const cell = this.pages.item(index);
      if (!cell) break;
      known.push(cell.row);
    }
    if (known.length === last - first + 1) return known;
    const answer = await fetched(`${this.data.rows}${this.data.token}?from=${first}&n=${last - first + 1}`);
    return new Uint32Array(await answer.arrayBuffer());
  }

  async pickRange(from, to, keep) {
    const [first, last] = [Math.min(from, to), Math.max(from, to)];
    const { token } = this.data;
    const rows = await this.rows(first, last).catch((error) => { if (error.status === 404) this.lost(); return []; });
    if (token !== this.data.token) return;
    if (!keep && !this.picks.everything) this.picks.clear();
    for (const row of rows) this.picks.put(row, true);
    this.reported();
  }

  clicked(event) {
    const index = indexOf(event);
    if (this.wasDragged) { this.wasDragged = false; return; }
    this.list.focus({ preventScroll: true });
    if (index === null) return;
    const cell = this.pages.item(index);
    if (!cell) return;
    const adds = event.ctrlKey || event.metaKey || event.pointerType === "touch";
    this.at = index;
    if (event.shiftKey && this.anchor !== null) { this.pickRange(this.anchor, index, adds); return; }
    if (adds) this.picks.toggle(cell.row);
    else if (!this.picks.everything && this.picks.rows.size === 1 && this.picks.has(cell.row)) this.picks.clear();
    else this.picks.only([cell.row]);
    this.anchor = index;
    this.reported();
  }

  pressed(event) {
    if (event.target !== this.list) return;
    const { n } = this.data;
    const page = Math.max(1, Math.floor(this.view / this.line)) * this.columns;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const cell = this.pages.item(this.at);
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") this.pickAll();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key in steps && n) this.walk(Math.max(0, Math.min(n - 1, this.at + steps[event.key])), event.shiftKey);
    else if (event.key === " " && cell) { this.picks.toggle(cell.row); this.anchor = this.at; this.reported(); }
    else if (event.key === "Enter" && n) this.full.open(this.at);
    else if (event.key === "Escape" && this.picks.count(n)) this.pickNone();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  walk(index, range) {
    if (range) { this.anchor ??= this.at; this.pickRange(this.anchor, index, false); }
    this.go(index);
  }

  // make a cell the current one and bring it into view
  go(index) {
    this.at = index;
    const y = Math.floor(index / this.columns) * this.line;
    if (y < this.top) this.scrollTo(y);
    else if (y + this.line > this.top + this.view) this.scrollTo(y + this.line - this.view);
    else this.paint();
  }

  // ---- the rubber band

  grabbed(event) {
    this.wasDragged = false;
    const box = this.list.getBoundingClientRect();
    const inside = event.clientX - box.left < this.list.clientWidth;
    if (event.button !== 0 || event.pointerType === "touch" || !inside) return;
    this.drag = { from: this.pointAt(event), x: event.clientX, y: event.clientY, base: event.ctrlKey || event.metaKey || event.shiftKey ? this.picks.copy() : new Picks() };
  }

  pointAt(event) {
    const box = this.list.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top + this.top];
  }

  dragged(event) {
    if (!this.drag) return;
    if (!this.drag.live && Math.hypot(event.clientX - this.drag.x, event.clientY - this.drag.y) < 6) return;
    if (!this.drag.live) { this.drag.live = true; this.list.setPointerCapture(event.pointerId); }
    this.drag.last = event;
    this.stretch();
    const box = this.list.getBoundingClientRect();
    const speed = event.clientY < box.top + 24 ? -12 : event.clientY > box.bottom - 24 ? 12 : 0;
    clearInterval(this.drag.rolling);
    if (speed) this.drag.rolling = setInterval(() => { this.scrollTo(this.top + speed); this.stretch(); }, 16);
  }

  stretch() {
    const { from, last, base } = this.drag;
    const to = this.pointAt(last);
    const [left, right] = [Math.min(from[0], to[0]), Math.max(from[0], to[0])];
    const [top, bottom] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
    this.band.hidden = false;
    this.band.style.transform = `translate(${left}px, ${top + this.list.scrollTop - this.top}px)`;
    Object.assign(this.band.style, { width: `${right - left}px`, height: `${bottom - top}px` });
    this.picks = base.copy();
    for (const index of this.within(left, right, top, bottom)) {
      const cell = this.pages.item(index);
      if (cell) this.picks.put(cell.row, true);
    }
    this.paint();
  }

  within(left, right, top, bottom) {
    const found = [];
    const step = this.width + GAP;
    const columns = [Math.max(0, Math.ceil((left - this.width) / step)), Math.min(this.columns - 1, Math.floor(right / step))];
    const lines = [Math.max(0, Math.ceil((top - this.tall) / this.line)), Math.min(this.lines - 1, Math.floor(bottom / this.line))];
    for (let line = lines[0]; line <= lines[1]; line += 1) {
      for (let column = columns[0]; column <= columns[1]; column += 1) {
        const index = line * this.columns + column;
        if (index < this.data.n) found.push(index);
      }
    }
    return found;
  }

  dropped() {
    const drag = this.drag;
    this.drag = null;
    if (!drag?.live) return;
    clearInterval(drag.rolling);
    this.band.hidden = true;
    this.wasDragged = true; // the click that follows is the end of the drag
    setTimeout(() => { this.wasDragged = false; }, 50);
    this.list.focus({ preventScroll: true });
    this.reported();
  }

  // ---- the bar

  // search results keep an order of their own: choosing one elsewhere does not undo theirs
  reorder() {
    this.chosen = { ...this.chosen, [this.data.ranked ? "ranked" : "plain"]: this.order.value };
    this.send.order(this.chosen);
  }

  resize(name) { remember(`${this.look}-size`, name); this.size = name; this.measured(); }

  caption() { this.named = !this.named; remember("captions", this.named); this.measured(); }

  end() {
    clearTimeout(this.timer);
    this.watch.disconnect();
    this.pages.forget();
    this.thumbs.forget();
    this.full.asked?.abort();
    this.root.remove();
  }
}

function indexOf(event) {
  const node = event.target.closest(".gallery-cell");
  return node ? Number(node.dataset.index) : null;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let gallery = live.get(parentElement);
  if (!gallery) {
    const root = element("div", "gallery");
    parentElement.append(root);
    gallery = new Gallery(root);
    live.set(parentElement, gallery);
  }
  gallery.show(data, {
    picked: (value) => setStateValue("picked", value),
    order: (value) => setStateValue("order", value),
    like: (value) => setTriggerValue("like", value),
    lost: (value) => setTriggerValue("lost", value),
  });
  return () => { gallery.end(); live.delete(parentElement); };
}
