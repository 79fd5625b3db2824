// The door for uploads. Transfers belong to the window, not to the component: they go on while Streamlit reruns the
// page or another page of the app is open, and after a reload they go on when the same files are chosen again.
// An upload is one stream of bytes, its files one after the other; the server says how many it has.
// Every string from a file's name or from the server is set through textContent.
const desk = (window[Symbol.for("curation.uploads")] ??= { transfers: [], views: new Set(), seq: 0 });
const live = new WeakMap(); // parentElement -> its view
const STORE = "curation-uploads"; // fingerprint -> {id, name, total, when}: what can be gone on with after a reload
const DAY = 24 * 3600 * 1000;
const WAITS = [0.5, 1, 2, 4, 8, 15, 30]; // seconds between tries while the connection is gone

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function button(text, label, act) {
  const made = element("button", "", text);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

function bytes(n) {
  for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) if (n >= size) return `${(n / size).toFixed(1)} ${unit}`;
  return `${n} B`;
}

function seconds(s) {
  if (s < 1) return "under 1 s";
  if (s < 90) return `${Math.ceil(s)} s`;
  return s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
const pause = (s) => new Promise((done) => setTimeout(done, s * 1000));

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc32(buffer) {
  let c = 0xffffffff;
  for (const b of new Uint8Array(buffer)) c = CRC[(c ^ b) & 255] ^ (c >>> 8);
  return ((c ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

function notes() {
  try {
    const found = JSON.parse(localStorage.getItem(STORE) ?? "{}");
    return Object.fromEntries(Object.entries(found).filter(([, note]) => Date.now() - note.when < DAY));
  } catch { return {}; }
}

function note(print, value) {
  const kept = notes();
  if (value) kept[print] = { ...value, when: Date.now() };
  else delete kept[print];
  try { localStorage.setItem(STORE, JSON.stringify(kept)); } catch { /* private window: no resuming after a reload */ }
}

class Refused extends Error {
  constructor(status, message, offset) { super(message); this.status = status; this.offset = offset; }
}

class Transfer {
  constructor(entries) {
    this.entries = entries; // [{path, file}] by path: the order of the stream
    this.total = entries.reduce((sum, { file }) => sum + file.size, 0);
    const tops = new Set(entries.map(({ path }) => path.split("/")[0]));
    this.name = tops.size === 1 ? [...tops][0] : counted(entries.length, "file");
    // the same files chosen again have the same print
    const list = entries.map(({ path, file }) => `${path}\0${file.size}\0${file.lastModified}`).join("\n");
    this.print = `${crc32(new TextEncoder().encode(list).buffer)}-${this.total}-${entries.length}`;
    this.starts = [];
    entries.reduce((at, { file }) => { this.starts.push(at); return at + file.size; }, 0);
    Object.assign(this, { id: "", offset: 0, sent: 0, state: "waiting", said: "", reported: false, ticks: [] });
  }

  get active() { return this.state === "sending" || this.state === "waiting"; }

  async run() {
    this.state = "sending";
    this.said = "";
    this.ticks = [];
    desk.changed();
    try {
      if (!this.id) await this.begin();
      while (this.offset < this.total && this.state === "sending") await this.patiently(() => this.next());
      if (this.offset === this.total && this.state === "sending") this.finish();
    } catch (error) {
      if (this.state === "sending") this.fail(error);
    }
    desk.changed();
  }

  async begin() {
    const known = notes()[this.print];
    if (known) {
      try {
        const there = await this.patiently(() => ask("GET", `/${known.id}`));
        this.id = known.id;
        this.offset = this.sent = there.offset;
        if (this.offset > 0 && this.offset < this.total) this.said = `going on at ${bytes(this.offset)}`;
        return;
      } catch (error) { if (error.status !== 404) throw error; }
    }
    const files = this.entries.map(({ path, file }) => ({ path, size: file.size }));
    const made = await this.patiently(() => ask("POST", "", JSON.stringify({ files })));
    this.id = made.id;
    this.remember();
  }

  // a lost connection or a busy server is waited for; what the server refuses on purpose is not asked twice
  async patiently(act) {
    for (let tries = 0; ; tries++) {
      if (this.state !== "sending") return undefined;
      try { return await act(); } catch (error) {
        const passing = !(error instanceof Refused) || [423, 502, 503, 504].includes(error.status);
        if (error.name === "AbortError" || !passing || tries >= 2 * WAITS.length) throw error;
        if (error.name === "NotReadableError" || error.name === "NotFoundError") throw error; // the file itself is gone
        const wait = WAITS[Math.min(tries, WAITS.length - 1)];
        this.said = error.status === 423 ? "" : `No connection; trying again in ${seconds(wait)}.`;
        desk.changed();
        await pause(wait);
        this.said = "";
      }
    }
  }

  // the next chunk: a piece of one file, or many small files at once
  async next() {
    const end = Math.min(this.total, this.offset + desk.data.chunk);
    const blob = this.slice(this.offset, end);
    const data = await blob.arrayBuffer();
    if (data.byteLength !== end - this.offset) throw new Refused(0, "A file changed while it was sent. Choose the files again.");
    try {
      const there = await this.put(data);
      this.tick(there.offset);
    } catch (error) {
      if (error.status === 403 && !this.renewed) { this.renewed = true; await pause(1); return; } // a token came with a rerun
      if (error.offset === undefined) throw error;
      if (error.status === 422 && (this.broken = (this.broken ?? 0) + 1) > 4) throw error;
      this.offset = this.sent = error.offset; // the server knows how far it came
      return;
    }
    this.renewed = false;
    this.remember();
  }

  slice(from, to) {
    const parts = [];
    let [low, high] = [0, this.starts.length - 1];
    while (low < high) { // the last file that starts at or before `from`
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= from) low = middle; else high = middle - 1;
    }
    for (let number = low; from < to; number++) {
      const { file } = this.entries[number];
      const within = from - this.starts[number];
      const upto = Math.min(file.size, within + to - from);
      parts.push(file.slice(within, upto));
      from += upto - within;
    }
    return new Blob(parts);
  }

  // fetch does not tell how much of a body has left; XMLHttpRequest does
  put(data) {
    return new Promise((resolve, reject) => {
      const request = (this.request = new XMLHttpRequest());
      request.open("PUT", `${desk.data.url}/${this.id}?offset=${this.offset}`);
      request.setRequestHeader(desk.data.token_header, desk.data.token);
      request.setRequestHeader(desk.data.checksum_header, crc32(data));
      request.upload.addEventListener("progress", (event) => { this.sent = this.offset + event.loaded; desk.changed(); });
      request.addEventListener("load", () => {
        let answer = {};
        try { answer = JSON.parse(request.responseText); } catch { /* a proxy's page */ }
        if (request.status === 200) resolve(answer);
        else reject(new Refused(request.status, answer.error ?? `The server answered ${request.status}.`, answer.offset));
      });
      request.addEventListener("error", () => reject(new Error("the connection broke")));
      request.addEventListener("abort", () => reject(new DOMException("paused", "AbortError")));
      request.send(data);
    });
  }

  tick(offset) {
    this.offset = this.sent = offset;
    this.ticks.push([performance.now(), offset]);
    if (this.ticks.length > 20) this.ticks.shift();
    desk.changed();
  }

  get rate() { // bytes per second over the last chunks
    const [first, last] = [this.ticks[0], this.ticks.at(-1)];
    return this.ticks.length > 1 && last[0] > first[0] ? (1000 * (last[1] - first[1])) / (last[0] - first[0]) : 0;
  }

  remember() { note(this.print, { id: this.id, name: this.name, total: this.total, offset: this.offset }); }

  finish() {
    this.state = "done";
    note(this.print, null);
    desk.report(this);
  }

  fail(error) {
    if (error.name === "AbortError") return;
    this.state = "failed";
    if (error.status === 404) { this.id = ""; this.offset = this.sent = 0; note(this.print, null); }
    this.said = error instanceof Refused ? error.message
      : error.name === "NotReadableError" || error.name === "NotFoundError" ? "A file was moved or changed while it was sent. Choose the files again."
      : "The connection is gone. What came so far is kept: try again when it is back.";
  }

  hold() { this.state = "paused"; this.sent = this.offset; this.request?.abort(); desk.changed(); }

  async cancel() {
    this.state = "cancelled";
    this.request?.abort();
    desk.transfers = desk.transfers.filter((other) => other !== this);
    note(this.print, null);
    desk.changed();
    if (this.id) await forget(this.id);
  }
}

async function ask(method, path, body) {
  const headers = { [desk.data.token_header]: desk.data.token };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(desk.data.url + path, { method, headers, body });
  if (answer.status === 204) return {};
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said.error ?? `The server answered ${answer.status}.`, said.offset);
  return said;
}

async function forget(id) { // a chunk may be on its way: ask until the server let go of it
  for (const wait of [0.1, 0.5, 2]) {
    try { await ask("DELETE", `/${id}`); return; } catch (error) { if (error.status !== 423) return; }
    await pause(wait);
  }
}

desk.changed = () => {
  if (desk.frame) return;
  desk.frame = requestAnimationFrame(() => { desk.frame = 0; for (const view of desk.views) view.paint(); });
};

// said once to Python: to the door that is open, or to the next one that opens
desk.report = (transfer) => {
  const view = [...desk.views].at(-1);
  if (!view) return;
  transfer.reported = true;
  desk.seq = Math.max(desk.seq + 1, Date.now());
  view.send({ id: transfer.id, seq: desk.seq });
};

if (!desk.guarded) {
  desk.guarded = true;
  window.addEventListener("beforeunload", (event) => { if (desk.transfers.some((transfer) => transfer.active)) event.preventDefault(); });
}

const hidden = (path) => path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");
const known = (path) => desk.data.suffixes.some((suffix) => path.toLowerCase().endsWith(suffix));

// what is sent of a choice, and a sentence about the rest; an error where nothing can be sent
function sorted(entries) {
  const shown = entries.filter(({ path }) => !hidden(path));
  const taken = shown.filter(({ path, file }) => known(path) && file.size > 0);
  const empty = shown.filter(({ file }) => file.size === 0);
  const foreign = shown.filter(({ path, file }) => !known(path) && file.size > 0);
  if (!taken.length) {
    if (empty.length) return { error: `${empty[0].path} is empty. Choose a file that holds something.` };
    if (foreign.length) return { error: `${foreign[0].path} is of a type that is not read. Expected images, tables (csv, jsonl, parquet), .npy, zip or tar.` };
    return { error: "There is no file in it. Choose a folder with pictures, a table, vectors or an archive." };
  }
  const total = taken.reduce((sum, { file }) => sum + file.size, 0);
  if (total > desk.data.max_upload) {
    return { error: `This is ${bytes(total)}; at most ${bytes(desk.data.max_upload)} are taken here. Mount the folder instead: nothing is copied then.` };
  }
  if (taken.length > desk.data.max_files) {
    return { error: `These are ${taken.length.toLocaleString("en")} files; at most ${desk.data.max_files.toLocaleString("en")} are taken here. Upload one zip, or mount the folder.` };
  }
  taken.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const left = [];
  if (empty.length) left.push(`${counted(empty.length, "empty file")}`);
  if (foreign.length) left.push(`${counted(foreign.length, "file")} of types that are not read (${foreign[0].path.split("/").at(-1)}${foreign.length > 1 ? ", …" : ""})`);
  return { taken, left: left.length ? `Left out: ${left.join(", ")}.` : "" };
}

async function* walk(entry, prefix) {
  if (entry.isFile) {
    yield { path: prefix + entry.name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) };
  } else if (entry.isDirectory) {
    const reader = entry.createReader();
    for (;;) { // gives at most a hundred at a time
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const child of some) yield* walk(child, `${prefix}${entry.name}/`);
    }
  }
}

