// The project's runs: how far they are, new ones, and the end of those that aren't wanted any more.

import { Problem, ask } from "/assets/api.js";
import { announce, h } from "/assets/dom.js";
import { sure } from "/assets/question.js";
import { Result } from "/assets/result.js";
import { card, FINAL } from "/assets/run-card.js";
import { askForRun, startRun } from "/assets/run-forms.js";

/** Runs shown at first, the newest; each takes requests of its own. */
const SHOWN = 10;

/** The runs of a session. `again` asks for a new look at the service. */
export class Runs {
  restless = false;
  #session;
  #again;
  #known = new Map();
  #asked = new Set();
  #limit = SHOWN;
  #results = new Map();
  #start;
  #look;
  #error = null;

  constructor(session, again) {
    this.#session = session;
    this.#again = again;
    this.#start = startRun((threshold, name) => this.#create(threshold, name));
    this.#look = askForRun((id) => this.#add(id));
  }

  #path(id) {
    return `/projects/${encodeURIComponent(this.#session.id)}/runs/${encodeURIComponent(id)}`;
  }

  /** Asks how far the runs are that are to be seen; those that have ended aren't asked about again. */
  async update({ creator, runs }) {
    const ids = creator ? runs.map((run) => run.run_id).reverse().slice(0, this.#limit) : [...this.#asked];
    const states = await Promise.all(ids.map((id) => this.#one(id, creator)));
    const before = this.#known;
    this.#known = new Map(states.filter(Boolean).map((run) => [run.id, run]));
    for (const run of this.#known.values()) {
      const was = before.get(run.id)?.status.state;
      if (was && was !== run.status.state) announce(`Run ${run.id.slice(0, 8)} is ${run.status.state}.`);
    }
    for (const id of this.#results.keys()) if (!this.#known.has(id)) this.#results.delete(id);
    this.restless = [...this.#known.values()].some((run) => !FINAL.includes(run.status.state));
  }

  async #one(id, creator) {
    const known = this.#known.get(id);
    if (known && FINAL.includes(known.status.state)) return known;
    const { token } = this.#session;
    try {
      const described = known ?? (creator ? await ask(this.#path(id), token) : {});
      const status = await ask(`${this.#path(id)}/status`, token);
      return { ...described, id, status, pace: pace(known, status) };
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 403) throw error;
      // It has been deleted, or was never there.
      if (this.#asked.delete(id)) this.#error = "There is no such run in this project.";
      return null;
    }
  }

  /** What is shown of them. */
  shown({ creator, runs, project }) {
    const more = creator ? runs.length - this.#limit : 0;
    const all = [...this.#known.values()];
    const actions = (run) => ({ result: this.#results.get(run.id), toggle: () => this.#toggle(run, project, creator), remove: creator ? () => this.#remove(run) : null });
    return [
      h("h2", { id: "runs-title" }, "Runs"),
      creator ? !project.error && this.#start : this.#look,
      h("div", { key: "error", role: "alert" }, this.#error && h("p", { class: "note bad" }, this.#error)),
      all.length === 0 && creator && h("p", { class: "empty" }, "There is no run yet."),
      h("ul", { class: "stack", key: "list" }, all.map((run) => card(run, actions(run)))),
      more > 0 && h("button", { type: "button", key: "more", onclick: () => this.#more() }, `Show ${Math.min(more, SHOWN)} older of ${more}`),
    ];
  }

  #more() {
    this.#limit += SHOWN;
    this.#again();
  }

  #add(id) {
    this.#error = null;
    this.#asked.add(id);
    this.#again();
  }

  async #create(threshold, name) {
    await this.#doing(async () => {
      const body = { threshold, ...(name ? { name } : {}) };
      const { run_id: id } = await ask(`/projects/${encodeURIComponent(this.#session.id)}/runs`, this.#session.token, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      announce(`Run ${id.slice(0, 8)} has been started.`);
    });
  }

  async #remove({ id, status }) {
    const ended = FINAL.includes(status.state);
    const title = `${ended ? "Delete" : "Cancel"} run ${id.slice(0, 8)}?`;
    const text = ended ? "Its result is deleted with it. This can't be undone." : "It stops, and what it has computed is deleted.";
    if (await sure(title, text, ended ? "Delete it" : "Cancel it")) {
      await this.#doing(() => ask(this.#path(id), this.#session.token, { method: "DELETE" }));
    }
  }

  /** Does something and looks again; what goes wrong is told. */
  async #doing(work) {
    this.#error = null;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#error = error.message;
    }
    this.#again();
  }

  #toggle(run, project, creator) {
    if (!this.#results.delete(run.id)) {
      this.#results.set(run.id, new Result({ path: `${this.#path(run.id)}`, token: this.#session.token, type: project.result_type, creator, name: run.id.slice(0, 8) }));
    }
    this.#again();
  }
}

/** The share of the stage's work done per second, as seen from here: from the first look at this stage to the last. */
function pace(known, status) {
  const { number, progress } = status.current_stage;
  const at = performance.now() / 1000;
  const share = progress?.relative ?? 0;
  const start = known?.pace?.stage === number ? known.pace.start : { at, share };
  const seconds = at - start.at;
  return { stage: number, start, perSecond: seconds > 1 ? (share - start.share) / seconds : 0 };
}
