// What the project is.

import { facts, h, listing } from "/assets/dom.js";
import { count, things, time } from "/assets/format.js";

export const RESULT_TYPES = {
  groups: "groups of records that belong together",
  similarity_scores: "candidate pairs with their similarity scores",
  permutations: "permutations and a mask",
};

/** The description, with the button that closes the project. */
export function about({ project, creator, receiver }, close) {
  const role = creator ? "Result token" : receiver ? "Receipt token" : "Token of a party";
  return [
    h(
      "div",
      { class: "between" },
      h("h2", { id: "about-title", tabindex: "-1" }, project?.name || "Your project"),
      h("div", { class: "buttons" }, h("span", { class: "quiet small" }, role), h("button", { type: "button", class: "slim", onclick: close }, "Close")),
    ),
    project ? description(project, creator) : h("p", { class: "quiet" }, "This token shows your own upload, and nothing of the other parties or of the result."),
  ];
}

function description(project, creator) {
  return [
    project.error && h("div", { class: "note bad" }, h("strong", null, "The project is in error"), h("p", null, project.message)),
    project.warnings.length > 0 && creator && warnings(project.warnings),
    facts([
      ["Result", RESULT_TYPES[project.result_type] ?? project.result_type],
      // A party is told nothing of the others.
      ["Parties", creator ? `${count(project.parties_contributed)} of ${things(project.number_parties, "party", "parties")} ready` : null],
      ["Blocking", project.uses_blocking ? "only records that share a block are compared" : "none: all pairs are compared"],
      ["Created", time(project.time_added)],
      ["Notes", project.notes],
      ["Identifier", h("code", null, project.project_id)],
    ]),
    h("details", null, h("summary", null, "Linkage schema"), listing("Linkage schema", JSON.stringify(project.schema, null, 2))),
  ];
}

/** Warnings about uploads. */
export function warnings(list) {
  return h("div", { class: "note warn" }, h("strong", null, things(list.length, "warning")), h("ul", null, list.map((text) => h("li", null, text))));
}
