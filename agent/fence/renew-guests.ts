import type { AgentContext } from '../agent-context.ts';
import type { Unit } from '../reconcile/unit.ts';

type Context = Pick<AgentContext, 'backends' | 'fence' | 'log'>;

/**
 * Tells every instance that is fenced how long it may go on. Each ends by itself when it is not told again: the fence
 * holds though this process is stopped, killed or hangs. In the background: one that does not answer keeps up no other.
 */
export function renewGuests(context: Context, units: Iterable<Unit>): void {
  for (const unit of units) if (unit.known === 'Running') void renewGuest(context, unit);
}

export async function renewGuest({ backends, fence, log }: Context, unit: Unit): Promise<void> {
  const { instanceId, placementUid } = unit;
  const desired = unit.resolved?.desired;
  if (!desired?.mayMove || !instanceId || unit.isRenewing || fence.verdict(placementUid) !== 'Free') return;
  unit.isRenewing = true;
  try {
    await backends.get(desired.driver)?.guest.fence(instanceId, fence.leftMs);
  } catch (error) {
    log.debug({ err: error, placement: unit.name }, 'the fence of an instance was not renewed');
  } finally {
    unit.isRenewing = false;
  }
}
