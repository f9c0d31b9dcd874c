// The timeline of one order: a row for each event, which opens to show all that is known of it.

import { byId, el } from "./dom.js";
import { durationText, lookOf, nameText, whoText } from "./format.js";

const LABEL_WIDTH = 11;
const list = byId("timeline");

/** Rows that are open stay open, and the focus stays in its row. */
export function showTimeline(events) {
  const openIds = [...list.querySelectorAll("details[open]")].map((row) => row.dataset.id);
  const focusedId = document.activeElement?.closest("#timeline details")?.dataset.id;
  const rows = events.map((event) => eventRow(event, openIds.includes(event.eventId)));
  list.replaceChildren(...rows.map((row) => el("li", {}, row)));
  const focused = rows.find((row) => row.dataset.id === focusedId);
  focused?.firstElementChild.focus();
}

/** Opens the row of the event with this number, and goes there. */
export function openEvent(number) {
  const row = list.children[number].firstElementChild;
  row.open = true;
  row.firstElementChild.focus();
  row.scrollIntoView({ block: "nearest" });
}

function eventRow(event, isOpen) {
  const summary = el(
    "summary",
    {},
    el("span", { class: "at" }, durationText(event.sinceFirstMs)),
    el("span", { class: `event ${lookOf(event)}` }, nameText(event)),
    el("span", { class: "quiet" }, storyText(event)),
  );
  const facts = el("pre", { tabindex: 0 }, factsText(event));
  return el("details", { open: isOpen, "data-id": event.eventId }, summary, facts);
}

function storyText(event) {
  if (event.sinceCauseMs === null) return whoText(event);
  return `${whoText(event)}; ${durationText(event.sinceCauseMs)} after ${event.cause}`;
}

function factsText(event) {
  const facts = {
    decided: event.toldAt,
    arrived: event.arrivedAt,
    "event ID": event.eventId,
    "caused by": event.causeId,
  };
  const known = Object.entries(facts).filter(([, value]) => value);
  const lines = known.map(([label, value]) => `${label.padEnd(LABEL_WIDTH)}${value}`);
  const detail = JSON.stringify(event.detail, null, 2);
  return `${lines.join("\n")}\n\n${detail}`;
}
