import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';

/** Runs from its present definition, and is healthy if it has a check. */
export function isServiceReady(name: string, desired: Desired, observed: Observed): boolean {
  const service = desired.services.find(item => item.name === name);
  const now = observed.guest?.services.find(item => item.name === name);
  if (!service || now?.state !== 'Running') return false;
  const digest = desired.inside?.config.services[name]?.digest;
  if (digest !== undefined && now.digest !== digest) return false;
  return !service.check || observed.health[name]?.health === 'Healthy';
}
