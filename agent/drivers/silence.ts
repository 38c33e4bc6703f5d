import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';

/** Of a download: large layers are unpacked without a word on a slow disk. */
export const DOWNLOAD_SILENCE_MS: Milliseconds = 900_000;

/**
 * Calls `onSilence`, once, when nothing was heard for `ms`; time while it is paused does not count. Taken in two halves: a
 * process that was itself held up for as long gets to hear what has come meanwhile.
 */
export class Silence {
  readonly #clock: Clock;
  readonly #half: Milliseconds;
  readonly #onSilence: () => void;
  #cancel = () => {};
  #isPaused = false;
  #isOver = false;

  constructor(clock: Clock, ms: Milliseconds, onSilence: () => void) {
    this.#clock = clock;
    this.#half = ms / 2;
    this.#onSilence = onSilence;
    this.heard();
  }

  heard(): void {
    this.#cancel();
    if (this.#isPaused || this.#isOver) return;
    this.#cancel = this.#clock.after(this.#half, () => {
      this.#cancel = this.#clock.after(this.#half, () => {
        this.stop();
        this.#onSilence();
      });
    });
  }

  pause(): void {
    this.#isPaused = true;
    this.#cancel();
  }

  resume(): void {
    this.#isPaused = false;
    this.heard();
  }

  stop(): void {
    this.#isOver = true;
    this.#cancel();
  }
}
