// A grid of thumbnails or text cards. Data holds ids, content hashes and captions; pictures come by URL, lazily.
// Every string from the data is set through textContent; every hash in a URL is encoded.
const live = new WeakMap(); // parentElement -> what is kept between reruns
const MARKS = { keep: "✓", drop: "✕" };

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function cell(item, thumbs, order) {
  const made = element("button", "grid-cell");
  made.type = "button";
  made.dataset.order = order;
  made.dataset.id = item.id;
  made.setAttribute("aria-label", [item.caption, item.note, item.mark].filter(Boolean).join(", "));
  made.title = [item.caption, item.note].filter(Boolean).join("\n");
  if (item.hash || item.src) {
    made.classList.add("is-picture");
    const picture = element("img", "grid-picture");
    picture.loading = "lazy";
    picture.decoding = "async";
    picture.alt = "";
    picture.draggable = false;
    picture.addEventListener("error", () => made.classList.add("is-broken"));
    picture.src = item.src ? `data:image/webp;base64,${item.src}` : `${thumbs}${encodeURIComponent(item.hash)}.webp`;
    made.append(picture);
  } else if (item.text) {
    made.append(element("span", "grid-text", item.text));
  }
  if (item.caption) made.append(element("span", "grid-caption", item.caption));
  if (item.note) made.append(element("span", "grid-note", item.note));
  if (item.mark) {
    made.append(element("span", `grid-mark ${item.mark === "keep" ? "keep" : "drop"}`, MARKS[item.mark] ?? "•"));
    if (item.mark === "drop") made.classList.add("is-dropped");
  }
  return made;
}

function remembered(name, fallback) {
  try { return localStorage.getItem(`curation-grid-${name}`) ?? fallback; } catch { return fallback; }
}

function remember(name, value) {
  try { localStorage.setItem(`curation-grid-${name}`, value); } catch { /* private window: not kept */ }
}

class Grid {
  constructor(root) {
    this.root = root;
    this.selected = new Set();
    this.anchor = null;
    this.bar = element("div", "grid-bar");
    this.scroll = element("div", "grid-scroll");
    this.count = element("span", "grid-count");
    this.bar.append(this.count, this.sizeControl(), this.captionControl());
    root.append(this.bar, this.scroll);
    this.scroll.addEventListener("click", (event) => this.clicked(event));
    this.scroll.addEventListener("keydown", (event) => this.pressed(event));
  }

  sizeControl() {
    const label = element("label", "", "Size");
    this.size = element("input");
    Object.assign(this.size, { type: "range", min: 56, max: 320, step: 8 });
    this.size.setAttribute("aria-label", "Thumbnail size in pixels");
    this.size.addEventListener("input", () => { remember(this.sizeName, this.size.value); this.scroll.style.setProperty("--cell", `${this.size.value}px`); });
    label.append(this.size);
    return label;
  }

  captionControl() {
    const label = element("label");
    this.captions = element("input");
    this.captions.type = "checkbox";
    this.captions.addEventListener("change", () => { remember("captions", this.captions.checked); this.showCaptions(); });
    label.append(this.captions, document.createTextNode("Captions"));
    return label;
  }

  showCaptions() { this.scroll.classList.toggle("no-captions", !this.captions.checked); }

  show(data, send) {
    this.send = send;
    this.mode = data.mode ?? "multi";
    // pictures and texts are read at different sizes
    this.sizeName = data.sections.some((section) => section.items.some((item) => item.hash || item.src)) ? "size" : "text-size";
    const fixed = data.toolbar === false;
    const stored = fixed ? data.size : remembered(this.sizeName, data.size ?? 96);
    this.size.value = stored;
    this.scroll.style.setProperty("--cell", `${stored}px`);
    this.captions.checked = fixed ? true : String(remembered("captions", data.captions ?? true)) === "true";
    this.showCaptions();
    this.bar.style.display = fixed ? "none" : "";
    this.scroll.style.maxHeight = data.height ? `${Math.max(80, data.height - (fixed ? 4 : 32))}px` : "";
    const signature = JSON.stringify([data.thumbs, data.sections]);
    if (signature !== this.signature) { this.signature = signature; this.draw(data); }
    this.paint();
  }

