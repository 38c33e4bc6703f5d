import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';

/** Keys of actions whose work goes on in the background: they are neither planned nor over. */
export function pendingKeys(desired: Desired, { image, guest }: Observed): string[] {
  const keys: string[] = [];
  if (image?.state === 'Fetching') keys.push('ensureImage');
  if (desired.repo && guest?.jobs.clone?.state === 'Running') keys.push('clone');
  return keys;
}
