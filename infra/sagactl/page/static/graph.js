// The choreography, laid out from who tells what to whom; events travel along it as they happen.

import { byId, lookOf, svg } from "./dom.js";

const DOTS_MAX = 80;
const TRAVEL_MS = 900;
const LAG_MS_MAX = 2500;

const graph = byId("graph");
const narrow = matchMedia("(max-width: 640px)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
let routes = new Map();   // event name → the edges along which it travels
let end = null;           // the node that closes orders
let closed = "closes it"; // how many it has closed either way
let dots = 0;

export function drawGraph(choreography) {
  const draw = () => layOut(choreography, narrow.matches);
  narrow.addEventListener("change", draw);
  draw();
}

/** Sends each event on its way, as far apart as they were told. */
export function travel(events) {
  const first = Math.min(...events.map((event) => Date.parse(event.toldAt)));
  for (const event of events) {
    const lag = Math.min(Date.parse(event.toldAt) - first, LAG_MS_MAX);
    setTimeout(() => send(event), lag);
  }
}

export function showClosed({ COMPLETED, FAILED }) {
  closed = `✓ ${COMPLETED}  ✕ ${FAILED}`;
  end.querySelector(".role").replaceChildren(closed);
}

function send(event) {
  const [edges, kind] = [routes.get(event.name) ?? [], lookOf(event)];
  for (const edge of edges) along(edge, kind);
  if (!edges.length) light(end, kind);
}

function light(part, kind, then = () => {}) {
  part.classList.add("busy", kind);
  setTimeout(() => { part.classList.remove("busy", "happy", "failing"); then(); }, TRAVEL_MS);
}

function layOut({ services, events }, upright) {
  const nodes = place(services, events);
  const size = upright ? { width: 360, height: 620 } : { width: 880, height: 410 };
  const deepest = Math.max(...nodes.map((node) => node.depth));
  for (const node of nodes) {
    const along = node.depth / deepest;
    node.x = upright ? size.width / 2 + node.across * 112 : 66 + along * (size.width - 132);
    node.y = upright ? 40 + along * (size.height - 80) : size.height / 2 + node.across * 140;
  }
  const edges = connect(nodes, events);
  routes = new Map(events.map((event) => [event.name, edges.filter((edge) => edge.names.includes(event.name))]));
  for (const node of nodes) node.group = drawNode(node);
  end = nodes.find((node) => node.isEnd).group;
  graph.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  graph.replaceChildren(
    ...edges.map((edge) => drawEdge(edge, upright)),
    ...nodes.map((node) => node.group),
    ...edges.map((edge) => drawLabel(edge, upright)),
  );
}

/** Columns by how many events come before a service is first heard of; who opens an order also closes it, last. */
function place(services, events) {
  const opener = events.find((event) => event.isUnasked).toldBy;
  const depth = new Map([[opener, 0]]);
  for (let more = true; more;) {
    more = false;
    for (const event of events.filter((event) => event.kind === "progress" && depth.has(event.toldBy))) {
      for (const hearer of event.heardBy.filter((service) => !depth.has(service))) {
        depth.set(hearer, depth.get(event.toldBy) + 1);
        more = true;
      }
    }
  }
  const nodes = services.map((service) => ({ service, depth: depth.get(service) ?? 1 }));
  nodes.push({ service: opener, depth: Math.max(...depth.values()) + 1, isEnd: true });
  for (const node of nodes) {
    const column = nodes.filter((other) => other.depth === node.depth);
    node.across = column.length === 1 ? 0 : (2 * column.indexOf(node)) / (column.length - 1) - 1;
  }
  return nodes;
}

/** An edge for all events of a kind from one service to another. */
function connect(nodes, events) {
  const edges = new Map();
  const find = (service, atEnd) =>
    nodes.find((node) => node.service === service && Boolean(node.isEnd) === atEnd) ?? nodes.find((node) => node.service === service);
  for (const event of events) {
    for (const hearer of event.heardBy.filter((service) => service !== event.toldBy)) {
      const [from, to] = [find(event.toldBy, false), find(hearer, true)];
      const kind = lookOf(event);
      const key = [from.service, to.service, kind].join();
      const edge = edges.get(key) ?? { from, to, kind, names: [] };
      edge.names.push(event.name);
      edges.set(key, edge);
    }
  }
  return [...edges.values()];
}

function drawEdge(edge, upright) {
  const { from, to } = edge;
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy);
  const [nx, ny] = [-dy / length, dx / length];   // to the right of the way
  const bend = bendOf(edge, length, upright);
  const middle = { x: (from.x + to.x) / 2 + nx * bend, y: (from.y + to.y) / 2 + ny * bend };
  const [start, end] = [leave(from, middle, 4), leave(to, middle, 9)];
  edge.path = svg("path", { class: `edge ${edge.kind}`, d: `M${start.x} ${start.y}Q${middle.x} ${middle.y} ${end.x} ${end.y}` });
  const tip = svg("path", { class: `tip ${edge.kind}`, d: "M0 0-9 4.5-9-4.5z" });
  const angle = (Math.atan2(end.y - middle.y, end.x - middle.x) * 180) / Math.PI;
  const at = leave(to, middle, 2);
  tip.setAttribute("transform", `translate(${at.x} ${at.y}) rotate(${angle})`);
  edge.group = svg("g", {}, edge.path, tip);
  return edge.group;
}

