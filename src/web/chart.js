// Histograms: a picture for those who see it, a table with the same numbers for everybody.

import { h, svg, table } from "/assets/dom.js";
import { compact, count } from "/assets/format.js";

const WIDTH = 1000;
const HEIGHT = 100;

/**
 * A histogram.
 * - `bars`: `{ from, to, count }`, side by side, all of one width
 * - `label(value)`: a place on the axis as text; `on(bar)`: whether a bar is drawn in the strong colour
 * - `unknown`: the place below which nothing is known; `mark`: `{ at, text }`, a line across
 */
export function histogram({ id, title, summary, unit, bars, label, on, unknown, mark, keys = [] }) {
  const low = bars[0].from;
  const span = bars.at(-1).to - low;
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const logarithmic = isSteep(bars, most);
  const x = (value) => ((value - low) / span) * WIDTH;
  const height = (number) => {
    if (number === 0) return 0;
    // Even one of a million is to be seen.
    const share = logarithmic ? Math.log1p(number) / Math.log1p(most) : number / most;
    return Math.max(1.5, share * HEIGHT);
  };
  const drawn = bars.filter((bar) => bar.count > 0);
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${summary}` },
    unknown > low && svg("rect", { class: "unknown", x: 0, y: 0, width: x(unknown), height: HEIGHT }),
    [0.25, 0.5, 0.75].map((part) => svg("line", { class: "rule", x1: 0, x2: WIDTH, y1: HEIGHT * part, y2: HEIGHT * part })),
    drawn.map((bar) => {
      const tall = height(bar.count);
      const gap = Math.min(2, (x(bar.to) - x(bar.from)) / 6);
      return svg("rect", { class: on(bar) ? "on" : null, x: x(bar.from) + gap / 2, y: HEIGHT - tall, width: x(bar.to) - x(bar.from) - gap, height: tall });
    }),
    mark && svg("line", { class: "mark", x1: x(mark.at), x2: x(mark.at), y1: 0, y2: HEIGHT }),
  );
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => h("span", null, label(low + span * part)));
  return h(
    "figure",
    { class: "chart", "aria-labelledby": `${id}-name` },
    h("p", { class: "name", id: `${id}-name` }, title),
    h("div", { class: "plot" }, picture, h("span", { class: "top-value", "aria-hidden": "true" }, compact(most))),
    h("div", { class: "axis", "aria-hidden": "true" }, ticks),
    h("figcaption", null, summary, logarithmic && " Heights are logarithmic."),
    keys.length > 0 && h("ul", { class: "key" }, keys.map(([kind, text]) => h("li", { class: kind }, text))),
    numbers(title, unit, drawn, label),
  );
}

/** Whether the small bars would be lost beside the large ones. */
function isSteep(bars, most) {
  const sorted = bars.map((bar) => bar.count).filter((number) => number > 0).sort((a, b) => a - b);
  return sorted.length > 2 && most / sorted[Math.floor(sorted.length / 2)] > 50;
}

function numbers(title, unit, bars, label) {
  const columns = [
    { title: "Range", cell: (bar) => `${label(bar.from)} to ${label(bar.to)}` },
    { title: unit, number: true, cell: (bar) => count(bar.count) },
  ];
  return h("details", null, h("summary", null, "The same in numbers"), table(`${title}, in numbers`, columns, bars));
}