  draw(data) {
    this.scroll.replaceChildren();
    this.cells = [];
    this.scroll.classList.toggle("is-flow", Boolean(data.flow)); // small sections side by side instead of one below the other
    for (const section of data.sections) {
      const group = data.flow ? element("div", "grid-group") : this.scroll;
      if (section.title) {
        const title = element("div", "grid-title", section.title);
        if (section.note) title.append(element("span", "", section.note));
        group.append(title);
      }
      const cells = element("div", "grid-cells");
      for (const item of section.items) {
        const made = cell(item, data.thumbs, this.cells.length);
        made.tabIndex = this.cells.length === 0 ? 0 : -1;
        this.cells.push(made);
        cells.append(made);
      }
      group.append(cells);
      if (data.flow) this.scroll.append(group);
    }
    if (this.cells.length === 0) this.scroll.append(element("div", "grid-empty", data.empty ?? "Nothing to show."));
    const ids = new Set(this.cells.map((made) => made.dataset.id));
    this.selected = new Set([...this.selected].filter((id) => ids.has(id)));
    this.scroll.scrollTop = 0;
    this.anchor = null;
  }

  paint() {
    for (const made of this.cells) made.setAttribute("aria-pressed", String(this.selected.has(made.dataset.id)));
    const shown = new Set(this.cells.map((made) => made.dataset.id)).size;
    this.count.textContent = this.selected.size ? `${this.selected.size} of ${shown} picked` : `${shown} shown`;
  }

  toggle(made, range) {
    const order = Number(made.dataset.order);
    if (this.mode === "single") {
      this.selected = new Set([made.dataset.id]);
    } else if (range && this.anchor !== null) {
      const [from, to] = [Math.min(this.anchor, order), Math.max(this.anchor, order)];
      for (const other of this.cells.slice(from, to + 1)) this.selected.add(other.dataset.id);
    } else if (!this.selected.delete(made.dataset.id)) {
      this.selected.add(made.dataset.id);
    }
    this.anchor = order;
    this.paint();
    this.report();
  }

  report() {
    if (this.mode === "none") return;
    clearTimeout(this.timer);
    const wait = this.mode === "single" ? 0 : 250; // several quick picks make one message
    this.timer = setTimeout(() => this.send([...this.selected]), wait);
  }

  clicked(event) {
    const made = event.target.closest(".grid-cell");
    if (made && this.mode !== "none") { this.focus(made); this.toggle(made, event.shiftKey); }
  }

  focus(made) {
    for (const other of this.cells) other.tabIndex = -1;
    made.tabIndex = 0;
    made.focus({ preventScroll: false });
  }

  pressed(event) {
    const made = event.target.closest(".grid-cell");
    if (!made) return;
    if (event.key === "Escape" && this.selected.size) {
      event.stopPropagation();
      this.selected.clear();
      this.paint();
      this.report();
      return;
    }
    const columns = this.columns(made);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const order = Math.min(this.cells.length - 1, Math.max(0, Number(made.dataset.order) + step));
    this.focus(this.cells[order]);
  }

  columns(made) {
    return getComputedStyle(made.parentElement).gridTemplateColumns.split(" ").length;
  }
}

export default function ({ data, parentElement, setStateValue }) {
  let grid = live.get(parentElement);
  if (!grid) {
    const root = element("div", "grid-root");
    parentElement.append(root);
    grid = new Grid(root);
    live.set(parentElement, grid);
  }
  grid.show(data, (ids) => setStateValue("selected", ids));
  return () => { clearTimeout(grid.timer); grid.root.remove(); live.delete(parentElement); };
}
