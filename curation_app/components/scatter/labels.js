// Names of clusters over the points: coarse ones from afar, finer ones as their cluster grows on the screen.
const ROOM = 17_000, MOST_LABELS = 40, LEAST_REACH = 54; // square pixels of the map a name wants; pixels a cluster must span for its name

class Labels {
  constructor(layer, click) {
    this.layer = layer;
    this.click = click;
    this.labels = [];
    this.blocked = []; // boxes of what lies over the map
    this.shown = new Map(); // label -> its button
    this.sizes = new Map(); // text -> width in pixels, as it is set
    layer.addEventListener("keydown", (event) => this.pressed(event));
  }

  // labels: a list of each field, as the server sends them
  set({ id, text, x, y, size, level }, n) {
    const labels = id.map((one, at) => ({ id: one, text: text[at], x: x[at], y: y[at], size: size[at], level: level[at] }));
    this.layer.replaceChildren();
    this.shown.clear();
    this.coarsest = Math.max(0, ...labels.map((label) => label.level));
    this.labels = [...labels].sort((a, b) => b.level - a.level || b.size - a.size);
    this.n = n;
  }

  // which labels have room now; greedy, coarse and large first
  choose(camera) {
    const taken = [...this.blocked];
    const wanted = new Map(); // label -> its place
    const most = clamp(Math.round((camera.width * camera.height) / ROOM), 6, MOST_LABELS);
    const whole = camera.side / camera.unit; // pixels of the box
    for (const label of this.labels) {
      const [middle, y] = camera.toPixel(label.x, label.y);
      if (middle < 8 || y < 8 || middle > camera.width - 8 || y > camera.height - 8) continue;
      const reach = Math.sqrt(label.size / this.n) * whole;
      if (label.level < this.coarsest && reach < LEAST_REACH) continue;
      if (label.level > 1 && reach > 2.2 * Math.max(camera.width, camera.height)) continue;
      const half = this.width(label) / 2 + 3;
      const x = clamp(middle, half, Math.max(half, camera.width - half)); // whole in view
      const box = [x - half, y - 13, x + half, y + 13];
      if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      wanted.set(label, [x, y]);
      if (wanted.size === most) break;
    }
    for (const [label, button] of this.shown) if (!wanted.has(label)) { button.remove(); this.shown.delete(label); }
    for (const label of wanted.keys()) if (!this.shown.has(label)) this.shown.set(label, this.button(label));
    const first = [...this.shown.values()][0];
    for (const button of this.shown.values()) button.tabIndex = button === first ? 0 : -1;
    this.from = [camera.x, camera.y];
    this.layer.style.transform = "";
    for (const [label, [x, y]] of wanted) {
      this.shown.get(label).style.transform = `translate(-50%, -50%) translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    }
  }

  // while the map is dragged the names move as one layer, which costs next to nothing
  move(camera) {
    if (!this.from) return;
    const [right, down] = [(this.from[0] - camera.x) / camera.unit, (camera.y - this.from[1]) / camera.unit];
    this.layer.style.transform = right || down ? `translate(${right}px, ${down}px)` : "";
  }

  width(label) {
    const key = `${label.level === this.coarsest}${label.text}`;
    if (!this.sizes.has(key)) this.sizes.set(key, Math.min(150, [...label.text].length * (label.level === this.coarsest ? 7.2 : 6.4) + 8));
    return this.sizes.get(key);
  }

  button(label) {
    const made = element("button", label.level === this.coarsest ? "map-label is-coarse" : "map-label");
    made.type = "button";
    made.dataset.testid = "map-label";
    made.dataset.id = label.id;
    made.append(element("bdi", "", label.text));
    made.title = `${label.text}\n${count(label.size)} items, level ${label.level}. Click selects them.`;
    made.addEventListener("click", (event) => { if (event.detail === 0) this.click(label.id); }); // by keyboard; a pointer goes through Gestures
    this.layer.append(made);
    return made;
  }

  pressed(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const buttons = [...this.shown.values()];
    const at = buttons.indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(at + step + buttons.length) % buttons.length].focus();
  }
}
