/** The button to speak with, what it shows, and spoken turns in the conversation. */

/** @import {Kiosk} from "./types" */
/** @import {Turn} from "./talk.js" */
/** @import {VoiceState, VoiceTrouble} from "./voice.js" */
/** @import {App} from "./visit.js" */

import { byId, el, icon } from "./dom.js";
import { hasMicrophone } from "./sound.js";
import { Voice } from "./voice.js";

const HOLD_MS = 400;
const LOUD = 0.12;

/** Tap: talk until tapped again. Hold: speak while holding. While the guide speaks: be silent. */
export class VoiceButton {
  /** @param {Kiosk} kiosk @param {App} app */
  constructor(kiosk, app) {
    this.app = app;
    this.canTalk = kiosk.options.voice && hasMicrophone();
    /** @type {Voice | null} */
    this.voice = null;
    /** @type {Turn | null} */
    this.turn = null;
    this.pressedAt = 0;
    this.wasResting = true;
    this.button = /** @type {HTMLButtonElement} */ (byId("talk"));
    this.button.hidden = !this.canTalk;
    this.bars = /** @type {HTMLElement[]} */ ([...byId("level").children]);
    this.button.addEventListener("pointerdown", (event) => this._pressed(event));
    this.button.addEventListener("pointerup", () => this._released());
    this.button.addEventListener("pointercancel", () => this._released());
    this.button.addEventListener("click", (event) => event.detail === 0 && this._tapped()); // keys
    this.button.addEventListener("contextmenu", (event) => event.preventDefault());
    byId("hush").addEventListener("click", () => this.voice?.hush());
    byId("panel").addEventListener("pointerdown", () => this._touched());
    byId("map").addEventListener("pointerdown", () => this._touched());
  }

  get isOpen() {
    return this.voice !== null && this.voice.state !== "connecting";
  }

  get isBusy() {
    return this.voice !== null && ["hearing", "thinking", "speaking"].includes(this.voice.state);
  }

  /** A written question in the spoken conversation. @param {string} text @param {Turn} turn */
  ask(text, turn) {
    this._closeTurn();
    this.turn = turn;
    this.voice?.ask(text);
  }

  close() {
    this.turn = null;
    this.voice?.close();
  }

  /** Say the fixed words in the present language. */
  speak() {
    const { words } = this.app.display;
    this.button.title = words.voice.title;
    byId("hush").replaceChildren(icon("stop"), el("span", {}, words.voice.hush));
    this._show(this.voice?.state ?? "off");
  }

  /** @param {PointerEvent} event */
  _pressed(event) {
    if (event.button !== 0) return;
    this.button.setPointerCapture(event.pointerId);
    this.pressedAt = performance.now();
    this.wasResting = this.voice === null || this.voice.muted;
    if (this.voice === null) this._open();
    else if (this.voice.state === "speaking") this.voice.hush();
    else this.voice.unmute();
  }

  _released() {
    if (this.pressedAt === 0) return;
    const held = performance.now() - this.pressedAt >= HOLD_MS;
    this.pressedAt = 0;
    if (held) this.voice?.mute();
    else if (!this.wasResting && this.voice?.state === "listening") this.close();
  }

  _tapped() {
    if (this.voice === null) this._open();
    else if (this.voice.state === "speaking") this.voice.hush();
    else if (this.voice.muted) this.voice.unmute();
    else this.close();
  }

  _touched() {
    if (this.voice?.state === "speaking") this.voice.hush();
  }

  _open() {
    const { app } = this;
    const voice = new Voice(app.conversationId, {
      onState: (state) => this._state(voice, state),
      onLevel: (level) => this._level(level),
      onHeard: (text) => this._begin(text),
      onUnheard: () => this._begin(app.display.words.voice.unheard),
      onSentence: (text) => {
        this.turn?.sentences.push(text);
        if (this.turn) app.conversation.update(this.turn, app.doors);
      },
      onAnswer: (answer) => {
        if (this.turn) this.turn.answer = app.known(answer);
      },
      onDone: () => this._closeTurn(),
      onTrouble: (trouble) => this._trouble(trouble),
    });
    this.voice = voice;
    voice.start();
  }

  /** @param {Voice} voice @param {VoiceState} state */
  _state(voice, state) {
    if (state === "off" && this.voice === voice) {
      this._closeTurn();
      this.voice = null;
    }
    this.app.idle.touch();
    this._show(state);
  }

  /** @param {string} question */
  _begin(question) {
    this._closeTurn();
    this.turn = this.app.beginTurn(question);
  }

  _closeTurn() {
    const { turn } = this;
    this.turn = null;
    if (turn !== null) this.app.endTurn(turn);
  }

  /** @param {VoiceTrouble} trouble */
  _trouble(trouble) {
    byId("voice-state").hidden = false;
    byId("voice-words").textContent = this.app.display.words.voice[trouble];
    if (trouble === "lost") this.app.connection.lost();
  }

  /** @param {VoiceState} state */
  _show(state) {
    const { voice } = this.app.display.words;
    const on = state !== "off" && state !== "waiting";
    byId("voice-state").hidden = state === "off";
    byId("voice-state").dataset.state = state;
    byId("voice-words").textContent = state === "off" ? "" : voice[state];
    byId("hush").hidden = state !== "speaking";
    this.button.setAttribute("aria-pressed", String(on));
    this.button.dataset.state = state;
    this.button.replaceChildren(icon("mic"), el("span", {}, on ? voice.stop : voice.start));
  }

  /** @param {number} level */
  _level(level) {
    const loud = Math.min(1, level / LOUD);
    this.bars.forEach((bar, n) => {
      const share = 1 - Math.abs(n - 2) * 0.22;
      bar.style.transform = `scaleY(${Math.max(0.12, loud * share).toFixed(2)})`;
    });
  }
}
