import type { Unit } from '../reconcile/unit.ts';
import type { LocatePlacement } from './serve-streams.ts';

/** Where the sshd of a placement is: the addresses that this agent found on its own engine. */
export function locatePlacement(units: ReadonlyMap<string, Unit>): LocatePlacement {
  return placement => {
    const unit = units.get(placement);
    if (!unit) throw new Error('the node has no such workspace');
    if (!unit.tunnel) throw new Error('its container is not running');
    return unit.tunnel.addresses;
  };
}
