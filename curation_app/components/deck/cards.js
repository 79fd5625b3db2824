// What is known of clusters: cards that were looked at or come next. A card that was asked for before a decision was saved
// is not taken for one that knows of it.
const MOST_CARDS = 80;
const OLD = 20_000; // ms; an older card is shown, and asked for again behind it
const FIRST_PICTURES = 10; // of every band, fetched ahead

class Cards {
  constructor(came, gone) {
    this.came = came; // told the key of every card that arrives
    this.gone = gone; // told the place of a cluster that the tree does not have any more
    [this.clock, this.all] = [0, 0];
    [this.held, this.coming, this.since] = [new Map(), new Map(), new Map()];
  }

  show(data) { [this.address, this.effects, this.thumbs] = [data.cards, data.effects, data.thumbs]; }

  peek(key) { return this.held.get(key)?.card; }

  isOld(key) { return Date.now() - (this.held.get(key)?.at ?? 0) > OLD; }

  // the card, from the server where there is none that holds
  get(level, cluster, { anew = false } = {}) {
    const key = placeKey(level, cluster);
    const held = this.held.get(key);
    if (held && !held.isStale && !anew) return Promise.resolve(held.card);
    if (!this.coming.has(key)) this.coming.set(key, this.load(key, level, cluster));
    return this.coming.get(key);
  }

  async load(key, level, cluster) {
    this.clock += 1;
    const asked = this.clock;
    try {
      const card = await fetchJson(`${this.address}${level}/${cluster}`);
      if (asked >= Math.max(this.all, this.since.get(key) ?? 0)) {
        this.held.delete(key);
        this.held.set(key, { card, at: Date.now(), isStale: false });
        if (this.held.size > MOST_CARDS) this.held.delete(this.held.keys().next().value);
        this.coming.delete(key);
        this.came(key);
      }
      return card;
    } catch (error) {
      if (asked >= Math.max(this.all, this.since.get(key) ?? 0)) {
        this.coming.delete(key);
        if (error.status === 404) this.gone([level, cluster]);
      }
      throw error;
    }
  }

  // something about the cluster has changed: the card is shown until another one comes
  stale(key) {
    this.clock += 1;
    this.since.set(key, this.clock);
    this.coming.delete(key);
    if (this.held.has(key)) this.held.get(key).isStale = true;
  }

  left(key) {
    const card = this.peek(key);
    if (!card?.ahead) return;
    stopLoading(card.ahead);
    card.ahead = null;
  }

  allStale() {
    this.clock += 1;
    this.all = this.clock;
    this.coming.clear();
    for (const one of this.held.values()) one.isStale = true;
  }

  remove(key) { this.held.delete(key); }

  empty() {
    this.allStale();
    this.held.clear();
    this.since.clear();
  }

  // cards of the next clusters and their first pictures, so that the next key shows them at once
  ahead(places) {
    for (const [level, cluster] of places) {
      this.get(level, cluster).then((card) => this.pictures(card), () => {}); // a failure shows when the person gets there
    }
  }

  pictures(card) {
    if (card.ahead) return;
    card.ahead = []; // held, so that the browser keeps them
    for (const band of card.bands ?? []) {
      for (const cell of (band.cells ?? []).slice(0, FIRST_PICTURES)) {
        if (!cell.hash) continue;
        const picture = new Image();
        picture.fetchPriority = "low";
        picture.src = thumbAddress(this.thumbs, cell.hash);
        card.ahead.push(picture);
      }
    }
  }
}

// what has not come of a cluster that was left does not keep the next one's pictures waiting
function stopLoading(pictures) { for (const picture of pictures) if (!picture.complete) picture.removeAttribute("src"); }

function thumbAddress(thumbs, hash) { return `${thumbs}${encodeURIComponent(hash)}.webp`; }