/** Happy ways are straight. Failures bend outwards, and out of the way of the one back. */
function bendOf({ from, to, kind }, length, upright) {
  if (kind === "happy") return 0;
  const outwards = (upright ? -1 : 1) * Math.sign(from.across || to.across || -1);
  if (to.isEnd && from.across) return outwards * length * (upright ? 0.28 : 0.24);
  if (from.depth === to.depth) return -length * (upright ? 0.2 : 0.1);
  if (to.isEnd) return length * (upright ? 0.42 : 0.3);
  if (from.depth > to.depth) return outwards * -length * 0.26;
  return 0;
}

const HALF = { width: 56, height: 25 };

/** Where the line from a node towards a point leaves its box. */
function leave(node, towards, gap) {
  const [dx, dy] = [towards.x - node.x, towards.y - node.y];
  const scale = Math.min((HALF.width + gap) / Math.abs(dx || 1e-9), (HALF.height + gap) / Math.abs(dy || 1e-9));
  return { x: node.x + dx * scale, y: node.y + dy * scale };
}

function drawNode(node) {
  const box = svg("rect", { x: -HALF.width, y: -HALF.height, width: 2 * HALF.width, height: 2 * HALF.height, rx: 10 });
  const name = svg("text", { class: "name", y: -2 }, node.service);
  const role = svg("text", { class: "role", y: 14 }, node.isEnd ? closed : node.depth ? "hears, tells" : "opens an order");
  return svg("g", { class: "node", transform: `translate(${node.x} ${node.y})` }, box, name, role);
}

function drawLabel(edge, upright) {
  const point = edge.path.getPointAtLength(edge.path.getTotalLength() * shareOf(edge, upright));
  const top = point.y + 4 - (edge.names.length - 1) * 7.5;
  const lines = edge.names.map((name, line) => svg("tspan", { x: point.x, y: top + line * 15 }, name));
  return svg("text", { class: `label ${edge.kind}${upright ? " upright" : ""}` }, ...lines);
}

/** How far along an edge its names stand, so that they keep clear of one another. */
function shareOf({ from, to, kind }, upright) {
  if (from.depth === to.depth) return upright ? 0.5 : 0.3;
  if (kind === "failing" && to.depth - from.depth > 1 && !to.isEnd) return upright ? 0.5 : 0.25;
  if (!upright) return 0.5;
  if (kind === "happy") return from.depth ? 0.35 : 0.55;
  return to.isEnd ? 0.6 : 0.42;
}

function along(edge, kind) {
  light(edge.group, kind, () => light(edge.to.group, kind));
  if (still.matches || dots >= DOTS_MAX || document.hidden) return;
  const dot = kind === "happy" ? svg("circle", { r: 7, class: "dot happy" }) : svg("path", { d: "M0-9 9 0 0 9-9 0z", class: "dot failing" });
  const length = edge.path.getTotalLength();
  const started = performance.now();
  dots += 1;
  graph.append(dot);
  requestAnimationFrame(function step(now) {
    const share = Math.min(Math.max((now - started) / TRAVEL_MS, 0), 1);
    const eased = share * share * (3 - 2 * share);
    const { x, y } = edge.path.getPointAtLength(length * eased);
    dot.setAttribute("transform", `translate(${x} ${y})`);
    if (share < 1 && dot.isConnected) return requestAnimationFrame(step);
    dot.remove();
    dots -= 1;
  });
}
