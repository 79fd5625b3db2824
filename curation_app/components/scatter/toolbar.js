// Small buttons at the map's corner; their keys are in the titles.
const TOOLS = [
  ["pan", "Pan: drag moves the map (P)", "M10 3v14M3 10h14M10 3l-2 2M10 3l2 2M10 17l-2-2M10 17l2-2M3 10l2-2M3 10l2 2M17 10l-2-2M17 10l-2 2"],
  ["lasso", "Lasso: draw around points (L); Shift adds, Alt takes out", "M10 4c4 0 7 2 7 4.500s-3 4.500-7 4.500-7-2-7-4.500 3-4.500 7-4.500M6 12.500c-1 1-1 2.500 0 3s2 .5 1.500 1.800"],
  ["box", "Box: drag over points (B); Shift adds, Alt takes out", "M4 4h3M9 4h3M14 4h2v3M16 9v3M16 14v2h-3M11 16H8M6 16H4v-3M4 11V8M4 6V4"],
];
const ZOOMS = [
  ["zoom-in", "Zoom in (+)", "M10 4v12M4 10h12"],
  ["zoom-out", "Zoom out (−)", "M4 10h12"],
  ["fit", "Show all (0)", "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4"],
];

class Toolbar {
  constructor(root, act) {
    this.buttons = new Map();
    for (const group of [TOOLS, ZOOMS]) {
      const holder = element("div", "map-tools");
      for (const [name, title, path] of group) {
        const made = element("button", "map-tool");
        made.type = "button";
        made.title = title;
        made.setAttribute("aria-label", title);
        made.dataset.testid = group === TOOLS ? `map-tool-${name}` : `map-${name}`;
        made.append(drawing(path));
        made.addEventListener("click", () => act(name));
        this.buttons.set(name, made);
        holder.append(made);
      }
      root.append(holder);
    }
  }

  press(mode) {
    for (const [name] of TOOLS) this.buttons.get(name).setAttribute("aria-pressed", String(name === mode));
  }
}
