/** The conversation: questions, answers as they come, what they rest on, and where to go on. */

/** @import {Answer, Topic} from "./types" */
/** @import {Doors} from "./browse.js" */

import { topicButton } from "./browse.js";
import { button, el, icon } from "./dom.js";
import { inLang } from "./lang/words.js";
import { passages } from "./passages.js";
import { sources } from "./sources.js";

const FOLLOW_UPS = 3;
/** @type {Record<string, Topic>} */
const TOPIC_OF_SLOT = {
  route: "route", minutes: "route", where: "where", floors: "floors", features: "features", nearby: "nearby",
  "detail.hours": "hours", "detail.phone": "phone", "detail.fee": "fee", "detail.website": "website",
};

/** One question and what became of it. */
export class Turn {
  /** @param {string} question */
  constructor(question) {
    this.question = question;
    /** @type {string[]} */
    this.sentences = [];
    /** @type {Answer | null} */
    this.answer = null;
    /** What went wrong, in words; "" for nothing. */
    this.trouble = "";
    /** Whether no more will come. */
    this.over = false;
  }
}

/** The turns of one visit, and the list that shows them. */
export class Conversation {
  constructor() {
    /** @type {Turn[]} */
    this.turns = [];
    this.list = el("ol", { class: "turns", "aria-live": "polite", "aria-relevant": "additions text" });
  }

  /** @param {string} question */
  begin(question) {
    const turn = new Turn(question);
    this.turns.push(turn);
    return turn;
  }

  clear() {
    this.turns = [];
    this.list.replaceChildren();
  }

  /** @param {Doors} doors */
  view(doors) {
    this.list.replaceChildren(...this.turns.map((turn) => this._entry(turn, doors)));
    return el(
      "div", { class: "view talk" },
      el("div", { class: "heading" },
        button(icon("back"), doors.back, { class: "round", "aria-label": doors.words.back }),
        el("h2", {}, doors.words.talk)),
      this.list,
    );
  }

  /**
   * Bring what is shown of a turn up to date. Sentences are added, never rewritten, so that a
   * screen reader says each of them once.
   * @param {Turn} turn @param {Doors} doors
   */
  update(turn, doors) {
    const at = this.turns.indexOf(turn);
    if (at < 0) return;
    const shown = this.list.children[at];
    if (shown === undefined) this.list.append(this._entry(turn, doors));
    else {
      const text = shown.querySelector(".text");
      const known = text?.childElementCount ?? 0;
      shown.querySelector(".waiting")?.remove();
      for (const sentence of turn.sentences.slice(known)) text?.append(el("span", {}, sentence));
      const question = shown.querySelector(".question p");
      if (question && question.textContent !== turn.question) question.textContent = turn.question;
      if (turn.over && !shown.classList.contains("over")) {
        shown.classList.add("over");
        shown.querySelector(".answer")?.append(...this._ending(turn, doors));
        this._dress(shown, turn, doors);
      }
    }
    const panel = this.list.closest("#panel");
    const entry = /** @type {HTMLElement | null} */ (this.list.children[at] ?? null);
    if (panel && entry) panel.scrollTop = entry.offsetTop - this.list.offsetTop + 24;
  }

  /** @param {Turn} turn @param {Doors} doors */
  _entry(turn, doors) {
    const { words } = doors;
    const entry = el(
      "li", { class: turn.over ? "turn over" : "turn" },
      el("div", { class: "question" }, el("span", { class: "unseen" }, words.you), el("p", {}, turn.question)),
      el(
        "div", { class: "answer" },
        el("span", { class: "unseen" }, words.guide),
        !turn.over && turn.sentences.length === 0 && el("p", { class: "waiting" }, words.thinking),
        el("p", { class: "text", lang: turn.answer?.lang }, ...turn.sentences.map((s) => el("span", {}, s))),
        ...(turn.over ? this._ending(turn, doors) : []),
      ),
    );
    if (turn.over) this._dress(entry, turn, doors);
    return entry;
  }

  /** @param {Element} entry @param {Turn} turn @param {Doors} doors */
  _dress(entry, turn, { words }) {
    const box = entry.querySelector(".answer");
    const outcome = turn.answer?.outcome ?? "found";
    const label = turn.trouble || words.outcomes[outcome];
    if (!box || !label) return;
    box.classList.add(turn.trouble ? "trouble" : outcome === "ambiguous" ? "unsure" : "refusal");
    box.prepend(el("p", { class: "label" }, label));
  }

  /** What stands below a finished answer. @param {Turn} turn @param {Doors} doors */
  _ending(turn, doors) {
    const { words, kiosk } = doors;
    if (turn.trouble)
      return turn.answer === null && turn.question
        ? [el("p", { class: "actions" }, button(words.again, () => doors.ask(turn.question), { class: "strong" }))]
        : [];
    const { answer } = turn;
    return answer === null ? [] : [passages(answer, words), actions(answer, doors), sources(answer, kiosk, words)];
  }
}

/** @param {Answer} answer @param {Doors} doors */
function actions(answer, doors) {
  const { words, lang } = doors;
  const box = el("div", { class: "actions" });
  const [from, to] = [answer.stops[0], answer.stops.at(-1)];
  if (from && to && from !== to)
    box.append(button(el("span", {}, icon("way"), words.showWay), () => doors.openWay(from, to), { class: "strong" }));
  if (answer.outcome === "ambiguous") {
    box.append(el("p", { class: "hint" }, words.didYouMean));
    for (const id of answer.places)
      box.append(button(inLang(doors.spot(id).name, lang), () => doors.openPlace(id)));
  } else if (answer.outcome === "found" && answer.places.length === 1) {
    const spot = doors.spot(answer.places[0]);
    const asked = TOPIC_OF_SLOT[answer.slot];
    const next = spot.topics.filter((topic) => topic !== asked && !(topic === "route" && box.childElementCount));
    if (next.length) box.append(el("p", { class: "hint" }, words.followUps));
    for (const topic of next.slice(0, FOLLOW_UPS)) {
      const follow = topicButton(doors, spot, topic);
      follow.classList.remove("strong");
      box.append(follow);
    }
  } else if (["no_such_place", "not_in_data", "outside"].includes(answer.outcome)) {
    box.append(button(words.all, () => doors.openCategory(null)));
  } else if (answer.places.length > 1) {
    for (const id of answer.places.slice(0, 6))
      box.append(button(inLang(doors.spot(id).name, lang), () => doors.openPlace(id)));
  }
  return box;
}
