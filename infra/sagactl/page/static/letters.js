// Dead letters: the events that could not be handled, by cause, and redriving or discarding them.

import { ask } from "./api.js";
import { askFirst } from "./dialog.js";
import { byId, el } from "./dom.js";
import { momentText, pluralText, shortId } from "./format.js";

const ERROR_LENGTH_MAX = 300;
const LETTERS_MAX = 10; // of one cause, at first
const HELD = "Another reader holds it at the moment. Try again in a minute.";
const openCauses = new Set();
let shownCount = null;

export function startLetters() {
  byId("letters-count").addEventListener("click", goToLetters);
  byId("redrive-all").addEventListener("click", () => redrive({}));
}

/** Reads the list only when the count changes: reading keeps it from other readers for a moment. */
export async function showLetters(count) {
  if (count === null || count === shownCount) return;
  shownCount = count;
  byId("letters-count").textContent = count;
  byId("letters-count").classList.toggle("failing", count > 0);
  byId("letters-none").hidden = count > 0;
  byId("redrive-all").hidden = count < 2;
  const { deadLetters, mayBeMore } = count === 0 ? nothing() : await ask("page/dead-letters");
  byId("letters").replaceChildren(...byCause(deadLetters).map(causeRow));
  byId("letters-more").hidden = !mayBeMore;
}

/** An order's story is opened by its address; this is not one. */
function goToLetters(clicked) {
  clicked.preventDefault();
  byId("letters-title").focus({ preventScroll: true });
  byId("letters-title").scrollIntoView();
}

function nothing() {
  return { deadLetters: [], mayBeMore: false };
}

/** The dead letters of each cause, the most frequent cause first. */
function byCause(letters) {
  const found = Map.groupBy(letters, (letter) => letter.cause);
  return [...found.values()].sort((one, other) => other.length - one.length);
}

function causeRow(letters) {
  const [newest] = letters;
  const isAlike = letters.every((letter) => errorText(letter) === errorText(newest));
  const newRow = (letter) => letterRow(letter, isAlike);
  const rows = el("ul", { class: "plain" }, ...letters.slice(0, LETTERS_MAX).map(newRow));
  const rest = letters.slice(LETTERS_MAX);
  if (rest.length > 0) rows.append(restRow(rows, rest.map(newRow)));
  const which = `${pluralText(letters.length, "dead letter")} of ${newest.event}`;
  return el(
    "li",
    { class: "cause" },
    toggle(letters, rows),
    actions(letters, which, letters.length > 1 ? ` ${letters.length}` : ""),
    rows,
  );
}

/** What opens and closes the list of one cause. */
function toggle(letters, rows) {
  const [newest] = letters;
  const button = el(
    "button",
    { type: "button", class: "toggle", onclick: () => show(!openCauses.has(newest.cause)) },
    el("span", { class: "count" }, `${letters.length} ×`),
    el("span", { class: "what" }, el("strong", {}, newest.event), placeText(newest)),
    el("span", { class: "error failing" }, errorText(newest)),
    el("span", { class: "quiet" }, `last ${momentText(newest.lastAt)}`),
  );
  show(openCauses.has(newest.cause));
  return button;

  function show(isOpen) {
    button.setAttribute("aria-expanded", String(isOpen));
    rows.hidden = !isOpen;
    if (isOpen) openCauses.add(newest.cause);
    else openCauses.delete(newest.cause);
  }
}

function restRow(rows, rest) {
  const more = el(
    "button",
    {
      type: "button",
      onclick: () => {
        item.remove();
        rows.append(...rest);
      },
    },
    `Show ${rest.length} more`,
  );
  const item = el("li", { class: "rest" }, more);
  return item;
}

