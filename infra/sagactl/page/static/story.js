// One order's story: what its services told, what they recorded, and what it waits for.

import { ask } from "./api.js";
import { askFirst } from "./dialog.js";
import { byId, el } from "./dom.js";
import { ageText, durationText, fullMomentText, shortId, statusBadge } from "./format.js";
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
  showReason();
  showFacts();
  redrawSequence();
  showTimeline(story.events);
  showRecords(story.states);
}

function showReason() {
  const reason = story.states.order?.reason;
  byId("story-reason").hidden = !reason;
  byId("story-reason").textContent = `${isStoryOpen() ? "Fails" : "Failed"}: ${reason}.`;
}

function showFacts() {
  const { productId, quantity, amount } = story.states.order ?? {};
  const facts = { Opened: fullMomentText(story.openedAt) };
  const last = story.events.findLast((event) => !event.isRepeat);
  if (last && !isStoryOpen()) facts.Took = durationText(last.sinceFirstMs);
  if (productId) facts.Ordered = `${quantity} × ${productId}`;
  if (amount) facts.Amount = amount;
  const rows = Object.entries(facts).map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, String(value))),
  );
  byId("story-facts").replaceChildren(...rows);
}

function redrawSequence() {
  if (story) drawSequence(story, openEvent);
}

function showWaits() {
  if (story) byId("waits").replaceChildren(...story.waits.map(waitRow));
}

function waitRow({ what, sinceMs }) {
  const waitedMs = sinceMs + Date.now() - story.readAt;
  return el("li", {}, `Waiting for ${ageText(waitedMs)}: ${what}.`);
}

/** Shipping decides whether it comes in time: the story shows what became of it. */
async function cancelOrder() {
  const asked = chosenId;
  const isSure = await askFirst({
    title: `Cancel order ${shortId(asked)}?`,
    text: "What was charged and reserved is given back, unless the order is shipped before that.",
    action: "Cancel order",
    keep: "Keep order",
  });
  if (!isSure) return;
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
