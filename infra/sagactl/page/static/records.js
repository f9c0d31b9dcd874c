// What each service has recorded of an order.

import { byId, el } from "./dom.js";

const HIDDEN = ["status", "openShard", "dueAt"]; // shown as a heading; of interest to the database alone

export function showRecords(states) {
  const tables = Object.entries(states).map(([service, state]) =>
    recordTable(service, state ?? {}),
  );
  byId("tables").replaceChildren(...tables);
}

function recordTable(service, state) {
  const fields = Object.entries(state).filter(([name]) => !HIDDEN.includes(name));
  return el(
    "div",
    { class: "table" },
    el("h4", {}, service),
    el("p", { class: "status" }, state.status ?? "nothing recorded"),
    el("dl", {}, ...fields.map(([name, value]) => fieldRow(name, value))),
  );
}

function fieldRow(name, value) {
  return el("div", {}, el("dt", {}, inWords(name)), el("dd", {}, valueText(value)));
}

/** Puts spaces in a name like paymentSettled. */
function inWords(name) {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function valueText(value) {
  if (value === true) return "yes";
  if (value === false) return "no";
  return String(value);
}
