// What a completed run amounts to.

import { histogram } from "/assets/chart.js";
import { facts, h, table } from "/assets/dom.js";
import { count, decimal, fixed, things } from "/assets/format.js";

/** Figures, sizes of groups, and the scores around the threshold. */
export function summary({ threshold, groups, matches, scores }, name) {
  // Runs of older versions tell no sizes.
  const sizes = groups?.sizes ?? [];
  const uniform = sizes.length === 1;
  return [
    facts([
      ["Groups", groups ? `${count(groups.count)}${uniform ? `, of ${things(sizes[0].size, "record")} each` : ""}` : null],
      ["Matches", typeof matches === "number" ? count(matches) : null],
      ["Candidate pairs", scores ? count(scores.candidates) : null],
    ]),
    sizes.length > 1 && table("Groups by the number of records in them", [
      { title: "Records", cell: ({ size }) => count(size) },
      { title: "Groups", number: true, cell: (entry) => count(entry.groups) },
    ], sizes),
    scores && distribution(scores, threshold, name),
  ];
}

/** Candidate pairs by score. Below the comparison's floor nothing is known. */
function distribution({ floor, width, counts, candidates }, threshold, name) {
  const all = counts.map((number, index) => ({ from: index * width, to: (index + 1) * width, count: number }));
  // Some of what isn't known is shown, so that it can be seen that it isn't.
  const first = Math.max(0, Math.min(counts.length - 10, Math.floor(floor / width + 1e-9) - 5));
  const bars = all.slice(first);
  const above = bars.filter((bar) => bar.from >= threshold - 1e-9).reduce((sum, bar) => sum + bar.count, 0);
  if (candidates === 0) return h("p", { class: "empty" }, `No pair of records has a score of ${decimal(floor, 6)} or more.`);
  return histogram({
    id: `scores-${name}`,
    title: "Candidate pairs by score",
    summary: `${count(candidates)} candidate pairs with scores from ${decimal(floor, 6)} on, ${count(above)} of them from about the threshold ${decimal(threshold, 6)} on.`,
    unit: "Pairs",
    bars,
    label: (value) => fixed(value, 3).replace(/0$/, ""),
    on: (bar) => bar.to > threshold + 1e-9,
    unknown: floor,
    mark: { at: threshold, text: "threshold" },
    keys: [
      ["mark", `Threshold ${decimal(threshold, 6)}`],
      ["on", "At or above the threshold"],
      floor < threshold ? ["", "Below it"] : null,
      ["unknown", `Not computed (below ${decimal(floor, 6)})`],
    ].filter(Boolean),
  });
}
