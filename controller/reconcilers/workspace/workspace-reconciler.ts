import { WORKSPACE } from '../../../crds/kinds.ts';
import { FINALIZER_WORKSPACE } from '../../../crds/names.ts';
import type { ObjectKey } from '../../client/client.ts';
import { allDone } from '../../kit/all-done.ts';
import { isApiError } from '../../kit/errors.ts';
import { formatKey } from '../../kit/paths.ts';
import { hasFinalizer, isDeleting, removeFinalizer } from '../../runtime/finalizers.ts';
import { done, type Outcome, type ReconcileContext, type Reconciler } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';
import { findPlacements, type Pass, type WorkspaceEnvironment } from './pass.ts';
import { removePlacement } from './remove-placement.ts';
import { STEPS } from './steps.ts';
import { summarize } from './summarize.ts';

/** Workspace → Placement, and what became of it → Workspace.status. */
export function createWorkspaceReconciler(env: WorkspaceEnvironment): Reconciler {
  return {
    name: 'workspace',
    async reconcile(key, context) {
      const workspace = env.own.workspaces.get(key);
      if (!workspace) return forget(env, key, context);
      try {
        return await carryOut(env, { workspace, context });
      } catch (error) {
        // What is out of reach or was written meanwhile comes right by itself; this would be silent for ever.
        if (isApiError(error, 'Invalid', 'BadRequest', 'Forbidden'))
          env.recorder.event(workspace, 'Warning', 'ReconcileFailed', `It is tried again: ${error.message}`);
        throw error;
      }
    },
  };
}

async function carryOut(env: WorkspaceEnvironment, pass: Pass): Promise<Outcome> {
  const { name, namespace } = pass.workspace.metadata;
  if (isDeleting(pass.workspace)) return finalize(env, pass);
  env.waiting.leave({ name, namespace });
  for (const step of STEPS) {
    pass.outcome = await step(pass, env);
    if (pass.outcome) break;
  }
  const [outcome] = await allDone([summarize(pass, env), pass.alongside]);
  return outcome;
}

/** The workspace is gone: nothing may be left that was placed for it. */
async function forget(
  env: WorkspaceEnvironment,
  key: ObjectKey,
  context: ReconcileContext,
): Promise<Outcome> {
  env.waiting.leave(key);
  const placements = findPlacements(env, key);
  const removals = await Promise.all(
    placements.map(placement => removePlacement(env, placement, undefined, context.signal)),
  );
  if (removals[0]) return removals[0].outcome;
  env.homes.delete(formatKey(key));
  return done;
}

/** Holds a workspace that is being deleted until everything that was placed for it is gone. */
async function finalize(env: WorkspaceEnvironment, pass: Pass): Promise<Outcome> {
  const { workspace, context } = pass;
  const { name, namespace, uid = '' } = workspace.metadata;
  const key = { name, namespace };
  env.waiting.leave(key);
  if (!hasFinalizer(workspace, FINALIZER_WORKSPACE)) return done;
  const placements = findPlacements(env, key);
  const [first] = await Promise.all(
    placements.map(placement => removePlacement(env, placement, workspace, context.signal)),
  );
  if (first) {
    pass.placement = placements.find(({ spec }) => spec.workspace.uid === uid);
    pass.outcome = first.outcome;
    return summarize(pass, env, first.waitsFor);
  }
  const unanswered = env.unanswered.get(uid);
  if (unanswered) {
    // A create that was never answered may still come true; what comes to be placed for nobody is removed.
    env.unanswered.delete(uid);
    env.homes.set(formatKey(key), unanswered);
  }
  await removeFinalizer(env.client, WORKSPACE, workspace, FINALIZER_WORKSPACE, {
    fieldManager: FIELD_MANAGER,
    signal: context.signal,
  });
  return done;
}
