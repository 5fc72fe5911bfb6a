/** Names on the map: the most wanted first, and none over another. */

import { el } from "./dom.js";

const MOST = 60;
const LINE = 20;
const GAP = 6;
const STRONG_EM = 1.35; // below a step's number; map.css says the same

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */

const ruler = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));

/**
 * Put up as many names as there is room for; `marks` are already there and keep their room.
 * @param {import("leaflet").Map} map
 * @param {import("leaflet").LayerGroup} layer
 * @param {{text: string, at: [number, number], strong: boolean}[]} wanted
 * @param {import("leaflet").LayerGroup} marks
 */
export function arrangeLabels(map, layer, wanted, marks) {
  layer.clearLayers();
  const size = map.getSize();
  const style = getComputedStyle(map.getContainer());
  const em = parseFloat(style.fontSize) || 14;
  ruler.font = `600 ${em}px ${style.fontFamily}`;
  const taken = boxesOf(marks, map);
  let placed = 0;
  for (const { text, at, strong } of wanted) {
    if (placed >= MOST) return;
    const { x, y } = map.latLngToContainerPoint(at);
    const wide = ruler.measureText(text).width + 4;
    const high = Math.max(LINE, em * 1.3);
    const top = y + (strong ? STRONG_EM * em : 8);
    const box = { left: x - wide / 2, top, right: x + wide / 2, bottom: top + high };
    if (box.left < 0 || box.right > size.x || box.top < 0 || box.bottom > size.y) continue;
    if (taken.some((other) => overlap(box, other))) continue;
    taken.push(box);
    placed += 1;
    const name = el("span", { class: strong ? "label strong" : "label" }, text);
    const icon = L.divIcon({ html: name, className: "mark-box", iconSize: [0, 0] });
    layer.addLayer(L.marker(at, { icon, interactive: false, keyboard: false }));
  }
}

/** @param {import("leaflet").LayerGroup} marks @param {import("leaflet").Map} map @returns {Box[]} */
function boxesOf(marks, map) {
  const frame = map.getContainer().getBoundingClientRect();
  /** @type {Box[]} */
  const boxes = [];
  /** @param {Element} part */
  const take = (part) => {
    const { left, top, right, bottom } = part.getBoundingClientRect();
    boxes.push({
      left: left - frame.left, top: top - frame.top, right: right - frame.left, bottom: bottom - frame.top,
    });
  };
  marks.eachLayer((layer) => {
    const sign = layer instanceof L.Marker ? layer.getElement()?.firstElementChild : null;
    for (const part of sign?.children ?? []) take(part);
  });
  for (const over of map.getContainer().parentElement?.children ?? [])
    if (over !== map.getContainer()) take(over);
  return boxes;
}

/** @param {Box} a @param {Box} b */
function overlap(a, b) {
  return (
    a.left < b.right + GAP && b.left < a.right + GAP && a.top < b.bottom + 2 && b.top < a.bottom + 2
  );
}
