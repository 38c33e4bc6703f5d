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
    ...(pass.config && { config: pass.config }),
    ...(hostKey && { hostKeys: [hostKey.publicKey] }),
    problem,
    deletion,
    cannotMove: pass.cannotMove,
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
  const { outcome, againMs = Number.POSITIVE_INFINITY } = pass;
  if (outcome?.kind === 'requeueAfter') return { kind: 'requeueAfter', ms: Math.min(outcome.ms, againMs) };
  if (Number.isFinite(againMs)) return { kind: 'requeueAfter', ms: Math.max(0, againMs) };
  if (outcome) return outcome;
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

  const { move } = before ?? {};
  const arrives = status.nodeName !== undefined && status.nodeName !== before?.nodeName;
  if (move && move.reason !== 'NodeLoss' && arrives && status.nodeName !== move.from)
    recorder.event(
      workspace,
      'Normal',
      'Moved',
      `Moved from node ${move.from} to ${status.nodeName}, with an empty home. The former home volume is kept on ${move.from} for a while.`,
    );
  if (status.phase === before?.phase) return;
  const message = status.message ?? '';
  if (status.phase === 'Running') recorder.event(workspace, 'Normal', 'Ready', 'Everything is as declared.');
  else if (status.phase === 'Stopped') {
    const { reason = 'Stopped' } = getCondition(conditions, 'Ready') ?? {};
    recorder.event(workspace, 'Normal', reason, message);
  } else if (status.phase === 'Unknown')
    recorder.event(workspace, 'Warning', getCondition(conditions, 'Ready')?.reason ?? 'Unknown', message);
}
