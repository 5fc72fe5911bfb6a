/** The browser's microphone and loudspeaker at 16 kHz. Knows nothing of what is said. */

const RATE = 16_000;
const LEAD_S = 0.06;

/** Whether this browser can give a microphone to this page at all. */
export function hasMicrophone() {
  return Boolean(navigator.mediaDevices?.getUserMedia) && typeof AudioWorkletNode === "function";
}

/** Both directions of sound, open until `close`. */
export class Sound {
  /**
   * @param {(pcm: ArrayBuffer, level: number) => void} onPiece pieces of 40 ms, 16-bit little-endian
   * @param {() => void} onSilent everything that was to be played has been
   */
  constructor(onPiece, onSilent) {
    this.onPiece = onPiece;
    this.onSilent = onSilent;
    this.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    /** @type {Set<AudioBufferSourceNode>} */
    this.playing = new Set();
    this.until = 0;
    this.begun = 0;
    /** @type {MediaStream | null} */
    this.stream = null;
  }

  /** Open the microphone; rejects where the visitor or the machine does not allow it. */
  async open() {
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    await this.context.audioWorklet.addModule("/kiosk/js/microphone_worklet.js");
    await this.context.resume();
    const node = new AudioWorkletNode(this.context, "microphone", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => this.onPiece(data.pcm, data.level);
    this.context.createMediaStreamSource(this.stream).connect(node);
  }

  get isSounding() {
    return this.playing.size > 0;
  }

  /** Milliseconds of the present answer that have been heard. */
  get heardMs() {
    return Math.max(0, Math.round((Math.min(this.context.currentTime, this.until) - this.begun) * 1000));
  }

  /**
   * Play after what is playing.
   * @param {ArrayBuffer} pcm 16-bit little-endian
   */
  play(pcm) {
    const samples = new Int16Array(pcm);
    if (samples.length === 0) return;
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    const channel = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i++) channel[i] = samples[i] / 32768;
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    const now = this.context.currentTime;
    if (!this.isSounding) this.begun = now + LEAD_S;
    const at = Math.max(this.until, now + LEAD_S);
    source.start(at);
    this.until = at + buffer.duration;
    this.playing.add(source);
    source.onended = () => {
      if (this.playing.delete(source) && this.playing.size === 0) this.onSilent();
    };
  }

  /** Be silent at once. */
  stop() {
    const sources = [...this.playing];
    this.playing.clear();
    for (const source of sources) source.stop();
    this.until = 0;
  }

  close() {
    this.stop();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.context.close().catch(() => undefined);
  }
}
