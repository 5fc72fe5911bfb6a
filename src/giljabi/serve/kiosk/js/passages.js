/** The passages of documents that an answer cites, beside it, the cited sentences marked. */

/** @import {Answer} from "./types" */
/** @import {Words} from "./lang/words.js" */

import { el } from "./dom.js";

/**
 * @param {Answer} answer
 * @param {Words} words
 */
export function passages(answer, words) {
  if (answer.passages.length === 0) return "";
  const items = answer.passages.map((passage) => {
    const cited = answer.facts.filter((f) => f.kind === "cites" && f.subject === passage.id);
    const page = passage.page === null ? "" : words.page(passage.page);
    const about = [page, passage.date].filter(Boolean).join(" · ");
    return el(
      "li", {},
      el("cite", {}, passage.titles.join(" · ")),
      about && el("small", {}, about),
      ...passage.text.split("\n").map((line) =>
        el("p", { lang: "ko" }, ...marked(line, cited.map((f) => String(f.value))))),
    );
  });
  return el("section", { class: "passages" },
    el("h3", {}, answer.outcome === "found" ? words.passages : words.nearest), el("ul", {}, ...items));
}

/**
 * A line with the cited sentences in it marked.
 * @param {string} line
 * @param {string[]} cited
 * @returns {(Node | string)[]}
 */
function marked(line, cited) {
  const found = cited.find((sentence) => line.includes(sentence));
  if (found === undefined) return [line];
  const at = line.indexOf(found);
  return [line.slice(0, at), el("mark", {}, found), ...marked(line.slice(at + found.length), cited)];
}
