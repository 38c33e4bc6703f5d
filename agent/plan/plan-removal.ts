import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import type { Action } from './actions.ts';
import { beforeStop } from './before-stop.ts';

/** Everything that was made, in an order that can be broken off anywhere; the finalizer goes last. */
export function planRemoval(desired: Desired, observed: Observed): Action[] {
  if (observed.driverMissing) return [{ type: 'release' }];
  if (observed.engineError) return [];
  const actions: Action[] = observed.strays.map(({ driver, instance }) => ({
    type: 'removeStray',
    driver,
    id: instance.id,
  }));
  if (observed.instance) {
    const before = beforeStop(desired, observed);
    if (!before.ready) return [...actions, ...before.actions];
    if (observed.instance.state === 'Running') actions.push({ type: 'stop', reason: 'Delete' });
    actions.push({ type: 'remove' });
  }
  if (observed.hasVolume && !desired.retainVolume && !desired.isMoving)
    actions.push({ type: 'removeVolume' });
  return [...actions, { type: 'release' }];
}
