// Placing an order, with the five ways a saga can go as presets.

import { ask, byId, el } from "./dom.js";

const form = byId("place");

export function startPlacing() {
  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    const { productId, quantity, amount, via } = Object.fromEntries(new FormData(form));
    const order = { productId, quantity: Number(quantity), amount: Number(amount) };
    const button = form.querySelector(".primary");
    button.disabled = true;
    try {
      const { orderId } = await ask(via === "bus" ? "page/orders" : "orders", order);
      byId("placed").textContent = `Order ${orderId.slice(0, 8)} is placed.`;
      location.hash = orderId;
    } catch (error) {
      byId("placed").textContent = error.message;
    } finally {
      button.disabled = false;
      refreshWays().catch(() => {});
    }
  });
  form.querySelector(".fields").addEventListener("input", () => { for (const way of form.querySelectorAll("[name=way]")) way.checked = false; });
}

/** The presets; what is out of stock depends on what is in stock. */
export async function refreshWays() {
  const { ways, place } = await ask("page/shop");
  const isFirst = !form.elements.productId.value;
  const chosen = isFirst ? ways[0].title : form.querySelector("[name=way]:checked")?.value;
  byId("ways").replaceChildren(...ways.map((way) => {
    const choose = () => { for (const [name, value] of Object.entries(way)) if (form.elements[name]) form.elements[name].value = value; };
    const radio = el("input", { type: "radio", name: "way", value: way.title, checked: way.title === chosen, onchange: choose });
    if (way.title === chosen) choose();
    return el("label", {}, radio, el("span", {}, way.title));
  }));
  return place;
}
