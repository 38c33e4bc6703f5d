import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import type { Action } from './actions.ts';

/**
 * What must come before the container is stopped: the hook preStop, once, for a bounded time. `ready` with no actions
 * means go on; not `ready` with no actions means wait.
 */
export function beforeStop(desired: Desired, observed: Observed): { ready: boolean; actions: Action[] } {
  const go = { ready: true, actions: [] };
  const hook = desired.hooks.preStop;
  if (!hook || observed.instance?.state !== 'Running' || !observed.guest?.configured) return go;
  if (observed.preStopExpired || observed.failures['runHook/preStop']) return go;
  const job = observed.guest.jobs.preStop;
  if (job?.state === 'Running') return { ready: false, actions: [] };
  if (job?.token === hook.token) return go;
  return { ready: false, actions: [{ type: 'runHook', hook: 'preStop', token: hook.token }] };
}
