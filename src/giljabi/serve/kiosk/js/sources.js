/** What an answer rests on, fact by fact, with where each was taken from. */

/** @import {Answer, Fact, Kiosk} from "./types" */
/** @import {Words} from "./lang/words.js" */

import { el } from "./dom.js";

/**
 * @param {Answer} answer
 * @param {Kiosk} kiosk
 * @param {Words} words
 */
export function sources(answer, kiosk, words) {
  const box = el("details", { class: "why" }, el("summary", {}, words.why));
  if (answer.facts.length === 0) {
    box.append(el("p", {}, words.whyNothing));
    return box;
  }
  if (answer.reasoning) box.append(el("p", {}, answer.reasoning));
  const rows = answer.facts.filter((fact) => fact.kind !== "cites").map((fact) =>
    el(
      "li", {},
      el("b", {}, words.facts[fact.kind] ?? fact.kind), " ",
      said(fact, words),
      fact.estimated && el("em", {}, ` (${words.estimate})`),
      fact.source && el("small", {}, `${words.source}: ${fact.source}`),
    ),
  );
  const used = Object.entries(kiosk.sources).filter(([name]) =>
    answer.facts.some((fact) => fact.source.includes(name)));
  box.append(
    el("p", {}, words.checked),
    el("ul", {}, ...rows),
    used.length > 0 &&
      el("dl", {}, ...used.flatMap(([name, about]) => [el("dt", {}, name), el("dd", {}, about)])) || "",
  );
  return box;
}

/** @param {Fact} fact @param {Words} words */
function said({ kind, value, unit }, words) {
  const word = /^[0-9.]+$/.test(unit) ? "" : (words.units[unit] ?? "");
  if (kind === "minutes" || kind === "distance") return `${value}${words.code === "ko" ? "" : " "}${word}`;
  if (kind === "floors" && word) return words.code === "ko" ? `${word} ${value}층` : `${value} ${word}`;
  if (unit === "walk") return words.code === "ko" ? `${value}${word}` : `${value} ${word}`;
  return word ? `${word} · ${value}` : String(value);
}
