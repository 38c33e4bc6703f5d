import { PLACEMENT } from '../../../crds/kinds.ts';
import {
  FINALIZER_PLACEMENT,
  LABEL_NODE,
  LABEL_WORKSPACE_UID,
  nodeNamespace,
  placementName,
  SECRET_HOST_KEY,
} from '../../../crds/names.ts';
import type { Placement, PlacementSpec, Workspace } from '../../../crds/types.generated.ts';
import { ApiError, isApiError } from '../../kit/errors.ts';
import { mergePatch } from '../../kit/json.ts';
import { formatKey, keyOf } from '../../kit/paths.ts';
import type { Outcome } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';
import { decidePlacement } from './decide-placement.ts';
import { type Eviction, shouldRun, standingEviction } from './evictions.ts';
import type { Pass, WorkspaceEnvironment } from './pass.ts';
import { syncPlacementSecret } from './placement-secret.ts';
import { resolvePlacement } from './resolve-placement.ts';
import { resolveSecrets } from './resolve-secrets.ts';

/**
 * Writes the placement that the spec amounts to, when it differs from what is there. With a problem, what is placed
 * goes on by the last spec that could be resolved; only a stop and a start still reach it.
 */
export async function placeWorkspace(pass: Pass, env: WorkspaceEnvironment): Promise<Outcome | undefined> {
  const { workspace, context } = pass;
  const { namespace = '', uid = '' } = workspace.metadata;
  await findUnanswered(pass, env);
  const { placement } = pass;
  const secrets = resolveSecrets(
    workspace.spec,
    secret => env.own.secrets.get({ name: secret, namespace }),
    env.defaultImage(workspace.spec.driver ?? 'docker'),
  );
  if ('problem' in secrets) pass.problem ??= secrets.problem;
  if (pass.problem || 'problem' in secrets || !pass.hostKey) return carryOn(pass, env);
  if (!placement && workspace.spec.running === false) return undefined;

  const secretData = { [SECRET_HOST_KEY]: pass.hostKey.privateData, ...secrets.data };
  const decision = decidePlacement(workspace, placement, env.ledger, env.defaultImage);
  if ('problem' in decision && decision.problem) {
    pass.problem = decision.problem;
    const { reason, message } = decision.problem;
    if (reason !== 'InvalidSpec')
      env.waiting.enter(workspace, { message, isPlaced: placement !== undefined });
  }
  if (!('nodeName' in decision)) return carryOn(pass, env);
  const spec = resolvePlacement(
    workspace,
    decision,
    { ...secrets, secretData },
    {
      image: env.defaultImage(decision.driver),
      authorizedKeys: [
        ...(env.authorizedKeys?.current() ?? []),
        ...[namespace, ...(workspace.spec.ssh?.authorizedUsers ?? [])].flatMap(
          user => env.ownerKeys?.of(user) ?? [],
        ),
      ],
      evictedBy: placement && evictionOf(workspace, placement, env),
      placed: placement?.spec,
    },
  );
  // No await between the decision and this: it is what keeps two passes from taking one port.
  const wanted = placement ? { ...placement, spec } : newPlacement(workspace, spec);
  env.ledger.assume(wanted);
  try {
    // A secret that changed is there before the spec that names its digest; a new one needs its owner first.
    if (placement) await syncPlacementSecret(env, placement, secretData, context.signal);
    pass.placement = placement
      ? await updatePlacement(env, placement, spec, context.signal)
      : await create(env, wanted, context.signal);
    env.ledger.confirm(pass.placement);
  } catch (error) {
    if (isApiError(error) && error.code >= 400 && error.code < 500) env.ledger.forget(uid, spec.nodeName);
    throw error;
  }
  if (placement) tellMovedPorts(pass, env, placement);
  else pass.alongside = syncPlacementSecret(env, pass.placement, secretData, context.signal);
  return undefined;
}

