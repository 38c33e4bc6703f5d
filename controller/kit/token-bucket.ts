import type { Clock, Milliseconds } from './clock.ts';

export interface TokenBucketOptions {
  /** Most that may be taken at once. */
  burst: number;
  /** One more every so often. */
  refillMs: Milliseconds;
  clock: Clock;
}

/** Lets `burst` things through at once and then one every `refillMs`. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  #tokens: number;
  #at: Milliseconds;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#at = options.clock.now();
  }

  /** Whether one more may pass now. */
  take(): boolean {
    const { burst, refillMs, clock } = this.#options;
    const now = clock.now();
    this.#tokens = Math.min(burst, this.#tokens + Math.max(0, now - this.#at) / refillMs);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
