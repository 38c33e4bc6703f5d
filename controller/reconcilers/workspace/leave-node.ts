import { LEASE, PLACEMENT } from '../../../crds/kinds.ts';
import { FINALIZER_PLACEMENT, nodeNamespace } from '../../../crds/names.ts';
import type { Lease } from '../../../crds/object.ts';
import { isApiError } from '../../kit/errors.ts';
import { keyOf } from '../../kit/paths.ts';
import { removeFinalizer } from '../../runtime/finalizers.ts';
import type { Outcome } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';
import { isFenced, mayMove, shouldRun, standingEviction } from './evictions.ts';
import type { Pass, WorkspaceEnvironment } from './pass.ts';
import { updatePlacement } from './place-workspace.ts';
import { removePlacement } from './remove-placement.ts';
import { isReady } from './schedule.ts';
import { whyNoHome } from './why-no-home.ts';
import { whyUnplaceable } from './why-unplaceable.ts';

const AGAIN: Outcome = { kind: 'requeueAfter', ms: 0 };

/**
 * Takes a workspace that may be moved off a node where it must not stay. Each step can be broken off and is taken up again
 * from what the API shows: the placement is marked, the move is told in the status, the placement is removed, and only when
 * it is gone is the workspace placed anew. So there is never more than one.
 */
export async function leaveNode(pass: Pass, env: WorkspaceEnvironment): Promise<Outcome | undefined> {
  const { workspace, placement, context } = pass;
  if (!placement) return undefined;
  const isGoing = placement.metadata.deletionTimestamp !== undefined;
  const node = env.ledger.node(placement.spec.nodeName);
  if (mayMove(workspace) && shouldRun(workspace) && !(node && isReady(node))) {
    const leftMs = env.heartbeats.untilFenced(placement.spec.nodeName);
    if (leftMs !== undefined && leftMs <= 0) return giveUp(pass, env);
    // Its heartbeats are no news for a workspace.
    pass.againMs = leftMs;
  }
  if (!isGoing) {
    const evictedBy = standingEviction(workspace, placement, node);
    const leaves = mayMove(workspace) && evictedBy !== undefined && evictedBy !== 'NodeLoss';
    if (!leaves || whyUnplaceable(env, workspace)) return undefined;
    const problem = whyNoHome(env, workspace);
    if (problem) {
      pass.problem ??= problem;
      env.waiting.enter(workspace, { message: problem.message, isPlaced: false });
      return undefined;
    }
    if (placement.spec.evictedBy !== evictedBy) return mark(pass, env, evictedBy);
    if (workspace.status?.move?.from !== placement.spec.nodeName) return AGAIN;
  }
  // Its agent removes it; so it does when somebody deleted the placement, which is made again when it is gone.
  const { outcome } = await removePlacement(env, placement, workspace, context.signal);
  return outcome;
}

/** The node cannot run it any more, and nothing was heard of it for so long that nobody need ask it. */
async function giveUp(pass: Pass, env: WorkspaceEnvironment): Promise<Outcome | undefined> {
  const { workspace, placement, context } = pass;
  if (!placement) return undefined;
  const { nodeName } = placement.spec;
  const isGoing = placement.metadata.deletionTimestamp !== undefined;
  // What is marked was looked at before.
  const isSure = placement.spec.evictedBy === 'NodeLoss' || isFenced(placement);
  if (!isSure && env.ledger.node(nodeName)) {
    pass.cannotMove =
      'It was lost before it knew that the workspace may be moved, so it may still run there. If that machine is gone for ' +
      `good, "nexus delete node ${nodeName}" says so.`;
    return isGoing ? { kind: 'waiting', reason: 'NodeUnreachable' } : undefined;
  }
  if (!isGoing) {
    if (whyUnplaceable(env, workspace)) return undefined;
    const problem = whyNoHome(env, workspace);
    if (problem) {
      // What is there is not given up for nothing.
      pass.cannotMove = `The workspace is moved as soon as another one can take it: ${problem.message}`;
      env.waiting.enter(workspace, { message: problem.message, isPlaced: false });
      return undefined;
    }
    if (placement.spec.evictedBy !== 'NodeLoss') return mark(pass, env, 'NodeLoss');
    if (workspace.status?.move?.from !== nodeName) return AGAIN;
  }
  if (!(await isStillSilent(env, nodeName, context.signal))) return AGAIN;
  const { uid } = placement.metadata;
  try {
    if (!isGoing)
      await env.client.delete(PLACEMENT, keyOf(placement), {
        preconditions: { uid },
        signal: context.signal,
      });
    const left = await env.client.get(PLACEMENT, keyOf(placement), context.signal);
    if (left.metadata.uid === uid)
      await removeFinalizer(env.client, PLACEMENT, left, FINALIZER_PLACEMENT, {
        fieldManager: FIELD_MANAGER,
        signal: context.signal,
      });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
  env.recorder.event(
    workspace,
    'Warning',
    'Moved',
    `Node ${nodeName} is lost: the workspace begins on another one with an empty home. Its container and its home volume ` +
      `are still on ${nodeName}; when that is back, the container is removed at once and the volume after a while.`,
  );
  return { kind: 'waiting', reason: 'Moving' };
}

async function mark(
  pass: Pass,
  env: WorkspaceEnvironment,
  evictedBy: 'Drain' | 'Taint' | 'NodeLoss',
): Promise<Outcome> {
  const { placement, context } = pass;
  if (placement)
    pass.placement = await updatePlacement(
      env,
      placement,
      { ...placement.spec, running: false, evictedBy },
      context.signal,
    );
  return AGAIN;
}

/**
 * Asked of the server itself, after the placement was marked: an agent that is back renews its lease first and reads its
 * placements then. Either its renewal is seen here, or it sees the mark.
 */
async function isStillSilent(
  { client, heartbeats, ledger }: WorkspaceEnvironment,
  nodeName: string,
  signal: AbortSignal,
): Promise<boolean> {
  let lease: Lease | undefined;
  try {
    lease = await client.get(LEASE, { namespace: nodeNamespace(nodeName), name: nodeName }, signal);
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
  const before = heartbeats.last(nodeName);
  const heartbeat = heartbeats.hear(nodeName, lease, ledger.node(nodeName)) ?? before;
  return heartbeat === before;
}
