// Asks before something is done that can't be undone.

import { by, h, render } from "/assets/dom.js";

/** Whether the answer is yes. Escape is a no. */
export function sure(title, text, yes) {
  const dialog = by("question");
  return new Promise((resolve) => {
    const answer = (value) => () => {
      dialog.onclose = () => resolve(value);
      dialog.close();
    };
    dialog.onclose = () => resolve(false);
    render(
      dialog,
      h(
        "div",
        null,
        h("h2", { id: "question-title" }, title),
        h("p", null, text),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", class: "bad", onclick: answer(true) }, yes),
          h("button", { type: "button", onclick: answer(false), autofocus: true }, "Keep it"),
        ),
      ),
    );
    dialog.showModal();
  });
}
