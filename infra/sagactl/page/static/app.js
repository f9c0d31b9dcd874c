// The page as a whole: what its server reports goes to the parts that show it.

import { ask, logFailure, NO_SERVER } from "./api.js";
import { showCatalog } from "./catalog.js";
import { startDialog } from "./dialog.js";
import { byId } from "./dom.js";
import { showFigures } from "./figures.js";
import { offerReasons } from "./filters.js";
import { drawGraph, moveAlong, showClosed } from "./graph.js";
import { showLetters, startLetters } from "./letters.js";
import { refreshNewest, refreshOrders, showOrders, startOrders } from "./orders.js";
import { refreshPresets, startPlacing } from "./place.js";
import { isAbout, isStoryOpen, refreshStory, showStory, startStory } from "./story.js";

const STORY_PERIOD_MS = 1000;
let isConnected = false;

startOrders();
startPlacing();
startStory();
startLetters();
startDialog();
const choreography = await ask("page/graph");
drawGraph(choreography);
offerReasons(choreography.events);
showCatalog(choreography).catch(logFailure);
addEventListener("hashchange", showChosenStory);
await showStory(chosenOrder());

const live = new EventSource("page/live");
live.onmessage = (message) => showNews(JSON.parse(message.data));
live.onerror = () => showDisconnected(NO_SERVER);
setInterval(refreshOpenStory, STORY_PERIOD_MS);

function showNews({ down, events, figures, deadLetters }) {
  if (down) {
    showDisconnected(down);
    return;
  }
  if (!isConnected) showConnected();
  showFigures(figures);
  showClosed(figures.closed);
  showLetters(deadLetters).catch(logFailure);
  if (events.length > 0) showEvents(events);
}

function showEvents(events) {
  moveAlong(events);
  refreshNewest();
  if (events.some((event) => isAbout(event.orderId))) refreshStory();
}

async function showConnected() {
  isConnected = true;
  refreshOrders().catch(logFailure);
  refreshOpenStory();
  try {
    const place = await refreshPresets();
    showConnection("live", `Live from ${place.replace(/^https?:\/\//, "")}`);
    byId("down").hidden = true;
  } catch (error) {
    logFailure(error);
  }
}

function showDisconnected(reason) {
  isConnected = false;
  showConnection("gone", "Not connected");
  byId("down").hidden = false;
  // Screen readers say an alert again whenever its text is set.
  if (byId("down").textContent !== reason) byId("down").textContent = reason;
}

function showConnection(state, text) {
  byId("connection").dataset.is = state;
  byId("connection").textContent = text;
}

/** An order that is closed does not change any more. */
function refreshOpenStory() {
  if (isConnected && isStoryOpen()) refreshStory();
}

function chosenOrder() {
  return location.hash.slice(1);
}

async function showChosenStory() {
  showOrders(); // the list marks it
  await showStory(chosenOrder());
  byId("story-title").focus({ preventScroll: true });
  byId("story").scrollIntoView({ block: "nearest" });
}
