// The parts of the monitor, each made from its part of the report.

import { facts, h, state, table } from "/assets/dom.js";
import { compact, count, duration, percent, rate, things, time } from "/assets/format.js";

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const none = (text) => h("p", { class: "empty" }, text);

/** The large figures at the top. */
export function figures({ queues, workers, runs, project_count: projects, rate: speed }) {
  return facts(
    [
      ["Workers alive", count(workers.length)],
      ["Tasks waiting", count(sum(queues.map((queue) => queue.ready)))],
      ["Tasks at work", count(sum(queues.map((queue) => queue.leased)))],
      ["Runs in progress", count(runs.length)],
      ["Projects", projects === null ? "–" : count(projects)],
      ["Recent speed", speed > 0 ? rate(speed) : "–"],
    ],
    "figures",
  );
}

/** How the three stores are. */
export function health({ database, store, cache }) {
  const kinds = { process: "inside the process", redis: "Redis" };
  const cells = [
    ["Database", database, database.ok && `answers in ${duration(database.seconds)}`],
    ["Object store", store, store.ok && `answers in ${duration(store.seconds)}`],
    ["Cache", cache, kinds[cache.kind] ?? cache.kind],
  ];
  const word = (part) => {
    if (!part.ok) return state("Out of reach", "bad");
    return part.degraded ? state("Degraded", "warn") : state("Good", "good");
  };
  return h(
    "ul",
    { class: "grid" },
    cells.map(([name, part, note]) =>
      h(
        "li",
        { class: "inner" },
        h("div", { class: "between" }, h("strong", null, name), word(part)),
        note && h("p", { class: "quiet small" }, note),
        part.message && h("p", { class: "small" }, part.message),
      ),
    ),
  );
}

/** What waits, by queue. */
export function queues(all) {
  return table("Tasks by queue", [
    { title: "Queue", cell: (queue) => queue.queue },
    { title: "Waiting", number: true, cell: (queue) => count(queue.ready) },
    { title: "At work", number: true, cell: (queue) => count(queue.leased) },
    { title: "Oldest", number: true, cell: (queue) => (typeof queue.oldest_seconds === "number" ? duration(queue.oldest_seconds) : "–") },
  ], all);
}

/** Who works on what. */
export function workers(all) {
  if (all.length === 0) return none("No worker is alive: tasks wait until one comes.");
  const doing = (task) => h("li", null, `${task.kind} for `, h("code", null, task.project), task.seconds !== null && `, ${duration(task.seconds)}`);
  const card = (worker) =>
    h(
      "li",
      { key: worker.worker, class: "inner" },
      h("div", { class: "between" }, h("h3", null, worker.worker), worker.tasks.length > 0 ? state("Busy", "busy") : state("Idle", "good")),
      facts([
        ["Queues", worker.queues.join(", ")],
        ["Busy", `${count(worker.tasks.length)} of ${things(worker.concurrency, "slot")}`],
        ["Version", worker.version],
        ["Last seen", worker.seen_seconds < 2 ? "just now" : `${duration(worker.seen_seconds)} ago`],
        ["Does", worker.tasks.length > 0 ? h("ul", { class: "tight" }, worker.tasks.map(doing)) : null],
      ]),
    );
  return h("ul", { class: "grid" }, all.map(card));
}

/** How far the runs are. */
export function runs(all) {
  if (all.length === 0) return none("No run is in progress.");
  return h("ul", { class: "stack" }, all.map(run));
}

function run(it) {
  const { comparisons } = it;
  // Only the comparison can be measured: before and after it the bar says no more than that something goes on.
  const share = it.stage === 2 && comparisons?.total > 0 ? comparisons.done / comparisons.total : null;
  const waiting = it.state === "queued";
  const label = `Progress of run ${it.run}`;
  const parts = [
    comparisons && `${compact(comparisons.done)} of ${compact(comparisons.total)} comparisons`,
    it.rate && rate(it.rate),
    typeof it.seconds_left === "number" && `about ${duration(it.seconds_left)} left`,
    it.time_started && ["started ", time(it.time_started)],
    !it.time_started && ["added ", time(it.time_added)],
  ].filter(Boolean);
  return h(
    "li",
    { key: it.run, class: "inner" },
    h(
      "div",
      { class: "between" },
      h("h3", null, "Run ", h("code", null, it.run), " of project ", h("code", null, it.project)),
      waiting ? state("Queued") : state("Running", "busy"),
    ),
    h("p", null, `Stage ${it.stage} of ${it.stages}: ${it.description}`, share !== null && `, ${percent(share, 1)}`),
    !waiting && h("progress", { max: 1, value: share, "aria-label": label }),
    h("p", { class: "quiet small" }, parts.map((part, index) => [index > 0 && " · ", part])),
  );
}

/** What went wrong lately. */
export function failures(all) {
  if (all.length === 0) return none("Nothing has failed lately.");
  return h(
    "ul",
    { class: "stack" },
    all.map((failure) =>
      h(
        "li",
        { key: `${failure.project} ${failure.run} ${failure.time}`, class: "inner" },
        h(
          "div",
          { class: "between" },
          h("h3", null, failure.run && ["Run ", h("code", null, failure.run), " of project "], !failure.run && "Project ", h("code", null, failure.project)),
          h("span", { class: "quiet small" }, time(failure.time)),
        ),
        h("p", null, failure.message),
      ),
    ),
  );
}
