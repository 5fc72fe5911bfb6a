/** In the audio thread: samples of the microphone as 16-bit pieces of 40 ms, with their level. */

const PIECE = 640;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.power = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process([[samples]]) {
    for (const sample of samples ?? []) {
      const s = Math.max(-1, Math.min(1, sample));
      this.piece[this.filled++] = s * 32767;
      this.power += s * s;
      if (this.filled === PIECE) this.send();
    }
    return true;
  }

  send() {
    const level = Math.sqrt(this.power / PIECE);
    this.port.postMessage({ pcm: this.piece.buffer, level }, [this.piece.buffer]);
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.power = 0;
  }
}

registerProcessor("microphone", Microphone);
