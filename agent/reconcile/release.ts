import { isApiError } from '../../controller/kit/errors.ts';
import { removeFinalizer } from '../../controller/runtime/finalizers.ts';
import { PLACEMENT } from '../../crds/kinds.ts';
import { FINALIZER_PLACEMENT } from '../../crds/names.ts';
import type { AgentContext } from '../agent-context.ts';
import type { Desired } from '../model/desired.ts';
import { leaveVolume } from '../moved-volumes.ts';
import { disposeUnit, type Unit } from './unit.ts';

/** The last step of a removal: nothing of the placement is left on the node, and the API forgets it. */
export async function release(context: AgentContext, unit: Unit, desired: Desired): Promise<void> {
  const { backends, checkpoint, client, hostKeys, namespace, statuses } = context;
  const { name, workspaceUid } = desired;
  await disposeUnit(unit);
  for (const { forwarder } of backends.values()) await forwarder.closeAll(name);
  await statuses.forget(name);
  if (desired.retainVolume) await checkpoint.keepVolume(desired.instance.volume.name);
  if (desired.isMoving) await leaveVolume(context, name, workspaceUid);
  await hostKeys.forget(workspaceUid);
  await checkpoint.forget(name);
  try {
    const fresh = await client.get(PLACEMENT, { namespace, name });
    if (fresh.spec.workspace.uid === workspaceUid)
      await removeFinalizer(client, PLACEMENT, fresh, FINALIZER_PLACEMENT);
    unit.isReleased = true;
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}
