import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Condition } from '../../../crds/object.ts';
import type { Workspace, WorkspaceStatus } from '../../../crds/types.generated.ts';
import { isApiError } from '../../kit/errors.ts';
import { getCondition } from '../../runtime/conditions.ts';
import { patchStatusIfChanged } from '../../runtime/patch-status.ts';
import { done, type EventRecorder, type Outcome } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';
import { fold } from './fold.ts';
import type { Pass, WorkspaceEnvironment } from './pass.ts';
import type { Problem } from './requests.ts';

/** The one place that writes status, says what happened, and decides when to look again. */
export async function summarize(pass: Pass, env: WorkspaceEnvironment, deletion?: Problem): Promise<Outcome> {
  const { workspace, placement, problem, hostKey } = pass;
  const { status, target } = fold({
    workspace,
    placement,
    node: placement && env.ledger.node(placement.spec.nodeName),
    ...(hostKey && { hostKeys: [hostKey.publicKey] }),
    problem,
    deletion,
    nowMs: env.clock.now(),
  });
  try {
    const written = await patchStatusIfChanged(env.client, WORKSPACE, workspace, status, {
      fieldManager: FIELD_MANAGER,
      signal: pass.context.signal,
    });
    if (written !== workspace) env.own.workspaces.wrote(workspace, written);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return done;
    throw error;
  }
  if (!deletion) tell(env.recorder, workspace, status);
  // An observation that is two steps away is reached by the next passes.
  if (status.phase !== target) return { kind: 'requeueAfter', ms: 0 };
  if (pass.outcome) return pass.outcome;
  return problem ? { kind: 'waiting', reason: problem.reason } : done;
}

/** Events of what the controller itself decided or found; the agent's are relayed. */
function tell(recorder: EventRecorder, workspace: Workspace, status: WorkspaceStatus): void {
  const before = workspace.status;
  const conditions = status.conditions as Condition[] | undefined;
  const scheduled = getCondition(conditions, 'Scheduled');
  const old = getCondition(before?.conditions as Condition[] | undefined, 'Scheduled');
  const isNews = scheduled?.reason !== old?.reason || scheduled?.message !== old?.message;
  if (scheduled?.status === 'True' && isNews)
    recorder.event(workspace, 'Normal', 'Scheduled', scheduled.message);
  if (scheduled?.status === 'False' && scheduled.reason !== 'Stopped' && isNews)
    recorder.event(workspace, 'Warning', scheduled.reason, scheduled.message);

  if (status.phase === before?.phase) return;
  const message = status.message ?? '';
  if (status.phase === 'Running') recorder.event(workspace, 'Normal', 'Ready', 'Everything is as declared.');
  else if (status.phase === 'Stopped') recorder.event(workspace, 'Normal', 'Stopped', message);
  else if (status.phase === 'Unknown')
    recorder.event(workspace, 'Warning', getCondition(conditions, 'Ready')?.reason ?? 'Unknown', message);
}
