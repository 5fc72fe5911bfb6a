/** The languages the page speaks. */

/** @import {Lang, Text} from "../types" */

import { en } from "./en.js";
import { ko } from "./ko.js";

/** @typedef {typeof ko} Words */

/** @type {Record<Lang, Words>} */
export const WORDS = { ko, en };

/**
 * A text in a language; in Korean where there is no other.
 * @param {Text} text
 * @param {Lang} lang
 */
export function inLang(text, lang) {
  return lang === "en" && text.en !== null ? text.en : text.ko;
}
