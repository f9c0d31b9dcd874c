// Which orders the list shows: by status, by why they fail, and by when they opened.

import { byId, el } from "./dom.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const STATES = {
  All: [],
  Open: ["PENDING", "FAILING"],
  Completed: ["COMPLETED"],
  Failed: ["FAILED"],
};

const form = byId("filters");
const { reason, opened, from, until } = form.elements;

/** Calls `change` whenever the list is to show other orders. */
export function startFilters(change) {
  byId("states").append(...Object.keys(STATES).map(stateRow));
  form.addEventListener("change", () => {
    byId("between").hidden = opened.value !== "between";
    change();
  });
  form.addEventListener("submit", (submitted) => submitted.preventDefault());
}

export function offerReasons(events) {
  const failures = events.filter((event) => event.kind === "failure" && !event.closes);
  reason.append(...failures.map(({ name }) => el("option", { value: name }, name)));
}

export function showAll() {
  form.reset();
  byId("between").hidden = true;
}

export function isFiltered() {
  return state() !== "All" || reason.value !== "" || opened.value !== "";
}

/** The filters as the server takes them. */
export function query() {
  const asked = new URLSearchParams(STATES[state()].map((name) => ["state", name]));
  if (reason.value) asked.append("reason", reason.value);
  const { since, before } = period();
  if (since) asked.append("since", since.toISOString());
  if (before) asked.append("before", before.toISOString());
  return asked;
}

/** What is not there, if the list is empty. */
export function emptyText() {
  if (reason.value || opened.value) return "No order fits these filters.";
  if (state() === "All") return "No orders yet.";
  return `No ${state().toLowerCase()} orders.`;
}

function state() {
  return form.elements.state.value;
}

function stateRow(name) {
  const radio = el("input", { type: "radio", name: "state", value: name, checked: name === "All" });
  return el("label", {}, radio, el("span", {}, name));
}

/** Both ends of the period as dates, without one that is open. */
function period() {
  const midnight = new Date(new Date().setHours(0, 0, 0, 0));
  switch (opened.value) {
    case "hour":
      return { since: new Date(Date.now() - HOUR_MS) };
    case "today":
      return { since: midnight };
    case "yesterday":
      return { since: dayBefore(midnight), before: midnight };
    case "week":
      return { since: new Date(Date.now() - 7 * DAY_MS) };
    case "between":
      return { since: dateOf(from), before: dateOf(until) };
    default:
      return {};
  }
}

/** A day is an hour longer or shorter when the clocks change. */
function dayBefore(midnight) {
  const date = new Date(midnight);
  date.setDate(date.getDate() - 1);
  return date;
}

function dateOf(input) {
  return input.value ? new Date(input.value) : null;
}
