// The forms above the runs: a new one for the creator, a known one for a party.

import { h } from "/assets/dom.js";

const MESSAGE = "A threshold is a number above 0 and at most 1, such as 0.8.";

/** The form for a new run; `start(threshold, name)` starts it. */
export function startRun(start) {
  const threshold = h("input", { id: "threshold", type: "text", inputmode: "decimal", autocomplete: "off", value: "0.8", "aria-describedby": "threshold-hint" });
  const name = h("input", { id: "run-name", type: "text", autocomplete: "off" });
  const button = h("button", { class: "main" }, "Start run");
  const refused = h("p", { role: "alert", class: "note bad", hidden: true });
  const submit = async (event) => {
    event.preventDefault();
    // Half of Europe writes a comma.
    const value = Number(threshold.value.trim().replace(",", "."));
    const wrong = !(value > 0 && value <= 1);
    refused.hidden = !wrong;
    refused.textContent = wrong ? MESSAGE : "";
    threshold.setAttribute("aria-invalid", String(wrong));
    if (wrong) {
      threshold.focus();
      return;
    }
    button.disabled = true;
    await start(value, name.value.trim());
    button.disabled = false;
    name.value = "";
  };
  return h(
    "form",
    { key: "start", onsubmit: submit, autocomplete: "off" },
    h(
      "div",
      { class: "row" },
      h("div", { class: "field narrow" }, h("label", { for: "threshold" }, "Threshold"), threshold),
      h("div", { class: "field" }, h("label", { for: "run-name" }, "Name (optional)"), name),
      button,
    ),
    h("p", { class: "hint", id: "threshold-hint" }, "Pairs of records whose Dice coefficient reaches the threshold are candidates: the higher, the fewer and surer."),
    refused,
  );
}

/** The form for a run whose identifier a party has been told; `look(id)` looks at it. */
export function askForRun(look) {
  const id = h("input", { id: "run-id", type: "text", class: "code", autocomplete: "off", spellcheck: "false", "aria-describedby": "run-id-hint" });
  const submit = (event) => {
    event.preventDefault();
    if (id.value.trim()) look(id.value.trim());
  };
  return h(
    "form",
    { key: "look", onsubmit: submit, autocomplete: "off" },
    h("div", { class: "row" }, h("div", { class: "field" }, h("label", { for: "run-id" }, "Run id"), id), h("button", { class: "main" }, "Look")),
    h("p", { class: "hint", id: "run-id-hint" }, "The project's creator can tell you the identifier of a run. Your permutation is its result for you."),
  );
}
