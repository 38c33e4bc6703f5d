import { SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import { FINALIZER_WORKSPACE, SECRET_HOST_KEY } from '../../../crds/names.ts';
import { allDone } from '../../kit/all-done.ts';
import { isApiError } from '../../kit/errors.ts';
import { addFinalizer } from '../../runtime/finalizers.ts';
import { FIELD_MANAGER } from '../deps.ts';
import { followConfig } from './follow-config.ts';
import { hostKeySecretName, newHostKeySecret, readHostKey } from './host-key.ts';
import { leaveNode } from './leave-node.ts';
import { findPlacements, type Step } from './pass.ts';
import { placeWorkspace } from './place-workspace.ts';
import { removePlacement } from './remove-placement.ts';
import { validateWorkspace } from './validate-workspace.ts';

/** Most faults that one message names. */
const MAX_FAULTS = 5;

/** What a workspace that is not being deleted needs, in this order. */
export const STEPS: readonly Step[] = [
  removeStrangers,
  findOwnPlacement,
  followConfig,
  leaveNode,
  validate,
  prepare,
  placeWorkspace,
];

/** What must be there before anything is placed; somebody may be waiting for the port, so side by side. */
async function prepare(...[pass, env]: Parameters<Step>) {
  const [, hostKey] = await allDone([holdUntilRemoved(pass, env), ensureHostKey(pass, env)]);
  return hostKey;
}

async function holdUntilRemoved(...[pass, { client, own }]: Parameters<Step>): Promise<undefined> {
  const before = pass.workspace;
  pass.workspace = await addFinalizer(client, WORKSPACE, before, FINALIZER_WORKSPACE, {
    fieldManager: FIELD_MANAGER,
    signal: pass.context.signal,
  });
  if (pass.workspace !== before) own.workspaces.wrote(before, pass.workspace);
}

/** What a former workspace of this name left, or a second placement of this one, must be fully gone first. */
async function removeStrangers(...[pass, env]: Parameters<Step>) {
  const { workspace, context } = pass;
  const all = findPlacements(env, { name: workspace.metadata.name, namespace: workspace.metadata.namespace });
  const mine = all.find(({ spec }) => spec.workspace.uid === workspace.metadata.uid);
  const strangers = all.filter(placement => placement !== mine);
  const removals = await Promise.all(
    strangers.map(placement => removePlacement(env, placement, workspace, context.signal)),
  );
  const first = removals[0];
  // A second placement of this workspace goes beside the first; a former workspace's must go before.
  if (!first || mine) return undefined;
  pass.problem = first.waitsFor;
  return first.outcome;
}

async function findOwnPlacement(...[pass, env]: Parameters<Step>) {
  const { name, namespace, uid } = pass.workspace.metadata;
  pass.placement = findPlacements(env, { name, namespace }).find(({ spec }) => spec.workspace.uid === uid);
  return undefined;
}

async function validate(...[pass]: Parameters<Step>): Promise<undefined> {
  const faults = validateWorkspace(pass.workspace.spec);
  if (faults.length === 0) return;
  const more = faults.length > MAX_FAULTS ? `; and ${faults.length - MAX_FAULTS} more` : '';
  pass.problem = { reason: 'InvalidSpec', message: `${faults.slice(0, MAX_FAULTS).join('; ')}${more}.` };
}

/**
 * Made once, before anything is placed. A key that a user put there is taken as it is; one that was deleted by mistake
 * is taken back from the placement's copy.
 */
async function ensureHostKey(...[pass, { client, own }]: Parameters<Step>) {
  const { name, namespace, uid } = pass.workspace.metadata;
  const key = { name: hostKeySecretName(name), namespace };
  const { signal } = pass.context;
  let secret = own.secrets.get(key);
  if (!secret) {
    if (pass.problem && !pass.placement) return undefined;
    const copyKey = pass.placement && {
      name: pass.placement.spec.secretName ?? '',
      namespace: pass.placement.metadata.namespace,
    };
    const copy = copyKey && own.secrets.get(copyKey)?.data?.[SECRET_HOST_KEY];
    try {
      secret = await client.create(SECRET, newHostKeySecret(pass.workspace, copy), {
        fieldManager: FIELD_MANAGER,
        signal,
      });
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      secret = await client.get(SECRET, key, signal);
    }
    own.secrets.wrote(undefined, secret);
  }
  const owner = secret.metadata.ownerReferences?.find(({ kind }) => kind === WORKSPACE.kind);
  if (secret.metadata.deletionTimestamp || (owner && owner.uid !== uid)) {
    // It goes with the former workspace of this name.
    if (!secret.metadata.deletionTimestamp) await deleteSecret();
    return { kind: 'requeueAfter', ms: 1000 } as const;
  }
  pass.hostKey = readHostKey(secret);
  if (!pass.hostKey)
    pass.problem ??= {
      reason: 'InvalidSpec',
      message: `Secret ${key.name} holds no private key under ssh_host_ed25519_key. Delete it, and a new key is made.`,
    };
  return undefined;

  async function deleteSecret(): Promise<void> {
    try {
      await client.delete(SECRET, key, { preconditions: { uid: secret?.metadata.uid }, signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}
