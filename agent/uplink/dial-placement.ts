import type { Clock } from '../../controller/kit/clock.ts';
import type { Unit } from '../reconcile/unit.ts';
import { dialAddress } from '../ssh/dial.ts';
import type { DialPlacement } from './serve-streams.ts';

/** To the sshd of a placement, at the addresses that this agent found on its own engine. */
export function dialPlacement(units: ReadonlyMap<string, Unit>, clock: Clock): DialPlacement {
  return async placement => {
    const unit = units.get(placement);
    if (!unit) throw new Error('the node has no such workspace');
    let last: unknown = new Error('its container is not running');
    for (const address of unit.tunnel?.addresses ?? []) {
      try {
        return await dialAddress(address, clock);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };
}
