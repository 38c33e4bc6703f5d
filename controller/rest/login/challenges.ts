import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Clock, type Milliseconds, timestamp } from '../../kit/clock.ts';

const TTL_MS: Milliseconds = 60_000;
const NONCE_BYTES = 16;
const TIME_BYTES = 6;
const HEAD_BYTES = NONCE_BYTES + TIME_BYTES;

/**
 * Challenges that hold once and for a minute. Nothing is kept of those that are out, so that nobody can fill the memory
 * by asking: they carry their end and our seal. Those that were used are kept until their end.
 */
export class Challenges {
  readonly #clock: Clock;
  readonly #secret = randomBytes(32);
  readonly #used = new Map<string, Milliseconds>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(): { challenge: string; expires: string } {
    const until = this.#clock.now() + TTL_MS;
    const head = Buffer.alloc(HEAD_BYTES);
    randomBytes(NONCE_BYTES).copy(head);
    head.writeUIntBE(Math.floor(until), NONCE_BYTES, TIME_BYTES);
    return {
      challenge: Buffer.concat([head, this.#seal(head)]).toString('base64url'),
      expires: timestamp(until),
    };
  }

  /** Uses it up. False for one that is over, was used, or is not ours. */
  redeem(challenge: string): boolean {
    const data = Buffer.from(challenge, 'base64url');
    const head = data.subarray(0, HEAD_BYTES);
    const seal = this.#seal(head);
    if (data.length !== HEAD_BYTES + seal.length || !timingSafeEqual(data.subarray(HEAD_BYTES), seal))
      return false;
    const now = this.#clock.now();
    for (const [key, until] of this.#used) if (until <= now) this.#used.delete(key);
    const until = head.readUIntBE(NONCE_BYTES, TIME_BYTES);
    const key = data.toString('base64url');
    if (until <= now || this.#used.has(key)) return false;
    this.#used.set(key, until);
    return true;
  }

  #seal(head: Buffer): Buffer {
    return createHmac('sha256', this.#secret).update(head).digest();
  }
}
