// The clusters that wait, as the page said, and what has been decided here since it said so.
class Queue {
  constructor() {
    this.list = [];
    this.level = 0;
    this.cursor = -1; // the last cluster of the list that was looked at
    this.here = new Map(); // "level:cluster" -> { waits, last, was, size, version }; version null: not saved yet
  }

  show(data) {
    [this.list, this.level, this.progress, this.isCut] = [data.queue, data.level, data.progress, data.queue.length >= 400];
    this.version = data.version;
    for (const [key, one] of this.here) if (one.version !== null && one.version <= data.version) this.here.delete(key);
  }

  state(cluster) { return this.here.get(placeKey(this.level, cluster)); }

  waiting() {
    const known = new Set(this.list);
    const mine = [...this.here].filter(([key, one]) => one.waits && Number(key.split(":")[0]) === this.level);
    const numbers = mine.map(([key, one]) => [Number(key.split(":")[1]), one]);
    const reopened = numbers.filter(([cluster, one]) => !one.last && !known.has(cluster)).map(([cluster]) => cluster);
    const last = numbers.filter(([, one]) => one.last).map(([cluster]) => cluster);
    return [...reopened, ...this.list.filter((cluster) => { const one = this.state(cluster); return !one || (one.waits && !one.last); }), ...last];
  }

  // the clusters that come after this one, itself the last
  after(place) {
    const waiting = this.waiting();
    const cluster = place && place[0] === this.level ? place[1] : -1;
    const at = waiting.indexOf(cluster);
    if (at >= 0 && !this.state(cluster)?.last) return [...waiting.slice(at + 1), ...waiting.slice(0, at + 1)];
    if (waiting.includes(this.cursor) && !this.list.includes(cluster)) return this.from(waiting, waiting.indexOf(this.cursor));
    const order = this.list.indexOf(cluster);
    return this.from(waiting, waiting.findIndex((one) => this.list.indexOf(one) > order && !this.state(one)?.last));
  }

  from(waiting, at) { return at <= 0 ? waiting : [...waiting.slice(at), ...waiting.slice(0, at)]; }

  at(place) { if (place[0] === this.level && this.list.includes(place[1])) this.cursor = place[1]; }

  has(place) { return place[0] === this.level && this.waiting().includes(place[1]); }

  // what was decided here. was: whether the cluster had waited, by all that is known
  put([level, cluster], { waits, last = false, was, size }) {
    const key = placeKey(level, cluster);
    const before = this.here.get(key);
    this.here.delete(key); // the one put off last comes last
    this.here.set(key, { waits, last, was: before?.was ?? was, size: size ?? before?.size ?? 0, version: null });
  }

  // the page's numbers may know of it already
  saved(key, version) {
    const one = this.here.get(key);
    if (one && version <= this.version) this.here.delete(key); else if (one) one.version = version;
  }

  forget(key) { this.here.delete(key); }

  remove([level, cluster]) { if (level === this.level) this.list = this.list.filter((one) => one !== cluster); this.here.delete(placeKey(level, cluster)); }

  // decided, all, share of the items: the page's numbers and what has been decided since
  progressNow(pool) {
    let [decided, all, share] = this.progress;
    for (const [key, one] of this.here) {
      if (Number(key.split(":")[0]) !== this.level || one.waits === one.was) continue;
      decided += one.waits ? -1 : 1;
      share += ((one.waits ? -1 : 1) * one.size) / Math.max(1, pool);
    }
    return [Math.min(all, Math.max(0, decided)), all, Math.min(1, Math.max(0, share))];
  }
}
