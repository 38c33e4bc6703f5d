import { exponentialMs } from '../../controller/kit/backoff.ts';
import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';
import { digest } from '../../controller/kit/hash.ts';
import type { ActionFailure } from '../model/observed.ts';
import { type Action, keyOfAction, laneOf } from '../plan/actions.ts';
import { withoutTry } from '../plan/try-token.ts';

interface Attempt {
  lane: string;
  /** What was tried; something else has a backoff of its own. */
  identity: string;
  count: number;
  /** Set when it is planned again although it was carried out. */
  notBefore?: Milliseconds;
  failure?: ActionFailure;
}

const FAILED = { baseMs: 1_000, maxMs: 300_000 };

/**
 * Holds back what was tried and is asked for again: an action that failed, or that had no lasting effect, comes back
 * after a delay that doubles. What is asked for differently (an edited spec) is tried at once.
 */
export class Attempts {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #attempts = new Map<string, Attempt>();

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** 0: it may be carried out now; else how long to wait. */
  heldMs(action: Action): Milliseconds {
    const attempt = this.#attempts.get(keyOfAction(action));
    if (!attempt || attempt.identity !== identityOf(action)) return 0;
    const now = this.#clock.now();
    if (attempt.notBefore === undefined) {
      const bound = exponentialMs(attempt.count - 1, FAILED);
      attempt.notBefore = now + bound / 2 + (this.#random() * bound) / 2;
    }
    return Math.max(0, attempt.notBefore - now);
  }

  /** It was carried out. */
  record(action: Action, failure?: ActionFailure): void {
    const key = keyOfAction(action);
    const identity = identityOf(action);
    const before = this.#attempts.get(key);
    const count = before?.identity === identity ? before.count + 1 : 1;
    this.#attempts.set(key, { lane: laneOf(action), identity, count, ...(failure && { failure }) });
  }

  /** What was begun in the background has failed. */
  fail(action: Action, failure: ActionFailure): void {
    const attempt = this.#attempts.get(keyOfAction(action));
    if (attempt?.identity === identityOf(action)) attempt.failure = failure;
  }

  /**
   * What is not planned any more went well and is forgotten, but for `pending` (keys of what still goes on in the
   * background) and, unless `healthy`, what concerns the instance: one that dies at once was not started well.
   */
  settle(planned: Action[], pending: string[], healthy: boolean): void {
    const keep = new Set([...planned.map(keyOfAction), ...pending]);
    for (const [key, { lane }] of this.#attempts)
      if (!keep.has(key) && (healthy || lane !== 'instance')) this.#attempts.delete(key);
  }

  /** Actions whose last attempt failed. */
  failures(): Record<string, ActionFailure> {
    const found: Record<string, ActionFailure> = {};
    for (const [key, { failure, count }] of this.#attempts)
      if (failure) found[key] = { ...failure, attempts: count };
    return found;
  }
}

function identityOf(action: Action): string {
  if (action.type === 'clone' || action.type === 'runHook') return withoutTry(action.token);
  if (action.type === 'serviceRestart') return action.service;
  return digest(action, 32);
}
