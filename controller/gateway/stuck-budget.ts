import type { Clock, Milliseconds } from '../kit/clock.ts';

/** What waits for its reader. */
export interface Stuck {
  close(why: string): void;
}

/**
 * Bounds how many channels of one person, over all connections, wait for a reader that does not read: each holds memory.
 * When there are more, those that have waited longest are closed.
 */
export class StuckBudget {
  readonly #max: number;
  /** Shorter waits are those of a stream that flows. */
  readonly #stuckMs: Milliseconds;
  readonly #clock: Clock;
  readonly #onExceeded: (user: string) => void;
  /** By user, the one that has waited longest first; with since when. */
  readonly #waiting = new Map<string, Map<Stuck, Milliseconds>>();
  readonly #looks = new Map<string, () => void>();

  constructor(options: {
    max: number;
    stuckMs: Milliseconds;
    clock: Clock;
    onExceeded: (user: string) => void;
  }) {
    this.#max = options.max;
    this.#stuckMs = options.stuckMs;
    this.#clock = options.clock;
    this.#onExceeded = options.onExceeded;
  }

  waits(user: string, channel: Stuck): void {
    const all = this.#waiting.get(user) ?? new Map<Stuck, Milliseconds>();
    this.#waiting.set(user, all);
    if (!all.has(channel)) all.set(channel, this.#clock.uptime());
    if (all.size > this.#max && !this.#looks.has(user)) this.#look(user);
  }

  /** It is read again, or over. */
  flows(user: string, channel: Stuck): void {
    const all = this.#waiting.get(user);
    all?.delete(channel);
    if (all?.size === 0) this.#waiting.delete(user);
  }

  stop(): void {
    for (const cancel of this.#looks.values()) cancel();
    this.#looks.clear();
  }

  /** Now, and again when the next one has waited for long enough. */
  #look(user: string): void {
    this.#looks.delete(user);
    const all = this.#waiting.get(user);
    if (!all) return;
    for (const [channel, since] of all) {
      if (all.size <= this.#max) return;
      const leftMs = since + this.#stuckMs - this.#clock.uptime();
      if (leftMs > 0) {
        this.#looks.set(
          user,
          this.#clock.after(leftMs, () => this.#look(user)),
        );
        return;
      }
      all.delete(channel);
      this.#onExceeded(user);
      channel.close('too many of the user’s channels are not read');
    }
  }
}
