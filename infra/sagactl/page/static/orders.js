// The orders, newest first, a page at a time.

import { ask, badge, byId, el, shownMs, shownTime } from "./dom.js";

const STATES = { All: [], Open: ["PENDING", "FAILING"], Completed: ["COMPLETED"], Failed: ["FAILED"] };
const list = byId("orders");
let only = "All";
let before = null;   // where the page shown starts; the newest where null
let next = null;
let shown = [];

export function startOrders() {
  for (const state of Object.keys(STATES)) {
    const choose = () => { only = state; before = null; refreshOrders(); };
    const radio = el("input", { type: "radio", name: "state", value: state, checked: state === only, onchange: choose });
    byId("states").append(el("label", {}, radio, el("span", {}, state)));
  }
  byId("older").addEventListener("click", () => { before = next; refreshOrders(); });
  byId("newest").addEventListener("click", () => { before = null; refreshOrders(); });
  const search = byId("search");
  search.addEventListener("input", show);
  search.addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const wanted = sought();
    if (wanted) location.hash = shown.find((order) => order.orderId.startsWith(wanted))?.orderId ?? wanted;
  });
  setInterval(show, 1000);   // ages
}

export const isNewest = () => before === null;

export async function refreshOrders() {
  const asked = `${only} ${before}`;
  const query = new URLSearchParams(STATES[only].map((state) => ["state", state]));
  if (before) query.append("before", before);
  const answer = await ask(`page/orders?${query}`);
  if (asked !== `${only} ${before}`) return;
  shown = answer.orders;
  next = answer.next;
  show();
}

const sought = () => byId("search").elements.id.value.trim().toLowerCase();

function show() {
  const rows = shown.filter((order) => order.orderId.startsWith(sought()));
  const old = new Map([...list.children].map((row) => [row.dataset.id, row]));
  rows.forEach((order, place) => {
    const row = old.get(order.orderId) ?? emptyRow(order);
    fill(row, order);
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
  });
  while (list.children.length > rows.length) list.lastElementChild.remove();
  byId("orders-none").hidden = rows.length > 0;
  byId("orders-none").textContent = sought() ? "None here begins so. Enter finds a whole id anywhere." : only === "All" ? "No order yet." : `No order is ${only.toLowerCase()}.`;
  byId("older").hidden = !next;
  byId("newest").hidden = isNewest();
}

/** Rows are kept as they change, so that the focus stays where it is. */
function emptyRow(order) {
  const link = el("a", { href: `#${order.orderId}` }, el("span", { class: "state" }), el("code", {}, order.orderId.slice(0, 8)), el("time", { datetime: order.openedAt }, shownTime(order.openedAt)), el("span", { class: "took" }));
  return el("li", { "data-id": order.orderId }, link);
}

function fill(row, order) {
  const link = row.firstElementChild;
  if (row.dataset.status !== order.status) {
    row.dataset.status = order.status;
    link.querySelector(".state").replaceChildren(badge(order.status));
  }
  const isOpen = STATES.Open.includes(order.status);
  const took = isOpen ? `open ${shownMs(Math.max(0, Date.now() - Date.parse(order.openedAt)))}` : shownMs(order.tookMs);
  link.querySelector(".took").textContent = took;
  row.classList.toggle("open", isOpen);
  if (location.hash === `#${order.orderId}`) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}
