// What every part of the map uses. Text from the data goes through textContent only.
const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");
const DIGITS = new Intl.NumberFormat("en-US");

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function drawing(path) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of [["viewBox", "0 0 20 20"], ["width", "18"], ["height", "18"], ["aria-hidden", "true"]]) made.setAttribute(name, value);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  made.append(line);
  return made;
}

function count(n) { return DIGITS.format(n); }

function clamp(value, low, high) { return Math.min(high, Math.max(low, value)); }

function pause() { return new Promise((done) => setTimeout(done)); }

// three shares of 0..1 from "#rrggbb" or what getComputedStyle says, "rgb(r, g, b)"
function shares(colour) {
  if (colour.startsWith("#")) return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  return (colour.match(/[\d.]+/g) ?? [0, 0, 0]).slice(0, 3).map((part) => Number(part) / 255);
}

function luminance([red, green, blue]) { return 0.2126 * red + 0.7152 * green + 0.0722 * blue; }

function keep(name, value) {
  try { value === null ? sessionStorage.removeItem(name) : sessionStorage.setItem(name, JSON.stringify(value)); } catch { /* private window: not kept */ }
}

function kept(name) {
  try { return JSON.parse(sessionStorage.getItem(name)); } catch { return null; }
}
