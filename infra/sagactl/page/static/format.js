// Times and statuses as people read them.

import { el } from "./dom.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const BADGES = {
  PENDING: { sign: "…", look: "open" },
  FAILING: { sign: "↩", look: "failing" },
  COMPLETED: { sign: "✓", look: "happy" },
  FAILED: { sign: "✕", look: "failing" },
};
const UNKNOWN_BADGE = { sign: "·", look: "open" };

/** A duration in milliseconds; null if there is none yet. */
export function durationText(ms) {
  if (ms === null) return "–";
  const seconds = ms / 1000;
  if (Math.abs(seconds) < 1) return `${ms} ms`;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < MINUTE) return `${seconds.toFixed(1)} s`;
  if (seconds < HOUR)
    return `${Math.floor(seconds / MINUTE)} min ${Math.floor(seconds % MINUTE)} s`;
  return longText(seconds);
}

/** How long ago something began: as it grows while one looks at it, without fractions of seconds. */
export function ageText(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
  if (seconds < HOUR)
    return `${Math.floor(seconds / MINUTE)} min ${Math.floor(seconds % MINUTE)} s`;
  return longText(seconds);
}

function longText(seconds) {
  if (seconds < DAY)
    return `${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / MINUTE)} min`;
  return `${Math.floor(seconds / DAY)} d ${Math.floor((seconds % DAY) / HOUR)} h`;
}

/** The day and the time of one of the saga's timestamps, such as 27 Nov 14:05:33. */
export function momentText(timestamp) {
  return `${dayText(timestamp)} ${timeText(timestamp)}`;
}

/** The day in full, and the time. */
export function fullMomentText(timestamp) {
  const day = new Date(timestamp).toLocaleDateString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
  });
  return `${day}, ${timeText(timestamp)}`;
}

function dayText(timestamp) {
  const date = new Date(timestamp);
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  const year = isThisYear ? {} : { year: "numeric" };
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...year });
}

function timeText(timestamp) {
  return new Date(timestamp).toLocaleTimeString("en-GB", { hour12: false });
}

export function shortId(orderId) {
  return orderId.slice(0, 8);
}

/** One dead letter, two dead letters. */
export function pluralText(count, noun) {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

/** An event's name, which says if it was told before. */
export function nameText(event) {
  return event.isRepeat ? `${event.name} again` : event.name;
}

/** Who told an event, and who heard it. */
export function whoText(event) {
  const hearers = event.heardBy.join(", ") || "no service";
  return `told by ${event.toldBy}, heard by ${hearers}`;
}

/** An event looks like progress, or like a failure and what compensates for it. */
export function lookOf(event) {
  return event.kind === "progress" ? "happy" : "failing";
}

/** A status with a sign and a word, so that nobody needs its colour. */
export function statusBadge(status) {
  const { sign, look } = BADGES[status] ?? UNKNOWN_BADGE;
  const shownSign = el("span", { "aria-hidden": "true" }, sign);
  return el("span", { class: `badge ${look}` }, shownSign, ` ${status}`);
}
