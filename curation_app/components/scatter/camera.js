// Where the map is looked at: a centre in map units and how many of them one pixel is. y grows upwards.
const MARGIN = 1.06, DEEPEST = 600, GLIDE = 160; // of the box; how many times closer than all of it; ms

class Camera {
  constructor(box) {
    this.box = box;
    this.width = this.height = 1;
    this.left = this.right = 0; // pixels that tools and legend cover at the sides
    this.fit();
  }

  get side() { return Math.max(this.box[2] - this.box[0], this.box[3] - this.box[1]) || 1; }
  get span() { return this.unit * this.width; }
  // units a pixel where all of it is in view, beside what covers the map
  get all() { return (this.side * MARGIN) / Math.max(1, Math.min(Math.max(this.width / 2, this.width - this.left - this.right), this.height)); }

  fit() {
    this.fitted = true;
    this.unit = this.all;
    this.x = (this.box[0] + this.box[2]) / 2 + ((this.right - this.left) / 2) * this.unit;
    this.y = (this.box[1] + this.box[3]) / 2;
  }

  resize(width, height) {
    const span = this.span;
    [this.width, this.height] = [width, height];
    if (this.fitted) this.fit(); else this.unit = span / width;
    this.limit();
  }

  cover(left, right) {
    [this.left, this.right] = [left, right];
    if (this.fitted) this.fit();
  }

  limit() {
    if (this.fitted) return;
    this.unit = clamp(this.unit, this.all / DEEPEST, this.all * 2);
    this.x = clamp(this.x, this.box[0], this.box[2]);
    this.y = clamp(this.y, this.box[1], this.box[3]);
  }

  pan(right, down) {
    this.fitted = false;
    this.x += right * this.unit;
    this.y -= down * this.unit;
    this.limit();
  }

  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.toMap(px, py);
    this.fitted = false;
    this.unit = clamp(this.unit / factor, this.all / DEEPEST, this.all * 2);
    this.x = x - (px - this.width / 2) * this.unit; // what lies under the pointer stays there
    this.y = y + (py - this.height / 2) * this.unit;
    this.limit();
  }

  toMap(px, py) { return [this.x + (px - this.width / 2) * this.unit, this.y - (py - this.height / 2) * this.unit]; }
  toPixel(x, y) { return [(x - this.x) / this.unit + this.width / 2, (this.y - y) / this.unit + this.height / 2]; }
  view() { return [...this.toMap(0, this.height), ...this.toMap(this.width, 0)]; } // x0, y0, x1, y1

  // scale and offset from places in the box (0..1) to clip space
  clip() {
    const [across, up] = [2 / this.span, 2 / (this.unit * this.height)];
    return [(this.box[2] - this.box[0]) * across, (this.box[3] - this.box[1]) * up, (this.box[0] - this.x) * across, (this.box[1] - this.y) * up];
  }

  // five digits of the box, as it goes into a link; nothing for all of it
  report() { return this.fitted ? [] : [this.x, this.y, this.span].map((value) => this.rounded(value)); }

  rounded(value) {
    const places = clamp(Math.ceil(5 - Math.log10(this.side)), 0, 12);
    return Number(value.toFixed(places));
  }

  look(report) {
    if (report.length !== 3) { this.fit(); return; }
    this.fitted = false;
    [this.x, this.y] = report;
    this.unit = report[2] / this.width;
    this.limit();
  }
}

// A change of the camera that takes a moment; a second press goes on from where the first leads.
class Glide {
  constructor(camera, change, before, moved) {
    const place = () => ({ x: camera.x, y: camera.y, unit: camera.unit });
    const from = place();
    if (before) { before.stop(); Object.assign(camera, before.to); }
    change(camera);
    this.to = place();
    const start = performance.now();
    const step = () => {
      if (this.stopped) return;
      const share = clamp((performance.now() - start) / GLIDE, 0, 1);
      const soft = share * (2 - share);
      camera.unit = from.unit * (this.to.unit / from.unit) ** soft;
      camera.x = from.x + (this.to.x - from.x) * soft;
      camera.y = from.y + (this.to.y - from.y) * soft;
      if (share === 1) Object.assign(camera, this.to); else requestAnimationFrame(step);
      moved(this, share === 1);
    };
    Object.assign(camera, from);
    requestAnimationFrame(step);
  }

  stop() { this.stopped = true; }
}
