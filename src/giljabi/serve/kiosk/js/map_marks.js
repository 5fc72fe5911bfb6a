/** Marks on the map: signs that keep their size, with words that are text and never HTML. */

import { el } from "./dom.js";

/**
 * A mark of a kind: here, start, step, goal or storey.
 * @param {"here" | "start" | "step" | "goal" | "storey"} kind
 * @param {string} words
 */
export function mark(kind, words) {
  const sign = el("div", { class: `mark ${kind}` }, kind === "storey" || kind === "step" ? null : el("i"));
  sign.append(el("b", {}, words));
  return {
    /** @param {[number, number]} position */
    at(position) {
      const icon = L.divIcon({ html: sign, className: "mark-box", iconSize: [0, 0] });
      const zIndexOffset = { here: 800, start: 700, step: 600, goal: 1000, storey: 0 }[kind];
      return L.marker(position, { icon, interactive: false, keyboard: false, zIndexOffset });
    },
  };
}
