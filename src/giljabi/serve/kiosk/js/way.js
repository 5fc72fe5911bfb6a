/** A way from one place to another: chosen by touch, step by step, with or without stairs. */

/** @import {Drawn, Way} from "./types" */
/** @import {Doors} from "./browse.js" */

import { heading } from "./browse.js";
import { button, byId, el, icon } from "./dom.js";
import { inLang } from "./lang/words.js";
import * as server from "./server.js";

/** The view of one way; asked anew whenever its ends or its switch change. */
export class WayView {
  /**
   * @param {{from: string, to: string, stepFree?: boolean}} ends
   * @param {(drawn: Drawn | null, place: string) => void} draw
   * @param {(error: unknown) => string} troubleOf
   */
  constructor({ from, to, stepFree = false }, draw, troubleOf) {
    this.from = from;
    this.to = to;
    this.stepFree = stepFree;
    this.draw = draw;
    this.troubleOf = troubleOf;
    this.result = el("div", { class: "result", "aria-live": "polite" });
    this.asked = 0;
  }

  /** @param {Doors} doors */
  view(doors) {
    const { words, lang } = doors;
    const load = () => this._load(doors);
    const toggle = button(words.stepFree, () => {
      this.stepFree = !this.stepFree;
      toggle.setAttribute("aria-checked", String(this.stepFree));
      load();
    }, { role: "switch", "aria-checked": String(this.stepFree), class: "switch", id: "step-free" });
    load();
    return el(
      "div", { class: "view way" },
      heading(doors, words.way, inLang(doors.spot(this.to).name, lang)),
      el("div", { class: "ends" },
        this._chooser(doors, "from", load),
        this._chooser(doors, "to", load)),
      toggle,
      this.result,
    );
  }

  /** @param {Doors} doors @param {"from" | "to"} end @param {() => void} load */
  _chooser(doors, end, load) {
    const { kiosk, words, lang } = doors;
    const names = kiosk.places
      .map((spot) => ({ id: spot.id, name: inLang(spot.name, lang) }))
      .sort((a, b) => a.name.localeCompare(b.name, lang));
    const select = el("select", {
      id: `way-${end}`,
      onchange: () => {
        this[end] = select.value;
        load();
      },
    });
    for (const { id, name } of names) {
      const shown = id === kiosk.here ? `${name} (${words.here})` : name;
      select.append(el("option", { value: id, selected: id === this[end] }, shown));
    }
    return el("p", { class: "field" }, el("label", { for: `way-${end}` }, words[end]), select);
  }

  /** @param {Doors} doors */
  async _load(doors) {
    const turn = ++this.asked;
    const { from, to, stepFree } = this;
    this.result.setAttribute("aria-busy", "true");
    let content;
    /** @type {Drawn | null} */
    let drawn = null;
    try {
      const way = await server.way({ from, to, stepFree, lang: doors.lang });
      drawn = { ...way, steps: way.steps.map((step) => step.place) };
      content = this._told(way, doors);
    } catch (error) {
      content = [refusal(error, doors, this.troubleOf(error))];
    }
    if (turn !== this.asked) return;
    this.result.replaceChildren(...content);
    this.result.setAttribute("aria-busy", "false");
    this.draw(drawn, to);
  }

  /** @param {Way} way @param {Doors} doors */
  _told(way, doors) {
    const { words } = doors;
    const estimated = way.estimated || way.steps.some((step) => step.estimated);
    const steps = way.steps.length
      ? el("ol", { class: "steps", "aria-label": words.steps }, ...way.steps.map((step) =>
          el("li", {}, step.text, step.estimated && el("em", {}, ` (${words.estimate})`))))
      : el("p", {}, way.text || words.noSteps);
    const lineOnly = !estimated && way.guessed.some(Boolean);
    return [
      el("p", { class: "summary" }, words.summary(way.minutes)),
      estimated && el("p", { class: "note" }, words.estimatedWay),
      lineOnly && el("p", { class: "note" }, words.estimatedLine),
      steps,
      this._along(doors),
    ].filter((part) => part instanceof Node);
  }

  /** @param {Doors} doors */
  _along({ kiosk, words, lang }) {
    const query = new URLSearchParams({
      from: this.from, to: this.to, lang, step_free: String(this.stepFree),
    });
    return el(
      "p", { class: "actions" },
      kiosk.options.qr &&
        button(el("span", {}, icon("phone"), words.take), () => showCode(`/?${query}`), { id: "take-along" }),
      kiosk.options.print &&
        el("a", { class: "button", href: `/print?${query}`, target: "_blank", rel: "noopener", id: "print" },
          icon("print"), words.print),
    );
  }
}

/** @param {unknown} error @param {Doors} doors @param {string} trouble */
function refusal(error, { words }, trouble) {
  const refused = error instanceof server.RefusedError && error.status === 404;
  return el(
    "div", { class: refused ? "answer refusal" : "answer trouble" },
    el("p", { class: "label" }, refused ? words.noWay : trouble),
    refused && el("p", { class: "text" }, error.message),
  );
}

/** @param {string} path */
function showCode(path) {
  const image = /** @type {HTMLImageElement} */ (byId("take-code"));
  image.src = `/v1/qr?path=${encodeURIComponent(path)}`;
  /** @type {HTMLDialogElement} */ (byId("take")).showModal();
}
