// Where Streamlit meets the map.
const ASIDE = 60_000; // ms
const live = new WeakMap(); // parentElement -> the map, kept between reruns

// A page that grows a row above the map mounts it anew, and so does a look at another view. The map that was taken off
// is put aside for a while and comes back as it was, with its points, its tool and its camera.
let aside = null;

function putAside(map) {
  takeBack(null)?.close();
  map.left();
  map.root.remove();
  aside = { map, timer: setTimeout(() => { aside = null; map.close(); }, ASIDE) };
}

function takeBack(positions) {
  if (!aside || (positions !== null && aside.map.data.positions !== positions)) return null;
  const { map, timer } = aside;
  clearTimeout(timer);
  aside = null;
  return map;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let map = live.get(parentElement);
  if (!map) {
    const back = takeBack(data.positions);
    map = back ?? new Scatter(element("div", "map-root"));
    parentElement.append(map.root);
    back?.redraw();
    map.gestures.resume();
    live.set(parentElement, map);
  }
  map.show(data, { state: setStateValue, trigger: setTriggerValue });
  return () => { live.delete(parentElement); putAside(map); };
}
