// Dead letters: what could not be handled, and doing so again.

import { ask, byId, el, shownTime } from "./dom.js";

const said = byId("letters-said");
let count = null;

export function startLetters() {
  byId("redrive-all").addEventListener("click", () => redrive({}));
}

/** The list is read only when their number changes: reading keeps dead letters from other readers for a moment. */
export async function countLetters(counted) {
  if (counted === null || counted === count) return;
  count = counted;
  byId("letters-count").textContent = counted;
  byId("letters-none").hidden = counted > 0;
  byId("redrive-all").hidden = counted < 2;
  if (counted === 0) return byId("letters").replaceChildren();
  const { deadLetters } = await ask("page/dead-letters");
  byId("letters").replaceChildren(...deadLetters.map(row));
}

function row(letter) {
  const order = letter.orderId ? el("a", { href: `#${letter.orderId}` }, letter.orderId.slice(0, 8)) : "no order";
  const tries = letter.attempts ? `${letter.attempts} ${letter.attempts === 1 ? "try" : "tries"}, the last at ${shownTime(letter.lastAt)}` : `at ${shownTime(letter.lastAt)}`;
  const error = [letter.error.type, letter.error.message].filter(Boolean).join(": ").slice(0, 300);
  return el(
    "li",
    { class: "letter" },
    el("p", {}, el("strong", {}, letter.event), " of ", order, letter.failedIn ? ` in ${letter.failedIn}` : ""),
    el("p", { class: "failing" }, letter.poison ? `Poison: ${error}` : error),
    el("p", { class: "quiet" }, tries),
    el("button", { onclick: () => redrive({ messageId: letter.messageId }), "aria-label": `Redrive ${letter.event} of ${letter.orderId ?? "no order"}` }, "Redrive"),
  );
}

async function redrive(which) {
  said.textContent = "Redriving…";
  try {
    const { redriven } = await ask("page/dead-letters", which);
    said.textContent = redriven.map(({ event, became, error }) => `${event}: ${became}${error ? `, ${error}` : ""}.`).join(" ") || "Somebody else holds it just now. Try again.";
  } catch (error) {
    said.textContent = error.message;
  }
  count = null;
}
