// Placing an order, with a preset for each way a saga can go.

import { ask, logFailure } from "./api.js";
import { byId, el } from "./dom.js";
import { shortId } from "./format.js";

const form = byId("place");
const PATHS = { api: "orders", bus: "page/orders" };

let presets = [];
let tried = ""; // the order that was sent last, until it is placed
let key = ""; // its Idempotency-Key: whoever presses the button again because of an error orders once

export function startPlacing() {
  form.addEventListener("submit", placeOrder);
  form.querySelector(".fields").addEventListener("input", uncheckPresets);
}

/**
 * Shows the presets, which depend on how much is in stock.
 * Returns where the stack is: an address, or AWS.
 */
export async function refreshPresets() {
  const { ways, place } = await ask("page/shop");
  presets = ways;
  const isFirstTime = form.elements.productId.value === "";
  const chosen = isFirstTime ? ways[0].title : checkedPreset()?.title;
  byId("ways").replaceChildren(...ways.map((way) => presetRow(way, way.title === chosen)));
  const preset = checkedPreset();
  if (preset) fillFields(preset);
  return place;
}

async function placeOrder(submitted) {
  submitted.preventDefault();
  const button = form.querySelector(".primary");
  button.disabled = true;
  const wanted = wantedOrder();
  if (JSON.stringify(wanted) !== tried) {
    tried = JSON.stringify(wanted);
    key = crypto.randomUUID();
  }
  try {
    const { orderId } = await ask(PATHS[form.elements.via.value], wanted, key);
    tried = "";
    byId("placed").textContent = `Order ${shortId(orderId)} is placed.`;
    location.hash = orderId;
  } catch (error) {
    byId("placed").textContent = error.message;
  } finally {
    button.disabled = false;
    refreshPresets().catch(logFailure);
  }
}

/** A preset is unchecked by any change of its fields, so an order that is to be cancelled goes to the bus. */
function wantedOrder() {
  const { productId, quantity, amount } = form.elements;
  return {
    productId: productId.value,
    quantity: Number(quantity.value),
    amount: Number(amount.value),
    ...(checkedPreset()?.cancelled && { cancelled: true }),
  };
}

function presetRow(way, isChosen) {
  const radio = el("input", {
    type: "radio",
    name: "way",
    value: way.title,
    checked: isChosen,
    onchange: () => fillFields(way),
  });
  return el("label", {}, radio, el("span", {}, way.title));
}

function fillFields(way) {
  for (const name of ["productId", "quantity", "amount", "via"]) {
    form.elements[name].value = way[name];
  }
}

function checkedPreset() {
  const checked = checkedRadio();
  return checked && presets.find((way) => way.title === checked.value);
}

function uncheckPresets() {
  const checked = checkedRadio();
  if (checked) checked.checked = false;
}

function checkedRadio() {
  return form.querySelector("[name=way]:checked");
}
