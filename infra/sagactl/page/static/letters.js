// Dead letters: the events that could not be handled, by cause, and redriving or discarding them.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { shortId, timeText } from "./format.js";

const ERROR_LENGTH_MAX = 300;
const HELD = "Another reader holds it at the moment. Try again in a minute.";
let shownCount = null;

export function startLetters() {
  byId("redrive-all").addEventListener("click", () => redrive({}));
}

/** Reads the list only when the count changes: reading keeps it from other readers for a moment. */
export async function showLetters(count) {
  if (count === null || count === shownCount) return;
  shownCount = count;
  byId("letters-count").textContent = count;
  byId("letters-none").hidden = count > 0;
  byId("redrive-all").hidden = count < 2;
  const letters = count === 0 ? [] : await readLetters();
  byId("letters").replaceChildren(...causes(letters).map(causeRow));
}

/** The dead letters of each cause, the most frequent cause first. */
function causes(letters) {
  const found = Map.groupBy(letters, (letter) => letter.cause);
  return [...found.values()].sort((one, other) => other.length - one.length);
}

function causeRow(letters) {
  const title = `${letters.length} × ${errorText(letters[0])}`;
  const rows = letters.map(letterRow);
  return el("li", {}, el("p", { class: "failing" }, title), el("ul", { class: "plain" }, ...rows));
}

async function readLetters() {
  const { deadLetters } = await ask("page/dead-letters");
  return deadLetters;
}

function letterRow(letter) {
  return el(
    "li",
    { class: "letter" },
    el("p", {}, el("strong", {}, letter.event), " of ", orderOf(letter), placeText(letter)),
    el("p", { class: "failing" }, errorText(letter)),
    el("p", { class: "quiet" }, triesText(letter)),
    detailsOf(letter),
    el(
      "p",
      { class: "actions" },
      button("Redrive", letter, () => redrive({ messageId: letter.messageId })),
      button("Discard", letter, () => discard(letter)),
    ),
  );
}

/** The event whole, and the function's stack trace, folded. */
function detailsOf({ payload, stackTrace }) {
  const event = typeof payload === "string" ? payload : JSON.stringify(payload, null, 2);
  const parts = [el("summary", {}, "Event and stack trace"), el("pre", {}, event)];
  if (stackTrace.length > 0) parts.push(el("pre", {}, stackTrace.join("")));
  return el("details", {}, ...parts);
}

function orderOf(letter) {
  if (!letter.orderId) return "an unknown order";
  return el("a", { href: `#${letter.orderId}` }, shortId(letter.orderId));
}

function placeText(letter) {
  return letter.failedIn ? ` in ${letter.failedIn}` : "";
}

function errorText({ error, poison }) {
  const parts = [error.type, error.message].filter((part) => part !== "");
  const text = parts.join(": ").slice(0, ERROR_LENGTH_MAX);
  return poison ? `Poison message: ${text}` : text;
}

function triesText({ attempts, lastAt }) {
  const time = timeText(lastAt);
  if (!attempts) return `at ${time}`;
  if (attempts === 1) return `1 try, at ${time}`;
  return `${attempts} tries, the last at ${time}`;
}

function button(text, letter, onclick) {
  const label = `${text} ${letter.event} of ${letter.orderId ?? "an unknown order"}`;
  return el("button", { type: "button", "aria-label": label, onclick }, text);
}

/** Redrives the dead letter with this `messageId`, or all of them without one. */
function redrive(which) {
  return act("Redriving…", async () => {
    const { redriven } = await ask("page/dead-letters", which);
    return outcomesText(redriven);
  });
}

/** Asks for a reason, which a log keeps, and discards the dead letter. */
function discard({ messageId }) {
  const reason = prompt(
    "It leaves the queue, and a log keeps it. Why can nothing mend it?",
  )?.trim();
  if (!reason) return;
  act("Discarding…", async () => {
    const { discarded } = await ask("page/dead-letters/discarded", { messageId, reason });
    return discarded.length === 0 ? HELD : `${discarded[0]}: discarded.`;
  });
}

async function act(meanwhile, work) {
  const said = byId("letters-said");
  said.textContent = meanwhile;
  try {
    said.textContent = await work();
  } catch (error) {
    said.textContent = error.message;
  }
  shownCount = null;
}

function outcomesText(redriven) {
  if (redriven.length === 0) return HELD;
  return redriven.map(outcomeText).join(" ");
}

function outcomeText({ event, became, error }) {
  return error ? `${event}: ${became}, ${error}.` : `${event}: ${became}.`;
}
