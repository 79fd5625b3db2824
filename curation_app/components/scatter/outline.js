// What is drawn over the points: outlines of the selection, the gesture under way, the point in hand.
const MOST_CORNERS = 24; // of one outline: a lasso is half a kilobyte on its way up
const LOOSE = 1.2; // pixels an outline may leave the hand's way at first

class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
  }

  draw(camera, theme, { areas, gesture, point }) {
    const { pen, canvas } = this;
    const nothing = !areas.length && !gesture && !point;
    if (nothing && this.clear) return;
    this.clear = nothing;
    const ratio = canvas.width / camera.width;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, camera.width, camera.height);
    pen.lineJoin = "round";
    for (const area of areas) this.outline(area.polygon.map(([x, y]) => camera.toPixel(x, y)), area.adds ? theme.accentText : theme.droppedText, area.adds);
    if (gesture) this.outline(gesture.way, gesture.mode === "subtract" ? theme.droppedText : theme.accentText, gesture.mode !== "subtract");
    if (point) this.ring(camera.toPixel(...point), theme);
  }

  outline(way, colour, adds) {
    const { pen } = this;
    if (way.length < 2) return;
    pen.beginPath();
    way.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.closePath();
    pen.globalAlpha = 0.07;
    pen.fillStyle = colour;
    pen.fill();
    pen.globalAlpha = 1;
    pen.setLineDash(adds ? [] : [5, 4]);
    pen.lineWidth = 1.5;
    pen.strokeStyle = colour;
    pen.stroke();
    pen.setLineDash([]);
  }

  ring([x, y], theme) {
    const { pen } = this;
    for (const [width, colour] of [[4, theme.backText], [2, theme.inkText]]) {
      pen.beginPath();
      pen.arc(x, y, 7, 0, 2 * Math.PI);
      pen.lineWidth = width;
      pen.strokeStyle = colour;
      pen.stroke();
    }
  }
}

// Douglas and Peucker's way to say a line with fewer corners; none of those left out is farther than `far` from it
function simpler(way, far) {
  const stays = new Uint8Array(way.length);
  const parts = [[0, way.length - 1]];
  stays[0] = stays[way.length - 1] = 1;
  while (parts.length) {
    const [from, to] = parts.pop();
    let [most, where] = [far, -1];
    for (let at = from + 1; at < to; at++) {
      const gap = offLine(way[at], way[from], way[to]);
      if (gap > most) [most, where] = [gap, at];
    }
    if (where >= 0) { stays[where] = 1; parts.push([from, where], [where, to]); }
  }
  return way.filter((_, at) => stays[at]);
}

function offLine([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const share = clamp(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  return Math.hypot(x - ax - share * dx, y - ay - share * dy);
}

// a hand's way in pixels -> an outline in map units
function outlineOf(way, camera) {
  let [short, far] = [simpler(way, LOOSE), LOOSE];
  while (short.length > MOST_CORNERS) short = simpler(way, (far *= 1.3));
  const [first, last] = [short[0], short[short.length - 1]];
  if (short.length > 3 && Math.hypot(first[0] - last[0], first[1] - last[1]) < 2 * far) short.pop(); // it closes by itself
  return short.map(([px, py]) => camera.toMap(px, py).map((value) => camera.rounded(value)));
}
