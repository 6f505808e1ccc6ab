// One operation of the API.

import { h, listing, table } from "/assets/dom.js";
import { constraints, prose, resolve, shape, typeOf } from "/assets/reference-schema.js";

/** Method and path, and all about them when opened. */
export function operation(document, one) {
  const { method, path, summary, description, operationId } = one;
  return h(
    "details",
    { class: "operation", id: `operation-${operationId}` },
    h(
      "summary",
      null,
      h("h3", null, h("span", { class: `method ${method}` }, method.toUpperCase()), h("span", { class: "path" }, path), h("span", { class: "quiet" }, summary)),
    ),
    h(
      "div",
      null,
      description && prose(description),
      rights(one.security),
      parameters(document, one.parameters, summary),
      one.requestBody && body(resolve(document, one.requestBody)),
      answers(document, one.responses),
      h("h4", null, "With curl"),
      listing(`Command: ${summary}`, curl(document, one)),
    ),
  );
}

/** Whose tokens give the right to it. */
function rights(security) {
  if (!security) return h("p", null, h("strong", null, "Token: "), "none");
  const names = security.flatMap((one) => Object.keys(one));
  const optional = security.some((one) => Object.keys(one).length === 0);
  const links = names.map((name, index) => [index > 0 && " or ", h("a", { href: `#token-${name}` }, name)]);
  return h("p", null, h("strong", null, "Token: "), links, optional && ", if the operator has set one");
}

function parameters(document, list, summary) {
  if (list.length === 0) return null;
  const rows = list.map((parameter) => resolve(document, parameter));
  return table(`Parameters of “${summary}”`, [
    { title: "Name", cell: ({ name }) => h("code", null, name) },
    { title: "In", cell: ({ in: place }) => place },
    { title: "Required", cell: ({ required }) => (required ? "yes" : "no") },
    { title: "What it is", cell: ({ schema, description }) => [typeOf(schema), constraints(resolve(document, schema)), description && h("div", null, prose(description))] },
  ], rows);
}

function body(request) {
  return [
    h("h4", null, "Body"),
    request.description && prose(request.description),
    Object.entries(request.content).map(([type, content]) => [
      h("p", null, h("code", null, type), content.schema && [": ", typeOf(content.schema)]),
      content.schema && shape(content.schema),
      examples(content).map(({ title, value }) => [
        h("p", { class: "quiet small" }, title),
        listing(title, value),
      ]),
    ]),
  ];
}

/** Examples of a body, as text. */
function examples({ example, examples: named }) {
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
  if (example !== undefined) return [{ title: "Example", value: text(example) }];
  return Object.values(named ?? {}).map(({ summary, value }) => ({ title: `Example: ${summary}`, value: text(value) }));
}

function answers(document, responses) {
  return [
    h("h4", null, "Answers"),
    h("dl", { class: "facts" }, Object.entries(responses).map(([status, reference]) => {
      const { description, content } = resolve(document, reference);
      const schemas = Object.entries(content ?? {}).map(([type, { schema }]) => h("p", { class: "small" }, h("code", null, type), schema && [": ", typeOf(schema)], schema && shape(schema)));
      return [h("dt", null, h("code", null, status)), h("dd", null, prose(description), schemas)];
    })),
  ];
}

/** A command to try it with; what must be filled in are variables of the shell. */
function curl(document, { method, path, security, parameters: list, requestBody }) {
  const variables = { project_id: "$PROJECT", run_id: "$RUN" };
  const url = `${location.origin}${path.replace(/\{(\w+)\}/g, (_, name) => variables[name] ?? `$${name.toUpperCase()}`)}`;
  const lines = [`curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} "${url}"`];
  if (security) lines.push(`-H "Authorization: $TOKEN"`);
  for (const parameter of list.map((one) => resolve(document, one))) {
    if (parameter.in === "header" && parameter.required) lines.push(`-H "${parameter.name}: $${parameter.name.toUpperCase().replaceAll("-", "_")}"`);
  }
  if (requestBody) lines.push(...data(resolve(document, requestBody).content));
  return lines.join(" \\\n  ");
}

function data(content) {
  const [[type, first]] = Object.entries(content);
  const [example] = examples(first);
  const lines = [`-H "Content-Type: ${type}"`];
  if (type === "application/json" && example) lines.push(`-d '${JSON.stringify(JSON.parse(example.value)).replaceAll("'", "'\\''")}'`);
  else lines.push("--data-binary @FILE");
  return lines;
}
