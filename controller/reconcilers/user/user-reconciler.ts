import { apiVersionOf, NAMESPACE, USER, WORKSPACE } from '../../../crds/kinds.ts';
import { ANNOTATION_FORCE_DELETE, FINALIZER_USER, LABEL_USER } from '../../../crds/names.ts';
import type { Condition, Namespace, ResourceQuota } from '../../../crds/object.ts';
import type { User } from '../../../crds/types.generated.ts';
import type { Client } from '../../client/client.ts';
import type { Clock } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { getCondition } from '../../runtime/conditions.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from '../../runtime/finalizers.ts';
import { patchStatusIfChanged } from '../../runtime/patch-status.ts';
import {
  done,
  type EventRecorder,
  type Informer,
  type Outcome,
  type Reconciler,
} from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';
import { cachedPolicy, keepPolicy, type PolicyCaches, removePolicy } from '../keep-policy.ts';
import { judgeKeys } from './user-keys.ts';
import { keepQuota } from './user-quota.ts';
import { userRights } from './user-rights.ts';
import { type UserFindings, userStatus } from './user-status.ts';

export interface UserReconcilerOptions {
  client: Client;
  clock: Clock;
  recorder: EventRecorder;
  users: Informer<User>;
  namespaces: Informer<Namespace>;
  policy: PolicyCaches;
  quotas: Informer<ResourceQuota>;
}

/**
 * A user's namespace, what the user may do, and User.status. Rights go first and come last. A user that is deleted
 * stays until no workspace is left in the namespace, which then goes too.
 */
export function createUserReconciler(options: UserReconcilerOptions): Reconciler {
  const { client, clock, recorder, users, namespaces } = options;

  async function ensureNamespace(name: string, signal: AbortSignal): Promise<UserFindings['namespace']> {
    const namespace = namespaces.get(name);
    if (namespace?.metadata.deletionTimestamp) return 'ending';
    if (namespace) return isOurs(namespace) ? 'ours' : 'taken';
    const wanted: Namespace = {
      apiVersion: apiVersionOf(NAMESPACE),
      kind: NAMESPACE.kind,
      metadata: { name, labels: { [LABEL_USER]: name } },
    };
    try {
      await client.create(NAMESPACE, wanted, { fieldManager: FIELD_MANAGER, signal });
      return 'ours';
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      return isOurs(await client.get(NAMESPACE, { name }, signal)) ? 'ours' : 'taken';
    }
  }

  async function syncRights(user: User, mayHave: boolean, signal: AbortSignal): Promise<void> {
    for (const { binding, isGiven } of userRights(user)) {
      const live = cachedPolicy(options.policy, binding);
      if (mayHave && isGiven) await keepPolicy(client, binding, live, signal);
      else if (live?.metadata.labels?.[LABEL_USER] === user.metadata.name)
        await removePolicy(client, live, signal);
    }
  }

  async function writeStatus(user: User, findings: UserFindings, signal: AbortSignal): Promise<void> {
    const status = userStatus(user, findings, clock.now());
    const before = getCondition(user.status?.conditions as Condition[] | undefined, 'Ready');
    const ready = getCondition(status.conditions as Condition[], 'Ready');
    await patchStatusIfChanged(client, USER, user, status, { fieldManager: FIELD_MANAGER, signal });
    if (!ready || (before?.reason === ready.reason && before.message === ready.message)) return;
    if (ready.reason === 'Deleting' || ready.reason === 'Progressing') return;
    recorder.event(user, ready.status === 'True' ? 'Normal' : 'Warning', ready.reason, ready.message);
  }

  async function finalize(user: User, signal: AbortSignal): Promise<Outcome> {
    await syncRights(user, false, signal);
    if (!hasFinalizer(user, FINALIZER_USER)) return done;
    const { name, annotations } = user.metadata;
    const namespace = namespaces.get(name);
    if (namespace && isOurs(namespace) && !namespace.metadata.deletionTimestamp) {
      // Asked, not taken from a cache: what is missed here would be deleted.
      const { items } = await client.list(WORKSPACE, { namespace: name, signal });
      const workspaces = items.map(({ metadata }) => metadata.name);
      if (workspaces.length > 0 && annotations?.[ANNOTATION_FORCE_DELETE] !== 'true') {
        const keys = judgeKeys(user, users);
        await writeStatus(user, { keys, namespace: 'ours', workspaces }, signal);
        return { kind: 'waiting', reason: 'WorkspacesRemain' };
      }
      const { uid } = namespace.metadata;
      await client.delete(NAMESPACE, { name }, { preconditions: { uid }, signal }).catch(error => {
        if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
      });
    }
    await removeFinalizer(client, USER, user, FINALIZER_USER, { fieldManager: FIELD_MANAGER, signal });
    return done;
  }

  return {
    name: 'user',
    async reconcile({ name }, { signal }) {
      const found = users.get(name);
      if (!found) return done;
      if (found.metadata.deletionTimestamp) return finalize(found, signal);
      const user = await addFinalizer(client, USER, found, FINALIZER_USER, {
        fieldManager: FIELD_MANAGER,
        signal,
      });
      const namespace = await ensureNamespace(name, signal);
      // Before the right to fill it.
      if (namespace === 'ours') await keepQuota(options, user, signal);
      await syncRights(user, namespace === 'ours', signal);
      await writeStatus(user, { keys: judgeKeys(user, users), namespace }, signal);
      return namespace === 'ending' ? { kind: 'waiting', reason: 'Deleting' } : done;
    },
  };
}

const isOurs = ({ metadata }: Namespace) => metadata.labels?.[LABEL_USER] === metadata.name;
