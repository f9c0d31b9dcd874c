// Dead letters: the events that could not be handled, and redriving them.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { shortId, timeText } from "./format.js";

const ERROR_LENGTH_MAX = 300;
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
  byId("letters").replaceChildren(...letters.map(letterRow));
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
    redriveButton(letter),
  );
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

function redriveButton(letter) {
  const attributes = {
    type: "button",
    "aria-label": `Redrive ${letter.event} of ${letter.orderId ?? "an unknown order"}`,
    onclick: () => redrive({ messageId: letter.messageId }),
  };
  return el("button", attributes, "Redrive");
}

/** Redrives the dead letter with this `messageId`, or all of them without one. */
async function redrive(which) {
  const said = byId("letters-said");
  said.textContent = "Redriving…";
  try {
    const { redriven } = await ask("page/dead-letters", which);
    said.textContent = outcomesText(redriven);
  } catch (error) {
    said.textContent = error.message;
  }
  shownCount = null;
}

function outcomesText(redriven) {
  if (redriven.length === 0) return "Another reader holds it at the moment. Try again in a minute.";
  return redriven.map(outcomeText).join(" ");
}

function outcomeText({ event, became, error }) {
  return error ? `${event}: ${became}, ${error}.` : `${event}: ${became}.`;
}
