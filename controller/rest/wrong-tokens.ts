import { BoundedMap } from '../kit/bounded-map.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import { TokenBucket } from '../kit/token-bucket.ts';
import { RestError } from './rest-error.ts';

const BURST = 20;
const REFILL_MS: Milliseconds = 3_000;
const MAX_ADDRESSES = 10_000;

/** Too many requests, for `waitMs`. */
export function tooMany(waitMs: Milliseconds): RestError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new RestError('rate_limited', `Too many requests; try again in ${seconds} s.`, {
    retry_after_seconds: seconds,
  });
}

/** Slows down an address that shows wrong tokens: GitHub is asked about each, on our account. */
export class WrongTokens {
  readonly #clock: Clock;
  readonly #known = new BoundedMap<string, { bucket: TokenBucket; blockedUntil: Milliseconds }>(
    MAX_ADDRESSES,
  );

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws RestError rate_limited. */
  check(address: string): void {
    const leftMs = (this.#known.get(address)?.blockedUntil ?? 0) - this.#clock.now();
    if (leftMs > 0) throw tooMany(leftMs);
  }

  failed(address: string): void {
    const bucket =
      this.#known.get(address)?.bucket ??
      new TokenBucket({ burst: BURST, refillMs: REFILL_MS, clock: this.#clock });
    const blockedUntil = bucket.take() ? 0 : this.#clock.now() + REFILL_MS;
    this.#known.set(address, { bucket, blockedUntil });
  }
}
