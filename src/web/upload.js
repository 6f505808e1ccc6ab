// Uploads a party's encodings from a file.

import { announce, h, render } from "/assets/dom.js";
import { bytes, count, percent } from "/assets/format.js";

/** The upload of a session; `again` asks for a new look at the service. */
export class Upload {
  #session;
  #again;
  #request = null;
  #receipt = false;
  #file = h("input", { id: "file", type: "file", "aria-describedby": "file-hint" });
  #size = h("input", { id: "size", type: "text", inputmode: "numeric", autocomplete: "off", value: "128" });
  #count = h("input", { id: "count", type: "text", inputmode: "numeric", autocomplete: "off" });
  #packed = h("div", { class: "row", hidden: true });
  #send = h("button", { class: "main" }, "Upload");
  #stop = h("button", { type: "button", hidden: true }, "Stop");
  #bar = h("div");
  #said = h("div", { role: "status" });
  #form = h("form", { autocomplete: "off" });

  constructor(session, again) {
    this.#session = session;
    this.#again = again;
    this.#build();
    this.element = [h("h2", { id: "upload-title" }, "Upload your encodings"), this.#form, this.#bar, this.#said];
  }

  #build() {
    const choice = (value, text, checked) => h("label", { class: "choice" }, h("input", { type: "radio", name: "form", value, checked, onchange: () => this.#choose() }), text);
    this.#packed.append(
      h("div", { class: "field" }, h("label", { for: "size" }, "Bytes per encoding"), this.#size),
      h("div", { class: "field" }, h("label", { for: "count" }, "Number of encodings"), this.#count),
    );
    this.#form.append(
      h("fieldset", null, h("legend", null, "Form of the file"), choice("json", "JSON (clks, clknblocks, or encodings with blocks)", true), choice("binary", "Packed binary")),
      h("div", { class: "field" }, h("label", { for: "file" }, "File"), this.#file, h("span", { class: "hint", id: "file-hint" }, "Encodings only, as your encoding tool has made them: never the names or dates themselves.")),
      this.#packed,
      h("div", { class: "buttons" }, this.#send, this.#stop),
    );
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      this.#start();
    };
    this.#file.onchange = () => this.#reckon();
    this.#size.oninput = () => this.#reckon();
    this.#stop.onclick = () => this.#request?.abort();
  }

  /** Whether a party in this state is to see the form: until it has uploaded, and as long as there is something to tell. */
  wanted({ state }) {
    this.#form.hidden = this.#receipt || (state !== "waiting" && this.#request === null);
    return !this.#form.hidden || this.#said.childNodes.length > 0;
  }

  /** Ends an upload that is under way. */
  stop() {
    this.#request?.abort();
  }

  #binary() {
    return this.#form.querySelector("input[name=form]:checked").value === "binary";
  }

  #choose() {
    this.#packed.hidden = !this.#binary();
    this.#reckon();
  }

  /** The number of encodings, from the sizes of the file and of each of them. */
  #reckon() {
    const [file] = this.#file.files;
    const number = file ? file.size / Number(this.#size.value) : NaN;
    if (Number.isSafeInteger(number) && number > 0) this.#count.value = String(number);
  }

  #start() {
    const [file] = this.#file.files;
    if (!file) return this.#say("bad", "Choose a file first.");
    const binary = this.#binary();
    const [size, number] = [Number(this.#size.value), Number(this.#count.value)];
    if (binary && size * number !== file.size) {
      return this.#say("bad", `The file has ${count(file.size)} bytes, which is not ${this.#count.value || "?"} encodings of ${this.#size.value} bytes.`);
    }
    const headers = binary
      ? { "Content-Type": "application/octet-stream", "Hash-Count": number, "Hash-Size": size }
      : { "Content-Type": "application/json" };
    return this.#post(binary ? "binaryclks" : "clks", headers, file);
  }

  /** XMLHttpRequest, because fetch doesn't tell how much has been sent. */
  #post(where, headers, file) {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/projects/${encodeURIComponent(this.#session.id)}/${where}`);
    request.setRequestHeader("Authorization", this.#session.token);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => this.#progress(loaded, file.size);
    request.onload = () => this.#answered(request);
    request.onerror = () => this.#ended(() => this.#say("bad", "The connection broke off. Your token is still good: try again."));
    request.onabort = () => this.#ended(() => this.#say("warn", "Stopped. Your token is still good."));
    this.#request = request;
    this.#busy(true);
    render(this.#said);
    this.#progress(0, file.size);
    request.send(file);
  }

  #progress(sent, all) {
    const text = sent < all ? `${bytes(sent)} of ${bytes(all)} sent, ${percent(sent / all)}` : "Everything is sent; the service checks it …";
    render(this.#bar, h("progress", { max: all, value: sent, "aria-label": "Upload" }), h("p", { class: "quiet small" }, text));
  }

  #answered(request) {
    let answer = {};
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      // A proxy may answer in its own words.
    }
    this.#ended(() => {
      if (request.status === 201) this.#accepted(answer.receipt_token);
      else this.#say("bad", answer.detail ?? `The service answered ${request.status}. Your token is still good: try again.`);
    });
  }

  #ended(tell) {
    this.#request = null;
    this.#busy(false);
    render(this.#bar);
    tell();
    this.#again();
  }

  /** The receipt is told once, and nowhere else. */
  #accepted(receipt) {
    this.#receipt = true;
    this.#form.hidden = true;
    announce("The upload has been taken.");
    const field = h("input", { id: "receipt", class: "code", type: "text", readonly: true, value: receipt, onfocus: () => field.select() });
    render(
      this.#said,
      h(
        "div",
        { class: "note good" },
        h("strong", null, "Your encodings have been taken."),
        h("label", { for: "receipt" }, "Your receipt token"),
        field,
        h("p", null, "Keep it: it is shown only now, and you need it to look at your upload or to fetch your permutation later."),
      ),
    );
  }

  #say(kind, text) {
    render(this.#said, h("p", { class: `note ${kind}` }, text));
  }

  #busy(on) {
    this.#send.disabled = on;
    this.#stop.hidden = !on;
    for (const field of this.#form.querySelectorAll("input")) field.disabled = on;
  }
}
