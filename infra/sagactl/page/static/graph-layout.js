// Where the choreography's nodes and edges go. Nothing here touches the page.
//
// Services stand in columns from left to right, or, in a narrow window, in rows from top to bottom
// ("upright"). The service that opens an order also closes it, so it has two nodes: the first and
// the last.

import { lookOf } from "./format.js";
import { placeLabels } from "./graph-labels.js";

export const BOX = { width: 112, height: 50 };
export const LINE_HEIGHT = 15;
const WIDE = { width: 800, height: 410 };
const UPRIGHT = { width: 360, height: 520 };
const LOOKS = ["happy", "failing"];
const GAP_AT_START = 4; // between a node's box and its edge
const GAP_AT_END = 9;
const GAP_AT_TIP = 2;
// To the right of an edge's direction; `sideToEnd` and `back` to its left on the other side.
const BENDS = {
  wide: { sideToEnd: 0.24, across: -0.18, middleToEnd: 0.3, back: -0.26 },
  upright: { sideToEnd: -0.28, across: -0.3, middleToEnd: 0.42, back: 0.26 },
};

/**
 * The graph's size, its nodes and its edges, in the units of its viewBox. An edge's label is where
 * its events' names stand; `widthOf` says how wide a name is. In a narrow window there is no room
 * for all names, so what goes well is drawn above what fails.
 */
export function layOut({ services, events }, isUpright, widthOf) {
  if (!isUpright) {
    return { size: WIDE, parts: [layOutPart(services, events, LOOKS, isUpright, widthOf)] };
  }
  const parts = LOOKS.map((look) => layOutPart(services, events, [look], isUpright, widthOf));
  const size = { width: UPRIGHT.width, height: UPRIGHT.height * parts.length };
  parts.forEach((part, index) => {
    part.top = index * UPRIGHT.height;
  });
  return { size, parts };
}

function layOutPart(services, events, looks, isUpright, widthOf) {
  const size = isUpright ? UPRIGHT : WIDE;
  const nodes = placeNodes(services, events);
  const deepest = Math.max(...nodes.map((node) => node.depth));
  for (const node of nodes) {
    const share = node.depth / deepest;
    Object.assign(node, isUpright ? uprightPoint(node, share) : widePoint(node, share));
  }
  const shown = events.filter((event) => looks.includes(lookOf(event)));
  const edges = connect(nodes, shown);
  for (const edge of edges) {
    edge.curve = curveOf(edge, isUpright);
    const width = Math.max(...edge.names.map(widthOf));
    edge.label = { width, height: edge.names.length * LINE_HEIGHT };
  }
  placeLabels(edges, nodes.map(boxOf), size);
  return { top: 0, nodes, edges };
}

function boxOf({ x, y }) {
  return { x, y, ...BOX };
}

function widePoint({ across }, share) {
  return { x: 66 + share * (WIDE.width - 132), y: WIDE.height / 2 + across * 155 };
}

function uprightPoint({ across }, share) {
  return { x: UPRIGHT.width / 2 + across * 112, y: 40 + share * (UPRIGHT.height - 80) };
}

/** `depth` is a node's column; `across` is its place in it, from -1 to 1. */
function placeNodes(services, events) {
  const opener = events.find((event) => event.isTriggered).toldBy;
  const depths = depthsFrom(opener, events);
  const nodes = services.map((service) => {
    return { service, depth: depths.get(service) ?? 1, isEnd: false };
  });
  nodes.push({ service: opener, depth: Math.max(...depths.values()) + 1, isEnd: true });
  for (const node of nodes) {
    const column = nodes.filter((other) => other.depth === node.depth);
    node.across = acrossOf(column.indexOf(node), column.length);
  }
  return nodes;
}

/** How many events of an order that goes well come before each service first hears of it. */
function depthsFrom(opener, events) {
  const progress = events.filter((event) => event.kind === "progress");
  const depths = new Map([[opener, 0]]);
  let tellers = [opener];
  for (let depth = 1; tellers.length > 0; depth += 1) {
    const told = progress.filter((event) => tellers.includes(event.toldBy));
    const hearers = told.flatMap((event) => event.heardBy);
    tellers = hearers.filter((service) => !depths.has(service));
    for (const service of tellers) depths.set(service, depth);
  }
  return depths;
}

function acrossOf(index, count) {
  if (count === 1) return 0;
  return (2 * index) / (count - 1) - 1;
}

/** An edge for all events that look alike and go from one service to another. */
function connect(nodes, events) {
  const edges = new Map();
  for (const event of events) {
    const from = nodes.find((node) => node.service === event.toldBy && !node.isEnd);
    const hearers = event.heardBy.filter((service) => service !== event.toldBy);
    for (const hearer of hearers) {
      const to = hearingNode(nodes, hearer);
      const look = lookOf(event);
      const key = [from.service, to.service, look].join();
      const edge = edges.get(key) ?? { from, to, look, names: [] };
      edge.names.push(event.name);
      edges.set(key, edge);
    }
  }
  return [...edges.values()];
}

/** The service that closes orders hears at its last node. */
function hearingNode(nodes, service) {
  const found = nodes.filter((node) => node.service === service);
  return found.find((node) => node.isEnd) ?? found[0];
}

/** From the edge of one box to that of the other, past a point beside the straight way. */
function curveOf(edge, isUpright) {
  const { from, to } = edge;
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const bend = bendOf(edge, isUpright);
  const middle = {
    x: (from.x + to.x) / 2 - dy * bend,
    y: (from.y + to.y) / 2 + dx * bend,
  };
  const end = leave(to, middle, GAP_AT_END);
  const radians = Math.atan2(end.y - middle.y, end.x - middle.x);
  return {
    start: leave(from, middle, GAP_AT_START),
    middle,
    end,
    tip: leave(to, middle, GAP_AT_TIP),
    tipAngle: (radians * 180) / Math.PI,
  };
}

/** How far an edge bends, as a share of its length, so that edges keep clear of each other. */
function bendOf({ from, to, look }, isUpright) {
  const bends = isUpright ? BENDS.upright : BENDS.wide;
  const side = Math.sign(from.across || to.across || -1);
  const passesServices = to.isEnd && from.across !== 0;
  if (look === "happy" && !(isUpright && passesServices)) return 0;
  if (passesServices) return side * bends.sideToEnd;
  if (from.depth === to.depth) return bends.across;
  if (to.isEnd) return bends.middleToEnd;
  if (from.depth > to.depth) return side * bends.back;
  return 0;
}

/** Where the line from a node towards a point is this far outside its box. */
function leave(node, towards, gap) {
  const dx = towards.x - node.x;
  const dy = towards.y - node.y;
  const scaleToSide = (BOX.width / 2 + gap) / Math.abs(dx || 1e-9);
  const scaleToTop = (BOX.height / 2 + gap) / Math.abs(dy || 1e-9);
  const scale = Math.min(scaleToSide, scaleToTop);
  return { x: node.x + dx * scale, y: node.y + dy * scale };
}