class View {
  constructor(parent) {
    this.rows = new Map();
    this.root = element("div", "up");
    this.zone = element("div", "up-zone");
    this.zone.append(element("p", "up-lead", "Drop files, folders or an archive here"), this.buttons(), (this.about = element("p", "up-note")));
    this.error = element("p", "up-error");
    this.error.setAttribute("role", "alert");
    this.error.hidden = true;
    this.list = element("ul", "up-list");
    this.list.setAttribute("aria-label", "Uploads");
    this.spoken = element("div", "up-hidden");
    this.spoken.setAttribute("role", "status");
    this.root.append(this.zone, this.error, this.list, this.spoken);
    parent.append(this.root);
    this.zone.addEventListener("dragover", (event) => { event.preventDefault(); this.zone.classList.add("is-over"); });
    this.zone.addEventListener("dragleave", () => this.zone.classList.remove("is-over"));
    this.zone.addEventListener("drop", (event) => this.dropped(event));
  }

  buttons() {
    const bar = element("div", "up-buttons");
    this.files = this.input("Files to upload", false);
    this.folder = this.input("Folder to upload", true);
    bar.append(
      button("Choose files", "", () => this.files.click()),
      button("Choose a folder", "", () => this.folder.click()),
      this.files, this.folder,
    );
    return bar;
  }

