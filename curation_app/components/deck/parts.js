// Small makers that the deck's parts share. Every string from the data is set through textContent or an attribute.
const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  keep: "M4 12.5l5.5 5.5L20 6.5",
  drop: "M5 5l14 14M19 5L5 19",
  cap: "M4 6h16M12 20V10M8 14l4-4 4 4",
  weight: "M12 4v16M5 20h14M4 8h16M4 8l-1.5 6h5zM20 8l-2.5 6h5z",
  merge: "M6 4v4c0 4 6 4 6 8v4M18 4v4c0 4-6 4-6 8",
  pending: "M12 9a3 3 0 1 0 0 6 3 3 0 1 0 0-6",
  skip: "M5 5l7 7-7 7M13 5l7 7-7 7",
  warn: "M12 4L2.5 20h19zM12 10v4M12 17v.5",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 1 0 0-18M12 11v6M12 7.5v.5",
};

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

// text from the data, whose direction does not turn the words around it
function named(name, text) {
  const made = element("bdi", name, text);
  made.title = text;
  return made;
}

// words and things that have a name
function sentence(parts) { return parts.map((part) => (typeof part === "string" ? element("span", "", part) : named("", part.name))); }

function icon(name) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS(SVG, tag));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `deck-icon is-${name}`);
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name] ?? ICONS.info);
  svg.append(path);
  return svg;
}

function button(name, text, does, { testid = "", picture = "" } = {}) {
  const made = element("button", name);
  made.type = "button";
  if (picture) made.append(icon(picture));
  made.append(element("span", "", text));
  if (testid) made.dataset.testid = testid;
  made.addEventListener("click", does);
  return made;
}

function counted(n) { return Number(n).toLocaleString("en-US"); }

function items(n) { return `${counted(n)} ${n === 1 ? "item" : "items"}`; }

function percent(share) {
  const value = 100 * share;
  return `${value > 0 && value < 0.1 ? "<0.1" : value.toFixed(value > 99.9 && value < 100 ? 2 : 1).replace(/\.0$/, "")} %`;
}

function placeKey(level, cluster) { return `${level}:${cluster}`; }

function samePlace(one, other) { return Boolean(one && other) && one[0] === other[0] && one[1] === other[1]; }

function randomHex() { return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""); }

// storage of this browser, which a private window may not have
function stored(name) { try { return JSON.parse(localStorage.getItem(name)); } catch { return null; } }

function store(name, value) {
  try {
    if (value === null) localStorage.removeItem(name); else localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch { return false; }
}

// JSON of an address; an error carries the status, 0 when nobody answered
async function fetchJson(url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    throw Object.assign(new Error("the server does not answer"), { status: 0, aborted: error.name === "AbortError" });
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok || body === null || typeof body !== "object") {
    const reason = typeof body?.reason === "string" ? body.reason : `the server answered ${answer.status}`;
    throw Object.assign(new Error(reason), { status: answer.ok ? -1 : answer.status });
  }
  return body;
}

function timed(name, op) { performance.mark(name, { detail: { op: op.op, seq: op.seq } }); }

function isDark(root) {
  const parts = (getComputedStyle(root).backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] < 110;
}
