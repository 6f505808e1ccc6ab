// The API reference, made from the service's own OpenAPI document.

import { ask } from "/assets/api.js";
import { by, h, render } from "/assets/dom.js";
import { operation } from "/assets/reference-operation.js";
import { definition, prose } from "/assets/reference-schema.js";
import "/assets/version.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** All operations, with the parameters that their path brings. */
function operations(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const own = item[method];
      return { ...own, method, path, parameters: [...(item.parameters ?? []), ...(own.parameters ?? [])] };
    }),
  );
}

function group(document, tag, all) {
  const id = `tag-${tag.name.toLowerCase()}`;
  return h(
    "section",
    { class: "stack", "aria-labelledby": id },
    h("h2", { id, tabindex: "-1" }, tag.name),
    tag.description && prose(tag.description),
    all.map((one) => operation(document, one)),
  );
}

function contents(tags) {
  return h(
    "nav",
    { class: "card", "aria-label": "On this page" },
    h("ul", { class: "contents" }, [
      ...tags.map(({ name }) => h("li", null, h("a", { href: `#tag-${name.toLowerCase()}` }, name))),
      h("li", null, h("a", { href: "#schemas" }, "Schemas")),
    ]),
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", class: "slim", onclick: () => openAll(true) }, "Open all"),
      h("button", { type: "button", class: "slim", onclick: () => openAll(false) }, "Close all"),
    ),
  );
}

function openAll(open) {
  for (const details of document.querySelectorAll("details.operation")) details.open = open;
}

function show(document) {
  const all = operations(document);
  const tags = document.tags.filter(({ name }) => all.some((one) => one.tags.includes(name)));
  const schemes = Object.entries(document.components.securitySchemes);
  render(
    by("view"),
    h("section", { class: "card", "aria-label": "About the API" }, prose(document.info.description)),
    contents(tags),
    tags.map((tag) => group(document, tag, all.filter((one) => one.tags[0] === tag.name))),
    h(
      "section",
      { class: "card", "aria-labelledby": "tokens" },
      h("h2", { id: "tokens" }, "Tokens"),
      h("dl", { class: "facts" }, schemes.map(([name, scheme]) => [h("dt", { id: `token-${name}` }, name), h("dd", null, scheme.description)])),
    ),
    h(
      "section",
      { class: "stack", "aria-labelledby": "schemas" },
      h("h2", { id: "schemas", tabindex: "-1" }, "Schemas"),
      Object.entries(document.components.schemas).map(([name, schema]) => definition(name, schema)),
    ),
  );
  // What the address points at exists only now.
  reveal();
}

/** Opens what the address points at, and goes there. */
function reveal() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const details = target.closest("details");
  if (details) details.open = true;
  target.scrollIntoView();
}

addEventListener("hashchange", reveal);
ask("/openapi.json").then(show, (error) => {
  render(by("view"));
  render(by("trouble"), h("p", { class: "note bad" }, error.message));
});
