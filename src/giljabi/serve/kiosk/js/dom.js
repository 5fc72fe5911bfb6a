/** Elements made of words. Text is always text here: nothing is ever read as HTML. */

/**
 * @typedef {Node | string | null | undefined | false} Child
 * @typedef {{[name: string]: string | number | boolean | null | undefined | ((event: any) => void)}} Attributes
 */

/**
 * An element. `on…` attributes are listeners, `false` and null leave an attribute out, true sets
 * it empty.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/**
 * A button.
 * @param {Child} words
 * @param {(event: Event) => void} act
 * @param {Attributes} [attributes]
 */
export function button(words, act, attributes = {}) {
  return el("button", { type: "button", ...attributes, onclick: act }, words);
}

/**
 * The element with this id, which index.html has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element;
}

/**
 * One of the icons, for eyes only.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const ICONS = {
  back: "M15 5l-7 7 7 7",
  home: "M4 11l8-7 8 7v9h-5v-6h-6v6H4z",
  send: "M4 12h15M13 6l6 6-6 6",
  mic: "M12 15a3.500 3.500 0 0 0 3.500-3.500v-5a3.500 3.500 0 0 0-7 0v5A3.500 3.500 0 0 0 12 15zM5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3.500",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  whole: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  way: "M6 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 18h7a3.500 3.500 0 0 0 0-7H9a3.500 3.500 0 0 1 0-7h7M16 1.500L18.500 4 16 6.500",
  phone: "M8 2.500h8a1 1 0 0 1 1 1v17a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1v-17a1 1 0 0 1 1-1zM11 18.500h2",
  print: "M7 9V3h10v6M7 17H4V9h16v8h-3M7 14h10v7H7z",
  letters: "M3 19L8.500 5 14 19M5 14.500h7M15 19l3.500-9 3.500 9M16.200 16h4.600",
  low: "M12 3v13M6.500 11l5.500 5.500L17.500 11M4 21h16",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  stop: "M7 7h10v10H7z",
};
