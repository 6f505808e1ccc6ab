// The result of a run: what it amounts to, its beginning, and the way to all of it.

import { Problem, askIf, beginning, whole } from "/assets/api.js";
import { h, listing, render } from "/assets/dom.js";
import { bytes } from "/assets/format.js";
import { firstOf, preview } from "/assets/preview.js";
import { summary } from "/assets/summary.js";

/** Text that is fetched for the preview. */
const ENOUGH = 32 << 10;
/** Rows of the preview. */
const ROWS = { groups: 15, similarity_scores: 15, permutations: 200 };
/** Most that is fetched into the browser's memory. */
const MOST = 64_000_000;

/** What is shown of a result. `element` looks after itself. */
export class Result {
  element = h("div", { class: "stack", role: "region" });
  #run;
  #said = h("div", { role: "status" });
  #bar = h("div");
  #command;

  /** `run`: its path, token, the project's result type, whether the creator asks, and its name. */
  constructor(run) {
    this.#run = run;
    this.#command = command(`${location.origin}/api/v1${run.path}/result`);
    this.element.setAttribute("aria-label", `Result of run ${run.name}`);
    render(this.element, h("p", { class: "empty", role: "status" }, "Reading the result …"));
    this.#load();
  }

  async #load() {
    const { path, token, type, creator } = this.#run;
    try {
      const known = creator ? await askIf(`${path}/summary`, token, 404) : null;
      const { text, whole: all } = await beginning(`${path}/result`, token, ENOUGH);
      const start = firstOf(text, ROWS[type]);
      render(
        this.element,
        known && summary(known, this.#run.name),
        preview(type, creator, start, all),
        h("h4", null, "The whole result"),
        h("div", { class: "buttons" }, h("button", { type: "button", class: "slim", onclick: (event) => this.#download(event.target) }, "Download"), h("span", { class: "hint" }, `as JSON, up to ${bytes(MOST)}`)),
        this.#bar,
        this.#said,
        this.#command,
      );
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      render(this.element, h("p", { class: "note bad", role: "alert" }, error.message));
    }
  }

  async #download(button) {
    const { path, token, name } = this.#run;
    button.disabled = true;
    try {
      const blob = await whole(`${path}/result`, token, MOST, (size, length) => this.#progress(size, length));
      if (blob) {
        save(blob, `anonlink-${name}.json`);
        render(this.#said, h("p", { class: "quiet" }, `${bytes(blob.size)} fetched.`));
      } else {
        render(this.#said, h("p", { class: "note warn" }, `The result is larger than ${bytes(MOST)}: too large for a browser. Fetch it by the command line.`));
        this.#command.open = true;
      }
    } catch (error) {
      render(this.#said, h("p", { class: "note bad" }, error instanceof Problem ? error.message : "The download broke off. Try again, or fetch it by the command line."));
    }
    render(this.#bar);
    button.disabled = false;
  }

  #progress(size, length) {
    render(this.#bar, h("progress", { max: length ?? 1, value: length ? size : null, "aria-label": "Download" }), h("p", { class: "quiet small" }, `${bytes(size)} fetched so far`));
  }
}

/** The command for results of any size. The token is left for the reader to fill in. */
function command(url) {
  const text = `curl -H "Authorization: $TOKEN" -o result.json \\\n  ${url}`;
  return h("details", null, h("summary", null, "By the command line"), listing("Command", text));
}

/** Hands a file to the browser's downloads. */
function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
