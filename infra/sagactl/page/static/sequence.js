// A sequence diagram of one order: a lifeline for each service, and a row for each event.

import { byId, svg } from "./dom.js";
import { durationText, lookOf, nameText, whoText } from "./format.js";

const TIMES_WIDTH = 74;
const TIGHT_TIMES_WIDTH = 60;
const TIGHT_WIDTH = 420;
const WIDTH_MIN = 280;
const HEAD_HEIGHT = 40;
const ROW_HEIGHT = 44;
const FOOT_HEIGHT = 14;
const LINE_IN_ROW = 28;
const LABEL_WIDTH = 92; // about the longest name's
const NAME_LENGTH_MAX = 12;

/** Calls `open` with an event's number when it is chosen in the diagram. The focus stays on its event. */
export function drawSequence(story, open) {
  const width = Math.max(WIDTH_MIN, byId("story-shown").clientWidth);
  const height = HEAD_HEIGHT + ROW_HEIGHT * story.events.length + FOOT_HEIGHT;
  const services = servicesIn(story);
  const isTight = width < TIGHT_WIDTH;
  const timesWidth = isTight ? TIGHT_TIMES_WIDTH : TIMES_WIDTH;
  const columnWidth = (width - timesWidth) / services.length;
  const columns = new Map();
  services.forEach((service, index) => {
    columns.set(service, timesWidth + columnWidth * (index + 0.5));
  });
  const lifelines = services.flatMap((service) => drawLifeline(service, columns, height));
  const rows = story.events.map((event, number) => {
    const top = HEAD_HEIGHT + ROW_HEIGHT * number;
    return drawEvent(event, () => open(number), { columns, width, timesWidth, top });
  });
  const diagram = byId("sequence");
  const focusedId = document.activeElement?.closest("#sequence [role=button]")?.dataset.id;
  diagram.setAttribute("viewBox", `0 0 ${width} ${height}`);
  diagram.setAttribute("height", height);
  diagram.classList.toggle("tight", isTight);
  diagram.replaceChildren(...lifelines, ...rows);
  rows.find((row) => row.dataset.id === focusedId)?.focus({ preventScroll: true });
}

/** Somebody else may have put an event on the bus, under a name of their own. */
function servicesIn(story) {
  const tellers = story.events.map((event) => event.toldBy);
  return [...new Set([...Object.keys(story.states), ...tellers])];
}

function drawLifeline(service, columns, height) {
  const x = columns.get(service);
  return [
    svg("line", { class: "lifeline", x1: x, x2: x, y1: 30, y2: height }),
    svg("text", { class: "name", x, y: 18 }, service.slice(0, NAME_LENGTH_MAX)),
  ];
}

function drawEvent(event, open, { columns, width, timesWidth, top }) {
  const look = lookOf(event);
  const y = top + LINE_IN_ROW;
  const from = columns.get(event.toldBy);
  const hearers = event.heardBy.filter((service) => service !== event.toldBy);
  const ends = hearers.map((service) => columns.get(service));
  const left = Math.min(from, ...ends);
  const right = Math.max(from, ...ends);
  return svg(
    "g",
    rowAttributes(event, open),
    svg("rect", {
      class: "hit",
      x: 1,
      y: top + 1,
      width: width - 2,
      height: ROW_HEIGHT - 2,
      rx: 6,
    }),
    svg("text", { class: "at", x: 6, y: y + 4 }, durationText(event.sinceFirstMs)),
    svg("line", { class: "edge", x1: left, x2: right, y1: y, y2: y }),
    drawMark(look, from, y),
    ...ends.map((to) => drawTip(from, to, y)),
    svg(
      "text",
      { class: "label", x: labelX(left, right, timesWidth, width), y: y - 9 },
      labelText(event),
    ),
  );
}

function rowAttributes(event, open) {
  const again = event.isRepeat ? " again" : "";
  const after = durationText(event.sinceFirstMs);
  return {
    class: `told ${lookOf(event)}${again}`,
    role: "button",
    tabindex: 0,
    "data-id": event.eventId,
    "aria-label": `${nameText(event)}, ${whoText(event)}, after ${after}`,
    onclick: open,
    onkeydown: (pressed) => openByKey(pressed, open),
  };
}

function openByKey(pressed, open) {
  if (pressed.key !== "Enter" && pressed.key !== " ") return;
  pressed.preventDefault();
  open();
}

function drawMark(look, x, y) {
  if (look === "happy") return svg("circle", { class: "mark", cx: x, cy: y, r: 4.5 });
  return svg("path", { class: "mark", d: `M${x} ${y - 6}l6 6-6 6-6-6z` });
}

function drawTip(from, to, y) {
  const shape = to > from ? "l-9-4.5v9z" : "l9-4.5v9z";
  return svg("path", { class: "tip", d: `M${to} ${y}${shape}` });
}

/** In the middle of the arrow, but neither over the times nor past the diagram's right side. */
function labelX(left, right, timesWidth, width) {
  const leftmost = timesWidth + LABEL_WIDTH / 2;
  const rightmost = width - LABEL_WIDTH / 2;
  return Math.min(Math.max((left + right) / 2, leftmost), rightmost);
}

function labelText(event) {
  return event.isRepeat ? `${event.name} ↻` : event.name;
}
