/** Finding by touch: the first page, the places of a kind, and what one place can be asked. */

/** @import {Category, Kiosk, Lang, Spot, Topic} from "./types" */
/** @import {Words} from "./lang/words.js" */

import { button, el, icon } from "./dom.js";
import { inLang } from "./lang/words.js";

const FIRST_CATEGORIES = 8;
const EXAMPLES = /** @type {Topic[]} */ (["route", "floors", "features"]);

/**
 * What a view may do.
 * @typedef {object} Doors
 * @property {Kiosk} kiosk
 * @property {(id: string) => Spot} spot
 * @property {Lang} lang
 * @property {Words} words
 * @property {boolean} canTalk
 * @property {() => void} back
 * @property {(question: string) => void} ask
 * @property {(place: string) => void} openPlace
 * @property {(category: Category | null) => void} openCategory
 * @property {(from: string, to: string) => void} openWay
 */

/** @param {Doors} doors */
export function home(doors) {
  const { kiosk, words, lang } = doors;
  const first = kiosk.categories.slice(0, FIRST_CATEGORIES);
  return el(
    "div", { class: "view home" },
    el("h2", {}, words.welcome),
    el("p", { class: "lead" }, doors.canTalk ? words.welcomeText : words.welcomeTyped),
    section(words.frequent, placeTiles(doors, kiosk.frequent.map(doors.spot))),
    section(
      words.categories,
      el(
        "ul", { class: "chips" },
        ...first.map((category) =>
          el("li", {}, button(inLang(category.name, lang), () => doors.openCategory(category), {
            "data-count": category.places.length,
          })),
        ),
        el("li", {}, button(words.all, () => doors.openCategory(null), {
          class: "strong", "data-count": kiosk.places.length,
        })),
      ),
    ),
    section(words.examples, examples(doors)),
  );
}

/**
 * The places of a kind, or with null all of them.
 * @param {Doors} doors @param {Category | null} category
 */
export function placesOf(doors, category) {
  const { kiosk, words, lang } = doors;
  const spots = category === null ? kiosk.places : category.places.map(doors.spot);
  const list = el("div", { class: "found" });
  const tell = el("p", { class: "unseen", role: "status" });
  /** @param {string} wanted */
  const fill = (wanted) => {
    const plain = squeezed(wanted);
    const found = spots.filter((spot) => namesOf(spot).some((name) => name.includes(plain)));
    list.replaceChildren(...byArea(doors, found));
    if (plain) tell.textContent = words.found(found.length);
  };
  fill("");
  const filter = el("input", {
    type: "search", id: "filter", oninput: () => fill(filter.value),
  });
  return el(
    "div", { class: "view" },
    heading(doors, category === null ? words.all : inLang(category.name, lang), words.count(spots.length)),
    spots.length > 8 && el("p", { class: "field" }, el("label", { for: "filter" }, words.filter), filter),
    tell,
    list,
  );
}

/** @param {Doors} doors @param {string} id */
export function placePage(doors, id) {
  const { words, lang } = doors;
  const spot = doors.spot(id);
  const name = inLang(spot.name, lang);
  const about = [inLang(spot.kind, lang), spot.code && words.number(spot.code)].filter(Boolean);
  return el(
    "div", { class: "view" },
    heading(doors, name, about.join(" · ")),
    el("p", { class: "lead" }, words.aboutPlace),
    el("ul", { class: "topics" }, ...spot.topics.map((topic) => el("li", {}, topicButton(doors, spot, topic)))),
  );
}

/**
 * The button that asks a topic of a place; ways open as a view of their own.
 * @param {Doors} doors @param {Spot} spot @param {Topic} topic
 */
export function topicButton(doors, spot, topic) {
  const { words, lang, kiosk } = doors;
  if (topic === "route")
    return button(
      el("span", {}, icon("way"), words.topics.route), () => doors.openWay(kiosk.here, spot.id), { class: "strong" },
    );
  return button(words.topics[topic], () => doors.ask(words.questions[topic](inLang(spot.name, lang))));
}

/**
 * A heading with the way back.
 * @param {Doors} doors @param {string} title @param {string} [about]
 */
export function heading({ words, back }, title, about = "") {
  return el(
    "div", { class: "heading" },
    button(icon("back"), back, { class: "round", "aria-label": words.back }),
    el("div", {}, el("h2", {}, title), about && el("p", { class: "about" }, about)),
  );
}

/** @param {Doors} doors @param {Spot[]} spots */
export function placeTiles({ lang, openPlace }, spots) {
  return el(
    "ul", { class: "tiles" },
    ...spots.map((spot) =>
      el("li", {}, button(
        el("span", {}, el("b", {}, inLang(spot.name, lang)), el("small", {}, inLang(spot.kind, lang))),
        () => openPlace(spot.id),
      )),
    ),
  );
}

/** @param {string} title @param {Node} content */
function section(title, content) {
  return el("section", {}, el("h3", {}, title), content);
}

/** @param {Doors} doors */
function examples(doors) {
  const { kiosk, words, lang } = doors;
  const questions = EXAMPLES.flatMap((topic, n) => {
    const fits = kiosk.frequent.map(doors.spot).filter((spot) => spot.topics.includes(topic));
    return fits.length ? [words.questions[topic](inLang(fits[n % fits.length].name, lang))] : [];
  });
  return el(
    "ul", { class: "examples" },
    ...questions.map((question) => el("li", {}, button(`“${question}”`, () => doors.ask(question)))),
  );
}

/** @param {Doors} doors @param {Spot[]} spots */
function byArea(doors, spots) {
  const areas = Object.entries(doors.kiosk.areas);
  const sorted = [...spots].sort((a, b) =>
    inLang(a.name, doors.lang).localeCompare(inLang(b.name, doors.lang), doors.lang));
  if (areas.length < 2) return [placeTiles(doors, sorted)];
  return areas.flatMap(([area, name]) => {
    const there = sorted.filter((spot) => spot.area === area);
    return there.length ? [section(inLang(name, doors.lang), placeTiles(doors, there))] : [];
  });
}

/** @param {Spot} spot */
function namesOf({ name, code }) {
  return [name.ko, name.en ?? "", code ?? ""].map(squeezed);
}

/** @param {string} text */
function squeezed(text) {
  return text.replace(/\s+/g, "").toLowerCase();
}
