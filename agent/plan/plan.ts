import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import type { Action } from './actions.ts';
import { planForwards } from './plan-forwards.ts';
import { planInside } from './plan-inside.ts';
import { planInstance } from './plan-instance.ts';
import { planRemoval } from './plan-removal.ts';

/**
 * What brings `observed` nearer to `desired`; empty when nothing is to be done now. Pure. Executing it and observing
 * again leads, in a bounded number of rounds, to an empty plan; what takes time (a pull, a clone, a hook, a service
 * becoming healthy) is waited for with an empty plan, and its end is observed.
 */
export function plan(desired: Desired, observed: Observed): Action[] {
  if (desired.deleting) return [...planForwards(desired, observed), ...planRemoval(desired, observed)];
  const forwards = planForwards(desired, observed);
  if (observed.engineError || observed.driverMissing) return forwards;
  const strays: Action[] = observed.strays.map(({ driver, instance }) => ({
    type: 'removeStray',
    driver,
    id: instance.id,
  }));
  const instance = planInstance(desired, observed);
  return [
    ...forwards,
    ...strays,
    ...instance,
    ...(instance.every(leavesRunning) ? planInside(desired, observed) : []),
  ];
}

/** These change in place; everything else about the instance comes first. */
const leavesRunning = ({ type }: Action) => type === 'update' || type === 'setAutoStart';
