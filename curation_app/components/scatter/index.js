// Which point is nearest: a grid over all points, built in slices of a few milliseconds, searched ring by ring.
const SIDE_BITS = 10, SIDE = 1 << SIDE_BITS, CELL = 65536 / SIDE;
const SLICE = 1 << 17;

class PointIndex {
  // positions: Uint16Array of x, y; resolves when it is built, null when `over()` says that nobody waits any more
  static async build(positions, over) {
    const n = positions.length / 2;
    const starts = new Uint32Array(SIDE * SIDE + 1);
    const shift = 16 - SIDE_BITS;
    const cell = (point) => ((positions[2 * point + 1] >> shift) << SIDE_BITS) | (positions[2 * point] >> shift);
    for (let from = 0; from < n; from += SLICE) {
      for (let point = from; point < Math.min(n, from + SLICE); point++) starts[cell(point) + 1]++;
      await pause();
      if (over()) return null;
    }
    for (let at = 1; at < starts.length; at++) starts[at] += starts[at - 1];
    const next = starts.slice(0, -1);
    const points = new Uint32Array(n);
    for (let from = 0; from < n; from += SLICE) {
      await pause();
      if (over()) return null;
      for (let point = from; point < Math.min(n, from + SLICE); point++) points[next[cell(point)]++] = point;
    }
    return new PointIndex(positions, starts, points);
  }

  constructor(positions, starts, points) { Object.assign(this, { positions, starts, points }); }

  // the nearest point to x, y (0..65535) within a radius that `fits`, -1 when there is none
  nearest(x, y, radius, fits) {
    const [column, row] = [clamp(Math.floor(x / CELL), 0, SIDE - 1), clamp(Math.floor(y / CELL), 0, SIDE - 1)];
    const best = { point: -1, gap: radius * radius };
    for (let ring = 0; (ring - 1) * CELL <= Math.sqrt(best.gap); ring++) {
      for (let r = Math.max(0, row - ring); r <= Math.min(SIDE - 1, row + ring); r++) {
        const whole = Math.abs(r - row) === ring;
        for (let c = column - ring; c <= column + ring; c += whole || ring === 0 ? 1 : 2 * ring) {
          if (c >= 0 && c < SIDE) this.look(r * SIDE + c, x, y, fits, best);
        }
      }
    }
    return best.point;
  }

  look(cell, x, y, fits, best) {
    for (let at = this.starts[cell]; at < this.starts[cell + 1]; at++) {
      const point = this.points[at];
      const gap = (this.positions[2 * point] - x) ** 2 + (this.positions[2 * point + 1] - y) ** 2;
      if (gap <= best.gap && (gap < best.gap || best.point < 0) && fits(point)) { best.gap = gap; best.point = point; }
    }
  }
}
