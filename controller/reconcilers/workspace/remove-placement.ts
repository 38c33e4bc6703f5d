import { PLACEMENT } from '../../../crds/kinds.ts';
import { ANNOTATION_FORCE_DELETE, FINALIZER_PLACEMENT } from '../../../crds/names.ts';
import type { Placement, Workspace } from '../../../crds/types.generated.ts';
import { isApiError } from '../../kit/errors.ts';
import { keyOf } from '../../kit/paths.ts';
import { isDeleting, removeFinalizer } from '../../runtime/finalizers.ts';
import type { Outcome } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';
import { silentSince } from './node-health.ts';
import type { WorkspaceEnvironment } from './pass.ts';
import type { Problem } from './requests.ts';

/**
 * Has a placement removed by its agent. Where the workspace it was made for is gone or going,
 * a node that is silent for `nodeLossDeleteMs`, or the workspace's annotation
 * nexus.dev/force-delete=true, ends the wait: then what the node may still hold is forgotten, and an Event says so;
 * the node's agent removes what no placement asks for when it returns. Returns what it waits for.
 */
export async function removePlacement(
  env: WorkspaceEnvironment,
  placement: Placement,
  workspace: Workspace | undefined,
  signal: AbortSignal,
): Promise<{ waitsFor: Problem; outcome: Outcome }> {
  const { client, clock, recorder } = env;
  const { nodeName } = placement.spec;
  const { deletionTimestamp, finalizers, uid } = placement.metadata;
  if (!deletionTimestamp) {
    try {
      await client.delete(PLACEMENT, keyOf(placement), { preconditions: { uid }, signal });
    } catch (error) {
      // Gone already, or a namesake made since: the cache will tell.
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    }
  }
  const node = env.ledger.node(nodeName);
  const since = node ? silentSince(node) : Date.parse(deletionTimestamp ?? '') || clock.now();
  // What still belongs to a workspace may be running there: only its agent may say that it is not.
  const isWanted = workspace?.metadata.uid === placement.spec.workspace.uid && !isDeleting(workspace);
  const leftMs = since === undefined || isWanted ? undefined : since + env.nodeLossDeleteMs - clock.now();
  const isForced = workspace?.metadata.annotations?.[ANNOTATION_FORCE_DELETE] === 'true';
  const isHeld = deletionTimestamp !== undefined && finalizers?.includes(FINALIZER_PLACEMENT);
  if (isHeld && (isForced || (leftMs !== undefined && leftMs <= 0))) {
    await removeFinalizer(client, PLACEMENT, placement, FINALIZER_PLACEMENT, {
      fieldManager: FIELD_MANAGER,
      signal,
    });
    const why = isForced ? 'as asked' : 'for it was silent too long';
    const message = `Forgotten without an answer of node ${nodeName}, ${why}. Its agent removes what is left when it returns.`;
    if (workspace) recorder.event(workspace, 'Warning', 'ForceDeleted', message);
  }
  if (leftMs === undefined)
    return {
      waitsFor: {
        reason: 'Deleting',
        message: `Node ${nodeName} is removing the container; a running preStop hook is given 30 seconds.`,
      },
      outcome: { kind: 'waiting', reason: 'Deleting' },
    };
  return {
    waitsFor: {
      reason: 'NodeUnreachable',
      message:
        `Node ${nodeName} is silent and may still hold the container. The workspace goes when the node answers, or by ` +
        `itself after ${Math.round(env.nodeLossDeleteMs / 60_000)} minutes of silence; "nexus delete --force" forgets it now.`,
    },
    outcome: leftMs > 0 ? { kind: 'requeueAfter', ms: leftMs } : { kind: 'waiting', reason: 'Deleting' },
  };
}
