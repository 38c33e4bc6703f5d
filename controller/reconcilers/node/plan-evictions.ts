import type { Node, Placement, Workspace } from '../../../crds/types.generated.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { formatKey } from '../../kit/paths.ts';
import type { NewCondition } from '../../runtime/conditions.ts';
import { type Eviction, hasLeft, mayMove, shouldRun } from '../workspace/evictions.ts';
import { noExecuteTaints, type Taint, toleranceMs } from '../workspace/no-execute.ts';
import { type DrainProgress, drainedCondition } from './drained-condition.ts';

export interface Placed {
  placement: Placement;
  workspace: Workspace;
}

export interface NodeOccupants {
  node: Node;
  /** What is placed on the node. */
  placed: readonly Placed[];
  /** Workspaces that have left the node and have not arrived elsewhere. */
  leaving: readonly Workspace[];
  nowMs: Milliseconds;
  /** Since when the node has a taint, as nowMs. */
  taintedSince(taint: Taint): Milliseconds;
  /** Why no other node takes a workspace; undefined: one does. */
  whyNoHome(workspace: Workspace): string | undefined;
}

export interface EvictionPlan {
  /** Placements to be marked now, so that their workspaces leave or stop. */
  evict: { placement: Placement; by: Eviction }[];
  /** How far the drain is; absent: the node is not drained. */
  drained?: NewCondition;
  /** Somebody waits for room elsewhere: look again by and by. */
  isWaiting: boolean;
  /** When the next one no longer tolerates a taint. */
  nextInMs?: Milliseconds;
}

/** How many workspaces are driven away by a taint at once. */
const TAINT_BUDGET = 1;

/**
 * Whose turn it is to leave a node that is drained, or has a NoExecute taint. Of those that are moved or stopped there are
 * never more than the drain's maxConcurrent at once: one that is moved counts until it runs elsewhere, so that one that
 * fails there keeps the others from the same.
 * Those that may be moved are not until there is room elsewhere. By name; pure.
 */
export function planEvictions(occupants: NodeOccupants): EvictionPlan {
  const { node, placed, leaving, whyNoHome } = occupants;
  const { drain } = node.spec ?? {};
  const budget = drain ? (drain.maxConcurrent ?? 1) : TAINT_BUDGET;
  const here = placed
    .map(item => ({ ...item, ...stateOf(item, occupants) }))
    .sort((a, b) => (formatKey(a.workspace.metadata) < formatKey(b.workspace.metadata) ? -1 : 1));
  const of = (wanted: State) =>
    here.filter(({ state }) => state === wanted).map(({ workspace }) => workspace);
  const progress: DrainProgress = {
    due: of('due').length,
    moving: uniqueByUid([...of('moving'), ...leaving]),
    stopping: of('stopping'),
    held: of('stays').filter(workspace => shouldRun(workspace)),
    blocked: [],
  };
  const underWay = uniqueByUid([...progress.moving, ...progress.stopping]).length;
  const evict: EvictionPlan['evict'] = [];
  for (const { placement, workspace, state } of here) {
    if (state !== 'due') continue;
    const why = mayMove(workspace) ? whyNoHome(workspace) : undefined;
    if (why !== undefined) progress.blocked.push({ workspace, why });
    else if (underWay + evict.length < budget) evict.push({ placement, by: drain ? 'Drain' : 'Taint' });
  }
  const nextInMs = Math.min(...here.map(({ dueInMs = Number.POSITIVE_INFINITY }) => dueInMs));
  return {
    evict,
    ...(drain && { drained: drainedCondition(node, progress) }),
    isWaiting: progress.blocked.length > 0,
    ...(Number.isFinite(nextInMs) && { nextInMs }),
  };
}

type State = 'due' | 'moving' | 'stopping' | 'stays';

function stateOf(
  { placement, workspace }: Placed,
  occupants: NodeOccupants,
): { state: State; dueInMs?: Milliseconds } {
  const { node } = occupants;
  if (placement.metadata.deletionTimestamp) return { state: 'moving' };
  const moves = mayMove(workspace) && shouldRun(workspace);
  if (placement.spec.evictedBy)
    return { state: moves ? 'moving' : hasLeft(placement) ? 'stays' : 'stopping' };
  // Its owner stopped it.
  if (!placement.spec.running) return { state: 'stays' };
  if (node.spec?.drain) return { state: 'due' };
  const dueInMs = drivenAwayInMs({ placement, workspace }, occupants);
  return dueInMs <= 0 ? { state: 'due' } : { state: 'stays', dueInMs };
}

/** When the least tolerated of the node's NoExecute taints drives the workspace away; Infinity: never. */
function drivenAwayInMs(
  { placement, workspace }: Placed,
  { node, nowMs, taintedSince }: NodeOccupants,
): Milliseconds {
  const placedMs = Date.parse(placement.metadata.creationTimestamp ?? '') || 0;
  const times = noExecuteTaints(node).map(
    taint => Math.max(taintedSince(taint), placedMs) + toleranceMs(taint, workspace.spec.tolerations) - nowMs,
  );
  return Math.min(...times);
}

function uniqueByUid(workspaces: readonly Workspace[]): Workspace[] {
  return [...new Map(workspaces.map(workspace => [workspace.metadata.uid, workspace])).values()];
}
