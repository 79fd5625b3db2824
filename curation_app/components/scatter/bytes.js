// Bytes by HTTP: positions as a stream, codes and masks whole. Nothing is copied that need not be.
const KINDS = ["selected", "matching", "dropped", "drawn", "kept"]; // the bit of each in a point's flags; matching inverted
const KEPT_ANSWERS = 12;

class Gone extends Error {} // what was published is no longer there

class Bytes {
  constructor() {
    this.held = new Map(); // address -> promise of bytes, the last few
    this.abort = new AbortController();
  }

  close() { this.abort.abort(); this.held.clear(); }

  of(url) {
    if (!url) return Promise.resolve(null);
    let found = this.held.get(url);
    if (found) this.held.delete(url);
    else {
      found = this.fetched(url).then((answer) => answer.arrayBuffer()).then((buffer) => new Uint8Array(buffer));
      found.catch(() => this.held.delete(url));
    }
    this.hold(url, found);
    return found;
  }

  hold(url, found) {
    this.held.set(url, found);
    if (this.held.size > KEPT_ANSWERS) this.held.delete(this.held.keys().next().value);
  }

  // asks with a body; the answer has an address of its own, under which it is at hand from now on
  async asked(url, body) {
    const answer = await fetch(url, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal: this.abort.signal });
    const address = answer.headers.get("Content-Location");
    if (!answer.ok || !address) throw new Error(`the server answered ${answer.status}`);
    const raw = new Uint8Array(await answer.arrayBuffer());
    if (!this.held.has(address)) this.hold(address, Promise.resolve(raw));
    return address;
  }

  async fetched(url) {
    const answer = await fetch(url, { signal: this.abort.signal });
    if (answer.status === 404) throw new Gone(url);
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    return answer;
  }

  // writes the answer into `into` and says after every piece how many bytes are there
  async stream(url, into, arrived) {
    const reader = (await this.fetched(url)).body.getReader();
    let at = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      if (at + value.length > into.length) throw new Error(`more than ${count(into.length)} bytes of positions came`);
      into.set(value, at);
      at += value.length;
      arrived(at);
    }
    if (at !== into.length) throw new Error(`${count(at)} of ${count(into.length)} bytes of positions came`);
  }
}

// masks of one bit a point -> one byte of flags a point, and how many points each mask holds
function flagsOf(n, masks) {
  const flags = new Uint8Array(n);
  const counts = {};
  KINDS.forEach((kind, bit) => {
    const mask = masks[kind];
    counts[kind] = mask ? 0 : null;
    if (!mask) return;
    const [value, flip, last] = [1 << bit, kind === "matching" ? 255 : 0, Math.min(mask.length, Math.ceil(n / 8))];
    let found = 0;
    for (let byte = 0; byte < last; byte++) {
      let bits = mask[byte] ^ flip;
      for (let point = byte * 8; bits && point < n; point++, bits >>= 1) {
        if (bits & 1) { flags[point] |= value; found++; }
      }
    }
    counts[kind] = flip ? n - found : found;
  });
  return { flags, counts };
}
