// Figures of the last minutes.

import { byId, shownMs, svg } from "./dom.js";

export function showFigures({ perMinute, closed, p50Ms, p99Ms }) {
  const all = closed.COMPLETED + closed.FAILED;
  const share = (count) => (all ? `${Math.round((100 * count) / all)} %` : "–");
  byId("completed").textContent = share(closed.COMPLETED);
  byId("failed").textContent = share(closed.FAILED);
  byId("p50").textContent = shownMs(p50Ms);
  byId("p99").textContent = shownMs(p99Ms);
  byId("rate").textContent = perMinute.at(-1);
  const most = Math.max(1, ...perMinute);
  const bars = perMinute.map((count, place) => {
    const height = Math.max(1, (22 * count) / most);
    return svg("rect", { x: place * 9, y: 24 - height, width: 6, height, rx: 1.5 });
  });
  byId("rates").setAttribute("viewBox", `0 0 ${9 * perMinute.length - 3} 24`);
  byId("rates").setAttribute("aria-label", `Orders a minute, oldest first: ${perMinute.join(", ")}`);
  byId("rates").replaceChildren(...bars);
}
