import { LABEL_SHARES } from '../../../crds/names.ts';
import type { KubeObject } from '../../../crds/object.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import type { Client } from '../../client/client.ts';
import { jsonEqual } from '../../kit/json.ts';
import { type ControllerWatch, watch } from '../../runtime/controller.ts';
import { done, type Informer, type Reconciler } from '../../runtime/reconciler.ts';
import { cachedPolicy, keepPolicy, type PolicyCaches, removePolicy } from '../keep-policy.ts';
import { shareRights } from './share-rights.ts';

export interface SharingOptions {
  client: Client;
  workspaces: Informer<Workspace>;
  policy: PolicyCaches;
}

/** Rights of the users whom a workspace names in `spec.ssh.authorizedUsers`. Gone with the workspace: it owns them. */
export function createSharingReconciler({ client, workspaces, policy }: SharingOptions): Reconciler {
  return {
    name: 'sharing',
    async reconcile({ name, namespace }, { signal }) {
      const workspace = workspaces.get(name, namespace);
      if (!workspace || workspace.metadata.deletionTimestamp) return done;
      const { role, binding } = shareRights(workspace);
      const isShared = (binding.subjects ?? []).length > 0;
      // The binding goes first and comes last: it is what gives.
      const order = isShared ? [role, binding] : [binding, role];
      for (const wanted of order) {
        const live = cachedPolicy(policy, wanted);
        if (isShared) await keepPolicy(client, wanted, live, signal);
        else if (live?.metadata.labels?.[LABEL_SHARES] === name) await removePolicy(client, live, signal);
      }
      return done;
    },
  };
}

export function sharingWatches({ workspaces, policy }: Omit<SharingOptions, 'client'>): ControllerWatch[] {
  const ofLabel = ({ metadata }: KubeObject) => {
    const name = metadata.labels?.[LABEL_SHARES];
    return name === undefined ? [] : [{ name, namespace: metadata.namespace }];
  };
  return [
    watch(
      workspaces,
      undefined,
      ({ old, now }) =>
        !old || !now || !jsonEqual(old.spec.ssh?.authorizedUsers, now.spec.ssh?.authorizedUsers),
    ),
    watch(policy.roles, ofLabel),
    watch(policy.roleBindings, ofLabel),
  ];
}
