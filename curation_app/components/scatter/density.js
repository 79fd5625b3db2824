// How close points lie, so that a thousand and a million are both readable: size and opacity follow from it.
const CELLS = 64; // a side; counted while positions come in

class Density {
  constructor() { this.counts = new Uint32Array(CELLS * CELLS); }

  add(positions, from, to) {
    for (let at = from * 2; at < to * 2; at += 2) this.counts[(positions[at + 1] >> 10) * CELLS + (positions[at] >> 10)]++;
  }

  // points in what is in view, and how many of them in a pixel
  near(camera) {
    const [x0, y0, x1, y1] = camera.view();
    const cell = (value, low) => clamp(Math.floor(((value - low) / camera.side) * CELLS), 0, CELLS - 1);
    const [left, right] = [cell(x0, camera.box[0]), cell(x1, camera.box[0])];
    let [sum, squares, filled] = [0, 0, 0];
    for (let row = cell(y0, camera.box[1]); row <= cell(y1, camera.box[1]); row++) {
      for (let column = left; column <= right; column++) {
        const here = this.counts[row * CELLS + column];
        sum += here;
        squares += here * here;
        filled += here > 0;
      }
    }
    const side = camera.side / CELLS / camera.unit; // pixels
    return { points: sum, density: sum ? Math.sqrt((squares / sum) * (sum / filled)) / (side * side) : 0 }; // between what most points and most places see
  }
}

// size in pixels and opacity of points that lie so close (points a pixel); few points are large and solid
function dots(density, least, largest) {
  const size = clamp(1.4 / Math.sqrt(Math.max(density, 1e-9)), least, largest);
  const cover = density * size * size * 0.785;
  return [size, clamp(0.9 / (1 + 0.35 * cover), 0.1, 0.85)];
}

// sizes and alphas of the four kinds: a point, a selected one, context, what does not match
function looks({ points, density }, selectedShare) {
  const least = clamp(7 - 1.1 * Math.log10(points + 1), 1.8, 5);
  const [size, alpha] = dots(density, least, 8);
  const [larger, solid] = dots(density * selectedShare, least, Math.min(8, size * 1.3 + 1.5));
  return {
    sizes: [size, Math.max(size, larger), Math.max(1.4, size * 0.85), Math.max(1.2, size * 0.7)],
    alphas: [alpha, clamp(solid * 1.15, 0.3, 0.95), clamp(alpha * 0.45, 0.08, 0.4), clamp(alpha * 0.22, 0.05, 0.2)],
  };
}
