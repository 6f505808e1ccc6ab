// The first rows of a result, from the beginning of its text.

import { h, listing, table } from "/assets/dom.js";
import { count, fixed } from "/assets/format.js";

/** The first items of the first list in a JSON text that may break off anywhere, and whether these are all. */
export function firstOf(text, most) {
  const items = [];
  let from = text.indexOf("[") + 1;
  let depth = 0;
  for (let at = from; from > 0 && at < text.length; at += 1) {
    const end = text[at] === "]" && depth === 0;
    if (end || (text[at] === "," && depth === 0)) {
      const item = text.slice(from, at).trim();
      if (item && items.length === most) return { items, all: false };
      if (item) items.push(JSON.parse(item));
      if (end) return { items, all: true };
      from = at + 1;
    } else if (text[at] === "[") depth += 1;
    else if (text[at] === "]") depth -= 1;
  }
  return { items, all: false };
}

const member = ([party, row]) => `party ${party}, record ${row}`;

/** The first rows as they are best read. */
export function preview(type, creator, { items, all }) {
  const title = (what) => (all ? `All ${count(items.length)} ${what}` : `The first ${count(items.length)} ${what}`);
  if (type === "groups") {
    if (items.length === 0) return empty("No records belong together at this threshold.");
    return table(title("groups"), [
      { title: "Group", cell: ({ index }) => index + 1 },
      { title: "Records", cell: ({ group }) => h("ul", { class: "line" }, group.map((record) => h("li", null, member(record)))) },
    ], items.map((group, index) => ({ group, index })));
  }
  if (type === "similarity_scores") {
    if (items.length === 0) return empty("No pair reaches this threshold.");
    return table(title("pairs, best first"), [
      { title: "Pair", cell: ({ index }) => index + 1 },
      { title: "Record", cell: ({ pair }) => member(pair[0]) },
      { title: "Record", cell: ({ pair }) => member(pair[1]) },
      { title: "Score", number: true, cell: ({ pair }) => fixed(pair[2], 6) },
    ], items.map((pair, index) => ({ pair, index })));
  }
  const what = creator ? "values of the mask" : "places of your permutation";
  const told = creator ? "1: the records at this place of both permutations belong together; 0: they don't." : "Your record number n goes to the place with the n-th number.";
  return [
    h("p", { class: "label" }, title(what)),
    listing(title(what), `${items.join(" ")}${all ? "" : " …"}`, true),
    h("p", { class: "hint" }, told),
  ];
}

const empty = (text) => h("p", { class: "empty" }, text);
