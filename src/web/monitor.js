// The monitor: asks every two seconds what the service does.

import { Problem, ask } from "/assets/api.js";
import { announce, by, h, render, revealer } from "/assets/dom.js";
import { now } from "/assets/format.js";
import { failures, figures, health, queues, runs, workers } from "/assets/monitor-parts.js";
import { poll } from "/assets/poll.js";
import "/assets/version.js";

const PAUSE = 2_000;
const PAUSE_IN_TROUBLE = 6_000;

let token = null;
let pause = PAUSE;
let polling = null;
let failed = null;

/** One section of the page; empty ones say so. */
function section(id, title, ...content) {
  return h("section", { key: id, id, class: "card", "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), content);
}

function show(report) {
  by("view").hidden = false;
  render(
    by("view"),
    figures(report),
    section("health", "Health", health(report.health)),
    section("runs", "Runs in progress", runs(report.runs)),
    section("queues", "Queues", queues(report.queues)),
    section("workers", "Workers", workers(report.workers)),
    section("failures", "Recent failures", failures(report.failures)),
  );
  by("asked").textContent = `As of ${now()}`;
  render(by("trouble"));
  const newest = report.failures[0]?.time ?? "";
  if (failed !== null && newest > failed) announce(`New failure: ${report.failures[0].message}`);
  failed = newest;
}

/** What stands in the way, in the place of the report or above an older one. */
function say(kind, title, detail) {
  render(by("trouble"), h("div", { class: `note ${kind}` }, h("strong", null, title), h("p", null, detail)));
}

function end() {
  polling.stop();
  polling = null;
  by("view").hidden = true;
}

function askForToken(wrong) {
  end();
  by("entry").hidden = false;
  if (wrong) say("bad", "Wrong token", "This is not the token that the operator has set. Check it and try again.");
  else render(by("trouble"));
  by("token").focus();
}

async function look() {
  try {
    show(await ask("/monitor", token));
    by("entry").hidden = true;
    pause = PAUSE;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    pause = PAUSE_IN_TROUBLE;
    if (error.status === 400 || error.status === 403) askForToken(token !== null);
    else if (error.status === 404) {
      end();
      say("", "The monitor is switched off", "The operator of this service has switched it off (MONITOR=off).");
    } else say("bad", "The service can't be asked", `${error.message} This page goes on trying.`);
  }
}

function start() {
  polling?.stop();
  polling = poll(() => pause, look);
}

by("entry").onsubmit = (event) => {
  event.preventDefault();
  token = by("token").value.trim() || null;
  by("token").value = "";
  start();
};
revealer(by("show"), by("token"));
start();
