// The page, put together: what the server sees goes to whoever shows it.

import { ask, byId } from "./dom.js";
import { showFigures } from "./figures.js";
import { drawGraph, showClosed, travel } from "./graph.js";
import { countLetters, startLetters } from "./letters.js";
import { isNewest, refreshOrders, startOrders } from "./orders.js";
import { refreshWays, startPlacing } from "./place.js";
import { isAbout, isStoryOpen, refreshStory, showStory, startStory } from "./story.js";

const STORY_LOOK_MS = 1000;
let isUp = false;

startOrders();
startPlacing();
startStory();
startLetters();
drawGraph(await ask("page/graph"));
addEventListener("hashchange", chosen);
await showStory(location.hash.slice(1));

const live = new EventSource("page/live");
live.onmessage = ({ data }) => hear(JSON.parse(data));
live.onerror = () => connection("gone", "The page's server does not answer. Start it: saga watch.");
setInterval(() => isUp && isStoryOpen() && refreshStory(), STORY_LOOK_MS);



function hear({ down, events, figures, deadLetters }) {
  if (down) return connection("gone", down);
  if (!isUp) regained();
  showFigures(figures);
  showClosed(figures.closed);
  countLetters(deadLetters).catch(complain);
  if (!events.length) return;
  travel(events);
  if (isNewest()) refreshOrders().catch(complain);
  if (events.some((event) => isAbout(event.orderId))) refreshStory();
}

function regained() {
  isUp = true;
  refreshOrders().catch(complain);
  if (isStoryOpen()) refreshStory();
  refreshWays().then((place) => connection("live", `Live from ${place.replace(/^https?:\/\//, "")}`)).catch(complain);
}

function connection(is, text) {
  if (is === "gone") isUp = false;
  byId("connection").dataset.is = is;
  byId("connection").textContent = is === "gone" ? "Not connected" : text;
  byId("down").hidden = is !== "gone";
  if (is === "gone" && byId("down").textContent !== text) byId("down").textContent = text;
}

/** What fails because all is down is said by the next look. */
function complain(error) {
  console.warn(error.message);
}

async function chosen() {
  await showStory(location.hash.slice(1));
  byId("story-title").focus({ preventScroll: true });
  byId("story").scrollIntoView({ block: "nearest" });
}
