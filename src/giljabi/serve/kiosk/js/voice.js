/** Talking with the guide over /v1/realtime: sound up, sound down, and what is said in words. */

/** @import {Answer} from "./types" */

import { Sound } from "./sound.js";

/** @typedef {"off" | "connecting" | "listening" | "hearing" | "thinking" | "speaking" | "waiting"} VoiceState */
/** @typedef {"denied" | "lost" | "busy"} VoiceTrouble */

const SILENT_PIECE = new ArrayBuffer(1280); // 40 ms
const SILENT_PIECES = 30; // more than the silence that ends a turn
const BUSY_CLOSE_MS = 1500;

/**
 * What a conversation tells the page.
 * @typedef {object} Told
 * @property {(state: VoiceState) => void} onState
 * @property {(level: number) => void} onLevel
 * @property {(text: string) => void} onHeard what the visitor said
 * @property {() => void} onUnheard
 * @property {(text: string) => void} onSentence
 * @property {(answer: Answer) => void} onAnswer
 * @property {() => void} onDone nothing more of this answer will come
 * @property {(trouble: VoiceTrouble) => void} onTrouble
 */

/** One spoken conversation: `start`, then sound flows both ways until `close`. */
export class Voice {
  /** @param {string} conversation @param {Told} told */
  constructor(conversation, told) {
    this.told = told;
    this.conversation = conversation;
    /** @type {VoiceState} */
    this.state = "off";
    this.muted = false;
    this.item = "";
    this.answering = false;
    this.wanted = false; // whether sound that comes is still to be played
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {Sound | null} */
    this.sound = null;
  }

  /** Open microphone and connection; from then on it listens. */
  async start() {
    this._be("connecting");
    const sound = new Sound((pcm, level) => this._piece(pcm, level), () => this._silent());
    this.sound = sound;
    try {
      await sound.open();
    } catch {
      this._end("denied");
      return;
    }
    if (this.sound !== sound) return sound.close(); // called off meanwhile
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const query = new URLSearchParams({ raw: "1", conversation: this.conversation });
    const socket = new WebSocket(`${scheme}//${location.host}/v1/realtime?${query}`);
    const began = performance.now();
    let met = false;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      met = true;
      if (data instanceof ArrayBuffer) this._play(data);
      else this._event(JSON.parse(data));
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this._end(met || performance.now() - began > BUSY_CLOSE_MS ? "lost" : "busy");
    };
    this.socket = socket;
  }

  /** Listen again after `mute`. */
  unmute() {
    this.muted = false;
    if (this.state === "waiting") this._be("listening");
  }

  /** The visitor let go: what was said is over, and nothing more is listened to. */
  mute() {
    this.muted = true;
    this.told.onLevel(0);
    for (let n = 0; n < SILENT_PIECES; n++) this._send(SILENT_PIECE);
    if (this.state === "listening") this._be("waiting");
  }

  /** Ask in writing within the same conversation. @param {string} text */
  ask(text) {
    this.hush();
    const content = [{ type: "input_text", text }];
    this._tell({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
    this._tell({ type: "response.create" });
    this._be("thinking");
  }

  /** Be silent now; the conversation goes on. */
  hush() {
    if (this.answering) this._tell({ type: "response.cancel" });
    this._fallSilent();
    this._rest();
  }

  /** End it, forgetting nothing that the server remembers. */
  close() {
    this._end(null);
  }

  /** What is heard of an answer ends here, and the server is told where. */
  _fallSilent() {
    const { sound } = this;
    this.wanted = false;
    if (!sound?.isSounding) return;
    const heard = sound.heardMs;
    sound.stop();
    this._tell({
      type: "conversation.item.truncate", item_id: this.item, content_index: 0, audio_end_ms: heard,
    });
  }

  /** @param {VoiceTrouble | null} trouble */
  _end(trouble) {
    const { socket, sound } = this;
    this.socket = null;
    this.sound = null;
    socket?.close();
    sound?.close();
    this._be("off");
    if (trouble !== null) this.told.onTrouble(trouble);
  }

  /** @param {ArrayBuffer} pcm @param {number} level */
  _piece(pcm, level) {
    if (this.muted) return;
    this.told.onLevel(level);
    this._send(pcm);
  }

  /** @param {ArrayBuffer} pcm */
  _play(pcm) {
    if (!this.wanted) return;
    this.sound?.play(pcm);
    this._be("speaking");
  }

  _silent() {
    if (!this.answering) this._rest();
  }

  /** @param {any} event */
  _event(event) {
    switch (event.type) {
      case "session.created":
        this._rest();
        break;
      case "input_audio_buffer.speech_started":
        this._fallSilent(); // the server has called its answer off already
        this._be("hearing");
        break;
      case "input_audio_buffer.speech_stopped":
        this._be("thinking");
        break;
      case "conversation.item.input_audio_transcription.completed":
        this.told.onHeard(event.transcript);
        break;
      case "conversation.item.input_audio_transcription.failed":
        this.told.onUnheard();
        break;
      case "response.created":
        this.answering = true;
        this.wanted = true;
        break;
      case "response.output_item.added":
        this.item = event.item.id;
        break;
      case "response.output_audio_transcript.delta":
        this.told.onSentence(event.delta);
        break;
      case "giljabi.answer":
        this.told.onAnswer(event.answer);
        break;
      case "response.done":
        this.answering = false;
        this.told.onDone();
        if (!this.sound?.isSounding && this.state !== "hearing") this._rest();
        break;
    }
  }

  _rest() {
    if (this.socket !== null) this._be(this.muted ? "waiting" : "listening");
  }

  /** @param {VoiceState} state */
  _be(state) {
    if (state === this.state) return;
    this.state = state;
    this.told.onState(state);
  }

  /** @param {object} event */
  _tell(event) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }

  /** @param {ArrayBuffer} pcm */
  _send(pcm) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(pcm);
  }
}
