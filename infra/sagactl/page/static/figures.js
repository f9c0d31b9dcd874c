// The figures of the last minutes.

import { byId, svg } from "./dom.js";
import { durationText } from "./format.js";

const BAR_WIDTH = 6;
const BAR_STEP = 9;
const CHART_HEIGHT = 24;
const BAR_HEIGHT_MAX = 22;

export function showFigures({ perMinute, closed, p50Ms, p99Ms }) {
  const all = closed.COMPLETED + closed.FAILED;
  byId("completed").textContent = shareText(closed.COMPLETED, all);
  byId("failed").textContent = shareText(closed.FAILED, all);
  byId("p50").textContent = durationText(p50Ms);
  byId("p99").textContent = durationText(p99Ms);
  byId("rate").textContent = perMinute.at(-1);
  drawBars(perMinute);
}

function shareText(count, all) {
  if (all === 0) return "–";
  return `${Math.round((100 * count) / all)} %`;
}

function drawBars(perMinute) {
  const most = Math.max(1, ...perMinute);
  const bars = perMinute.map((count, minute) => {
    const height = Math.max(1, (BAR_HEIGHT_MAX * count) / most);
    const y = CHART_HEIGHT - height;
    return svg("rect", { x: minute * BAR_STEP, y, width: BAR_WIDTH, height, rx: 1.5 });
  });
  const width = BAR_STEP * (perMinute.length - 1) + BAR_WIDTH;
  const chart = byId("rates");
  chart.setAttribute("viewBox", `0 0 ${width} ${CHART_HEIGHT}`);
  chart.setAttribute("aria-label", `Orders per minute, oldest first: ${perMinute.join(", ")}`);
  chart.replaceChildren(...bars);
}
