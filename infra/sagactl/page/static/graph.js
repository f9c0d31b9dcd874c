// The choreography as a graph: who tells what to whom. Events move along it as they happen.

import { byId, svg } from "./dom.js";
import { lookOf } from "./format.js";
import { BOX, LINE_HEIGHT, layOut } from "./graph-layout.js";
import { moveMark, TRAVEL_MS } from "./graph-motion.js";

const DELAY_MS_MAX = 2500;

const graph = byId("graph");
const narrow = matchMedia("(max-width: 640px)");
let edges = [];
let endNodes = []; // those that close orders
let closedText = "closes the order";

export function drawGraph(choreography) {
  narrow.addEventListener("change", () => draw(choreography));
  draw(choreography);
}

/** How many orders have closed either way. */
export function showClosed({ COMPLETED: completed, FAILED: failed }) {
  closedText = `✓ ${completed}  ✕ ${failed}`;
  for (const { group } of endNodes) group.querySelector(".role").textContent = closedText;
}

/** Moves each event along its edges, as long after the first as it was told. */
export function moveAlong(events) {
  const times = events.map((event) => Date.parse(event.toldAt));
  const first = Math.min(...times);
  for (const event of events) {
    const delay = Math.min(Date.parse(event.toldAt) - first, DELAY_MS_MAX);
    setTimeout(() => move(event), delay);
  }
}

function draw(choreography) {
  graph.classList.toggle("upright", narrow.matches);
  const { size, parts } = layOut(choreography, narrow.matches, widthOf);
  graph.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  graph.replaceChildren(...parts.map(drawPart));
  edges = parts.flatMap((part) => part.edges);
  endNodes = parts.flatMap((part) => part.nodes.filter((node) => node.isEnd));
}

function drawPart(part) {
  for (const node of part.nodes) node.group = drawNode(node);
  for (const edge of part.edges) drawEdge(edge);
  const groups = [...part.edges, ...part.nodes].map((one) => one.group);
  const labels = part.edges.map(drawLabel);
  return svg("g", { transform: `translate(0 ${part.top})` }, ...groups, ...labels);
}

function drawNode(node) {
  const left = -BOX.width / 2;
  const top = -BOX.height / 2;
  return svg(
    "g",
    { class: "node", transform: `translate(${node.x} ${node.y})` },
    svg("rect", { x: left, y: top, width: BOX.width, height: BOX.height, rx: 10 }),
    svg("text", { class: "name", y: -2 }, node.service),
    svg("text", { class: "role", y: 14 }, roleOf(node)),
  );
}

function roleOf(node) {
  if (node.isEnd) return closedText;
  return node.depth === 0 ? "opens the order" : "hears, tells";
}

function drawEdge(edge) {
  const { start, middle, end, tip, tipAngle } = edge.curve;
  const curve = `M${start.x} ${start.y}Q${middle.x} ${middle.y} ${end.x} ${end.y}`;
  edge.path = svg("path", { class: `edge ${edge.look}`, d: curve });
  const arrow = svg("path", {
    class: `tip ${edge.look}`,
    d: "M0 0-9 4.5-9-4.5z",
    transform: `translate(${tip.x} ${tip.y}) rotate(${tipAngle})`,
  });
  edge.group = svg("g", {}, edge.path, arrow);
}

/** The names of an edge's events, one below the other. */
function drawLabel({ label, look, names }) {
  const top = label.y + 4 - ((names.length - 1) * LINE_HEIGHT) / 2;
  const lines = names.map((name, line) =>
    svg("tspan", { x: label.x, y: top + line * LINE_HEIGHT }, name),
  );
  return svg("text", { class: `label ${look}` }, ...lines);
}

/** How wide a name is, as it is drawn. */
function widthOf(name) {
  const probe = svg("text", { class: "label" }, name);
  graph.append(probe);
  const width = probe.getComputedTextLength();
  probe.remove();
  return width;
}

/** An event that no other service hears lights where orders are closed. */
function move(event) {
  const look = lookOf(event);
  const own = edges.filter((edge) => edge.names.includes(event.name));
  for (const edge of own) {
    light(edge.group, look, () => light(edge.to.group, look));
    moveMark(edge.path, look);
  }
  if (own.length > 0) return;
  for (const { group } of endNodes) light(group, look);
}

function light(group, look, then = () => {}) {
  group.classList.add("busy", look);
  setTimeout(() => {
    group.classList.remove("busy", "happy", "failing");
    then();
  }, TRAVEL_MS);
}
