// One run.

import { facts, h, state } from "/assets/dom.js";
import { compact, count, decimal, duration, percent, things, time } from "/assets/format.js";

/** States that don't change any more. */
export const FINAL = ["completed", "error"];

const STATES = {
  created: ["Waiting for data", ""],
  queued: ["Queued", ""],
  running: ["Running", "busy"],
  completed: ["Completed", "good"],
  error: ["Failed", "bad"],
};

/** What a stage counts. */
const DONE = {
  1: (number) => `${things(number, "party has", "parties have")} uploaded`,
  2: (number) => `${compact(number)} comparisons made`,
};

/** A run with what can be done about it: `toggle` shows or hides its result, `remove` (if allowed) ends or deletes it. */
export function card(run, { result, toggle, remove }) {
  const { id, status } = run;
  const [word, kind] = STATES[status.state] ?? [status.state, ""];
  const done = status.state === "completed";
  return h(
    "li",
    { key: id, class: "inner" },
    h("div", { class: "between" }, h("h3", null, run.name ? `${run.name} (` : "Run ", h("code", null, id.slice(0, 8)), run.name && ")"), state(word, kind)),
    status.message && h("p", { class: "note bad" }, status.message),
    facts([
      ["Threshold", run.threshold === undefined ? null : decimal(run.threshold, 6)],
      ["Added", time(status.time_added)],
      ["Took", done ? duration((Date.parse(status.time_completed) - Date.parse(status.time_started)) / 1000) : null],
      ["Comparisons", status.total_number_comparisons === undefined ? null : count(status.total_number_comparisons)],
      ["Identifier", h("code", null, id)],
      ["Notes", run.notes],
    ]),
    !FINAL.includes(status.state) && progress(run),
    h(
      "div",
      { class: "buttons" },
      done && h("button", { type: "button", class: "slim", "aria-expanded": String(Boolean(result)), onclick: toggle }, result ? "Hide result" : "Show result", h("span", { class: "unseen" }, ` of run ${id.slice(0, 8)}`)),
      remove && h("button", { type: "button", class: "slim bad", onclick: remove }, FINAL.includes(status.state) ? "Delete" : "Cancel", h("span", { class: "unseen" }, ` run ${id.slice(0, 8)}`)),
    ),
    result && h("div", { key: "result", own: result.element }),
  );
}

/** How far it is: the stage, its bar, and how long it may take at the pace seen so far. */
function progress({ id, status, pace }) {
  const { number, description, progress: part } = status.current_stage;
  const share = part ? part.relative : null;
  const left = pace.perSecond > 0 && share < 1 ? (1 - share) / pace.perSecond : null;
  return [
    h("p", null, `Stage ${number} of ${status.stages}: ${description}`, share !== null && `, ${percent(share)}`),
    h("progress", { max: 1, value: share, "aria-label": `Progress of run ${id.slice(0, 8)}` }),
    h("p", { class: "quiet small" }, [
      part && DONE[number]?.(part.absolute),
      left !== null && status.state === "running" && `about ${duration(left)} left in this stage`,
    ].filter(Boolean).join(" · ")),
  ];
}
