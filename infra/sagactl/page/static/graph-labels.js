// Where the names of events go: beside their edge, clear of every line, every box and each other.

const SAMPLES = 60; // points of an edge that stand for all of it
const COVERED = 100; // what a box or another label counts for, if a point of a line is 1
const ASTRAY = 60; // how far off is as bad as to be nearer to another edge
const MIDDLE = 30; // how far off the edge is as bad as at its end
const GAP = 4; // between a name and what is next to it
const SHARES = Array.from({ length: 41 }, (_, index) => 0.1 + index * 0.02); // along the edge
const OFFSETS = [0, 6, 14, 24];
const ROUNDS = 4; // in which each makes room for the others

/** Gives each edge the centre of its label. */
export function placeLabels(edges, boxes, size) {
  const lines = edges.map(pointsOf);
  const all = edges.map((edge, index) => candidatesOf(edge, lines, index, boxes, size));
  const chosen = all.map((candidates) => candidates[0]);
  for (let round = 0; round < ROUNDS; round += 1) {
    all.forEach((candidates, index) => {
      const others = chosen.filter((_, other) => other !== index);
      chosen[index] = leastCovering(candidates, others);
    });
  }
  edges.forEach(({ label }, index) => {
    label.x = chosen[index].x;
    label.y = chosen[index].y;
  });
}

/** The first of those that cover the least. */
function leastCovering(candidates, others) {
  let least = Infinity;
  let best = candidates[0];
  for (const candidate of candidates) {
    const covered =
      candidate.covered + COVERED * others.filter((one) => overlap(candidate, one)).length;
    if (covered < least) {
      least = covered;
      best = candidate;
    }
  }
  return best;
}

/** Places beside an edge, on both of its sides, the nearest to it and to its middle first. */
function candidatesOf({ label }, lines, index, boxes, size) {
  const found = SHARES.flatMap((share) => placesAt(lines[index], share, label));
  const inside = found.filter((place) => isInside(place, size));
  for (const place of inside) {
    place.covered = coveredBy(place, lines, boxes);
    if (nearest(place, lines) !== index) place.far += ASTRAY;
  }
  return inside.sort((one, other) => one.far - other.far);
}

function placesAt(line, share, { width, height }) {
  const { point, normal } = at(line, share);
  const reach = (Math.abs(normal.x) * width + Math.abs(normal.y) * height) / 2;
  const place = (offset, side) => ({
    x: point.x + side * normal.x * (reach + GAP + offset),
    y: point.y + side * normal.y * (reach + GAP + offset),
    width: width + 2 * GAP,
    height: height + 2 * GAP,
    far: offset + MIDDLE * Math.abs(share - 0.5),
  });
  return OFFSETS.flatMap((offset) => [place(offset, 1), place(offset, -1)]);
}

/** A point of a line, and the direction across it. */
function at(line, share) {
  const index = Math.round(share * (line.length - 1));
  const before = line[Math.max(0, index - 1)];
  const after = line[Math.min(line.length - 1, index + 1)];
  const dx = after.x - before.x;
  const dy = after.y - before.y;
  const long = Math.hypot(dx, dy);
  return { point: line[index], normal: { x: -dy / long, y: dx / long } };
}

function coveredBy(place, lines, boxes) {
  const points = lines.flat().filter((point) => contains(place, point)).length;
  return points + COVERED * boxes.filter((box) => overlap(place, box)).length;
}

/** The number of the edge that is next to it. */
function nearest(place, lines) {
  const gaps = lines.map((line) => Math.min(...line.map((point) => gapTo(place, point))));
  return gaps.indexOf(Math.min(...gaps));
}

function gapTo({ x, y, width, height }, point) {
  const dx = Math.max(0, Math.abs(point.x - x) - width / 2);
  const dy = Math.max(0, Math.abs(point.y - y) - height / 2);
  return Math.hypot(dx, dy);
}

function contains({ x, y, width, height }, point) {
  return Math.abs(point.x - x) < width / 2 && Math.abs(point.y - y) < height / 2;
}

function overlap(one, other) {
  return (
    Math.abs(one.x - other.x) < (one.width + other.width) / 2 &&
    Math.abs(one.y - other.y) < (one.height + other.height) / 2
  );
}

function isInside({ x, y, width, height }, size) {
  return (
    x > width / 2 && x < size.width - width / 2 && y > height / 2 && y < size.height - height / 2
  );
}

/** The points of an edge's curve. */
function pointsOf({ curve: { start, middle, end } }) {
  return Array.from({ length: SAMPLES + 1 }, (_, step) => {
    const share = step / SAMPLES;
    const rest = 1 - share;
    return {
      x: rest * rest * start.x + 2 * rest * share * middle.x + share * share * end.x,
      y: rest * rest * start.y + 2 * rest * share * middle.y + share * share * end.y,
    };
  });
}