  input(label, folder) {
    const made = element("input", "up-hidden");
    Object.assign(made, { type: "file", multiple: true, tabIndex: -1, webkitdirectory: folder });
    made.setAttribute("aria-label", label);
    made.addEventListener("change", () => {
      this.take([...made.files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
      made.value = "";
    });
    return made;
  }

  async dropped(event) {
    event.preventDefault();
    this.zone.classList.remove("is-over");
    // all of it has to be taken out before the first await: afterwards the list is empty
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const found = entries.length ? [] : items.map((item) => item.getAsFile()).filter(Boolean).map((file) => ({ path: file.name, file }));
    try {
      for (const entry of entries) for await (const each of walk(entry, "")) found.push(each);
    } catch { this.say("A file could not be read. Choose the files again."); return; }
    this.take(found);
  }

  take(entries) {
    if (!entries.length) return;
    const { taken, left, error } = sorted(entries);
    this.say(error ?? "");
    if (error) return;
    const transfer = new Transfer(taken);
    const same = desk.transfers.find((other) => other.print === transfer.print);
    if (same) { if (same.state === "paused" || same.state === "failed") same.run(); return; }
    transfer.left = left;
    desk.transfers.push(transfer);
    transfer.run();
  }

  say(sentence) { this.error.textContent = sentence; this.error.hidden = !sentence; }

  show(data, send) {
    desk.data = data;
    this.send = send;
    this.about.textContent = `Pictures, tables, vectors, zip or tar · up to ${bytes(data.max_upload)}`;
    this.paint();
    for (const transfer of desk.transfers) if (transfer.state === "done" && !transfer.reported) desk.report(transfer);
  }

  paint() {
    const wanted = [...desk.transfers.map((transfer) => [transfer, transfer]), ...this.interrupted()];
    const keep = new Set(wanted.map(([key]) => key));
    for (const [key, row] of this.rows) if (!keep.has(key)) { row.remove(); this.rows.delete(key); }
    for (const [key, what] of wanted) {
      if (!this.rows.has(key)) { this.rows.set(key, this.row()); this.list.append(this.rows.get(key)); }
      if (what.entries) this.paintTransfer(this.rows.get(key), what);
      else this.paintInterrupted(this.rows.get(key), key, what);
    }
  }

  // uploads of an earlier load of this page: the browser forgot the files, the server did not
  interrupted() {
    const here = new Set(desk.transfers.map((transfer) => transfer.print));
    return Object.entries(notes()).filter(([print]) => !here.has(print));
  }

  row() {
    const row = element("li", "up-row");
    const head = element("div", "up-head");
    const foot = element("div", "up-foot");
    row.bar = element("div", "up-bar");
    row.bar.setAttribute("role", "progressbar");
    row.bar.setAttribute("aria-valuemin", "0");
    row.bar.setAttribute("aria-valuemax", "100");
    row.fill = element("div", "up-fill");
    row.bar.append(row.fill);
    head.append((row.name = element("span", "up-name")), (row.size = element("span", "up-size")));
    foot.append((row.said = element("span", "up-said")), (row.acts = element("span", "up-buttons")));
    row.append(head, row.bar, foot);
    return row;
  }

  paintTransfer(row, transfer) {
    const share = transfer.total ? Math.min(1, transfer.sent / transfer.total) : 0;
    const sent = transfer.state === "done" ? "" : `${bytes(transfer.sent)} of `;
    this.figures(row, transfer.name, sent + bytes(transfer.total), share);
    row.className = `up-row${transfer.state === "done" ? " is-done" : transfer.state === "failed" ? " is-failed" : ""}`;
    row.said.textContent = this.sentence(transfer);
    this.speak(transfer, share);
    this.actions(row, transfer.state, {
      sending: [["Pause", () => transfer.hold()], ["Cancel", () => transfer.cancel()]],
      paused: [["Resume", () => transfer.run()], ["Cancel", () => transfer.cancel()]],
      failed: [["Try again", () => transfer.run()], ["Cancel", () => transfer.cancel()]],
      done: [["Use again", () => desk.report(transfer)]],
    }[transfer.state] ?? [], transfer.name);
  }

  paintInterrupted(row, print, kept) {
    this.figures(row, kept.name, `${bytes(kept.offset ?? 0)} of ${bytes(kept.total)}`, (kept.offset ?? 0) / kept.total);
    row.className = "up-row";
    row.said.textContent = "Interrupted. Choose the same files again to go on.";
    this.actions(row, "interrupted", [["Discard", () => { note(print, null); forget(kept.id); this.paint(); }]], kept.name);
  }

  figures(row, name, size, share) {
    row.name.textContent = row.name.title = name;
    row.size.textContent = size;
    row.fill.style.width = `${100 * share}%`;
    row.bar.setAttribute("aria-valuenow", String(Math.floor(100 * share)));
    row.bar.setAttribute("aria-valuetext", size);
    row.bar.setAttribute("aria-label", `Upload of ${name}`);
  }

  // buttons are made anew only when the state changes, so that the focus stays
  actions(row, state, wanted, name) {
    if (row.state === state) return;
    const focused = row.acts.contains(this.root.getRootNode().activeElement);
    row.state = state;
    row.acts.replaceChildren(...wanted.map(([text, act]) => button(text, `${text}: ${name}`, act)));
    if (focused) row.acts.firstElementChild?.focus();
  }

  sentence(transfer) {
    const files = counted(transfer.entries.length, "file");
    if (transfer.state === "failed") return transfer.said;
    if (transfer.state === "done") return [`${files} there.`, transfer.left].filter(Boolean).join(" ");
    if (transfer.state === "paused") return `Paused · ${files}`;
    if (transfer.said) return transfer.said;
    const parts = [files];
    if (transfer.rate) parts.push(`${bytes(Math.round(transfer.rate))}/s`, `${seconds((transfer.total - transfer.sent) / transfer.rate)} left`);
    return parts.join(" · ");
  }

  // a screen reader hears every tenth and the end, not every chunk
  speak(transfer, share) {
    const tenth = transfer.state === "sending" ? Math.floor(10 * share) : transfer.state;
    if (transfer.spoken === tenth) return;
    transfer.spoken = tenth;
    const said = { done: "is there", paused: "paused", failed: `failed: ${transfer.said}` }[transfer.state] ?? `${10 * tenth} per cent`;
    this.spoken.textContent = `Upload of ${transfer.name}: ${said}`;
  }
}

export default function ({ data, parentElement, setStateValue }) {
  let view = live.get(parentElement);
  if (!view) {
    view = new View(parentElement);
    live.set(parentElement, view);
    desk.views.add(view);
  }
  view.show(data, (said) => setStateValue("finished", said));
  return () => { desk.views.delete(view); view.root.remove(); live.delete(parentElement); };
}
