// Folders and files of one mounted folder. A click or Enter reports the path; arrow keys move, Backspace goes up.
// Every name is set through textContent.
const live = new WeakMap(); // parentElement -> what is kept between reruns
const SHAPES = {
  folder: "M1.8 4.2a1 1 0 0 1 1-1h3l1.6 1.8h5.8a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H2.8a1 1 0 0 1-1-1z",
  file: "M4 1.8h5l3.2 3.2v8.2a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V2.8a1 1 0 0 1 1-1zM9 1.8V5h3.2",
};

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function icon(shape) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "0 0 16 16");
  made.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[shape]);
  made.append(path);
  return made;
}

class Browser {
  constructor(parent) {
    this.root = element("div", "br");
    this.crumbs = element("nav", "br-crumbs");
    this.crumbs.setAttribute("aria-label", "Where this is");
    this.list = element("ul", "br-list");
    this.list.setAttribute("aria-label", "Folders and files");
    this.more = element("div", "br-more");
    this.root.append(this.crumbs, this.list, this.more);
    this.list.addEventListener("keydown", (event) => this.pressed(event));
    parent.append(this.root);
  }

  show(data, send) {
    this.send = send;
    const signature = JSON.stringify(data);
    if (signature === this.signature) return;
    this.signature = signature;
    this.data = data;
    const focused = this.root.contains(this.root.getRootNode().activeElement);
    this.drawCrumbs();
    this.drawList();
    this.more.textContent = data.note;
    this.more.hidden = !data.note;
    if (focused) (this.list.querySelector("[tabindex='0']") ?? this.crumbs.lastElementChild)?.focus();
  }

  drawCrumbs() {
    this.crumbs.replaceChildren();
    this.data.crumbs.forEach(([name, path], number) => {
      if (number) this.crumbs.append(element("span", "", "/"));
      const made = element("button", "", name);
      made.type = "button";
      if (number === this.data.crumbs.length - 1) made.setAttribute("aria-current", "location");
      made.addEventListener("click", () => this.pick(path));
      this.crumbs.append(made);
    });
  }

  drawList() {
    this.lines = this.data.entries.map((entry) => {
      const made = element("button");
      made.type = "button";
      made.append(icon(entry.folder ? "folder" : "file"), element("span", "br-name", entry.name), element("span", "br-note", entry.note));
      made.title = entry.name;
      made.setAttribute("aria-label", [entry.folder ? "Folder" : "File", entry.name, entry.note].filter(Boolean).join(" "));
      made.setAttribute("aria-pressed", String(entry.path === this.data.picked));
      made.tabIndex = -1;
      made.addEventListener("click", () => this.pick(entry.path));
      return made;
    });
    const start = this.lines.find((line) => line.getAttribute("aria-pressed") === "true") ?? this.lines[0];
    if (start) start.tabIndex = 0;
    this.list.replaceChildren(...this.lines.map((line) => { const item = element("li"); item.append(line); return item; }));
    start?.scrollIntoView?.({ block: "nearest" });
  }

  pick(path) { this.send({ path, seq: Date.now() }); }

  pressed(event) {
    const at = this.lines.indexOf(event.target.closest("button"));
    if (event.key === "Backspace") {
      event.preventDefault();
      const { crumbs } = this.data;
      if (crumbs.length > 1) this.pick(crumbs[crumbs.length - 2][1]);
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || at < 0) return;
    event.preventDefault();
    for (const line of this.lines) line.tabIndex = -1;
    const next = this.lines[Math.min(this.lines.length - 1, Math.max(0, at + step))];
    next.tabIndex = 0;
    next.focus();
  }
}

export default function ({ data, parentElement, setStateValue }) {
  let browser = live.get(parentElement);
  if (!browser) {
    browser = new Browser(parentElement);
    live.set(parentElement, browser);
  }
  browser.show(data, (said) => setStateValue("picked", said));
  return () => { browser.root.remove(); live.delete(parentElement); };
}
