// The list of orders, newest first, a page at a time.

import { ask, logFailure } from "./api.js";
import { byId, el } from "./dom.js";
import { durationText, shortId, statusBadge, timeText } from "./format.js";

const AGES_PERIOD_MS = 1000;
const OPEN = ["PENDING", "FAILING"];
const FILTERS = {
  All: [],
  Open: OPEN,
  Completed: ["COMPLETED"],
  Failed: ["FAILED"],
};
const NONE_SOUGHT = "No order in this list starts with that. Press Enter to look for a full ID.";

const list = byId("orders");
let filter = "All";
let pageStart = null; // the server's mark of a page; null is the newest page
let nextPageStart = null;
let orders = [];

export function startOrders() {
  byId("states").append(...Object.keys(FILTERS).map(filterRow));
  byId("older").addEventListener("click", () => showPage(nextPageStart));
  byId("newest").addEventListener("click", () => showPage(null));
  byId("search").addEventListener("input", showOrders);
  byId("search").addEventListener("submit", openSought);
  setInterval(showOrders, AGES_PERIOD_MS);
}

export function isShowingNewest() {
  return pageStart === null;
}

export async function refreshOrders() {
  const asked = pagePath();
  const answer = await ask(asked);
  const isOutdated = asked !== pagePath();
  if (isOutdated) return;
  orders = answer.orders;
  nextPageStart = answer.next;
  showOrders();
}

function pagePath() {
  const query = new URLSearchParams(FILTERS[filter].map((state) => ["state", state]));
  if (pageStart) query.append("before", pageStart);
  return `page/orders?${query}`;
}

function filterRow(name) {
  const radio = el("input", {
    type: "radio",
    name: "state",
    value: name,
    checked: name === filter,
    onchange: () => showFilter(name),
  });
  return el("label", {}, radio, el("span", {}, name));
}

function showFilter(name) {
  filter = name;
  showPage(null);
}

function showPage(start) {
  pageStart = start;
  refreshOrders().catch(logFailure);
}

function soughtId() {
  return byId("search").elements.id.value.trim().toLowerCase();
}

function soughtOrders() {
  return orders.filter((order) => order.orderId.startsWith(soughtId()));
}

/** Opens the first order in the list that is sought, or else any order with this ID. */
function openSought(submitted) {
  submitted.preventDefault();
  if (soughtId() === "") return;
  const [found] = soughtOrders();
  location.hash = found ? found.orderId : soughtId();
}

function showOrders() {
  const sought = soughtOrders();
  showRows(sought);
  byId("orders-none").hidden = sought.length > 0;
  byId("orders-none").textContent = emptyText();
  byId("older").hidden = nextPageStart === null;
  byId("newest").hidden = isShowingNewest();
}

function emptyText() {
  if (soughtId()) return NONE_SOUGHT;
  if (filter === "All") return "No orders yet.";
  return `No ${filter.toLowerCase()} orders.`;
}

/** Keeps the rows that are there, so that the focus stays where it is. */
function showRows(sought) {
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  sought.forEach((order, index) => {
    const row = rows.get(order.orderId) ?? newRow(order);
    updateRow(row, order);
    const current = list.children[index] ?? null;
    if (current !== row) list.insertBefore(row, current);
  });
  while (list.children.length > sought.length) list.lastElementChild.remove();
}

function newRow({ orderId, openedAt }) {
  const link = el(
    "a",
    { href: `#${orderId}` },
    el("span", { class: "state" }),
    el("code", {}, shortId(orderId)),
    el("time", { datetime: openedAt }, timeText(openedAt)),
    el("span", { class: "took" }),
  );
  return el("li", { "data-id": orderId }, link);
}

function updateRow(row, order) {
  const link = row.firstElementChild;
  if (row.dataset.status !== order.status) {
    row.dataset.status = order.status;
    link.querySelector(".state").replaceChildren(statusBadge(order.status));
  }
  row.classList.toggle("open", OPEN.includes(order.status));
  link.querySelector(".took").textContent = tookText(order);
  if (location.hash === `#${order.orderId}`) {
    link.setAttribute("aria-current", "true");
  } else {
    link.removeAttribute("aria-current");
  }
}

function tookText({ status, openedAt, tookMs }) {
  if (!OPEN.includes(status)) return durationText(tookMs);
  const age = Math.max(0, Date.now() - Date.parse(openedAt));
  return `open ${durationText(age)}`;
}
