// Numbers, times and sizes for people, in the manner of the browser's language.

import { h } from "/assets/dom.js";

const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 3 });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "long" });

/** A whole number. */
export const count = (number) => whole.format(number);

/** A large number in short. */
export const compact = (number) => (Math.abs(number) < 10_000 ? whole.format(number) : short.format(number));

/** A number of things: "1 task", "2 tasks". */
export const things = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A share of 1 in percent. */
export const percent = (share, digits = 0) =>
  new Intl.NumberFormat(undefined, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share);

/** A number with up to so many digits after the point. */
export const decimal = (number, digits) =>
  new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }).format(number);

/** A number with exactly so many digits after the point. */
export const fixed = (number, digits) =>
  new Intl.NumberFormat(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(number);

/** Comparisons per second. */
export const rate = (perSecond) => `${short.format(perSecond)}/s`;

const unit = (number, name, digits = 0) =>
  new Intl.NumberFormat(undefined, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits }).format(number);

/** A time span. */
export function duration(seconds) {
  if (seconds < 1) return unit(seconds * 1000, "millisecond", seconds < 0.01 ? 1 : 0);
  if (seconds < 10) return unit(seconds, "second", 1);
  const rest = Math.round(seconds);
  if (rest < 60) return unit(rest, "second");
  if (rest < 3600) return `${unit(Math.floor(rest / 60), "minute")} ${unit(rest % 60, "second")}`;
  if (rest < 172_800) return `${unit(Math.floor(rest / 3600), "hour")} ${unit(Math.floor((rest % 3600) / 60), "minute")}`;
  return `${unit(Math.floor(rest / 86_400), "day")} ${unit(Math.floor((rest % 86_400) / 3600), "hour")}`;
}

/** A number of bytes. */
export function bytes(number) {
  const names = ["kilobyte", "megabyte", "gigabyte", "terabyte"];
  if (number < 1000) return things(number, "byte");
  const step = Math.min(names.length, Math.floor(Math.log10(number) / 3));
  return unit(number / 1000 ** step, names[step - 1], 1);
}

/** A time with date and time zone. */
export const time = (text) => h("time", { datetime: text }, moment.format(new Date(text)));

/** Now, with the time zone. */
export const now = () => clock.format(new Date());

/** The beginning of an identifier. */
export const brief = (identifier) => h("code", { title: identifier.length > 8 ? identifier : null }, identifier.slice(0, 8));
