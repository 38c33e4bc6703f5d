import { nodeNamespace } from '../../../crds/names.ts';
import type { Node, Placement } from '../../../crds/types.generated.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { keyOf } from '../../kit/paths.ts';
import type { NewCondition } from '../../runtime/conditions.ts';
import type { Eviction } from '../workspace/evictions.ts';
import { noExecuteTaints, type Taint } from '../workspace/no-execute.ts';
import { BY_FORMER_NODE, type WorkspaceEnvironment } from '../workspace/pass.ts';
import { updatePlacement } from '../workspace/place-workspace.ts';
import { whyNoHome } from '../workspace/why-no-home.ts';
import { whyUnplaceable } from '../workspace/why-unplaceable.ts';
import { type Placed, planEvictions } from './plan-evictions.ts';

/** When somebody waits for room elsewhere. */
const AGAIN_MS: Milliseconds = 5_000;
/** When a placement was changed at the same time. */
const CONFLICT_MS: Milliseconds = 200;

/** How far a drain is, and when to look again if nothing happens. */
export interface Evicted {
  drained?: NewCondition;
  againMs?: Milliseconds;
}

/** One node at a time: that is what keeps the budget. */
export type Evict = (node: Node, signal: AbortSignal) => Promise<Evicted>;

/**
 * Marks the placements whose turn it is to leave a node; the workspaces' own reconciler then stops or moves them. Of taints
 * without a time it remembers since when they are there.
 */
export function createEvict(env: WorkspaceEnvironment): Evict {
  const firstSeen = new Map<string, Map<string, Milliseconds>>();

  function remember(node: Node, nowMs: Milliseconds): (taint: Taint) => Milliseconds {
    const before = firstSeen.get(node.metadata.name);
    const taints = noExecuteTaints(node);
    const seen = new Map(taints.map(taint => [idOf(taint), before?.get(idOf(taint)) ?? nowMs]));
    if (seen.size > 0) firstSeen.set(node.metadata.name, seen);
    else firstSeen.delete(node.metadata.name);
    return taint => Date.parse(taint.timeAdded ?? '') || (seen.get(idOf(taint)) ?? nowMs);
  }

  return async (node, signal) => {
    const { name } = node.metadata;
    const nowMs = env.clock.now();
    const taintedSince = remember(node, nowMs);
    if (!node.spec?.drain && noExecuteTaints(node).length === 0) return {};
    const { evict, drained, isWaiting, nextInMs } = planEvictions({
      node,
      placed: findPlaced(env, name),
      leaving: env.workspaces.byIndex(BY_FORMER_NODE, name),
      nowMs,
      taintedSince,
      whyNoHome: workspace => whyUnplaceable(env, workspace) ?? whyNoHome(env, workspace)?.message,
    });
    let againMs = Math.min(
      nextInMs ?? Number.POSITIVE_INFINITY,
      isWaiting ? AGAIN_MS : Number.POSITIVE_INFINITY,
    );
    for (const { placement, by } of evict)
      if (!(await mark(env, placement, by, signal))) againMs = Math.min(againMs, CONFLICT_MS);
    return { ...(drained && { drained }), ...(Number.isFinite(againMs) && { againMs }) };
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

const idOf = ({ key, value = '' }: Taint) => `${key}=${value}`;
