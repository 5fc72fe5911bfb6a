/** How the page is shown: its language, its type size, its reach, and its fixed words. */

/** @import {Kiosk, Lang} from "./types" */

import { button, byId, el, icon } from "./dom.js";
import { inLang, WORDS } from "./lang/words.js";

/** The parts of the page that every view has around it. */
export class Display {
  /**
   * @param {Kiosk} kiosk
   * @param {{onLang: () => void, onLayout: () => void, onHome: () => void, onZoom: (steps: number) => void}} told
   *   `onZoom(0)` shows everything.
   */
  constructor(kiosk, { onLang, onLayout, onHome, onZoom }) {
    this.kiosk = kiosk;
    /** @type {Lang} */
    this.lang = kiosk.languages[0];
    this.onLayout = onLayout;
    this.buttons = {
      home: button("", onHome, { id: "home" }),
      lang: button("", () => this._other(onLang), { id: "lang", hidden: kiosk.languages.length < 2 }),
      large: button("", () => this._toggle("large"), { id: "large", "aria-pressed": "false" }),
      low: button("", () => this._toggle("low"), { id: "low", "aria-pressed": "false" }),
    };
    byId("bar").append(...Object.values(this.buttons));
    this.tools = [
      button(icon("plus"), () => onZoom(1)),
      button(icon("minus"), () => onZoom(-1)),
      button(icon("whole"), () => onZoom(0)),
    ];
    byId("map-tools").append(...this.tools);
    const by = byId("tiles-by");
    by.textContent = kiosk.options.tiles?.attribution ?? "";
    by.hidden = by.textContent === "";
  }

  get words() {
    return WORDS[this.lang];
  }

  /** Whether nobody has changed anything. */
  get isPlain() {
    const { classList } = document.body;
    return this.lang === this.kiosk.languages[0] && !classList.contains("large") && !classList.contains("low");
  }

  /** As the next visitor shall find it. */
  reset() {
    this.lang = this.kiosk.languages[0];
    for (const name of /** @type {const} */ (["large", "low"])) {
      document.body.classList.remove(name);
      document.documentElement.classList.remove(name);
      this.buttons[name].setAttribute("aria-pressed", "false");
    }
  }

  /** Say everything that is fixed in the present language. */
  speak() {
    const { words, kiosk, lang } = this;
    const name = inLang(kiosk.name, lang);
    document.documentElement.lang = lang;
    document.title = name;
    const texts = {
      skip: words.skip, venue: name, "question-label": words.askLabel, "idle-title": words.idleTitle,
      "idle-text": words.idleText, stay: words.stay, leave: words.home, "take-title": words.take,
      "take-text": words.takeText, "take-close": words.close,
    };
    for (const [id, text] of Object.entries(texts)) byId(id).textContent = text;
    const labels = {
      map: words.map, "map-section": words.map, panel: words.panel, ask: words.ask, bar: words.tools,
    };
    for (const [id, label] of Object.entries(labels)) byId(id).setAttribute("aria-label", label);
    byId("map").title = "";
    byId("take-code").setAttribute("alt", words.takeCode);
    byId("question").setAttribute("placeholder", words.askHint);
    byId("send").replaceChildren(icon("send"), el("span", {}, words.send));
    const { home, lang: other, large, low } = this.buttons;
    home.replaceChildren(icon("home"), el("span", {}, words.home));
    other.replaceChildren(icon("globe"), el("span", { lang: words.otherCode }, words.other));
    large.replaceChildren(icon("letters"), el("span", {}, words.large));
    low.replaceChildren(icon("low"), el("span", {}, words.low));
    [words.zoomIn, words.zoomOut, words.whole].forEach((word, n) => this.tools[n].setAttribute("aria-label", word));
  }

  /**
   * The legend: no more than what is drawn.
   * @param {Record<"here" | "sure" | "guessed" | "near" | "schematic", boolean>} signs
   */
  explain(signs) {
    const { legend } = this.words;
    const names = /** @type {const} */ (["here", "sure", "guessed", "near", "schematic"]);
    byId("legend").replaceChildren(
      ...names.filter((name) => signs[name]).map((name) => el("li", { class: name }, el("i"), legend[name])),
    );
  }

  /** @param {() => void} onLang */
  _other(onLang) {
    const at = this.kiosk.languages.indexOf(this.lang);
    this.lang = this.kiosk.languages[(at + 1) % this.kiosk.languages.length];
    onLang();
  }

  /** @param {"large" | "low"} name */
  _toggle(name) {
    const on = document.body.classList.toggle(name);
    document.documentElement.classList.toggle(name, on); // type sizes are counted from the root
    this.buttons[name].setAttribute("aria-pressed", String(on));
    this.onLayout();
  }
}
