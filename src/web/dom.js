// Makes elements, and brings what is shown up to date without disturbing focus, open details or scroll positions.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. Properties: attributes, `on…` handlers, `key`, which names it among its siblings, and `own`, an element that lives
 * inside it and looks after itself: it is put in once and then left alone.
 */
export function h(name, properties, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** The same for SVG. */
export function svg(name, properties, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(element, properties, children) {
  element.handlers = [];
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "key" || name === "own") element[name] = value;
    else if (name.startsWith("on")) {
      element[name] = value;
      element.handlers.push(name);
    } else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...nodes(children));
  return element;
}

/** Nodes of children: nested lists are flattened, nothing is left out, everything else is text. */
function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(child)));
}

/** Shows these children in a container, by changing only what differs from what it shows. */
export function render(container, ...children) {
  const wanted = nodes(children);
  const keys = new Set(wanted.map((node) => node.key).filter((key) => key !== undefined));
  const keyed = new Map();
  for (const node of container.childNodes) if (node.key !== undefined) keyed.set(node.key, node);
  let at = container.firstChild;
  for (const node of wanted) {
    while (at && at.key !== undefined && !keys.has(at.key)) at = dropped(at);
    const match = node.key === undefined ? (at && alike(at, node) ? at : null) : keyed.get(node.key);
    if (match && alike(match, node)) {
      if (match === at) at = at.nextSibling;
      else container.insertBefore(match, at);
      if (match !== node) patch(match, node);
    } else {
      container.insertBefore(node, at);
      mount(node);
    }
  }
  while (at) at = dropped(at);
}

/** Puts in what looks after itself. */
function mount(node) {
  if (node.own) node.append(node.own);
  else node.childNodes.forEach(mount);
}

function dropped(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.key === b.key;
}

function patch(old, wanted) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== wanted.nodeValue) old.nodeValue = wanted.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // Whether details are open is for the reader to say.
    if (name !== "open" && !wanted.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const name of old.handlers ?? []) old[name] = null;
  for (const name of wanted.handlers) old[name] = wanted[name];
  old.handlers = wanted.handlers;
  if (wanted.own && wanted.own === old.own) return;
  render(old, ...wanted.childNodes);
}

/** The element of this id. */
export const by = (id) => document.getElementById(id);

/** A table. Columns: `{ title, number, cell(row) }`; the first is each row's heading. */
export function table(caption, columns, rows) {
  const cell = (column, index, row) => {
    const properties = { class: column.number ? "number" : null, scope: index === 0 ? "row" : null };
    return h(index === 0 ? "th" : "td", properties, column.cell(row));
  };
  const head = columns.map((column) => h("th", { scope: "col", class: column.number ? "number" : null }, column.title));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    h(
      "table",
      null,
      h("caption", null, caption),
      h("thead", null, h("tr", null, head)),
      h("tbody", null, rows.map((row) => h("tr", null, columns.map((column, index) => cell(column, index, row))))),
    ),
  );
}

/** A list of names and values; pairs without a value are left out. */
export function facts(pairs, kind = "facts") {
  const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: kind }, given.map(([name, value]) =>
    kind === "facts" ? [h("dt", null, name), h("dd", null, value)] : h("div", null, h("dt", null, name), h("dd", null, value))));
}

/** A state as a word with its sign: `good`, `busy`, `warn`, `bad` or nothing. */
export function state(word, kind) {
  return h("span", { class: kind ? `state ${kind}` : "state" }, word);
}

/** A text as it is, such as a command; it can be scrolled by keyboard. */
export function listing(label, text, wrapped = false) {
  return h("pre", { class: wrapped ? "wrapped" : null, tabindex: "0", role: "group", "aria-label": label }, h("code", null, text));
}

/** A button that shows and hides what a password field holds. */
export function revealer(button, input) {
  button.onclick = () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
}

/** Says something to those who can't see what has changed. */
export function announce(text) {
  const news = by("news");
  if (news && news.textContent !== text) news.textContent = text;
}
