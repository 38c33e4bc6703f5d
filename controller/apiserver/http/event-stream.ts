import type { ServerResponse } from 'node:http';
import type { Clock, Milliseconds } from '../../kit/clock.ts';

export interface EventStreamOptions {
  readonly clock: Clock;
  /** What may wait in the socket before send() holds up its caller. */
  readonly bufferBytes: number;
  /** How long it is held up before the client is given up. */
  readonly stallMs: Milliseconds;
}

/** The writing end of a watch's answer. The buffer is bounded: a client that does not read is cut off. */
export class EventStream {
  readonly #raw: ServerResponse;
  readonly #options: EventStreamOptions;
  #cutOff = false;

  constructor(raw: ServerResponse, options: EventStreamOptions) {
    this.#raw = raw;
    this.#options = options;
  }

  get isOpen(): boolean {
    return !this.#cutOff && !this.#raw.destroyed && !this.#raw.writableEnded;
  }

  /** Whether the client was too slow. */
  get wasCutOff(): boolean {
    return this.#cutOff;
  }

  /** Resolves at once unless much waits already. false: the stream is over. */
  async send(data: string | Buffer): Promise<boolean> {
    if (!this.isOpen) return false;
    this.#raw.write(data);
    return this.#raw.writableLength <= this.#options.bufferBytes || this.#drained();
  }

  /** Calls `fn` when the client is gone. Returns what takes that back. */
  onClose(fn: () => void): () => void {
    if (!this.isOpen) fn();
    this.#raw.on('close', fn);
    return () => this.#raw.off('close', fn);
  }

  /** Ends the answer properly. */
  end(): void {
    if (this.isOpen) this.#raw.end();
  }

  /** Ends it at once, whatever still waits. */
  cutOff(): void {
    this.#cutOff = true;
    this.#raw.destroy();
  }

  #drained(): Promise<boolean> {
    return new Promise(resolve => {
      const settle = (open: boolean) => {
        cancel();
        this.#raw.off('drain', onDrain);
        this.#raw.off('close', onClose);
        resolve(open);
      };
      const onDrain = () => settle(true);
      const onClose = () => settle(false);
      const cancel = this.#options.clock.after(this.#options.stallMs, () => {
        this.cutOff();
        settle(false);
      });
      this.#raw.on('drain', onDrain);
      this.#raw.on('close', onClose);
    });
  }
}
