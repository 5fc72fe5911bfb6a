/** Whether the server is there: looked at now and then, and often while it is not. */

import * as server from "./server.js";

const CALM_MS = 15_000;
const ANXIOUS_MS = 1500;

/** Tells `onChange` when the server is lost or back, and `onVenue` when its venue is another. */
export class Connection {
  /** @param {{hash: string, onChange: (up: boolean) => void, onVenue: () => void}} told */
  constructor({ hash, onChange, onVenue }) {
    this.hash = hash;
    this.up = true;
    this.misses = 0;
    this.onChange = onChange;
    this.onVenue = onVenue;
    this.timer = setTimeout(() => this._look(), CALM_MS);
  }

  /** Somebody could not reach it. */
  lost() {
    this._is(false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this._look(), ANXIOUS_MS);
  }

  async _look() {
    try {
      const hash = await server.health();
      this.misses = 0;
      this._is(true);
      if (hash !== this.hash) this.onVenue();
    } catch {
      this.misses += 1; // one slow answer is no loss
      if (this.misses > 1) this._is(false);
    }
    const calm = this.up && this.misses === 0;
    this.timer = setTimeout(() => this._look(), calm ? CALM_MS : ANXIOUS_MS);
  }

  /** @param {boolean} up */
  _is(up) {
    if (up === this.up) return;
    this.up = up;
    this.onChange(up);
  }
}
