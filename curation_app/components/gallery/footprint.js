// Where a tile lies among the others of its pool: degrees straight onto a plane, with a graticule. No map from elsewhere.
const WIDTH = 300;
const MOST_HEIGHT = 220;

function footprint(points, place, outline) {
  const box = extentOf([...points, place]);
  const scale = WIDTH / (box.east - box.west);
  const height = Math.min(MOST_HEIGHT, Math.max(90, (box.north - box.south) * scale));
  const x = (longitude) => ((longitude - box.west) / (box.east - box.west)) * WIDTH;
  const y = (latitude) => ((box.north - latitude) / (box.north - box.south)) * height;
  const picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${height.toFixed(0)}`, class: "footprint", role: "img" });
  const said = `${degrees(place[1], "N", "S")} ${degrees(place[0], "E", "W")}`;
  picture.setAttribute("aria-label", `${said}, among ${counted(points.length)} places of the pool`);
  const [lines, labels] = graticule(box, x, y, height);
  picture.append(lines);
  const dots = points.map(([longitude, latitude]) => `M${x(longitude).toFixed(1)} ${y(latitude).toFixed(1)}h0`).join("");
  picture.append(drawn("path", { d: dots, class: "footprint-pool" }), labels);
  if (outline) picture.append(drawn("polygon", { points: outline.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" "), class: "footprint-tile" }));
  picture.append(drawn("circle", { cx: x(place[0]).toFixed(1), cy: y(place[1]).toFixed(1), r: 5, class: "footprint-here" }));
  return picture;
}

// the whole earth where the pool spans much of it, else what the pool spans and some air
function extentOf(points) {
  const lons = points.map((point) => point[0]);
  const lats = points.map((point) => point[1]);
  const low = [Math.min(...lons), Math.min(...lats)];
  const high = [Math.max(...lons), Math.max(...lats)];
  if (high[0] - low[0] > 120) return { west: Math.min(-180, low[0]), east: Math.max(180, high[0]), south: -90, north: 90 };
  const air = Math.max(0.05, 0.12 * Math.max(high[0] - low[0], high[1] - low[1]));
  const middle = (low[1] + high[1]) / 2;
  const half = Math.max((high[1] - low[1]) / 2 + air, ((high[0] - low[0]) / 2 + air) * 0.35);
  return { west: low[0] - air, east: high[0] + air, south: Math.max(-90, middle - half), north: Math.min(90, middle + half) };
}

function graticule(box, x, y, height) {
  const span = box.east - box.west;
  const step = [60, 30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01].find((one) => span / one >= 3) ?? 0.01;
  const [group, labels] = [drawn("g", { class: "footprint-graticule" }), drawn("g", { class: "footprint-labels" })];
  for (let at = Math.ceil(box.west / step) * step; at <= box.east; at += step) {
    const place = x(at).toFixed(1);
    group.append(drawn("path", { d: `M${place} 0V${height}` }));
    if (x(at) > 14 && x(at) < WIDTH - 14) labels.append(label(place, height - 4, degrees(at, "E", "W"), "middle"));
  }
  for (let at = Math.ceil(box.south / step) * step; at <= box.north; at += step) {
    group.append(drawn("path", { d: `M0 ${y(at).toFixed(1)}H${WIDTH}` }));
    if (y(at) > 10 && y(at) < height - 16) labels.append(label(3, (y(at) - 2).toFixed(1), degrees(at, "N", "S"), "start"));
  }
  return [group, labels];
}

function label(x, y, text, anchor) {
  const made = drawn("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

function degrees(value, positive, negative) {
  const size = Math.abs(value);
  const digits = Number.isInteger(Math.round(size * 1000) / 1000) ? 0 : size < 1 ? 3 : 2;
  return `${size.toFixed(digits)}°${size < 1e-9 ? "" : value > 0 ? positive : negative}`;
}
