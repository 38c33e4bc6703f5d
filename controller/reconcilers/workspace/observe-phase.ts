import type { Placement, Workspace } from '../../../crds/types.generated.ts';
import { getCondition, isTrue } from '../../runtime/conditions.ts';
import type { Phase } from './phases.ts';

/** There is no container, and none without somebody: an edit, a network, a registry. */
const FAILED = new Set([
  'ImagePullFailed',
  'ImageNotFound',
  'ImagePullDenied',
  'ImageUnsupported',
  'ContainerFailed',
]);
/** The container runs, but something in it does not work. */
const BROKEN = new Set([
  ...FAILED,
  'SSHFailed',
  'CloneFailed',
  'AuthenticationFailed',
  'RefNotFound',
  'ServiceExited',
  'ServiceUnhealthy',
  'HookFailed',
  'PortConflict',
]);

/** The phase that the agent's report amounts to. Says Running only when the agent found everything as declared. */
export function observePhase(workspace: Workspace, placement: Placement | undefined): Phase {
  const isRunning = workspace.spec.running !== false;
  if (!placement) return isRunning ? 'Pending' : 'Stopped';
  const { status } = placement;
  if (!isRunning) return hasStopped(placement) ? 'Stopped' : 'Stopping';
  if (!status || placement.metadata.deletionTimestamp) return 'Creating';
  // Kept from running on its node: it stays there stopped, or leaves.
  if (placement.spec.evictedBy && workspace.spec.onNodeLoss !== 'Reschedule')
    return hasStopped(placement) ? 'Stopped' : 'Stopping';
  if (placement.spec.evictedBy) return 'Stopping';
  const reasons = (status.conditions ?? []).filter(c => c.status !== 'True').map(c => c.reason);
  const containerRuns = status.container?.state === 'Running' && !reasons.includes('CreatingContainer');
  if (containerRuns && isTrue(status.conditions, 'Ready')) return 'Running';
  if (containerRuns) {
    // What once worked and is being put right is no new workspace.
    const worked = workspace.status?.phase === 'Running' || workspace.status?.phase === 'Degraded';
    return worked || reasons.some(reason => BROKEN.has(reason)) ? 'Degraded' : 'Creating';
  }
  return reasons.some(reason => FAILED.has(reason)) ? 'Failed' : 'Creating';
}

/** Whether the agent reports, of a spec that asks for a stop, that the container does not run. */
export function hasStopped({ metadata, spec, status }: Placement): boolean {
  if (spec.running || !status || status.container?.state === 'Running') return false;
  if (status.container === undefined && !getCondition(status.conditions, 'Ready')) return false;
  return (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}
