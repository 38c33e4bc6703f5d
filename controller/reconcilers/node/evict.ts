import { nodeNamespace } from '../../../crds/names.ts';
import type { Node, NodeStatus, Placement } from '../../../crds/types.generated.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { keyOf } from '../../kit/paths.ts';
import type { NewCondition } from '../../runtime/conditions.ts';
import type { Eviction } from '../workspace/evictions.ts';
import { noExecuteTaints } from '../workspace/no-execute.ts';
import { BY_FORMER_NODE, type WorkspaceEnvironment } from '../workspace/pass.ts';
import { updatePlacement } from '../workspace/place-workspace.ts';
import { whyNoHome } from '../workspace/why-no-home.ts';
import { whyUnplaceable } from '../workspace/why-unplaceable.ts';
import { followTaints } from './follow-taints.ts';
import { type Placed, planEvictions } from './plan-evictions.ts';

/** When somebody waits for room elsewhere. */
const AGAIN_MS: Milliseconds = 5_000;
/** When a placement was changed at the same time. */
const CONFLICT_MS: Milliseconds = 200;

/** How far a drain is, and when to look again if nothing happens. */
export interface Evicted {
  /** To be kept in the node's status, for the next controller. */
  taintedSince?: NodeStatus['taintedSince'];
  drained?: NewCondition;
  againMs?: Milliseconds;
}

/** One node at a time: that is what keeps the budget. */
export type Evict = (node: Node, signal: AbortSignal) => Promise<Evicted>;

/** Marks the placements whose turn it is to leave a node; the workspaces' own reconciler then stops or moves them. */
export function createEvict(env: WorkspaceEnvironment): Evict {
  const followed = followTaints();
  return async (node, signal) => {
    const { name } = node.metadata;
    const nowMs = env.clock.now();
    const { taintedSince, sinceMs } = followed(node, nowMs);
    if (!node.spec?.drain && noExecuteTaints(node).length === 0) return {};
    const { evict, drained, isWaiting, nextInMs } = planEvictions({
      node,
      placed: findPlaced(env, name),
      leaving: env.workspaces.byIndex(BY_FORMER_NODE, name),
      nowMs,
      taintedSince: sinceMs,
      whyNoHome: workspace => whyUnplaceable(env, workspace) ?? whyNoHome(env, workspace)?.message,
    });
    let againMs = Math.min(
      nextInMs ?? Number.POSITIVE_INFINITY,
      isWaiting ? AGAIN_MS : Number.POSITIVE_INFINITY,
    );
    for (const { placement, by } of evict)
      if (!(await mark(env, placement, by, signal))) againMs = Math.min(againMs, CONFLICT_MS);
    return { taintedSince, ...(drained && { drained }), ...(Number.isFinite(againMs) && { againMs }) };
  };
}

function findPlaced(env: WorkspaceEnvironment, node: string): Placed[] {
  return env.placements.list({ namespace: nodeNamespace(node) }).flatMap((seen): Placed[] => {
    const placement = env.own.placements.get(keyOf(seen));
    const workspace = placement && env.own.workspaces.get(placement.spec.workspace);
    const isOf = workspace && workspace.metadata.uid === placement.spec.workspace.uid;
    return isOf && !workspace.metadata.deletionTimestamp ? [{ placement, workspace }] : [];
  });
}

/** False: it was changed, removed or made anew at the same time. */
async function mark(
  env: WorkspaceEnvironment,
  placement: Placement,
  evictedBy: Eviction,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await updatePlacement(env, placement, { ...placement.spec, running: false, evictedBy }, signal);
    return true;
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    return false;
  }
}
