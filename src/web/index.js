// The entrance: how the service is.

import { ask } from "/assets/api.js";
import { by, facts, h, render, state } from "/assets/dom.js";
import { compact, count } from "/assets/format.js";
import { poll } from "/assets/poll.js";
import { version } from "/assets/version.js";

async function look() {
  try {
    const status = await ask("/status");
    render(by("state"), facts([
      ["State", state("In service", "good")],
      ["Version", await version()],
      ["Projects", count(status.project_count)],
      ["Speed lately", status.rate > 0 ? `${compact(status.rate)} comparisons per second` : "no run has been completed lately"],
    ]));
  } catch (error) {
    render(by("state"), facts([["State", state("Out of service", "bad")], ["Reason", h("span", null, error.message)]]));
  }
}

poll(() => 15_000, look);
