/** One kiosk and whoever stands before it: the views, the questions, and the forgetting. */

/** @import {Answer, Category, Drawn, Kiosk, Lang, Spot} from "./types" */
/** @import {Doors} from "./browse.js" */
/** @import {Turn} from "./talk.js" */

import * as browse from "./browse.js";
import { Connection } from "./connection.js";
import { Display } from "./display.js";
import { byId } from "./dom.js";
import { Idle } from "./idle.js";
import { inLang } from "./lang/words.js";
import { VenueMap } from "./map.js";
import * as server from "./server.js";
import { Conversation } from "./talk.js";
import { VoiceButton } from "./voice_button.js";
import { WayView } from "./way.js";

/** @typedef {{render: (doors: Doors) => Node, map: () => void, talk?: boolean}} View */

/** The whole page. */
export class App {
  /** @param {Kiosk} kiosk */
  constructor(kiosk) {
    this.kiosk = kiosk;
    this.spots = new Map(kiosk.places.map((spot) => [spot.id, spot]));
    this.map = new VenueMap(byId("map"), kiosk, (place) => this.openPlace(place));
    this.conversation = new Conversation();
    this.conversationId = newId();
    this.asking = new AbortController();
    this.waiting = 0;
    /** @type {View[]} */
    this.views = [this._home()];
    this.display = new Display(kiosk, {
      onLang: () => this._speak(),
      onLayout: () => this.map.fit(),
      onHome: () => this.wipe(),
      onZoom: (steps) => (steps === 0 ? this.map.fit() : this.map.zoom(steps)),
    });
    this.voice = new VoiceButton(kiosk, this);
    this.idle = new Idle({
      seconds: kiosk.options.idle_s,
      isClean: () => this._isClean(),
      isBusy: () => this.waiting > 0 || this.voice.isBusy,
      wipe: () => this.wipe(true),
    });
    this.connection = new Connection({
      hash: kiosk.hash,
      onChange: (up) => this._connected(up),
      onVenue: () => this._isClean() && location.reload(),
    });
    byId("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this._submit();
    });
    byId("take-close").addEventListener("click", () => /** @type {HTMLDialogElement} */ (byId("take")).close());
    byId("take-code").addEventListener("error", () => {
      byId("take-text").textContent = this.display.words.takeBroken;
    });
    new ResizeObserver(() => this.map.fit()).observe(byId("map"));
  }

  /**
   * Begin, at the way a phone was handed where there is one.
   * @param {URLSearchParams} query
   */
  open(query) {
    const lang = query.get("lang");
    if (this.kiosk.languages.includes(/** @type {Lang} */ (lang))) this.display.lang = /** @type {Lang} */ (lang);
    const [from, to] = [query.get("from") ?? this.kiosk.here, query.get("to")];
    if (to !== null && this.spots.has(from) && this.spots.has(to))
      this.views.push(this._way(from, to, query.get("step_free") === "true"));
    this._speak();
  }

  /** What the views may do. @returns {Doors} */
  get doors() {
    return {
      kiosk: this.kiosk,
      lang: this.display.lang,
      words: this.display.words,
      canTalk: this.voice.canTalk,
      spot: (id) => /** @type {Spot} */ (this.spots.get(id)),
      back: () => this.back(),
      ask: (question) => this.ask(question),
      openPlace: (place) => this.openPlace(place),
      openCategory: (category) => this.openCategory(category),
      openWay: (from, to) => this._push(this._way(from, to, false)),
    };
  }

  /** @param {string} place */
  openPlace(place) {
    this._push({
      render: (doors) => browse.placePage(doors, place),
      map: () => this.map.show({ place }),
    });
  }

  /** @param {Category | null} category */
  openCategory(category) {
    this._push({ render: (doors) => browse.placesOf(doors, category), map: () => this.map.show() });
  }

  back() {
    if (this.views.length > 1) this.views.pop();
    this._show();
    this._focus();
  }

  /** Ask a question, and show the conversation. @param {string} question */
  async ask(question) {
    const turn = this.beginTurn(question);
    if (this.voice.isOpen) {
      this.voice.ask(question, turn);
      return;
    }
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.waiting += 1;
    try {
      turn.answer = this.known(await server.ask(
        { question, conversation: this.conversationId, lang: this.display.lang, signal },
        (sentence) => {
          turn.sentences.push(sentence);
          this.conversation.update(turn, this.doors);
        },
      ));
      if (turn.sentences.length === 0) turn.sentences.push(turn.answer.result);
    } catch (error) {
      if (!signal.aborted) turn.trouble = this.troubleOf(error);
    }
    this.waiting -= 1;
    this.endTurn(turn);
  }

  /** @param {string} question */
  beginTurn(question) {
    const turn = this.conversation.begin(question);
    if (this.views.at(-1)?.talk) this.conversation.update(turn, this.doors);
    else {
      this.views.push(this._talk());
      this._show(); // the focus stays where the next question is written
    }
    return turn;
  }

  /**
   * The answer with places that this page knows: the venue may have been read anew during a visit.
   * @param {Answer} answer @returns {Answer}
   */
  known(answer) {
    const has = (/** @type {string} */ id) => this.spots.has(id);
    return { ...answer, places: answer.places.filter(has), stops: answer.stops.every(has) ? answer.stops : [] };
  }

  /** An answer is whole: what hangs from it is shown. @param {Turn} turn */
  endTurn(turn) {
    turn.over = true;
    this.conversation.update(turn, this.doors);
    if (this.views.at(-1)?.talk) this._drawAnswer();
  }

  /**
   * What to say of a failure.
   * @param {unknown} error
   */
  troubleOf(error) {
    const { words } = this.display;
    if (error instanceof server.LostError) {
      this.connection.lost();
      return words.failed;
    }
    if (error instanceof server.RefusedError) return error.status === 429 ? words.busy : words.failed;
    throw error;
  }

  /** Forget this visit, here and on the server. @param {boolean} [unattended] */
  wipe(unattended = false) {
    this.voice.close();
    this.asking.abort();
    server.forget(this.conversationId);
    this.conversationId = newId();
    this.conversation.clear();
    /** @type {HTMLInputElement} */ (byId("question")).value = "";
    /** @type {HTMLDialogElement} */ (byId("take")).close();
    history.replaceState(null, "", "/");
    this.views = [this._home()];
    if (unattended) this.display.reset();
    this._speak();
    byId("connection").textContent = unattended ? this.display.words.wiped : "";
    if (!unattended) this._focus();
  }

  _submit() {
    const input = /** @type {HTMLInputElement} */ (byId("question"));
    const question = input.value.trim();
    if (!question) {
      input.focus();
      return;
    }
    input.value = "";
    this.ask(question);
  }

  /** @returns {View} */
  _home() {
    return { render: browse.home, map: () => this.map.show() };
  }

  /** @returns {View} */
  _talk() {
    return { render: (doors) => this.conversation.view(doors), map: () => this._drawAnswer(), talk: true };
  }

  /** @param {string} from @param {string} to @param {boolean} stepFree @returns {View} */
  _way(from, to, stepFree) {
    const draw = (/** @type {Drawn | null} */ way, /** @type {string} */ place) => {
      if (this.views.at(-1) !== view) return;
      this.map.show(way === null ? { place } : { way });
      this.display.explain(this.map.signs());
    };
    const shown = new WayView({ from, to, stepFree }, draw, (error) => this.troubleOf(error));
    /** @type {View} */
    const view = { render: (doors) => shown.view(doors), map: () => undefined };
    return view;
  }

  /** The map shows what the last answer spoke of. */
  _drawAnswer() {
    const answer = this.conversation.turns.at(-1)?.answer;
    if (!answer) return;
    const { stops, line, guessed, facts, places } = answer;
    const steps = facts.filter((f) => f.kind === "step").map((f) => (f.unit.startsWith("0.") ? f.object : null));
    const estimated = facts.some((fact) => fact.estimated);
    if (stops.length > 1) this.map.show({ way: { line, guessed, stops, steps, estimated } });
    else this.map.show({ place: places.length === 1 ? places[0] : null });
    this.display.explain(this.map.signs());
  }

  /** @param {View} view */
  _push(view) {
    this.views.push(view);
    this._show();
    this._focus();
  }

  _show() {
    const view = /** @type {View} */ (this.views.at(-1));
    const panel = byId("panel");
    panel.replaceChildren(view.render(this.doors));
    panel.scrollTop = 0;
    view.map();
    this.display.explain(this.map.signs());
  }

  /** What had the focus is gone: what came in its place is read from its heading. */
  _focus() {
    const title = byId("panel").querySelector("h2");
    title?.setAttribute("tabindex", "-1");
    title?.focus({ preventScroll: true });
  }

  _speak() {
    this.display.speak();
    this.map.speak(this.display.lang);
    this.voice.speak();
    byId("here").textContent = this.display.words.youAreAt(
      inLang(this.doors.spot(this.kiosk.here).name, this.display.lang));
    this._show();
  }

  _isClean() {
    return this.views.length === 1 && this.conversation.turns.length === 0 && this.display.isPlain
      && /** @type {HTMLInputElement} */ (byId("question")).value === "" && !this.voice.isOpen;
  }

  /** @param {boolean} up */
  _connected(up) {
    const { words } = this.display;
    document.body.classList.toggle("lost", !up);
    byId("connection").textContent = up ? words.returned : words.lost;
    if (up) setTimeout(() => {
      if (byId("connection").textContent === words.returned) byId("connection").textContent = "";
    }, 4000);
  }
}

/** A conversation's id that nobody can guess. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

