// One item as large as the window: its picture, text or tile, everything known of it, and what is most like it.
class FullView {
  constructor(root, gallery) {
    this.gallery = gallery;
    this.dialog = element("dialog", "full");
    this.dialog.setAttribute("aria-label", "Item");
    this.dialog.tabIndex = -1;
    this.place = element("span", "full-place");
    this.title = element("h2", "full-title");
    this.title.dir = "auto";
    this.back = button("full-button", "Back to the list", () => this.open(this.index), { text: "Back to the list" });
    const head = element("div", "full-head");
    head.append(this.title, this.place, this.back, button("full-close", "Close (Esc)", () => this.dialog.close(), { picture: "close" }));
    this.stage = element("div", "full-stage");
    this.bands = element("div", "full-bands");
    this.near = element("div", "full-near");
    this.side = element("div", "full-side");
    const main = element("div", "full-main");
    const frame = element("div", "full-frame");
    this.previous = button("full-step is-previous", "Previous (←)", () => this.step(-1), { picture: "previous" });
    this.next = button("full-step is-next", "Next (→)", () => this.step(1), { picture: "next" });
    frame.append(this.previous, this.stage, this.next);
    main.append(frame, this.bands, this.near);
    const body = element("div", "full-body");
    body.append(main, this.side);
    this.dialog.append(head, body);
    root.append(this.dialog);
    this.dialog.addEventListener("keydown", (event) => this.pressed(event));
    this.dialog.addEventListener("close", () => this.closed());
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
  }

  get isOpen() { return this.dialog.open; }

  // open the item at a place of the list
  async open(index) {
    this.index = index;
    const cell = this.gallery.pages.item(index);
    this.back.hidden = true;
    this.previous.disabled = index <= 0;
    this.next.disabled = index >= this.gallery.data.n - 1;
    const wasOpen = this.dialog.open;
    if (!wasOpen) this.dialog.showModal();
    // the window and not its first button; later only where what had the focus is disabled or hidden now
    if (!wasOpen || !this.dialog.querySelector(":focus")) this.dialog.focus();
    this.place.textContent = `${counted(index + 1)} of ${counted(this.gallery.data.n)}`;
    if (cell) { this.show(cell); return; }
    const asked = this.begin();
    try {
      const rows = await this.gallery.rows(index, index);
      if (!asked.signal.aborted && rows.length) this.show({ row: rows[0], caption: "", hash: "", text: "" });
    } catch (error) { this.failed(asked, error); }
  }

  // open an item that need not be in the list
  show(cell) {
    const asked = this.begin();
    this.row = cell.row;
    this.title.textContent = titleOf(cell);
    this.stage.replaceChildren();
    this.bands.replaceChildren();
    if (cell.hash) this.placeholder(cell.hash);
    this.load(asked, cell);
  }

  begin() {
    this.asked?.abort();
    this.asked = new AbortController();
    return this.asked;
  }

  async load(asked, cell) {
    const { items, neighbours } = this.gallery.data;
    try {
      if (cell.hash) this.picture(asked, "");
      const item = await (await fetched(`${items}${cell.row}?full=1&neighbours=0`, asked.signal)).json();
      if (asked.signal.aborted) return;
      this.fill(asked, item, Boolean(cell.hash));
      this.near.classList.add("is-waiting");
      const alike = await (await fetched(`${neighbours}${cell.row}`, asked.signal)).json();
      if (!asked.signal.aborted) this.alike(alike);
    } catch (error) { this.failed(asked, error); }
  }

  failed(asked, error) {
    if (asked.signal.aborted) return;
    this.side.replaceChildren(element("p", "full-sorry", "This item cannot be shown now: the tree was made anew, or the server is away. Close and try again."));
    if (error.status === undefined) return;
    this.gallery.lost();
  }

