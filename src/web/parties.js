// What the parties have uploaded, or one of them.

import { warnings } from "/assets/about.js";
import { histogram } from "/assets/chart.js";
import { facts, h, state } from "/assets/dom.js";
import { bytes, count, percent, things, time } from "/assets/format.js";

const STATES = {
  waiting: ["Nothing uploaded yet", ""],
  uploading: ["Uploading", "busy"],
  ingesting: ["Being brought in", "busy"],
  ready: ["Ready", "good"],
  error: ["Error", "bad"],
};

/** All parties for the creator; the token's own for a party. */
export function parties({ parties: list, creator }) {
  const heading = h("h2", { id: "parties-title" }, creator ? "Parties" : "Your upload");
  const head = creator ? heading : h("div", { class: "between" }, heading, badge(list[0]));
  return [head, h("div", { class: creator ? "grid" : "stack" }, list.map((party) => card(party, creator)))];
}

function badge(party) {
  const [word, kind] = STATES[party.state] ?? [party.state, ""];
  return state(word, kind);
}

function card(party, creator) {
  const name = creator ? `Party ${party.party}` : "Your upload";
  return h(
    "article",
    { key: party.party, class: creator ? "inner" : "stack", "aria-label": name },
    creator && h("div", { class: "between" }, h("h3", null, name), badge(party)),
    party.encodings !== null && facts(about(party)),
    party.encodings === null && !creator && h("p", { class: "empty" }, "Once you have uploaded, this shows what has arrived."),
    party.warnings.length > 0 && warnings(party.warnings),
    party.density && density(party),
  );
}

function about(party) {
  const { encodings, encoding_size: size, blocks, duplicates, empty } = party;
  return [
    ["Encodings", count(encodings)],
    ["Size of each", size === null ? null : `${bytes(size)} (${count(size * 8)} bits)`],
    ["Size in all", size === null ? null : bytes(size * encodings)],
    ["Uploaded", party.time_uploaded ? time(party.time_uploaded) : null],
    ["Duplicates", duplicates ? repeated(duplicates, encodings) : null],
    ["Empty", typeof empty === "number" ? (empty === 0 ? "none" : things(empty, "encoding") + " with no bit set") : null],
    ["Bits set", party.density ? `${percent(party.density.mean, 1)} on average` : null],
    ["Blocks", blocks ? `${count(blocks.blocks)}, the largest with ${things(blocks.largest, "record")}` : null],
    ["In blocks", blocks ? `${things(blocks.memberships, "membership")}; ${things(blocks.records_without, "record")} in no block` : null],
  ];
}

function repeated({ count: number, exact }, encodings) {
  if (number === 0) return "none";
  return `${exact ? "" : "about "}${things(number, "record")} like an earlier one (${percent(number / encodings, 1)})`;
}

/** How full the encodings are: a picture that shows at a glance whether two parties encode alike. */
function density({ party, density: { width, counts, mean } }) {
  return histogram({
    id: `density-${party}`,
    title: "Share of bits set",
    summary: `Encodings by the share of their bits that are set; ${percent(mean, 1)} on average.`,
    unit: "Encodings",
    bars: counts.map((number, index) => ({ from: index * width, to: (index + 1) * width, count: number })),
    label: (value) => percent(value),
    on: () => true,
  });
}

