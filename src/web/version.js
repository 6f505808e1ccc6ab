// The service's version, in the footer of every page.

import { ask } from "/assets/api.js";
import { by } from "/assets/dom.js";

const told = ask("/version").then((versions) => versions.anonlink, () => null);

/** The version, or null if the service doesn't tell. */
export const version = () => told;

told.then((number) => {
  if (number) by("version").textContent = `Version ${number}`;
});
