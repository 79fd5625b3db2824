// What is picked: rows, or everything but some rows. Never a list of all.
class Picks {
  constructor() { this.clear(); }

  clear() { this.everything = false; this.rows = new Set(); }

  all() { this.everything = true; this.rows = new Set(); }

  has(row) { return this.everything !== this.rows.has(row); }

  count(n) { return this.everything ? n - this.rows.size : this.rows.size; }

  put(row, on) { if (on === this.everything) this.rows.delete(row); else this.rows.add(row); }

  toggle(row) { this.put(row, !this.has(row)); }

  only(rows) { this.clear(); for (const row of rows) this.rows.add(row); }

  copy() {
    const made = new Picks();
    made.everything = this.everything;
    made.rows = new Set(this.rows);
    return made;
  }

  // rows as numbers while they are few, else as one bit per row of the tree
  told(data) {
    const named = this.rows.size <= data.most_named ? [...this.rows].sort((a, b) => a - b) : bitsOf(this.rows, data.pool);
    if (this.everything) return { members: data.members, all: true, except: named };
    return typeof named === "string" ? { members: data.members, bits: named } : { members: data.members, rows: named };
  }
}

function bitsOf(rows, n) {
  const bytes = new Uint8Array(Math.ceil(n / 8));
  for (const row of rows) bytes[row >> 3] |= 1 << (row & 7);
  let text = "";
  for (let start = 0; start < bytes.length; start += 32768) text += String.fromCharCode(...bytes.subarray(start, start + 32768));
  return btoa(text);
}
