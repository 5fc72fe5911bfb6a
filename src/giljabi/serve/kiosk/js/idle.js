/** Nobody there any more: warned first, then everything is forgotten. */

import { byId } from "./dom.js";

const WARNED_S = 20; // WCAG 2.2.1: at least 20 seconds to say "stay" with one simple act
const TOUCHES = ["pointerdown", "keydown", "wheel", "input"];

/** Counts from the last touch. With `seconds` 0 it never wipes. */
export class Idle {
  /**
   * @param {{seconds: number, isClean: () => boolean, isBusy: () => boolean, wipe: () => void}} rules
   *   `isClean`: there is nothing to forget; `isBusy`: an answer is being given or spoken.
   */
  constructor({ seconds, isClean, isBusy, wipe }) {
    this.seconds = seconds;
    this.isClean = isClean;
    this.isBusy = isBusy;
    this.wipe = wipe;
    this.touchedAt = Date.now();
    this.dialog = /** @type {HTMLDialogElement} */ (byId("idle"));
    for (const name of TOUCHES) addEventListener(name, () => this._touched(), { passive: true });
    byId("stay").addEventListener("click", () => this.stay());
    byId("leave").addEventListener("click", () => this._wipe());
    this.dialog.addEventListener("cancel", () => this.touch()); // Escape
    if (seconds > 0) setInterval(() => this._look(), 500);
  }

  /** Somebody is there. */
  touch() {
    this.touchedAt = Date.now();
  }

  /** Somebody said so. */
  stay() {
    this.touch();
    this.dialog.close();
  }

  _touched() {
    if (!this.dialog.open) this.touch(); // the warning is answered by its buttons alone
  }

  _look() {
    if (this.isClean() || this.isBusy()) this.touch();
    const left = this.seconds - (Date.now() - this.touchedAt) / 1000;
    if (left <= 0) this._wipe();
    else if (left <= WARNED_S) {
      byId("idle-seconds").textContent = String(Math.ceil(left));
      if (!this.dialog.open) this.dialog.showModal();
    } else if (this.dialog.open) this.dialog.close();
  }

  _wipe() {
    this.dialog.close();
    this.touch();
    this.wipe();
  }
}
