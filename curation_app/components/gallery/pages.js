// A long list by page: what comes into view is fetched, what was used least is dropped, what is passed by is left.
const AT_ONCE = 4;

class Pages {
  // size: entries of a page; most: pages kept; read: answer -> entries; drop: what to do with entries that go
  constructor({ size, most, read, came, lost, drop = () => {} }) {
    Object.assign(this, { size, most, read, came, lost, drop });
    this.pages = new Map(); // number -> entries, the page that came last at the end
    this.waiting = new Map(); // number -> AbortController
    this.forget();
  }

  forget() {
    this.abort(() => true);
    for (const entries of this.pages.values()) this.drop(entries);
    this.pages.clear();
    this.stale = new Set();
    this.wanted = [0, -1];
    this.failures = 0;
    clearTimeout(this.timer);
  }

  abort(which) {
    for (const [number, waiting] of this.waiting) if (which(number)) { waiting.abort(); this.waiting.delete(number); }
  }

  // list: the address but for the place in it; another version: what is there stays until what is newer comes
  show(list, version) {
    if (list !== this.list) this.forget();
    else if (version !== this.version) { this.stale = new Set(this.pages.keys()); this.abort(() => true); }
    [this.list, this.version] = [list, version];
  }

  item(index) { return this.pages.get(Math.floor(index / this.size))?.[index % this.size]; }

  // fetch what is missing of first..last, after a moment where the view is moving
  want(first, last, wait = 0) {
    this.wanted = [Math.floor(first / this.size), Math.floor(last / this.size)];
    this.abort((number) => number < this.wanted[0] || number > this.wanted[1]);
    clearTimeout(this.timer);
    if (wait) this.timer = setTimeout(() => this.load(), wait);
    else this.load();
  }

  load() {
    for (let number = this.wanted[0]; number <= this.wanted[1]; number += 1) {
      if (this.waiting.size >= AT_ONCE) return;
      if ((!this.pages.has(number) || this.stale.has(number)) && !this.waiting.has(number)) this.fetch(number);
    }
  }

  async fetch(number) {
    const waiting = new AbortController();
    this.waiting.set(number, waiting);
    try {
      const answer = await fetched(`${this.list}&from=${number * this.size}&n=${this.size}`, waiting.signal);
      const entries = await this.read(answer);
      if (waiting.signal.aborted) { this.drop(entries); return; }
      this.put(number, entries);
      this.failures = 0;
      this.came();
    } catch (error) {
      if (!waiting.signal.aborted) this.failed(error);
    } finally {
      if (this.waiting.get(number) === waiting) this.waiting.delete(number);
      if (!waiting.signal.aborted && !this.failures) this.load();
    }
  }

  put(number, entries) {
    if (this.pages.has(number)) this.drop(this.pages.get(number));
    this.pages.delete(number);
    this.pages.set(number, entries);
    this.stale.delete(number);
    while (this.pages.size > this.most) {
      const oldest = this.pages.keys().next().value;
      this.drop(this.pages.get(oldest));
      this.pages.delete(oldest);
    }
  }

  // a list that the server forgot is made again by a rerun; then, or when the net was away, try again a few times
  failed(error) {
    if (error.status === 404 && !this.failures) this.lost();
    this.failures += 1;
    if (this.failures > 6) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), 250 * 2 ** this.failures);
  }
}

// pictures of a page in one answer: n lengths as uint32, then one WebP after the other; "" where there is none
async function readPictures(answer) {
  const data = await answer.arrayBuffer();
  if (data.byteLength < 4) return [];
  const n = new DataView(data).getUint32(0, true);
  const lengths = new Uint32Array(data, 4, n);
  let at = 4 + 4 * n;
  return Array.from(lengths, (length) => {
    at += length;
    return length ? URL.createObjectURL(new Blob([new Uint8Array(data, at - length, length)], { type: "image/webp" })) : "";
  });
}

function dropPictures(urls) { for (const url of urls) if (url) URL.revokeObjectURL(url); }
