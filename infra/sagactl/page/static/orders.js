// The list of orders, newest first, a page at a time.

import { ask, logFailure } from "./api.js";
import { byId, el } from "./dom.js";
import { emptyText, isFiltered, query, showAll, startFilters } from "./filters.js";
import { ageText, durationText, momentText, shortId, statusBadge } from "./format.js";

const AGES_PERIOD_MS = 1000;
const REFRESH_PERIOD_MS = 1000; // at most that often, however many events come
const OPEN = ["PENDING", "FAILING"];
const NONE_SOUGHT = "No order in this list starts with that. Press Enter to look for a full ID.";
const LOOKED_PART = "None among those looked at so far. Older looks further back.";

const list = byId("orders");
let pageStart = null; // the server's mark of a page; null is the newest page
let nextPageStart = null;
let orders = [];
let refreshing = null; // the timer of the next refresh

export function startOrders() {
  startFilters(() => showPage(null));
  byId("older").addEventListener("click", () => showPage(nextPageStart));
  byId("newest").addEventListener("click", () => showPage(null));
  byId("all-orders").addEventListener("click", clearFilters);
  byId("search").addEventListener("input", showOrders);
  byId("search").addEventListener("submit", openSought);
  setInterval(showAges, AGES_PERIOD_MS);
}

/** Shows new orders soon, if the newest are shown. */
export function refreshNewest() {
  if (refreshing || pageStart !== null) return;
  refreshing = setTimeout(() => {
    refreshing = null;
    if (pageStart === null) refreshOrders().catch(logFailure);
  }, REFRESH_PERIOD_MS);
}

export async function refreshOrders() {
  const asked = pageQuery();
  const wanted = listKey();
  const answer = await ask(`page/orders?${asked}`);
  const isOutdated = wanted !== listKey();
  if (isOutdated) return;
  orders = answer.orders;
  nextPageStart = answer.next;
  showOrders();
}

export function showOrders() {
  const sought = soughtOrders();
  showRows(sought);
  byId("orders-none").hidden = sought.length > 0;
  byId("orders-none-text").textContent = noneText();
  byId("all-orders").hidden = !isFiltered() || soughtId() !== "";
  byId("older").hidden = nextPageStart === null;
  byId("newest").hidden = pageStart === null;
}

function pageQuery() {
  const asked = query();
  if (pageStart) asked.set("before", pageStart);
  return asked;
}

/** What the list shows; a period that ends now moves on all the time. */
function listKey() {
  const filters = new FormData(byId("filters"));
  return JSON.stringify([...filters, pageStart]);
}

function showPage(start) {
  pageStart = start;
  refreshOrders().catch(logFailure);
}

function clearFilters() {
  showAll();
  showPage(null);
  byId("states").querySelector(":checked").focus();
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

function noneText() {
  if (soughtId()) return NONE_SOUGHT;
  return nextPageStart ? LOOKED_PART : emptyText();
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

function newRow({ orderId }) {
  const link = el(
    "a",
    { href: `#${orderId}` },
    el("span", { class: "state" }),
    el("code", {}, shortId(orderId)),
    el("time", {}),
    el("span", { class: "what" }),
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
  row.classList.toggle("open", isOpen(order));
  link.querySelector("time").dateTime = order.openedAt;
  link.querySelector("time").textContent = momentText(order.openedAt);
  link.querySelector(".what").textContent = whatText(order);
  link.querySelector(".took").textContent = tookText(order);
  if (location.hash === `#${order.orderId}`) {
    link.setAttribute("aria-current", "true");
  } else {
    link.removeAttribute("aria-current");
  }
}

function showAges() {
  for (const order of orders.filter(isOpen)) {
    const took = list.querySelector(`[data-id="${CSS.escape(order.orderId)}"] .took`);
    if (took) took.textContent = tookText(order);
  }
}

function isOpen({ status }) {
  return OPEN.includes(status);
}

/** Why an order fails, or what it waits for. */
function whatText({ status, failures, awaits }) {
  if (awaits.length > 0) return `waits for ${awaits.join(", ")}`;
  return status === "COMPLETED" ? "" : failures.join(", ");
}

function tookText(order) {
  if (!isOpen(order)) return durationText(order.tookMs);
  return `open ${ageText(Date.now() - Date.parse(order.openedAt))}`;
}
