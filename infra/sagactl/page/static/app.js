// The page as a whole: what its server reports goes to the parts that show it.

import { ask, logFailure, NO_SERVER } from "./api.js";
import { byId } from "./dom.js";
import { showFigures } from "./figures.js";
import { drawGraph, moveAlong, showClosed } from "./graph.js";
import { showLetters, startLetters } from "./letters.js";
import { isShowingNewest, refreshOrders, startOrders } from "./orders.js";
import { refreshPresets, startPlacing } from "./place.js";
import { isAbout, isStoryOpen, refreshStory, showStory, startStory } from "./story.js";

const STORY_PERIOD_MS = 1000;
let isConnected = false;

startOrders();
startPlacing();
startStory();
startLetters();
drawGraph(await ask("page/graph"));
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
  if (isShowingNewest()) refreshOrders().catch(logFailure);
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
  await showStory(chosenOrder());
  byId("story-title").focus({ preventScroll: true });
  byId("story").scrollIntoView({ block: "nearest" });
}
