// Saves a plotly chart of this page as SVG or PNG from what is drawn: the layers of the chart become one picture.
// Nothing is sent anywhere; names from the data stay text, since the layers are copied as nodes and serialised.
const SVG = "http://www.w3.org/2000/svg";
const SHARPER = 2; // pixels of the PNG per pixel of the screen
const ROOM = 32; // pixels at the right: a picture has no web fonts, and those of the system may run wider

function chartOf(key) {
  const name = `st-key-${key.trim().replace(/[^a-zA-Z0-9_-]/g, "-")}`; // as Streamlit writes keys into class names
  return document.getElementsByClassName(name)[0]?.querySelector(".js-plotly-plot") ?? null;
}

function pageColour(node) {
  for (let at = node; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (colour && colour !== "transparent" && !/, 0\)$/.test(colour)) return colour;
  }
  return "#ffffff";
}

function part(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function picture(chart) {
  const box = chart.getBoundingClientRect();
  const [width, height] = [Math.round(box.width) + ROOM, Math.round(box.height)];
  const whole = part("svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` });
  whole.style.color = getComputedStyle(chart).color; // what currentColor means
  whole.append(part("rect", { width, height, fill: pageColour(chart) }));
  for (const layer of chart.querySelectorAll(".main-svg, .gl-container canvas")) {
    if (layer instanceof HTMLCanvasElement) {
      if (layer.width && layer.height) whole.append(part("image", { href: layer.toDataURL(), width: width - ROOM, height }));
      continue;
    }
    const copy = layer.cloneNode(true);
    copy.style.background = "none";
    for (const hidden of copy.querySelectorAll(".hoverlayer, .nsewdrag, .drag")) hidden.remove();
    whole.append(copy);
  }
  return { whole, width, height };
}

function keep(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function svgBlob(whole) {
  return new Blob([new XMLSerializer().serializeToString(whole)], { type: "image/svg+xml;charset=utf-8" });
}

async function pngBlob({ whole, width, height }) {
  const url = URL.createObjectURL(svgBlob(whole));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [SHARPER * width, SHARPER * height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, "image/png"));
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function save({ chart: key, file }, kind, say) {
  const chart = chartOf(key);
  if (!chart) return say("The chart is not drawn yet; wait a moment and try again.");
  const made = picture(chart);
  try {
    keep(kind === "svg" ? svgBlob(made.whole) : await pngBlob(made), `${file}.${kind}`);
    say("");
  } catch {
    say("The browser could not make the picture; try SVG.");
  }
}

const live = new WeakMap(); // parentElement -> the bar and the chart it saves

export default function ({ data, parentElement }) {
  let bar = live.get(parentElement);
  if (!bar) {
    bar = document.createElement("div");
    bar.className = "save-bar";
    const status = document.createElement("span");
    status.setAttribute("role", "status");
    for (const kind of ["png", "svg"]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = kind.toUpperCase();
      button.setAttribute("aria-label", `Save the chart as ${kind.toUpperCase()}`);
      button.addEventListener("click", () => save(bar.data, kind, (words) => { status.textContent = words; }));
      bar.append(button);
    }
    bar.append(status);
    parentElement.append(bar);
    live.set(parentElement, bar);
  }
  bar.data = data;
  return () => { bar.remove(); live.delete(parentElement); };
}
