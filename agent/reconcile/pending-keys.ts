import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { keyOfAction } from '../plan/actions.ts';

/** Keys of actions whose work goes on in the background: they are neither planned nor over. */
export function pendingKeys(desired: Desired, { image, guest }: Observed): string[] {
  const keys: string[] = [];
  if (image?.state === 'Fetching') keys.push('ensureImage');
  if (desired.repo && guest?.jobs.clone?.state === 'Running') keys.push('clone');
  // A hook that failed waits for more than its next try: postStart for services.
  for (const hook of ['preStart', 'postStart'] as const) {
    const state = desired.hooks[hook] && guest?.jobs[hook]?.state;
    if (state && state !== 'Succeeded') keys.push(keyOfAction({ type: 'runHook', hook, token: '' }));
  }
  return keys;
}
