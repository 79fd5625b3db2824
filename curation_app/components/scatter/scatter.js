// The map itself: holds the parts together, draws only when something changed.
const FIRST = 65_536; // points of the first paint; the map's order is a fair sample after every so many
const TARGET = 34, QUIET = 120, CAMERA_WAIT = 800, STREAM_WAIT = 250, GIVE_UP = 2_500, REACH = 10; // ms, pixels
const SMALL = [620, 400]; // pixels of width and height under which the legend is folded and lies over the points
const wandered = new Map(); // map -> where the page had told it to look, and where people moved it from there
const MOST_AREAS = 64, TRIES = 5, AGAIN = 300; // of a selection; asks for bytes that were forgotten, ms before the first

class Scatter {
  constructor(root) {
    this.root = root;
    this.hands = new AbortController();
    this.camera = new Camera([0, 0, 1, 1]);
    Object.assign(this, scaffold(root));
    this.overlay = new Overlay(this.over);
    this.labels = new Labels(this.labelLayer, (id) => this.named(id));
    this.legend = new Legend(this.legendBox, () => this.recolour(), () => this.settle());
    this.hover = new Hover(this.card);
    this.toolbar = new Toolbar(this.tools, (name) => this.act(name));
    this.gestures = new Gestures(this.over, this.labelLayer, this.camera, this);
    this.toolbar.press("pan");
    this.density_picture = new DensityPicture(this.under, () => this.say("The density picture could not be fetched.", () => this.settle()));
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.stage);
    this.areas = [];
    this.quick = new Quick(() => this.obey());
    this.dirty = false;
  }

  // ---- what Python says

  show(data, send) {
    this.send = send;
    const before = this.data;
    this.data = data;
    this.theme = themeOf(this.root, this.middle);
    if (!before || before.positions !== data.positions || before.n !== data.n) this.start();
    this.look(data.camera, !before);
    const said = this.quick.hears(data);
    if (said === "answer") performance.mark("curation-map-answer");
    if (said !== "old") this.areas = data.areas;
    this.legend.show(data.colour, data.size, data.masks, Boolean(data.masks.selected));
    this.colour();
    this.size();
    this.mask();
    this.names();
    this.settle();
    this.count();
    const look = JSON.stringify(this.theme);
    if (look !== this.themeOf) { this.themeOf = look; this.redraw(); }
  }

  // what the page last said holds
  obey() {
    if (!this.bytes) return;
    this.areas = this.data.areas;
    this.mask();
    this.request();
  }

  // what the page says is selected and what else is marked; for a moment after a lasso, what the server said of it
  get masks() { return this.quick.selected ? { ...this.data.masks, selected: this.quick.selected } : this.data.masks; }

  start() {
    const { data } = this;
    this.bytes?.close();
    this.bytes = new Bytes();
    const { painter } = this;
    this.painter = null;
    painter?.close();
    Object.assign(this, { loaded: 0, index: null, order: null, codes: null, flags: null, counts: {}, bulks: null, colourOf: "", paletteOf: "", sizeOf: "", maskOf: "", namesOf: "", budget: 4 * FIRST, version: 0, done: false, marked: false, tries: new Map() });
    this.positions = new Uint16Array(2 * data.n);
    this.closeness = new Density();
    if (String(this.camera.box) !== String(data.box)) { this.camera.box = data.box; this.camera.fit(); }
    this.over.setAttribute("aria-label", `Map of ${count(data.n)} points. Arrow keys pan, plus and minus zoom, 0 shows all, L draws a lasso, B a box, P pans, Enter picks the point in the middle, Escape clears the selection.`);
    performance.mark("curation-map-start");
    this.open();
    this.resize();
    this.load();
  }

  open() {
    const canvas = element("canvas", "map-points");
    canvas.setAttribute("aria-hidden", "true");
    const opened = performance.getEntriesByType("navigation")[0]?.name ?? location.href; // the page rewrites its address
    const off = new URL(opened).searchParams.get("webgl") === "off";
    this.density = false;
    try { this.painter = off ? null : Painter.open(canvas, Math.max(1, this.data.n)); } catch { this.painter = null; }
    if (!this.painter) { this.fallBack("This browser has no WebGL2"); return; }
    this.root.classList.remove("is-density");
    this.said.hidden = true;
    this.under.replaceChildren(canvas);
    this.points = canvas;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      if (canvas !== this.points || !this.painter) return; // one that was put away
      this.painter = null;
      this.say("The graphics card stopped; the points come back in a moment.");
      this.waiting = setTimeout(() => this.fallBack("The graphics card is gone"), GIVE_UP);
    });
    canvas.addEventListener("webglcontextrestored", () => this.restored(canvas));
  }

  restored(canvas) {
    clearTimeout(this.waiting);
    if (this.density || canvas !== this.points) return;
    this.said.hidden = true;
    this.painter = Painter.open(canvas, this.data.n);
    this.painter.place(this.positions, 0, this.loaded);
    this.painter.flags(this.flags);
    if (this.codes) this.painter.codes(this.codes);
    if (this.bulks) this.painter.sizes(this.bulks);
    this.paletteOf = "";
    this.recolour();
    this.redraw();
  }

  fallBack(why) {
    this.painter = null;
    this.density = true;
    this.root.classList.add("is-density");
    this.say(`${why}: a density picture of all ${count(this.data.n)} items made by the server. Lasso, box, names and cards work; colours and marks do not.`);
    this.settle();
  }

  // ---- bytes

  async load() {
    const { data, bytes } = this;
    try {
      await bytes.stream(data.positions, new Uint8Array(this.positions.buffer), (at) => { if (bytes === this.bytes) this.arrived(at >> 2); });
      if (bytes !== this.bytes) return;
      this.arrived(data.n);
      this.index = await PointIndex.build(this.positions, () => bytes !== this.bytes);
      if (bytes === this.bytes) this.root.dataset.ready = "true";
    } catch (error) {
      if (bytes === this.bytes) this.failed(error, "The positions", () => { this.start(); this.colour(); this.size(); this.mask(); this.names(); });
    }
  }

  arrived(points) {
    const { data } = this;
    if (points === this.loaded || (points < data.n && points - this.loaded < FIRST)) return;
    const first = this.loaded === 0;
    this.closeness.add(this.positions, this.loaded, points);
    this.painter?.place(this.positions, this.loaded, points);
    this.loaded = points;
    this.count();
    if (first || points === data.n) this.request();
    else this.streaming ??= setTimeout(() => { this.streaming = undefined; this.request(); }, STREAM_WAIT);
  }

  async colour() {
    const { data, bytes } = this;
    const { colour } = data;
    if (this.colourOf === colour.url) { this.recolour(); return; }
    this.colourOf = colour.url;
    try {
      const raw = await bytes.of(colour.url);
      if (bytes !== this.bytes || this.colourOf !== colour.url) return;
      if (raw.length !== data.n * colour.bytes) throw new Error(`${count(raw.length)} bytes for ${count(data.n)} points`);
      this.codes = colour.bytes === 2 ? new Uint16Array(raw.buffer) : raw;
      this.painter?.codes(this.codes);
      this.paletteOf = "";
      this.recolour();
    } catch (error) {
      if (bytes === this.bytes && this.colourOf === colour.url) { this.colourOf = ""; this.failed(error, "The colours", () => this.colour()); }
    }
  }

  recolour() {
    if (!this.codes) return;
    const { colour } = this.data;
    const said = JSON.stringify([colour.palette, [...this.legend.hidden]]);
    if (said === this.paletteOf) return;
    this.paletteOf = said;
    this.painter?.palette(colour.palette, this.legend.hidden);
    this.hiddenCodes = this.legend.hidden.size ? Uint8Array.from(colour.palette, (_, code) => this.legend.hidden.has(code)) : null;
    this.redraw();
  }

  // how large points are, by a column of its own; without one there is no buffer
  async size() {
    const { data, bytes } = this;
    const wanted = data.size?.url ?? "";
    if (this.sizeOf === wanted) return;
    this.sizeOf = wanted;
    try {
      const raw = await bytes.of(wanted);
      if (bytes !== this.bytes || this.sizeOf !== wanted) return;
      if (raw && raw.length !== data.n) throw new Error(`${count(raw.length)} bytes for ${count(data.n)} points`);
      this.bulks = raw;
      this.painter?.sizes(raw);
      this.root.dataset.sized = data.size?.title ?? "";
      this.redraw();
    } catch (error) {
      if (bytes === this.bytes && this.sizeOf === wanted) { this.sizeOf = ""; this.failed(error, "The sizes", () => this.size()); }
    }
  }

  // the names of clusters
  async names() {
    const { data, bytes } = this;
    if (!data.labels || this.namesOf === data.labels) return;
    this.namesOf = data.labels;
    try {
      const raw = await bytes.of(data.labels);
      if (bytes !== this.bytes || this.namesOf !== data.labels) return;
      this.labels.set(JSON.parse(new TextDecoder().decode(raw)), data.n);
      this.settle();
    } catch (error) {
      if (bytes === this.bytes && this.namesOf === data.labels) { this.namesOf = ""; this.failed(error, "The names of clusters", () => this.names()); }
    }
  }

  async mask() {
    const { data, bytes, masks } = this;
    const wanted = JSON.stringify(masks);
    if (this.maskOf === wanted) return;
    this.maskOf = wanted;
    try {
      const held = await Promise.all(KINDS.map((kind) => bytes.of(masks[kind])));
      if (bytes !== this.bytes || this.maskOf !== wanted) return;
      const { flags, counts } = flagsOf(data.n, Object.fromEntries(KINDS.map((kind, at) => [kind, held[at]])));
      this.counts = counts;
      this.flags = held.some(Boolean) ? flags : null;
      this.painter?.flags(this.flags);
      performance.mark("curation-map-masked");
      this.count();
      this.redraw();
    } catch (error) {
      if (bytes === this.bytes && this.maskOf === wanted) { this.maskOf = ""; this.failed(error, "What is selected", () => this.mask()); }
    }
  }

  failed(error, what, again) {
    if (error.name === "AbortError") return;
    if (error instanceof Gone && error.message.includes("/api/ready/") && this.republish(error.message, again)) return;
    const why = error instanceof Gone ? "they are not on the server any more" : error.message;
    this.say(`${what} could not be fetched: ${why}.`, again);
  }

  // the page publishes the same bytes under the same address again; that may take a moment
  republish(url, again) {
    const tries = this.tries.get(url) ?? 0;
    if (tries >= TRIES) return false;
    this.tries.set(url, tries + 1);
    if (tries === 0) this.send.trigger("lost", true);
    setTimeout(() => { if (this.bytes) again(); }, AGAIN * 2 ** tries);
    return true;
  }

  say(text, again) {
    this.said.replaceChildren(element("span", "", text));
    if (again) {
      const button = element("button", "map-again", "Try again");
      button.type = "button";
      button.addEventListener("click", () => { this.said.hidden = true; again(); });
      this.said.append(button);
    }
    this.said.hidden = false;
  }

  count() {
    const { data, counts } = this;
    const whole = this.loaded === data.n;
    const parts = [whole ? `all ${count(data.n)} points` : `${count(this.loaded)} of ${count(data.n)}`];
    if (counts.matching != null) parts.push(`${count(counts.matching)} match`);
    if (counts.selected != null) parts.push(`${count(counts.selected)} selected`);
    if (data.note) parts.push(data.note);
    this.foot.replaceChildren(...parts.map((part) => element("span", "", part)));
    const said = counts.selected != null ? `${count(counts.selected)} of ${count(data.n)} points selected` : "Nothing selected";
    if (whole && said !== this.told.textContent) this.told.textContent = said;
    this.root.dataset.loaded = this.loaded;
    this.root.dataset.selected = counts.selected ?? "";
  }

  // ---- the frame

  redraw() {
    this.version++;
    this.request();
  }

  request() {
    this.dirty = true;
    this.asked ||= requestAnimationFrame(() => this.tick());
  }

  tick() {
    this.asked = 0;
    if (this.painter?.busy) { this.asked = requestAnimationFrame(() => this.tick()); return; } // one frame at a time
    this.watched();
    if (!this.dirty || !this.camera.sized) return;
    this.dirty = false;
    this.draw();
    if (this.watching) this.asked ||= requestAnimationFrame(() => this.tick());
  }

  draw() {
    const { camera, painter, data } = this;
    this.overlay.draw(camera, this.theme, { areas: this.areas, gesture: this.gestures.gesture?.moved && this.gestures.gesture.kind !== "pan" ? this.gestures.gesture : null, point: this.hovering?.place });
    if (camera.unit !== this.labelUnit) { this.labelUnit = camera.unit; this.labels.choose(camera); } else this.labels.move(camera);
    if (this.density) this.density_picture.move(camera);
    if (!painter || !this.pointsDirty()) return;
    const points = this.inView;
    const near = this.closeness.near(camera);
    near.density *= points / Math.max(1, this.loaded);
    const { selected, matching, drawn } = this.counts;
    painter.draw(points, {
      clip: camera.clip(), ratio: this.ratio, theme: this.theme, ...looks(near, Math.max(1, selected ?? 0) / data.n),
      selecting: selected != null, drawing: drawn != null, context: selected != null || matching != null,
    });
    this.watching = { since: performance.now(), points, version: this.version };
    if (this.glimpse) { this.glimpse = false; this.redraw(); }
  }

  // while the map moves, and at first sight of what a lasso holds, as many as this machine draws in good time
  get inView() { return this.moving || this.glimpse ? Math.min(this.loaded, this.budget) : this.loaded; }

  // the overlay changes far more often than the points do: a lasso must not draw a million points again
  pointsDirty() {
    const now = [this.camera.x, this.camera.y, this.camera.unit, this.inView, this.version, this.points.width, this.points.height].join();
    if (now === this.drawnAs) return false;
    this.drawnAs = now;
    return true;
  }

  watched() {
    const { watching } = this;
    if (!watching) return;
    this.watching = null;
    const took = performance.now() - watching.since;
    if (watching.points >= FIRST) this.budget = FIRST * clamp(Math.floor((watching.points / FIRST) * (TARGET / took)), 1, 1 << 12); // what this machine draws in good time while the map moves
    if (this.lit && watching.version >= this.lit) { this.lit = 0; performance.mark("curation-map-lit"); }
    if (!this.marked && this.loaded) { this.marked = true; performance.mark("curation-map-first"); }
    if (this.loaded === this.data.n && watching.points === this.data.n && this.codes && !this.done) {
      this.done = true;
      performance.mark("curation-map-full");
    }
  }

  resize() {
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    if (!width || !height) return;
    this.ratio = Math.min(2, devicePixelRatio || 1);
    for (const canvas of [this.over, this.points]) {
      if (!canvas) continue;
      const [wide, high] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
      if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high }); // empties it
    }
    this.small = this.root.clientHeight < SMALL[1] && this.root.clientWidth < SMALL[0];
    this.root.classList.toggle("is-small", this.small);
    this.legend.shrink(this.small);
    this.uncover();
    this.camera.resize(width, height);
    this.camera.sized = true;
    if (this.wanted) { const wanted = this.wanted; this.wanted = null; this.camera.look(wanted); }
    if (this.data) this.settle();
    this.request();
  }

  // ---- camera

  get memory() { return `curation-map ${this.data.positions}`; }

  look(report, first) {
    const said = JSON.stringify(report);
    if (said === this.toldCamera && !first) return; // it was followed; since then people moved the map
    this.toldCamera = said;
    const left = first ? wandered.get(this.memory) : null; // as this map was left before it was mounted anew
    const wanted = left?.told === said ? left.camera : report.length === 3 ? report : first ? kept(this.memory) : [];
    if (!wanted) return;
    if (this.camera.sized) this.camera.look(wanted); else this.wanted = wanted;
  }

  moved(gliding = null) {
    if (this.gliding !== gliding) this.gliding?.stop(); // a hand on the map ends a glide
    this.gliding = gliding;
    this.moving = true;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      this.moving = false;
      keep(this.memory, this.camera.fitted ? null : this.camera.report());
      wandered.set(this.memory, { told: this.toldCamera, camera: this.camera.report() });
      this.settle();
    }, QUIET);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tellCamera(), CAMERA_WAIT);
    this.request();
  }

  settle() {
    this.uncover();
    this.labels.choose(this.camera);
    if (this.density && this.camera.sized) this.density_picture.fetch(this.data.density, this.camera, this.theme.dark);
    this.request();
  }

  // names and the whole map keep clear of what lies over the points
  uncover() {
    const stage = this.stage.getBoundingClientRect();
    const parts = [this.tools, this.legendBox, this.said].map((part) => part.getBoundingClientRect());
    this.labels.blocked = parts.map((box) => [box.left - stage.left, box.top - stage.top, box.right - stage.left, box.bottom - stage.top]);
    const [tools, legend] = parts;
    const aside = !this.small && legend.width > 0 && legend.top < stage.bottom;
    this.camera.cover(tools.right - stage.left, aside && !this.legend.folded ? stage.right - legend.left : 0);
  }

  tellCamera() {
    const report = this.camera.report();
    const said = JSON.stringify(report);
    if (said === this.cameraSaid) return;
    this.cameraSaid = said;
    this.send.state("camera", report);
  }

  // ---- what people do

  act(name) {
    if (name === "zoom-in") this.glide((camera) => camera.zoom(NOTCH));
    else if (name === "zoom-out") this.glide((camera) => camera.zoom(1 / NOTCH));
    else if (name === "fit") this.glide((camera) => camera.fit());
    else {
      this.gestures.mode = name;
      this.over.dataset.mode = name;
      this.toolbar.press(name);
    }
  }

  glide(change) {
    this.left();
    if (REDUCED.matches || this.budget < this.loaded) {
      change(this.camera);
      this.moved();
    } else this.gliding = new Glide(this.camera, change, this.gliding, (glide, done) => this.moved(done ? null : glide));
  }

  drawn(way, mode) {
    const polygon = outlineOf(way, this.camera);
    if (polygon.length < 3) return;
    const areas = [...(mode === "new" ? [] : this.areas), { polygon, adds: mode !== "subtract" }];
    if (!areas.some((area) => area.adds)) { this.tell("There is no area to take out from: draw one first."); return; }
    if (areas.length > MOST_AREAS) { this.tell(`A selection holds at most ${MOST_AREAS} areas.`); return; }
    this.areas = areas;
    performance.mark("curation-map-lasso");
    this.quick.begin(this.data, areas);
    this.light(areas, mode);
    this.seq = Math.max((this.seq ?? 0) + 1, Date.now());
    this.send.state("area", { seq: this.seq, areas, mode });
    this.request();
  }

  // the server says what lies in the outlines before the page does; where it cannot, all is as the page says
  async light(areas, mode) {
    const { data, bytes } = this;
    try {
      const address = await bytes.asked(data.inside, { areas, mode, within: data.masks.matching });
      performance.mark("curation-map-quick");
      if (bytes !== this.bytes || data.masks.matching !== this.data.masks.matching || !this.quick.heard(areas, address)) return;
      this.glimpse = true;
      await this.mask();
      this.lit = this.version;
      cancelAnimationFrame(this.asked);
      this.tick(); // the page is about to be busy with its rerun: the graphics card begins now
    } catch { /* the page's answer comes anyway */ }
  }

  tell(text) {
    const last = element("span", "map-hint", text);
    this.foot.append(last);
    this.told.textContent = text;
    setTimeout(() => last.remove(), 5_000);
  }

  async picked(px, py, add) {
    const point = this.find(px, py);
    if (point >= 0) {
      const row = (await this.rows())[point];
      this.quick.end();
      this.send.trigger("picked", { row, add });
    } else if (!add && (this.areas.length || this.masks.selected)) this.cleared();
  }

  named(id) {
    this.quick.end();
    this.send.trigger("label", { id });
  }

  cleared() {
    this.quick.end();
    this.areas = [];
    this.send.trigger("cleared", true);
    this.request();
  }

  find(px, py) {
    if (!this.index) return -1;
    const { camera, codes, flags, hiddenCodes } = this;
    const scale = 65535 / camera.side;
    const [x, y] = camera.toMap(px, py);
    const fits = (point) => !(flags && flags[point] & 2) && !(hiddenCodes && codes && hiddenCodes[codes[point]]);
    return this.index.nearest((x - camera.box[0]) * scale, (y - camera.box[1]) * scale, REACH * camera.unit * scale, fits);
  }

  rows() {
    this.order ??= this.bytes.fetched(this.data.order).then((answer) => answer.arrayBuffer()).then((buffer) => new Uint32Array(buffer));
    this.order.catch((error) => { this.order = null; this.failed(error, "The order of the points", () => {}); });
    return this.order;
  }

  hovered(px, py) {
    this.pointer = [px, py];
    this.hoverAsked ||= requestAnimationFrame(() => { this.hoverAsked = 0; this.point(); });
  }

  async point() {
    if (!this.pointer || this.moving) return;
    const point = this.find(...this.pointer);
    if (point === (this.hovering?.point ?? -1)) return;
    if (point < 0) { this.left(); return; }
    const { camera, positions } = this;
    const place = [0, 1].map((axis) => camera.box[axis] + (positions[2 * point + axis] / 65535) * camera.side);
    this.hovering = { point, place };
    this.over.classList.add("is-on-point");
    this.request();
    const rows = await this.rows();
    if (this.hovering?.point === point) this.hover.show(rows[point], camera.toPixel(...place), [camera.width, camera.height], this.data);
  }

  left() {
    this.pointer = null;
    this.over.classList.remove("is-on-point");
    this.hover.hide();
    if (!this.hovering) return;
    this.hovering = null;
    this.request();
  }

  close() {
    for (const timer of [this.quiet, this.telling, this.streaming, this.waiting]) clearTimeout(timer);
    this.quick.end();
    cancelAnimationFrame(this.asked);
    this.gliding?.stop();
    this.sizes.disconnect();
    this.bytes?.close();
    this.bytes = null;
    this.hover.hide();
    const { painter } = this;
    this.painter = null;
    painter?.close();
    this.root.remove();
  }
}
