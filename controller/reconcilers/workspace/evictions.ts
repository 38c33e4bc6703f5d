import type { Node, Placement, PlacementSpec, Workspace } from '../../../crds/types.generated.ts';
import { leastToleranceMs } from './no-execute.ts';
import { hasStopped } from './observe-phase.ts';
import { isReady } from './schedule.ts';

/** Why a workspace must not run where it is placed. */
export type Eviction = NonNullable<PlacementSpec['evictedBy']>;

/** Whether the workspace may be moved to another node, without its files. */
export function mayMove({ spec }: Workspace): boolean {
  return spec.onNodeLoss === 'Reschedule';
}

/** Whether the workspace should run somewhere. */
export function shouldRun({ spec }: Workspace): boolean {
  return spec.running !== false;
}

/**
 * What still keeps a placed workspace from running where it is. Who is driven away, and when, is decided elsewhere and
 * written to the placement; what does not run on a node that is drained, or has a taint against it, is not started there.
 */
export function standingEviction(
  workspace: Workspace,
  placement: Placement,
  node: Node | undefined,
): Eviction | undefined {
  const { evictedBy, running } = placement.spec;
  if (!shouldRun(workspace)) return undefined;
  if (evictedBy === 'NodeLoss' && mayMove(workspace) && !(node && isReady(node))) return evictedBy;
  if (running) return undefined;
  if (node?.spec?.drain) return 'Drain';
  const leastMs = leastToleranceMs(workspace.spec, node);
  // Whose time has run out stays driven away for as long as there is the taint.
  return leastMs <= 0 || (evictedBy === 'Taint' && leastMs < Number.POSITIVE_INFINITY) ? 'Taint' : undefined;
}

/** Why the workspace is kept stopped on its node, until that has an end. */
export function heldBy(workspace: Workspace, placement: Placement | undefined): Eviction | undefined {
  return shouldRun(workspace) && !mayMove(workspace) ? placement?.spec.evictedBy : undefined;
}

/** Mark of a placement that was allowed to be moved when it was made. */
export const FENCED_FROM_THE_BEGINNING = 'created';

/**
 * Whether what runs of a placement is sure to end when its node reaches no server: its agent has said so of the present
 * mark, or has never known it otherwise.
 */
export function isFenced({ spec, status }: Placement): boolean {
  return (
    spec.fence !== undefined && (spec.fence === FENCED_FROM_THE_BEGINNING || status?.fence === spec.fence)
  );
}

/** Whether what was evicted has stopped, as its agent reports. */
export function hasLeft(placement: Placement): boolean {
  return placement.spec.evictedBy !== undefined && hasStopped(placement);
}
