// The figures of the last minutes.

import { byId, svg } from "./dom.js";
import { durationText } from "./format.js";

const BAR_WIDTH = 8;
const BAR_STEP = 11;
const UP_MAX = 34; // of a bar above the line, and below it
const DOWN_MAX = 14;

export function showFigures({ perMinute, closed, p50Ms, p99Ms }) {
  const all = closed.COMPLETED + closed.FAILED;
  byId("completed").textContent = shareText(closed.COMPLETED, all);
  byId("failed").textContent = shareText(closed.FAILED, all);
  byId("p50").textContent = durationText(p50Ms);
  byId("p99").textContent = durationText(p99Ms);
  byId("rate").textContent = sum(perMinute.at(-1));
  drawBars(perMinute);
}

function sum({ COMPLETED, PENDING, FAILED }) {
  return COMPLETED + PENDING + FAILED;
}

function shareText(count, all) {
  if (all === 0) return "–";
  return `${Math.round((100 * count) / all)} %`;
}

/** A bar for each minute: what goes well stands on the line, and what failed hangs from it. */
function drawBars(perMinute) {
  const unit = Math.min(
    UP_MAX / Math.max(1, ...perMinute.map((one) => one.COMPLETED + one.PENDING)),
    DOWN_MAX / Math.max(1, ...perMinute.map((one) => one.FAILED)),
  );
  const bars = perMinute.flatMap((one, minute) => drawBar(one, minute * BAR_STEP, unit));
  const width = BAR_STEP * perMinute.length;
  const line = svg("line", { class: "zero", x1: 0, x2: width, y1: UP_MAX, y2: UP_MAX });
  const chart = byId("rates");
  chart.setAttribute("viewBox", `0 0 ${width} ${UP_MAX + DOWN_MAX}`);
  chart.setAttribute("aria-label", chartText(perMinute));
  chart.replaceChildren(...bars, line);
}

function drawBar({ COMPLETED, PENDING, FAILED }, x, unit) {
  const done = COMPLETED * unit;
  const open = PENDING * unit;
  return [
    svg("rect", { class: "happy", x, y: UP_MAX - done, width: BAR_WIDTH, height: done }),
    svg("rect", { class: "open", x, y: UP_MAX - done - open, width: BAR_WIDTH, height: open }),
    svg("rect", { class: "failing", x, y: UP_MAX, width: BAR_WIDTH, height: FAILED * unit }),
  ];
}

function chartText(perMinute) {
  const all = perMinute.map(sum).join(", ");
  const failed = perMinute.map((one) => one.FAILED).join(", ");
  return `Orders per minute, oldest first: ${all}. Of these failed: ${failed}.`;
}
