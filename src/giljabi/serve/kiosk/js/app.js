/** The page put together: what is shown, what is asked, and how a visit ends. */

import { App } from "./visit.js";
import * as server from "./server.js";
import { byId } from "./dom.js";
import { WORDS } from "./lang/words.js";

const RETRY_MS = 2000;

/** Wait for the server, however long it takes to come up. */
async function start() {
  for (;;) {
    try {
      const kiosk = await server.kiosk();
      byId("connection").textContent = "";
      new App(kiosk).open(new URLSearchParams(location.search));
      document.body.classList.remove("starting");
      performance.mark("ready");
      return;
    } catch (error) {
      if (!(error instanceof server.LostError)) throw error;
      byId("connection").textContent = `${WORDS.ko.lost} ${WORDS.en.lost}`;
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

start();
