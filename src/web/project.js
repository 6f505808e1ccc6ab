// A project, as far as a token lets one see it. Identifier and token live in `session` alone: in no URL, storage or history.

import { Problem, ask, askIf } from "/assets/api.js";
import { about } from "/assets/about.js";
import { by, h, render, revealer } from "/assets/dom.js";
import { parties } from "/assets/parties.js";
import { poll } from "/assets/poll.js";
import { Runs } from "/assets/runs.js";
import { Upload } from "/assets/upload.js";
import "/assets/version.js";

const PAUSE = 2_000;
const PAUSE_AT_REST = 8_000;

let session = null;

/** What the service gives for this project and token, and so what kind of token it is. */
async function fetchAll({ id, token }) {
  const path = `/projects/${encodeURIComponent(id)}`;
  const { parties: list } = await ask(`${path}/parties`, token);
  const project = await askIf(path, token, 403);
  const runs = project ? await askIf(`${path}/runs`, token, 403) : null;
  // Only the creator may list runs; a party that sees the project has a receipt for its permutation.
  return { project, parties: list, runs, creator: runs !== null, receiver: project !== null && runs === null };
}

function show(seen) {
  const { runs, upload } = session;
  render(by("about"), about(seen, close));
  render(by("parties"), parties(seen));
  by("runs").hidden = !seen.creator && !seen.receiver;
  if (!by("runs").hidden) render(by("runs"), runs.shown(seen));
  const [own] = seen.parties;
  by("upload").hidden = seen.creator || seen.receiver || !upload.wanted(own);
  if (!by("upload").hidden) render(by("upload"), upload.element);
}

async function look() {
  const asked = session;
  try {
    const seen = await fetchAll(asked);
    if (asked !== session) return;
    await asked.runs.update(seen);
    if (asked !== session) return;
    asked.restless = asked.runs.restless || seen.parties.some((party) => ["uploading", "ingesting"].includes(party.state));
    show(seen);
    render(by("trouble"));
    if (!asked.opened) opened(asked);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (asked === session) trouble(asked, error);
  }
}

function opened(asked) {
  asked.opened = true;
  by("entry").hidden = true;
  by("view").hidden = false;
  by("token").value = "";
  by("about-title").focus();
}

/** A refusal ends the session: the token is wrong, or the project has been deleted. Anything else may pass. */
function trouble(asked, error) {
  const refused = error.status === 403 || error.status === 400;
  const wrong = "No project can be opened with these: the project id or the token is wrong. The service doesn't tell which.";
  const gone = "The project is gone, or the token has lost its right.";
  if (refused || !asked.opened) {
    const text = !refused ? error.message : asked.opened ? gone : wrong;
    close();
    refuse(text);
  } else {
    const text = `${error.message} This page goes on trying; what it shows may be out of date.`;
    render(by("trouble"), h("p", { class: "note bad" }, text));
  }
}

function refuse(text) {
  render(by("refused"), h("p", { class: "note bad" }, text));
  for (const id of ["project", "token"]) by(id).setAttribute("aria-invalid", "true");
  by("token").focus();
}

function open(event) {
  event.preventDefault();
  const id = by("project").value.trim();
  const token = by("token").value.trim();
  for (const field of ["project", "token"]) by(field).removeAttribute("aria-invalid");
  render(by("refused"));
  if (!id || !token) {
    refuse("Give both, the project id and a token.");
    by(id ? "token" : "project").focus();
    return;
  }
  close();
  session = { id, token, opened: false, restless: false };
  const again = () => session?.polling.now();
  session.runs = new Runs(session, again);
  session.upload = new Upload(session, again);
  session.polling = poll(() => (session?.restless ? PAUSE : PAUSE_AT_REST), look);
}

/** Forgets everything and shows the form again. */
function close() {
  session?.polling.stop();
  session?.upload.stop();
  session = null;
  by("view").hidden = true;
  by("entry").hidden = false;
  by("token").value = "";
  for (const id of ["about", "parties", "runs", "upload", "trouble"]) render(by(id));
}

by("entry").onsubmit = open;
revealer(by("show"), by("token"));
// A page that is left may be kept by the browser for the way back: not with a token in it.
addEventListener("pagehide", close);
