import { exponentialMs } from '../../controller/kit/backoff.ts';
import { done, type Outcome } from '../../controller/runtime/reconciler.ts';
import type { Observed } from '../model/observed.ts';
import type { Unit } from './unit.ts';

const HELD_BACK_MS = 100;
const BLIND = { baseMs: 500, maxMs: 15_000 };

/**
 * The inside did not answer this once. That is no news before it does not answer again, which is asked soon: an answer that the
 * engine has lost does not make what runs unready.
 */
export function isBlink(unit: Unit, { guestError }: Observed): boolean {
  return guestError !== undefined && unit.blindLooks === 0;
}

/** Nothing can be done now. What could not be seen tells nobody when it can: it is looked at again, ever less often. */
export function restOutcome(unit: Unit, observed: Observed, waitsMs: number[]): Outcome {
  const isBlind = observed.engineError !== undefined || observed.guestError !== undefined;
  unit.blindLooks = isBlind ? unit.blindLooks + 1 : 0;
  const waits = [
    waitsMs,
    observed.isHeldBack ? HELD_BACK_MS : [],
    isBlind ? exponentialMs(unit.blindLooks - 1, BLIND) : [],
  ].flat();
  return waits.length === 0 ? done : { kind: 'requeueAfter', ms: Math.min(...waits) };
}
