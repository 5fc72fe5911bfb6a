/** What the page asks of its server. Knows nothing of what is shown. */

/** @import {Answer, Kiosk, Lang, Refusal, Way} from "./types" */

import { events } from "./sse.js";

/** The server cannot be reached. */
export class LostError extends Error {}

/** The server said no, and why. */
export class RefusedError extends Error {
  /** @param {number} status @param {Refusal} refusal */
  constructor(status, refusal) {
    super(refusal.error?.message ?? `HTTP ${status}`);
    this.status = status;
    this.refusal = refusal;
  }
}

/** @returns {Promise<Kiosk>} */
export async function kiosk() {
  return (await get("/v1/kiosk")).json();
}

/**
 * Whether the server is up, and the hash of the venue it serves.
 * @returns {Promise<string>}
 */
export async function health() {
  const reply = await get("/healthz", AbortSignal.timeout(5000));
  return (await reply.json()).venue_hash;
}

/**
 * Ask; `onSentence` gets each sentence once it is checked. Gives the answer and all it rests on.
 * @param {{question: string, conversation: string, lang: Lang, signal: AbortSignal}} asked
 * @param {(text: string) => void} onSentence
 * @returns {Promise<Answer>}
 */
export async function ask({ question, conversation, lang, signal }, onSentence) {
  const reply = await reached(
    fetch("/answer", {
      method: "POST",
      signal,
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ prompt: question, conversation, lang }),
    }),
  );
  if (reply.body === null) throw new LostError();
  try {
    for await (const { name, data } of events(reply.body)) {
      if (name === "sentence") onSentence(data.text);
      else if (name === "answer") return data;
      else throw new RefusedError(500, data);
    }
  } catch (error) {
    if (error instanceof TypeError) throw new LostError();
    throw error;
  }
  throw new LostError();
}

/**
 * The way from one place to another, both by id.
 * @param {{from: string, to: string, stepFree: boolean, lang: Lang}} wanted
 * @returns {Promise<Way>}
 */
export async function way({ from, to, stepFree, lang }) {
  const query = new URLSearchParams({ from, to, lang, step_free: String(stepFree) });
  const { features } = await (await get(`/v1/route?${query}`)).json();
  const [{ geometry, properties }] = features;
  return { ...properties, line: geometry?.coordinates ?? null };
}

/**
 * Have the server forget a conversation. That it cannot be reached is no matter: it forgets by
 * itself.
 * @param {string} conversation
 */
export async function forget(conversation) {
  try {
    await (await fetch(`/conversations/${conversation}`, { method: "DELETE" })).text();
  } catch {
    // It expires there.
  }
}

/** @param {string} path @param {AbortSignal} [signal] */
async function get(path, signal) {
  return reached(fetch(path, { signal }));
}

/** @param {Promise<Response>} sent */
async function reached(sent) {
  let reply;
  try {
    reply = await sent;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new LostError();
  }
  if (!reply.ok) throw new RefusedError(reply.status, await reply.json().catch(() => ({})));
  return reply;
}
