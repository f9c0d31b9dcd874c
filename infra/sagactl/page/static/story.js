// One order's story: what its services told, what they recorded, and what it waits for.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { durationText, statusBadge } from "./format.js";
import { showRecords } from "./records.js";
import { drawSequence } from "./sequence.js";
import { openEvent, showTimeline } from "./timeline.js";

const PATIENCE_MS = 2500; // an order placed with an event on the bus is not known at once
const WAITS_PERIOD_MS = 1000;
const COPIED_MS = 1500;
const COPY = "Copy link";
const NO_ORDER = "Place an order, or choose one from the list.";
const CLOSED = ["COMPLETED", "FAILED"];

let chosenId = "";
let chosenAt = 0;
let story = null; // as last read
let shownAs = ""; // what of it is on the page

export function startStory() {
  byId("copy").addEventListener("click", copyLink);
  byId("cancel").addEventListener("click", cancelOrder);
  new ResizeObserver(redrawSequence).observe(byId("story"));
  setInterval(showWaits, WAITS_PERIOD_MS);
}

export function isStoryOpen() {
  return chosenId !== "" && !CLOSED.includes(story?.status);
}

export function isAbout(orderId) {
  return orderId === chosenId;
}

/** Empties the page of any other order's story first; without an ID, that is all. */
export async function showStory(orderId) {
  chosenId = orderId;
  chosenAt = Date.now();
  story = null;
  shownAs = "";
  byId("cancel-said").textContent = "";
  byId("story-shown").hidden = true;
  byId("story-none").hidden = false;
  byId("story-none").textContent = orderId ? "Loading…" : NO_ORDER;
  if (orderId) await refreshStory();
}

export async function refreshStory() {
  const asked = chosenId;
  let answer = null;
  try {
    answer = await ask(`page/orders/${encodeURIComponent(asked)}`);
  } catch (error) {
    if (asked === chosenId) showProblem(error);
    return;
  }
  if (asked !== chosenId) return;
  story = { ...answer, readAt: Date.now() };
  showWaits();
  showIfChanged();
}

/** A story that is on the page stays there. */
function showProblem(error) {
  const isTooEarly = Date.now() - chosenAt <= PATIENCE_MS;
  if (story === null && !isTooEarly) byId("story-none").textContent = error.message;
}

function showIfChanged() {
  const showing = JSON.stringify([story.events, story.states, story.status]);
  if (showing === shownAs) return;
  shownAs = showing;
  byId("story-none").hidden = true;
  byId("story-shown").hidden = false;
  byId("story-status").replaceChildren(statusBadge(story.status));
  byId("story-id").textContent = story.orderId;
  byId("cancel").hidden = !isStoryOpen();
  redrawSequence();
  showTimeline(story.events);
  showRecords(story.states);
}

function redrawSequence() {
  if (story) drawSequence(story, openEvent);
}

function showWaits() {
  if (story) byId("waits").replaceChildren(...story.waits.map(waitRow));
}

function waitRow({ what, sinceMs }) {
  const waitedMs = sinceMs + Date.now() - story.readAt;
  return el("li", {}, `Waiting for ${durationText(waitedMs)}: ${what}.`);
}

/** Shipping decides whether it comes in time: the story shows what became of it. */
async function cancelOrder() {
  const asked = chosenId;
  let said = "Asked to cancel.";
  try {
    await ask(`orders/${encodeURIComponent(asked)}/cancel`, {});
  } catch (error) {
    said = error.message;
  }
  if (asked === chosenId) byId("cancel-said").textContent = said;
}

async function copyLink() {
  const button = byId("copy");
  await navigator.clipboard.writeText(location.href);
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = COPY;
  }, COPIED_MS);
}
