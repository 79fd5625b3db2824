// Where Streamlit meets the deck.
const ASIDE = 60_000; // ms
const live = new WeakMap(); // parentElement -> the deck, kept between reruns

// A page that is turned away from and back, or that mounts anew, finds the deck as it was left.
let aside = null;

function putAside(deck) {
  takeBack();
  deck.pause();
  deck.root.remove();
  aside = { deck, timer: setTimeout(() => { aside = null; }, ASIDE) };
}

function takeBack() {
  const deck = aside?.deck ?? null;
  clearTimeout(aside?.timer);
  aside = null;
  return deck;
}

// When the server comes back, Streamlit puts the page up again beside what is still there. Two decks would hear every
// key: the one that is there moves over, with all that it holds.
let shown = null; // the deck and the parentElement it is in

function moveIn(parentElement) {
  const deck = shown?.deck ?? takeBack() ?? new Deck();
  if (shown) live.delete(shown.parentElement);
  parentElement.append(deck.root);
  deck.resume();
  live.set(parentElement, deck);
  shown = { deck, parentElement };
  return deck;
}

function moveOut(parentElement) {
  if (shown?.parentElement !== parentElement) return;
  live.delete(parentElement);
  putAside(shown.deck);
  shown = null;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const deck = live.get(parentElement) ?? moveIn(parentElement);
  deck.show(data, {
    place: (value) => setStateValue("place", value),
    decided: (value) => setTriggerValue("decided", value),
    reviewer: (name) => setStateValue("reviewer", name),
  });
  return () => moveOut(parentElement);
}
