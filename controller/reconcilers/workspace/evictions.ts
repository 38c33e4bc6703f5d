import type { Node, Placement, PlacementSpec, Workspace } from '../../../crds/types.generated.ts';
import { hasStopped } from './observe-phase.ts';
import { isReady, isTolerated } from './schedule.ts';

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

/** Whether a taint of the node drives the workspace away. */
export function isDrivenAway({ spec }: Workspace, node: Node | undefined): boolean {
  return (node?.spec?.taints ?? []).some(
    taint => taint.effect === 'NoExecute' && !isTolerated(taint, spec.tolerations ?? []),
  );
}

/**
 * What still keeps a placed workspace from running where it is. Who is driven away, and when, is decided elsewhere and
 * written to the placement; what does not run on a node that is drained is not started there.
 */
export function standingEviction(
  workspace: Workspace,
  placement: Placement,
  node: Node | undefined,
): Eviction | undefined {
  const { evictedBy, running } = placement.spec;
  if (!shouldRun(workspace)) return undefined;
  if (node?.spec?.drain && (evictedBy === 'Drain' || (!running && !evictedBy))) return 'Drain';
  if (evictedBy === 'Taint' && mayMove(workspace) && isDrivenAway(workspace, node)) return evictedBy;
  if (evictedBy === 'NodeLoss' && mayMove(workspace) && !(node && isReady(node))) return evictedBy;
  return undefined;
}

/** Whether the workspace is kept stopped on its node until the drain ends. */
export function isHeldByDrain(workspace: Workspace, placement: Placement | undefined): boolean {
  return placement?.spec.evictedBy === 'Drain' && shouldRun(workspace) && !mayMove(workspace);
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
