// Schemas of the API's documents.

import { h } from "/assets/dom.js";

/** What a reference stands for. */
export function resolve(document, value) {
  if (!value?.$ref) return value;
  return value.$ref.replace(/^#\//, "").split("/").reduce((at, part) => at[part], document);
}

/** Paragraphs; words between backquotes are code. */
export function prose(text) {
  return text.split(/\n\s*\n/).map((paragraph) =>
    h("p", null, paragraph.split("`").map((part, index) => (index % 2 === 1 ? h("code", null, part) : part))),
  );
}

/** The type in a few words; named schemas are links to what is said of them below. */
export function typeOf(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return h("a", { href: `#schema-${name}` }, name);
  }
  if (schema.const !== undefined) return h("code", null, JSON.stringify(schema.const));
  if (schema.enum) return schema.enum.map((value, index) => [index > 0 && " or ", h("code", null, JSON.stringify(value))]);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.map((choice, index) => [index > 0 && " or ", typeOf(choice)]);
  if (schema.type === "array") return ["array", schema.items && [" of ", typeOf(schema.items)]];
  const types = [schema.type ?? "anything"].flat().join(" or ");
  return schema.format ? `${types} (${schema.format})` : types;
}

/** Bounds and defaults, in words. */
export function constraints(schema) {
  const words = {
    minimum: "at least",
    exclusiveMinimum: "more than",
    maximum: "at most",
    exclusiveMaximum: "less than",
    multipleOf: "a multiple of",
    minItems: "items: at least",
    maxItems: "items: at most",
    minLength: "characters: at least",
    pattern: "matches",
    default: "by default",
  };
  const found = Object.entries(words).filter(([name]) => schema[name] !== undefined);
  const told = found.map(([name, text]) => `${text} ${typeof schema[name] === "string" && name !== "pattern" ? JSON.stringify(schema[name]) : schema[name]}`);
  return told.length > 0 && h("span", { class: "quiet" }, `, ${told.join(", ")}`);
}

/** The members of an object, or what the items of a list or the choices are; nothing for what the type alone says. */
export function shape(schema) {
  if (schema.$ref) return null;
  if (schema.properties) return members(schema);
  if (schema.items && !schema.items.$ref) return shape(schema.items);
  const inner = [...(schema.oneOf ?? schema.anyOf ?? [])].map(shape).filter(Boolean);
  if (schema.prefixItems) {
    return h("ul", { class: "fields-of" }, schema.prefixItems.map((item, index) => h("li", null, `Item ${index + 1}: `, typeOf(item), item.description && prose(item.description))));
  }
  return inner.length > 0 ? inner : null;
}

function members({ properties, required = [] }) {
  return h("ul", { class: "fields-of" }, Object.entries(properties).map(([name, schema]) =>
    h(
      "li",
      null,
      h("p", null, h("code", null, name), " ", typeOf(schema), constraints(schema), !required.includes(name) && h("span", { class: "quiet" }, ", optional")),
      schema.description && h("div", { class: "quiet" }, prose(schema.description)),
      shape(schema),
    ),
  ));
}

/** A named schema. */
export function definition(name, schema) {
  return h(
    "section",
    { class: "card", id: `schema-${name}`, tabindex: "-1", "aria-label": `Schema ${name}` },
    h("h3", null, h("span", { class: "path" }, name)),
    h("p", null, typeOf(schema), constraints(schema)),
    schema.description && prose(schema.description),
    shape(schema),
  );
}
