// The elements that the map is made of, and the colours it takes from the page.
function scaffold(root) {
  const part = (tag, name, { testid, role, label, hidden } = {}) => {
    const made = element(tag, name);
    if (testid) made.dataset.testid = testid;
    if (role) made.setAttribute("role", role);
    if (label) made.setAttribute("aria-label", label);
    made.hidden = Boolean(hidden);
    return made;
  };
  const parts = {
    stage: part("div", "map-stage"),
    under: part("div", "map-under"),
    over: part("canvas", "map-over", { testid: "map-canvas", role: "application" }),
    middle: part("div", "map-middle"),
    labelLayer: part("div", "map-labels", { role: "group", label: "Names of clusters" }),
    tools: part("div", "map-toolbar", { role: "toolbar", label: "Map tools" }),
    said: part("div", "map-said", { testid: "map-said", hidden: true }),
    card: part("div", "map-card", { testid: "map-card", hidden: true }),
    legendBox: part("div", "map-legend"),
    foot: part("div", "map-foot", { testid: "map-foot" }),
    told: part("div", "map-told", { role: "status" }),
  };
  const { stage, under, over, middle, labelLayer, tools, said, card, legendBox, foot, told } = parts;
  root.dataset.testid = "map-root";
  over.tabIndex = 0;
  stage.append(under, over, middle, labelLayer, tools, said, card);
  root.append(element("style", "", STYLE), stage, legendBox, foot, told);
  return parts;
}

// shares of 0..1 for the graphics card, words of CSS for the overlay
function themeOf(root, accent) {
  const style = getComputedStyle(root);
  const [ink, back] = [shares(style.color), shares(style.backgroundColor)];
  const dark = luminance(back) < 0.4;
  return {
    ink, dark, grey: ink.map((part, at) => part * 0.45 + back[at] * 0.55), dropped: shares("#d1495b"), kept: shares(dark ? "#57c06a" : "#2c8a3e"),
    inkText: style.color, backText: style.backgroundColor, accentText: getComputedStyle(accent).color, droppedText: dark ? "#ff8a97" : "#b3263a",
  };
}