/** Says the error if the cause's others have another. */
function letterRow(letter, isAlike) {
  const which = `${letter.event} of ${letter.orderId ?? "an unknown order"}`;
  return el(
    "li",
    { class: "letter" },
    el("p", {}, orderOf(letter), el("span", { class: "quiet" }, triesText(letter))),
    isAlike ? "" : el("p", { class: "failing" }, errorText(letter)),
    detailsOf(letter),
    actions([letter], which, ""),
  );
}

function actions(letters, which, amount) {
  return el(
    "p",
    { class: "buttons" },
    button(`Redrive${amount}`, `Redrive ${which}`, () => redrive({ messageIds: idsOf(letters) })),
    button(`Discard${amount}…`, `Discard ${which}`, () => discard(letters)),
  );
}

function button(text, label, onclick) {
  return el("button", { type: "button", "aria-label": label, onclick }, text);
}

/** The event whole, and the function's stack trace, folded. */
function detailsOf({ payload, stackTrace }) {
  const event = typeof payload === "string" ? payload : JSON.stringify(payload, null, 2);
  const hasTrace = stackTrace.length > 0;
  const title = hasTrace ? "Event and stack trace" : "Event";
  const parts = [el("summary", {}, title)];
  if (hasTrace) parts.push(el("pre", { tabindex: 0 }, stackTrace.join("").trimEnd()));
  parts.push(el("pre", { tabindex: 0 }, event));
  return el("details", {}, ...parts);
}

function orderOf({ orderId }) {
  if (!orderId) return "No order";
  return el("a", { href: `#${orderId}` }, el("code", {}, shortId(orderId)));
}

function placeText({ failedIn }) {
  return failedIn ? ` in ${failedIn}` : "";
}

function errorText({ error, poison }) {
  const parts = [error.type, error.message].filter((part) => part !== "");
  const text = parts.join(": ").slice(0, ERROR_LENGTH_MAX);
  return poison ? `Poison message: ${text}` : text;
}

function triesText({ attempts, firstAt, lastAt }) {
  if (!attempts || attempts === 1) return momentText(lastAt);
  return `${attempts} tries from ${momentText(firstAt)} to ${momentText(lastAt)}`;
}

function idsOf(letters) {
  return letters.map((letter) => letter.messageId);
}

/** Redrives the dead letters with these `messageIds`, or all of them without any. */
function redrive(which) {
  return act("Redriving…", async () => {
    const { redriven } = await ask("page/dead-letters", which);
    return redriven.length === 0 ? HELD : outcomesText(redriven);
  });
}

/** Asks for a reason, which a log keeps, and discards the dead letters. */
async function discard(letters) {
  const count = pluralText(letters.length, "dead letter");
  const reason = await askFirst({
    title: `Discard ${count}?`,
    text: `${letters[0].cause}. The ${letters.length === 1 ? "event leaves" : "events leave"} the queue and will not be handled. A log keeps what is discarded, with your reason.`,
    action: "Discard",
    keep: "Keep",
    needsReason: true,
  });
  if (reason === null) return;
  await act("Discarding…", async () => {
    const messageIds = idsOf(letters);
    const { discarded } = await ask("page/dead-letters/discarded", { messageIds, reason });
    if (discarded.length === 0) return HELD;
    return `${pluralText(discarded.length, "dead letter")} discarded.`;
  });
}

async function act(meanwhile, work) {
  const said = byId("letters-said");
  said.textContent = meanwhile;
  byId("letters-title").focus({ preventScroll: true }); // the button may be gone afterwards
  try {
    said.textContent = await work();
  } catch (error) {
    said.textContent = error.message;
  }
  shownCount = null;
}

/** What became of them: alike outcomes are counted. */
function outcomesText(redriven) {
  const alike = Map.groupBy(redriven, outcomeText);
  const texts = [...alike].map(([text, all]) =>
    all.length > 1 ? `${all.length} × ${text}` : text,
  );
  return texts.join(" ");
}

function outcomeText({ event, became, error }) {
  return error ? `${event}: ${became}, ${error}.` : `${event}: ${became}.`;
}
