import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import type { Action } from './actions.ts';

/**
 * Ports of the node, whatever the container does: they stay open while it is made anew. Those that go are closed
 * before others are opened, so that two can swap. Another target on the same port is changed in place.
 */
export function planForwards(desired: Desired, observed: Observed): Action[] {
  const wanted = desired.running && !desired.deleting && observed.fence !== 'Stop' ? desired.forwards : [];
  const close: Action[] = [];
  const open: Action[] = [];
  for (const [name, now] of Object.entries(observed.forwards)) {
    const want = wanted.find(forward => forward.name === name);
    if (!want || want.hostPort !== now.hostPort || want.exposure !== now.exposure)
      close.push({ type: 'closeForward', name });
  }
  for (const forward of wanted) {
    const now = observed.forwards[forward.name];
    const same =
      now?.state === 'Open' &&
      now.port === forward.port &&
      now.hostPort === forward.hostPort &&
      now.exposure === forward.exposure;
    if (!same) open.push({ type: 'openForward', forward });
  }
  return [...close, ...open];
}
