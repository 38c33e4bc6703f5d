import type { Clock, Milliseconds } from '../controller/kit/clock.ts';

/** An answer tells whole seconds, of a moment ago. */
const TOLD_TO_MS: Milliseconds = 1000;

/**
 * The server's time, as its answers tell it: what is written for others to read is stamped with it, whatever this
 * machine's clock says. Lengths of time are this machine's own. As long as no answer contradicts, the two are the same.
 */
export class ServerClock implements Clock {
  readonly uptime: Clock['uptime'];
  readonly after: Clock['after'];
  readonly sleep: Clock['sleep'];
  readonly #clock: Clock;
  #aheadMs: Milliseconds = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.uptime = () => clock.uptime();
    this.after = (ms, fn) => clock.after(ms, fn);
    this.sleep = (ms, signal) => clock.sleep(ms, signal);
  }

  /** How far this machine's clock is ahead of the server's; negative: behind. */
  get aheadMs(): Milliseconds {
    return this.#aheadMs;
  }

  now(): Milliseconds {
    return this.#clock.now() - this.#aheadMs;
  }

  /** The `Date` of an answer to what was sent then by this machine's clock, and came now. */
  readonly heard = (date: unknown, sentAt: Milliseconds): void => {
    const told = typeof date === 'string' ? Date.parse(date) : Number.NaN;
    if (Number.isNaN(told)) return;
    // It was made between the two, and in that second or just after.
    const most = this.#clock.now() - told + TOLD_TO_MS;
    const least = sentAt - told - 2 * TOLD_TO_MS;
    if (least <= most) this.#aheadMs = Math.min(most, Math.max(least, this.#aheadMs));
  };
}
