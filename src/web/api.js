// Requests to the service. Tokens travel in a header and nowhere else.

/** An answer that says no: a problem document, or that no answer came. */
export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail);
    this.status = status;
    this.title = title;
  }
}

const PATIENCE = 30_000;

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Settings of a request that keep it out of caches and cookies. */
function settings(token, more) {
  const headers = { ...more.headers };
  if (token) headers.Authorization = token;
  return { cache: "no-store", credentials: "omit", redirect: "error", ...more, headers };
}

/** An answer whose status is good; busy servers are asked again. */
export async function request(path, token, more = {}) {
  for (let attempt = 1; ; attempt += 1) {
    let response;
    try {
      response = await fetch(`/api/v1${path}`, settings(token, more));
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "No answer", "The service doesn't answer. Is it running, and the network up?");
    }
    if (response.ok) return response;
    const after = Number(response.headers.get("Retry-After"));
    if (response.status !== 503 || attempt === 3 || !(after <= 5)) throw await problem(response);
    await wait(Math.max(1, after) * 1000);
  }
}

/** The problem that an answer tells. */
async function problem(response) {
  const told = await response.json().catch(() => ({}));
  return new Problem(response.status, told.title ?? `Status ${response.status}`, told.detail ?? response.statusText);
}

/** The JSON document of an answer; null if it has none. */
export async function ask(path, token, more = {}) {
  const response = await request(path, token, { signal: AbortSignal.timeout(PATIENCE), ...more });
  return response.status === 204 ? null : response.json();
}

/** Posts a JSON document. */
export function post(path, token, body) {
  return ask(path, token, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** What `ask` gives, or null if that is refused with one of these statuses. */
export async function askIf(path, token, ...refusals) {
  try {
    return await ask(path, token);
  } catch (error) {
    if (error instanceof Problem && refusals.includes(error.status)) return null;
    throw error;
  }
}

/** The beginning of a long answer: the text of at least so many bytes, unless it ends before; the rest is never fetched. */
export async function beginning(path, token, enough) {
  const stop = new AbortController();
  const response = await request(path, token, { signal: stop.signal });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let whole = false;
  while (!whole && text.length < enough) {
    const { done, value } = await reader.read();
    whole = done;
    text += decoder.decode(value, { stream: !done });
  }
  if (!whole) stop.abort();
  return { text, whole };
}

/** A whole answer as a blob, told of as it comes; null once it turns out to be larger than so many bytes. */
export async function whole(path, token, most, progress) {
  const stop = new AbortController();
  const response = await request(path, token, { signal: stop.signal });
  const length = Number(response.headers.get("Content-Length")) || null;
  const reader = response.body.getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    if (size > most || length > most) {
      stop.abort();
      return null;
    }
    const { done, value } = await reader.read();
    if (done) return new Blob(parts, { type: "application/json" });
    parts.push(value);
    size += value.length;
    progress(size, length);
  }
}
