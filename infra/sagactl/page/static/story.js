// One order's story: its sequence diagram, its timeline, what each service recorded, and what it waits for.

import { ask, badge, byId, el, lookOf, shownMs, svg } from "./dom.js";

const ROW = 44;
const PATIENCE_MS = 2500;   // an order put on the bus is not known at once
let order = null;    // its id
let askedAt = 0;
let shown = "";      // what was drawn last
let story = null;

export function startStory() {
  byId("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(location.href);
    byId("copy").textContent = "Copied";
    setTimeout(() => { byId("copy").textContent = "Copy link"; }, 1500);
  });
  new ResizeObserver(() => story && drawSequence()).observe(byId("story"));
  setInterval(() => story?.waits.length && showWaits(), 1000);
}

export const isStoryOpen = () => Boolean(order) && !["COMPLETED", "FAILED"].includes(story?.status);
export const isAbout = (orderId) => orderId === order;

export async function showStory(orderId) {
  order = orderId;
  askedAt = Date.now();
  story = null;
  shown = "";
  byId("story-shown").hidden = true;
  byId("story-none").textContent = orderId ? "Reading…" : "Place an order, or choose one from the list.";
  byId("story-none").hidden = false;
  if (orderId) await refreshStory();
}

export async function refreshStory() {
  const asked = order;
  let answer = null;
  try {
    answer = await ask(`page/orders/${encodeURIComponent(asked)}`);
  } catch (error) {
    if (asked === order && !story && Date.now() - askedAt > PATIENCE_MS) byId("story-none").textContent = error.message;
    return;
  }
  if (asked !== order) return;
  story = { ...answer, readAt: Date.now() };
  const told = JSON.stringify([answer.events, answer.states, answer.status]);
  showWaits();
  if (told === shown) return;
  shown = told;
  byId("story-none").hidden = true;
  byId("story-shown").hidden = false;
  byId("story-status").replaceChildren(badge(story.status));
  byId("story-id").textContent = story.orderId;
  drawSequence();
  showTimeline();
  showTables();
}

function showWaits() {
  const ago = Date.now() - story.readAt;
  byId("waits").replaceChildren(...story.waits.map((wait) => el("li", {}, `Waits: ${wait.what}, for ${shownMs(wait.sinceMs + ago)}.`)));
}

function drawSequence() {
  const services = [...new Set([...Object.keys(story.states), ...story.events.map((event) => event.toldBy)])];
  const width = Math.max(280, byId("story-shown").clientWidth);
  const left = 58;
  const gap = (width - left) / services.length;
  const x = new Map(services.map((service, place) => [service, left + gap * (place + 0.5)]));
  const height = 40 + ROW * story.events.length + 14;
  const lifelines = services.flatMap((service) => [
    svg("line", { class: "lifeline", x1: x.get(service), x2: x.get(service), y1: 30, y2: height }),
    svg("text", { class: "name", x: x.get(service), y: 18 }, service.slice(0, 12)),
  ]);
  const rows = story.events.map((event, row) => drawEvent(event, row, 40 + ROW * row, x, width));
  byId("sequence").setAttribute("viewBox", `0 0 ${width} ${height}`);
  byId("sequence").setAttribute("height", height);
  byId("sequence").classList.toggle("tight", gap < 80);
  byId("sequence").replaceChildren(...lifelines, ...rows);
}

function drawEvent(event, row, top, x, width) {
  const kind = lookOf(event);
  const line = top + 28;
  const from = x.get(event.toldBy);
  const hearers = event.heardBy.filter((service) => service !== event.toldBy).map((service) => x.get(service));
  const [least, most] = [Math.min(from, ...hearers), Math.max(from, ...hearers)];
  const label = Math.min(Math.max((least + most) / 2, 58 + 46), width - 46);
  const open = () => openEvent(row);
  return svg(
    "g",
    { class: `told ${kind}${event.isRepeat ? " again" : ""}`, role: "button", tabindex: 0, "aria-label": inWords(event), onclick: open, onkeydown: (key) => ["Enter", " "].includes(key.key) && (key.preventDefault(), open()) },
    svg("rect", { class: "hit", x: 1, y: top + 1, width: width - 2, height: ROW - 2, rx: 6 }),
    svg("text", { class: "at", x: 6, y: line + 4 }, shownMs(event.sinceFirstMs)),
    svg("line", { class: "edge", x1: least, x2: most, y1: line, y2: line }),
    mark(kind, from, line),
    ...hearers.map((to) => svg("path", { class: "tip", d: to > from ? `M${to} ${line}l-9-4.5v9z` : `M${to} ${line}l9-4.5v9z` })),
    svg("text", { class: "label", x: label, y: line - 9 }, event.isRepeat ? `${event.name} ↻` : event.name),
  );
}

const mark = (kind, x, y) =>
  kind === "happy" ? svg("circle", { class: "mark", cx: x, cy: y, r: 4.5 }) : svg("path", { class: "mark", d: `M${x} ${y - 6}l6 6-6 6-6-6z` });

function inWords(event) {
  const hearers = event.heardBy.length ? `heard by ${event.heardBy.join(", ")}` : "heard by none";
  return `${event.name}${event.isRepeat ? " again" : ""}, told by ${event.toldBy} after ${shownMs(event.sinceFirstMs)}, ${hearers}`;
}

function openEvent(row) {
  const details = byId("timeline").children[row].firstElementChild;
  details.open = true;
  details.firstElementChild.focus();
  details.scrollIntoView({ block: "nearest" });
}

function showTimeline() {
  const list = byId("timeline");
  const opened = new Set([...list.querySelectorAll("details[open]")].map((details) => details.dataset.id));
  const focused = document.activeElement?.closest("#timeline details")?.dataset.id;
  list.replaceChildren(...story.events.map((event) => el("li", {}, timelineRow(event, opened.has(event.eventId)))));
  [...list.querySelectorAll("details")].find((details) => details.dataset.id === focused)?.firstElementChild.focus();
}

function timelineRow(event, isOpen) {
  const after = event.cause && event.sinceCauseMs != null ? `${shownMs(event.sinceCauseMs)} after ${event.cause}` : "";
  const hearers = event.heardBy.join(", ") || "none";
  const kind = lookOf(event);
  const summary = el(
    "summary",
    {},
    el("span", { class: "at" }, shownMs(event.sinceFirstMs)),
    el("span", { class: `event ${kind}` }, event.isRepeat ? `${event.name} again` : event.name),
    el("span", { class: "quiet" }, `told by ${event.toldBy}, heard by ${hearers}${after && `; ${after}`}`),
  );
  const facts = { decided: event.toldAt, arrived: event.arrivedAt, id: event.eventId, "caused by": event.causeId };
  const known = Object.entries(facts).filter(([, value]) => value).map(([name, value]) => `${name.padEnd(10)}${value}`);
  return el("details", { open: isOpen, "data-id": event.eventId }, summary, el("pre", { tabindex: 0 }, `${known.join("\n")}\n\n${JSON.stringify(event.detail, null, 2)}`));
}

function showTables() {
  byId("tables").replaceChildren(...Object.entries(story.states).map(([service, state]) => {
    const { status, openShard, ...others } = state ?? {};
    const facts = Object.entries(others).map(([name, value]) => el("div", {}, el("dt", {}, inSpaces(name)), el("dd", {}, inPlain(value))));
    return el("div", { class: "table" }, el("h4", {}, service), el("p", { class: "status" }, status ?? "has not heard of it"), el("dl", {}, ...facts));
  }));
}

const inSpaces = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
const inPlain = (value) => (value === true ? "yes" : value === false ? "no" : String(value));
