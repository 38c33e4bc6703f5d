import type { Milliseconds } from './clock.ts';

export interface BackoffOptions {
  /** Upper bound of the first delay. At least 1. */
  baseMs: Milliseconds;
  /** Upper bound of every delay. */
  maxMs: Milliseconds;
  /** Growth per attempt. Defaults to 2. */
  factor?: number;
}

/** `base × factor^attempt`, at most `maxMs`. Attempts count from 0; any size is safe. */
export function exponentialMs(attempt: number, options: BackoffOptions): Milliseconds {
  const grown = options.baseMs * (options.factor ?? 2) ** attempt;
  return Math.min(options.maxMs, Number.isFinite(grown) ? grown : options.maxMs);
}

/** Full jitter: a delay drawn evenly from 0 to the exponential bound. `random` gives [0, 1). */
export function fullJitterMs(attempt: number, options: BackoffOptions, random: () => number): Milliseconds {
  return Math.floor(random() * exponentialMs(attempt, options));
}

/** Counts attempts for one thing that is tried again and again. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #attempt = 0;

  constructor(options: BackoffOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** How many delays were given since the last reset. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The delay before the next attempt, with full jitter. */
  next(): Milliseconds {
    return fullJitterMs(this.#attempt++, this.#options, this.#random);
  }

  /** After a success. */
  reset(): void {
    this.#attempt = 0;
  }
}
