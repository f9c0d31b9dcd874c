// A mark that moves along an edge, for each event that is told.

import { svg } from "./dom.js";

export const TRAVEL_MS = 900;
const MARKS_MAX = 80;

const still = matchMedia("(prefers-reduced-motion: reduce)");
let marks = 0; // that are moving

export function moveMark(path, look) {
  if (still.matches || document.hidden || marks >= MARKS_MAX) return;
  const mark = drawMark(look);
  const length = path.getTotalLength();
  const startedAt = performance.now();
  marks += 1;
  path.closest("svg > g").append(mark);
  requestAnimationFrame(step);

  function step(now) {
    const share = Math.min(Math.max((now - startedAt) / TRAVEL_MS, 0), 1);
    const { x, y } = path.getPointAtLength(length * eased(share));
    mark.setAttribute("transform", `translate(${x} ${y})`);
    // The graph may have been drawn again meanwhile, without the mark.
    if (share < 1 && mark.isConnected) {
      requestAnimationFrame(step);
    } else {
      mark.remove();
      marks -= 1;
    }
  }
}

function drawMark(look) {
  if (look === "happy") return svg("circle", { class: "dot happy", r: 7 });
  return svg("path", { class: "dot failing", d: "M0-9 9 0 0 9-9 0z" });
}

/** Slow at both ends, and faster between them. */
function eased(share) {
  return share * share * (3 - 2 * share);
}