/** The placement of a create whose answer was lost: it may be there. */
async function findUnanswered(pass: Pass, env: WorkspaceEnvironment): Promise<void> {
  const { uid = '', name, namespace } = pass.workspace.metadata;
  const key = env.unanswered.get(uid);
  if (!key) return;
  try {
    const found = await env.client.get(PLACEMENT, key, pass.context.signal);
    if (found.spec.workspace.uid === uid && !pass.placement) {
      env.homes.set(formatKey({ name, namespace }), key);
      env.own.placements.wrote(undefined, found);
      env.ledger.confirm(found);
      pass.placement = found;
    }
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    env.ledger.forget(uid, key.namespace?.slice(nodeNamespace('').length) ?? '');
  }
  env.unanswered.delete(uid);
}

async function carryOn(pass: Pass, env: WorkspaceEnvironment): Promise<undefined> {
  const { placement, workspace } = pass;
  if (!placement) return;
  const { evictedBy: _, ...spec } = placement.spec;
  const evictedBy = evictionOf(workspace, placement, env);
  const running = shouldRun(workspace) && !evictedBy;
  const wanted: PlacementSpec = { ...spec, running, ...(evictedBy && { evictedBy }) };
  pass.placement = await updatePlacement(env, placement, wanted, pass.context.signal);
}

function evictionOf(
  workspace: Workspace,
  placement: Placement,
  { ledger }: WorkspaceEnvironment,
): Eviction | undefined {
  return standingEviction(workspace, placement, ledger.node(placement.spec.nodeName));
}

function newPlacement(workspace: Workspace, spec: PlacementSpec): Placement {
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Placement',
    metadata: {
      name: placementName(workspace.metadata.name, workspace.metadata.namespace ?? ''),
      namespace: nodeNamespace(spec.nodeName),
      labels: { [LABEL_WORKSPACE_UID]: spec.workspace.uid, [LABEL_NODE]: spec.nodeName },
      finalizers: [FINALIZER_PLACEMENT],
    },
    spec,
  };
}

async function create(env: WorkspaceEnvironment, wanted: Placement, signal: AbortSignal): Promise<Placement> {
  const key = keyOf(wanted);
  const { workspace } = wanted.spec;
  let made: Placement;
  try {
    made = await env.client.create(PLACEMENT, wanted, { fieldManager: FIELD_MANAGER, signal });
  } catch (error) {
    const isRefused = isApiError(error) && error.code >= 400 && error.code < 500;
    if (!isRefused) env.unanswered.set(workspace.uid, key);
    if (!isApiError(error, 'AlreadyExists')) throw error;
    made = await env.client.get(PLACEMENT, key, signal);
    if (made.spec.workspace.uid !== workspace.uid)
      throw new ApiError('Conflict', `placement ${formatKey(key)} of a former workspace is not gone yet`);
  }
  env.homes.set(formatKey(workspace), key);
  env.own.placements.wrote(undefined, made);
  return made;
}

/** Optimistic: a placement that changed since it was read is a conflict, and looked at again. */
export async function updatePlacement(
  env: WorkspaceEnvironment,
  placement: Placement,
  spec: PlacementSpec,
  signal: AbortSignal,
): Promise<Placement> {
  const patch = mergePatch({ spec: placement.spec }, { spec });
  if (!patch) return placement;
  const { uid, resourceVersion } = placement.metadata;
  const body = { metadata: { uid, resourceVersion }, ...patch };
  const written = await env.client.patch(PLACEMENT, keyOf(placement), 'merge', body, {
    fieldManager: FIELD_MANAGER,
    signal,
  });
  env.own.placements.wrote(placement, written);
  return written;
}

/** Says which ports were taken back because something else on the node holds them. */
function tellMovedPorts(pass: Pass, env: WorkspaceEnvironment, before: Placement): void {
  const now = pass.placement?.spec;
  if (!now) return;
  const moves = [{ name: 'ssh', from: before.spec.ssh.port, to: now.ssh.port }];
  for (const { name, hostPort } of now.forwards ?? []) {
    const old = before.spec.forwards?.find(forward => forward.name === name);
    if (old) moves.push({ name, from: old.hostPort, to: hostPort });
  }
  for (const { name, from, to } of moves)
    if (from !== to)
      env.recorder.event(
        pass.workspace,
        'Warning',
        'PortConflict',
        `Port ${from} of node ${now.nodeName} is held by something else; "${name}" has port ${to} now.`,
      );
}
