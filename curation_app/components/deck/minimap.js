// The whole map, small: how many items lie where, and over it the members of the cluster.
const MAP_SIDE = 214; // pixels
const DOT = 1.7;

class MiniMap {
  constructor() {
    this.root = element("div", "deck-map");
    this.under = element("img", "deck-density");
    this.under.alt = "";
    this.under.addEventListener("error", () => { this.under.hidden = true; });
    this.under.addEventListener("load", () => { this.under.hidden = false; });
    this.canvas = element("canvas", "deck-dots");
    this.canvas.setAttribute("role", "img");
    this.root.append(this.under, this.canvas);
  }

  paint(card, data, dark) {
    this.root.hidden = !card || (!data.density && !card.points?.length);
    if (this.root.hidden) return;
    const sharp = Math.min(3, globalThis.devicePixelRatio || 1);
    const [x0, y0, x1, y1] = data.box;
    const side = Math.round(MAP_SIDE * sharp);
    const address = data.density ? `${data.density}?w=${side}&h=${side}&dark=${dark ? 1 : 0}&x0=${x0}&y0=${y0}&x1=${x1}&y1=${y1}` : "";
    if (address !== this.address) {
      this.address = address;
      this.under.hidden = true;
      if (address) this.under.src = address; else this.under.removeAttribute("src");
    }
    this.canvas.setAttribute("aria-label", `Where ${counted((card.points ?? []).length / 2)} members of ${card.name} lie on the map of all items`);
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, side, side);
    const style = getComputedStyle(this.root);
    const points = card.points ?? [];
    const put = (radius, colour) => {
      pen.fillStyle = colour;
      pen.beginPath();
      for (let at = 0; at + 1 < points.length; at += 2) {
        const [x, y] = [(points[at] / 65535) * side, (1 - points[at + 1] / 65535) * side];
        pen.moveTo(x + radius, y);
        pen.arc(x, y, radius, 0, 2 * Math.PI);
      }
      pen.fill();
    };
    put((DOT + 0.9) * sharp, style.backgroundColor); // a rim, so that dots are seen on a dense ground
    put(DOT * sharp, style.color);
  }
}
