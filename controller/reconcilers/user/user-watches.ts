import { LABEL_USER } from '../../../crds/names.ts';
import type { KubeObject, Namespace, ResourceQuota } from '../../../crds/object.ts';
import type { User, Workspace } from '../../../crds/types.generated.ts';
import { jsonEqual } from '../../kit/json.ts';
import { type ControllerWatch, watch } from '../../runtime/controller.ts';
import type { Informer } from '../../runtime/reconciler.ts';
import type { PolicyCaches } from '../keep-policy.ts';
import { sharers } from './user-keys.ts';

/** Everything that may change what a user has, or what is known of it. */
export function userWatches(caches: {
  users: Informer<User>;
  namespaces: Informer<Namespace>;
  workspaces: Informer<Workspace>;
  policy: PolicyCaches;
  quotas: Informer<ResourceQuota>;
}): ControllerWatch[] {
  const { users, namespaces, workspaces, policy, quotas } = caches;
  const ofLabel = ({ metadata }: KubeObject) => {
    const name = metadata.labels?.[LABEL_USER];
    return name === undefined ? [] : [{ name }];
  };
  return [
    watch(users),
    // Whose key was freed or taken.
    watch(users, user => sharers(user, users).map(name => ({ name }))),
    watch(namespaces, ({ metadata }) => (users.get(metadata.name) ? [{ name: metadata.name }] : [])),
    watch(policy.roleBindings, ofLabel),
    watch(policy.clusterRoleBindings, ofLabel),
    watch(quotas, ofLabel, ({ old, now }) => !old || !now || !jsonEqual(old.spec, now.spec)),
    // The last workspace of a user that is being deleted.
    watch(
      workspaces,
      ({ metadata }) => (users.get(metadata.namespace ?? '') ? [{ name: metadata.namespace ?? '' }] : []),
      ({ old, now }) =>
        !now && users.get(old?.metadata.namespace ?? '')?.metadata.deletionTimestamp !== undefined,
    ),
  ];
}
