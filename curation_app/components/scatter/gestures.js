// Pointer, wheel and keyboard on the map's canvas, turned into what the map can do.
const SLIP = 4, STEP = 3, ARROW = 0.12, NOTCH = 1.35; // pixels of a click, of a lasso's corner; share of the view; zoom of a key
const MODES = { p: "pan", l: "lasso", b: "box" };

class Gestures {
  // map: moved(), picked(px, py, add), named(id), drawn(way, mode), cleared(), hovered(px, py), left(), act(name), request()
  // a press on a label may become a lasso or a pan as well: it is heard here, and is the label's only when nothing moved
  constructor(canvas, layer, camera, map) {
    Object.assign(this, { canvas, camera, map, mode: "pan", pointers: new Map(), gesture: null });
    layer.addEventListener("pointerdown", (event) => this.down(event, event.target.closest("button")));
    for (const part of [canvas, layer]) part.addEventListener("wheel", this.wheel.bind(this), { passive: false });
    const on = (name, handler) => canvas.addEventListener(name, (event) => handler.call(this, event));
    on("pointerdown", this.down);
    on("pointermove", this.move);
    on("pointerup", this.up);
    on("pointercancel", this.cancel);
    on("pointerleave", () => { if (!this.pointers.size) this.map.left(); });
    on("keydown", this.key);
  }

  // the map was taken off the page and put back: a hand that holds the button goes on
  resume() {
    this.frame = null;
    for (const id of [...this.pointers.keys()]) {
      try { this.canvas.setPointerCapture(id); } catch { this.pointers.delete(id); this.gesture = null; }
    }
  }

  at(event) {
    if (!this.pointers.size || !this.frame) this.frame = this.canvas.getBoundingClientRect(); // not asked for in every move of a drag
    const box = this.frame;
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event, label = null) {
    if (event.button !== 0 && event.button !== 1) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    try { this.canvas.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
    this.pointers.set(event.pointerId, this.at(event));
    if (this.pointers.size > 1) { this.gesture = null; this.map.request(); return; }
    const drawing = event.button === 0 && (this.mode !== "pan" || event.shiftKey || event.altKey);
    this.start = this.at(event);
    this.gesture = { kind: drawing ? (this.mode === "box" ? "box" : "lasso") : "pan", way: [this.start], moved: false, mode: this.sign(event), label };
    this.map.left();
  }

  sign(event) { return event.altKey ? "subtract" : event.shiftKey ? "add" : "new"; }

  move(event) {
    const now = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) { this.map.hovered(...now); return; }
    if (event.buttons === 0) { this.up(event); return; } // let go while the map was being mounted anew
    this.pointers.set(event.pointerId, now);
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, now);
    else if (this.gesture) this.drag(before, now, event);
  }

  drag(before, now, event) {
    const { gesture, start } = this;
    if (!gesture.moved && Math.hypot(now[0] - start[0], now[1] - start[1]) < SLIP) return;
    if (!gesture.moved && gesture.kind === "pan") before = start;
    gesture.moved = true;
    gesture.mode = this.sign(event);
    if (gesture.kind === "pan") {
      this.camera.pan(before[0] - now[0], before[1] - now[1]);
      this.map.moved();
      return;
    }
    const last = gesture.way[gesture.way.length - 1];
    if (gesture.kind === "box") gesture.way = [start, [now[0], start[1]], now, [start[0], now[1]]];
    else if (Math.hypot(now[0] - last[0], now[1] - last[1]) >= STEP) gesture.way.push(now);
    this.map.request();
  }

  pinch(id, before, now) {
    const other = [...this.pointers].find(([key]) => key !== id)[1];
    const gap = (one) => Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1]));
    this.camera.pan((before[0] - now[0]) / 2, (before[1] - now[1]) / 2);
    this.camera.zoom(gap(now) / gap(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    this.map.moved();
  }

  up(event) {
    const { gesture } = this;
    if (!this.pointers.delete(event.pointerId)) return;
    this.gesture = null;
    if (!gesture || this.pointers.size) return;
    if (!gesture.moved && gesture.label) this.map.named(gesture.label.dataset.id);
    else if (!gesture.moved) this.map.picked(...this.start, event.shiftKey);
    else if (gesture.kind !== "pan" && gesture.way.length > 2) this.map.drawn(gesture.way, this.sign(event));
    this.map.request();
  }

  cancel(event) {
    this.pointers.delete(event.pointerId);
    this.gesture = null;
    this.map.request();
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    this.camera.zoom(Math.exp(-clamp(event.deltaY * lines, -300, 300) * (event.ctrlKey ? 0.01 : 0.002)), ...this.at(event));
    this.map.left();
    this.map.moved();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { camera } = this;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const mode = MODES[event.key.toLowerCase()];
    if (arrow) { camera.pan(arrow[0] * ARROW * camera.width, arrow[1] * ARROW * camera.height); this.map.moved(); }
    else if (event.key === "+" || event.key === "=") this.map.act("zoom-in");
    else if (event.key === "-" || event.key === "_") this.map.act("zoom-out");
    else if (event.key === "0") this.map.act("fit");
    else if (event.key === "Escape") this.escape();
    else if (event.key === "Enter") this.map.picked(camera.width / 2, camera.height / 2, event.shiftKey);
    else if (mode) this.map.act(mode);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  escape() {
    if (this.gesture) { this.gesture = null; this.map.request(); } else this.map.cleared();
  }
}