  fill(asked, item, hasPicture) {
    this.title.textContent = [titleOf(item), item.place].filter(Boolean).join(" · ");
    if (item.picture && !hasPicture) { this.placeholder(item.hash); this.picture(asked, ""); }
    if (!item.picture) this.text(item);
    if (item.raster) this.choices(item.raster);
    const like = button("full-button is-primary", "Find more like this", () => this.like(), { picture: "alike", text: "Find more like this" });
    const copy = button("full-button", "Copy id", () => this.copy(copy, item.id), { picture: "copy", text: "Copy id" });
    const actions = element("div", "full-actions");
    actions.append(like, copy);
    this.side.replaceChildren(actions, ...(item.at ? [this.map(asked, item)] : []), this.table(item.lines));
    this.side.scrollTop = 0;
  }

  placeholder(hash) {
    const image = element("img", "full-picture is-coming");
    image.alt = "";
    image.addEventListener("error", () => { image.hidden = true; });
    image.addEventListener("load", () => this.fit(image));
    image.src = `${this.gallery.data.thumbs}${encodeURIComponent(hash)}.webp`;
    this.stage.replaceChildren(image);
  }

  async picture(asked, query) {
    this.stage.classList.add("is-waiting");
    try {
      const answer = await fetched(`${this.gallery.data.pictures}${this.row}.webp${query}`, asked.signal);
      const url = URL.createObjectURL(await answer.blob());
      if (asked.signal.aborted) { URL.revokeObjectURL(url); return; }
      const image = element("img", "full-picture");
      image.alt = this.title.textContent;
      image.draggable = false;
      image.addEventListener("load", () => { this.fit(image); this.free(); this.url = url; this.stage.replaceChildren(image); });
      image.src = url;
    } catch (error) {
      if (!asked.signal.aborted) this.sorry(error);
    } finally {
      if (!asked.signal.aborted) this.stage.classList.remove("is-waiting");
    }
  }

  // the thumbnail stays, with the reason why there is no more
  sorry(error) {
    this.stage.querySelector(".full-sorry")?.remove();
    this.stage.querySelector(".is-coming")?.classList.remove("is-coming");
    this.stage.append(element("p", "full-sorry", error.message || "The picture cannot be shown."));
  }

  // small pictures are shown larger by a whole factor, so that pixels stay even
  fit(image) {
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    if (!width || !height) return;
    const room = Math.min((this.stage.clientWidth - 16) / width, (this.stage.clientHeight - 16) / height);
    const factor = room >= 2 ? Math.min(4, Math.floor(room)) : Math.min(1, room);
    image.style.width = `${Math.max(1, width * factor)}px`;
    image.style.height = `${Math.max(1, height * factor)}px`;
    image.classList.toggle("is-tile", factor > 1 && Boolean(this.gallery.data.places));
  }

