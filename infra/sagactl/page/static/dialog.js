// Asks before something that cannot be taken back.

import { byId } from "./dom.js";

const dialog = byId("dialog");
const form = dialog.querySelector("form");
const reason = form.elements.reason;

export function startDialog() {
  byId("dialog-no").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", answer);
}

/**
 * Shows the question, with a button for what will be done and one that leaves everything as it is.
 * Returns the reason, if one is needed, or else "yes"; null if nothing is to be done.
 */
export function askFirst({ title, text, action, keep, needsReason = false }) {
  byId("dialog-title").textContent = title;
  byId("dialog-text").textContent = text;
  byId("dialog-yes").textContent = action;
  byId("dialog-no").textContent = keep;
  byId("dialog-reason").hidden = !needsReason;
  reason.required = needsReason;
  reason.value = "";
  reason.setCustomValidity("");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue || null);
  });
}

function answer(submitted) {
  submitted.preventDefault();
  const given = reason.value.trim();
  if (reason.required && given === "") {
    reason.value = "";
    reason.reportValidity();
    return;
  }
  dialog.close(given || "yes");
}
