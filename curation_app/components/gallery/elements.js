// Small makers that the gallery's parts share. Every string from the data is set through textContent or an attribute.
const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  expand: "M9 3H3v6M15 3h6v6M9 21H3v-6M15 21h6v-6",
  close: "M5 5l14 14M19 5L5 19",
  previous: "M15 4l-8 8 8 8",
  next: "M9 4l8 8-8 8",
  captions: "M4 6h16M4 12h16M4 18h9",
  alike: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L21 21",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
};

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function icon(name) {
  return drawn("svg", { viewBox: "0 0 24 24", class: "gallery-icon", "aria-hidden": "true" }, drawn("path", { d: ICONS[name] }));
}

function button(name, label, does, { picture = "", text = "" } = {}) {
  const made = element("button", name);
  made.type = "button";
  if (picture) made.append(icon(picture));
  if (text) made.append(element("span", "", text));
  if (text !== label) { made.title = label; made.setAttribute("aria-label", label); }
  made.addEventListener("click", does);
  return made;
}

function counted(n) { return Number(n).toLocaleString("en-US"); }

function figure(value) {
  if (value === undefined || value === null) return "";
  const size = Math.abs(value);
  if (size >= 10000) return counted(Math.round(value));
  return size >= 100 || Number.isInteger(value) ? String(Math.round(value * 10) / 10) : value.toPrecision(3).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

function remembered(name, fallback) {
  try { return localStorage.getItem(`curation-gallery-${name}`) ?? fallback; } catch { return fallback; }
}

function remember(name, value) {
  try { localStorage.setItem(`curation-gallery-${name}`, value); } catch { /* private window: not kept */ }
}

async function fetched(url, signal) {
  const answer = await fetch(url, { signal, credentials: "same-origin" });
  if (!answer.ok) throw Object.assign(new Error((await answer.text()).slice(0, 400)), { status: answer.status });
  return answer;
}