  free() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = "";
  }

  text(item) {
    const text = element("div", "full-text", item.text || item.caption);
    text.dir = "auto";
    text.tabIndex = 0;
    this.stage.replaceChildren(text);
    if (item.left) this.stage.append(element("p", "full-sorry", `… ${counted(item.left)} more characters`));
  }

  table(lines) {
    const table = element("table", "full-table");
    let group = "";
    for (const [name, value, of] of lines) {
      if (of !== group) {
        const heading = element("th", "full-group", of);
        heading.colSpan = 2;
        const row = element("tr");
        row.append(heading);
        table.append(row);
        group = of;
      }
      const row = element("tr");
      const said = element("td", "", value === "" ? "–" : value);
      said.dir = "auto";
      const head = element("th", "", name);
      head.scope = "row";
      head.dir = "auto";
      row.append(head, said);
      table.append(row);
    }
    return table;
  }

  map(asked, item) {
    const holder = element("figure", "full-map");
    const caption = `${degrees(item.at[1], "N", "S")}, ${degrees(item.at[0], "E", "W")}`;
    this.gallery.places().then((points) => {
      if (!asked.signal.aborted) holder.append(footprint(points, item.at, item.raster?.outline), element("figcaption", "", caption));
    }, () => holder.append(element("figcaption", "", caption)));
    return holder;
  }

  // bands and stretch of a raster tile; the server cuts the percentiles of the whole scene
  choices(raster) {
    const numbers = Array.from({ length: raster.bands }, (_, number) => [String(number + 1), String(number + 1)]);
    const stretch = choice("Stretch", raster.stretches.map((share) => [String(share), `${share} %`]), String(raster.stretch ?? ""));
    if (raster.stretch === null) stretch.select.prepend(new Option("as ingested", "", true, true));
    const names = raster.shown.length === 3 ? ["Red", "Green", "Blue"] : ["Band"];
    const bands = raster.bands > 1 ? names.map((name, place) => choice(name, numbers, String(raster.shown[place]))) : [];
    const changed = () => {
      const chosen = bands.map((one) => one.select.value).join(",");
      const asked = new URLSearchParams();
      if (stretch.select.value) asked.set("stretch", stretch.select.value);
      if (chosen) asked.set("bands", chosen);
      this.drawing?.abort();
      this.drawing = new AbortController();
      this.asked.signal.addEventListener("abort", () => this.drawing.abort());
      this.picture(this.drawing, `?${asked}`);
    };
    for (const one of [stretch, ...bands]) { one.select.addEventListener("change", changed); this.bands.append(one.label); }
    this.bands.append(element("span", "full-note", `${raster.bands} ${raster.bands === 1 ? "band" : "bands"}${raster.deep ? ", more than 8 bit" : ""}; for looking only`));
  }

  alike(cells) {
    const strip = element("div", "full-strip");
    for (const cell of cells) {
      const made = button("full-alike", `${cell.caption || cell.id}, similarity ${cell.score.toFixed(2)}`, () => this.opened(cell));
      if (cell.hash) {
        const image = element("img");
        image.alt = "";
        image.decoding = "async";
        image.src = `${this.gallery.data.thumbs}${encodeURIComponent(cell.hash)}.webp`;
        image.addEventListener("error", () => { image.style.visibility = "hidden"; });
        made.append(image);
      } else {
        const text = element("span", "full-alike-text", cell.text || cell.caption);
        text.dir = "auto";
        made.append(text);
      }
      made.append(element("span", "full-score", cell.score.toFixed(2)));
      strip.append(made);
    }
    this.near.classList.remove("is-waiting");
    const heading = element("div", "full-heading", "Most like this");
    heading.append(element("span", "", "cosine of the prepared vectors"));
    this.near.replaceChildren(...(cells.length ? [heading, strip] : []));
  }

  opened(cell) {
    this.place.textContent = "most like the last one";
    this.back.hidden = false;
    this.show(cell);
  }

  step(by) {
    const index = this.index + by;
    if (index >= 0 && index < this.gallery.data.n) { this.gallery.go(index); this.open(index); }
  }

  pressed(event) {
    event.stopPropagation(); // the page's own keys are not meant here
    if (event.target.closest("select, .full-text") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "ArrowRight") this.step(1);
    else return;
    event.preventDefault();
  }

  like() {
    this.gallery.send.like({ row: this.row });
    this.dialog.close();
  }

  async copy(made, id) {
    const said = made.querySelector("span");
    said.textContent = (await copied(id, this.dialog)) ? "Copied" : "Could not copy";
    setTimeout(() => { said.textContent = "Copy id"; }, 1500);
  }

  closed() {
    this.asked?.abort();
    this.free();
    this.stage.replaceChildren();
    this.gallery.list.focus({ preventScroll: true });
  }
}

function choice(name, options, value) {
  const label = element("label", "full-choice", name);
  const select = element("select");
  for (const [option, words] of options) select.append(new Option(words, option, false, option === value));
  label.append(select);
  return { label, select };
}

// the clipboard is there on secure pages only; elsewhere a field is selected and copied
async function copied(text, near) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", "full-offstage");
    field.value = text;
    near.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

// a caption; of a text that goes on, its beginning says so
function titleOf(item) {
  const name = item.caption || item.id || "";
  return item.text && item.text.length > name.length && item.text.startsWith(name) ? `${name}…` : name;
}
