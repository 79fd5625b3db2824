// What lies in an outline, asked of the server at once, beside the rerun that the page makes of it. Until the page has
// answered, the map shows the quick answer, and what the page still says of the time before is not listened to.
const STANDS = 10_000; // ms; if the page has said nothing by then, what it last said holds

class Quick {
  constructor(over) {
    this.over = over; // called when the page never answered
    this.end();
  }

  // address of the mask that is shown instead of the page's, "" for none
  get selected() { return this.waits ? this.address : ""; }
  get waits() { return this.asked !== ""; }

  begin(data, areas) {
    const old = this.waits ? this.old : new Set();
    old.add(JSON.stringify([data.areas, data.masks.selected]));
    if (this.selected) old.add(JSON.stringify([JSON.parse(this.asked), this.selected])); // an outline that was drawn a moment ago
    const lit = this.selected; // stays until the new outline has its answer
    this.end();
    this.address = lit;
    this.old = old;
    this.asked = JSON.stringify(areas);
    this.timer = setTimeout(() => { this.end(); this.over(); }, STANDS);
  }

  // the server's answer; false when nobody waits for it any more
  heard(areas, address) {
    if (this.asked !== JSON.stringify(areas)) return false;
    this.address = address;
    return true;
  }

  // what the page says now: "answer" to what was drawn, "old", or "other"; but for an old one the waiting is over
  hears(data) {
    if (!this.waits) return "other";
    if (JSON.stringify(data.areas) === this.asked) { this.end(); return "answer"; }
    if (this.old.has(JSON.stringify([data.areas, data.masks.selected]))) return "old";
    this.end();
    return "other";
  }

  end() {
    clearTimeout(this.timer);
    this.asked = this.address = "";
    this.old = null;
  }
}
