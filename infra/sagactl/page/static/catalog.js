// What the services say to each other and what the API takes, as the published documents have it.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { lookOf, whoText } from "./format.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

export async function showCatalog({ events }) {
  const [asyncapi, openapi] = await Promise.all([
    ask("page/asyncapi.json"),
    ask("page/openapi.json"),
  ]);
  const rows = events.map((event) => eventRow(event, asyncapi.components));
  const calls = Object.entries(openapi.paths).flatMap(([path, operations]) =>
    METHODS.filter((method) => operations[method]).map((method) =>
      callRow(method, path, operations[method], openapi.components.schemas),
    ),
  );
  byId("catalog").replaceChildren(...[...rows, ...calls].map((row) => el("li", {}, row)));
}

function eventRow(event, { messages, schemas }) {
  const message = messages[event.name];
  const example = JSON.stringify(message.examples[0].payload, null, 2);
  return el(
    "details",
    {},
    el(
      "summary",
      {},
      el("span", { class: `event ${lookOf(event)}` }, event.name),
      el("span", { class: "quiet" }, whoText(event)),
    ),
    el("p", {}, `${message.summary} ${message.description}`),
    fieldsTable(event.name, schemas[event.name], schemas),
    el("pre", { tabindex: 0, "aria-label": `An example of ${event.name}` }, example),
  );
}

function callRow(method, path, operation, schemas) {
  const body = operation.requestBody?.content["application/json"].schema;
  const answers = Object.entries(operation.responses).map(([status, { description }]) =>
    el("div", {}, el("dt", {}, status), el("dd", {}, description)),
  );
  const parts = [
    el(
      "summary",
      {},
      el("code", { class: "call" }, `${method.toUpperCase()} ${path}`),
      el("span", { class: "quiet" }, operation.summary),
    ),
  ];
  if (operation.description) parts.push(el("p", {}, operation.description));
  if (body) parts.push(fieldsTable(operation.summary, resolved(body, schemas), schemas));
  return el("details", {}, ...parts, el("dl", { class: "answers" }, ...answers));
}

function fieldsTable(name, schema, schemas) {
  const rows = Object.entries(schema.properties).map(([field, kind]) => {
    const optional = schema.required.includes(field) ? "" : " (optional)";
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("code", {}, field)),
      el("td", {}, kindText(kind, schemas), el("span", { class: "quiet" }, optional)),
    );
  });
  const head = el("tr", {}, ...["Field", "Value"].map((text) => el("th", { scope: "col" }, text)));
  return el(
    "table",
    { "aria-label": `Fields of ${name}` },
    el("thead", { class: "away" }, head),
    el("tbody", {}, ...rows),
  );
}

/** What a field holds, such as: integer from 1 to 10000. */
function kindText(kind, schemas) {
  if (kind.anyOf) return kind.anyOf.map((one) => kindText(one, schemas)).join(" or ");
  if (kind.$ref) return Object.keys(resolved(kind, schemas).properties ?? {}).join(", ");
  if (kind.enum) return kind.enum.map((value) => JSON.stringify(value)).join(", ");
  const range = kind.minimum === undefined ? "" : `from ${kind.minimum} to ${kind.maximum}`;
  const length = kind.maxLength === undefined ? "" : `of at most ${kind.maxLength} characters`;
  return [kind.format ?? kind.type, range, length, kind.description].filter(Boolean).join(" ");
}

function resolved(schema, schemas) {
  return schema.$ref ? schemas[schema.$ref.split("/").at(-1)] : schema;
}
