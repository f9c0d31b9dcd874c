// Elements made of text and nothing else: what an event says is never markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** The answer's content; throws an Error with every problem that it names. */
export async function ask(path, content) {
  const posted = content && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content),
  };
  const response = await fetch(path, posted).catch(() => { throw new Error("The page's server does not answer. Start it: saga watch."); });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error((answer.problems ?? [answer.message ?? response.statusText]).join("; "));
  return answer;
}

export function shownMs(ms) {
  if (ms == null) return "–";
  const seconds = ms / 1000;
  if (Math.abs(seconds) < 1) return `${ms} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return seconds < 86400 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.floor(seconds / 86400)} d`;
}

export const shownTime = (timestamp) => new Date(timestamp).toLocaleTimeString([], { hour12: false });

/** An event is drawn in one of two ways. */
export const lookOf = (event) => (event.kind === "progress" ? "happy" : "failing");

/** A status by sign and word, so that no colour is needed. */
export function badge(status) {
  const [sign, kind] = {
    COMPLETED: ["✓", "happy"], FAILED: ["✕", "failing"], FAILING: ["↩", "failing"], PENDING: ["…", "open"],
  }[status] ?? ["·", "open"];
  return el("span", { class: `badge ${kind}` }, el("span", { "aria-hidden": "true" }, sign), ` ${status}`);
}
