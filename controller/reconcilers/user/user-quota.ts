import { apiVersionOf, RESOURCE_QUOTA, WORKSPACE } from '../../../crds/kinds.ts';
import { LABEL_USER } from '../../../crds/names.ts';
import type { ResourceQuota } from '../../../crds/object.ts';
import type { User } from '../../../crds/types.generated.ts';
import type { Client } from '../../client/client.ts';
import { isApiError } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import type { Informer } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';
import { ownedBy } from '../keep-policy.ts';

/** Name of the ResourceQuota in the user's namespace. */
const QUOTA = 'nexus-user';

/** `spec.quota` as a ResourceQuota, kept as declared; others in the namespace are left alone. */
export async function keepQuota(
  { client, quotas }: { client: Client; quotas: Informer<ResourceQuota> },
  user: User,
  signal: AbortSignal,
): Promise<void> {
  const { name } = user.metadata;
  const live = quotas.get(QUOTA, name);
  const { workspaces } = user.spec.quota ?? {};
  if (workspaces === undefined) {
    if (live?.metadata.labels?.[LABEL_USER] !== name) return;
    await client.delete(RESOURCE_QUOTA, { name: QUOTA, namespace: name }, { signal }).catch(error => {
      if (!isApiError(error, 'NotFound')) throw error;
    });
    return;
  }
  const hard = { [`count/${WORKSPACE.plural}.${WORKSPACE.group}`]: String(workspaces) };
  if (live?.metadata.labels?.[LABEL_USER] === name && jsonEqual(live.spec?.hard, hard)) return;
  const wanted: ResourceQuota = {
    apiVersion: apiVersionOf(RESOURCE_QUOTA),
    kind: RESOURCE_QUOTA.kind,
    metadata: {
      name: QUOTA,
      namespace: name,
      labels: { [LABEL_USER]: name },
      ownerReferences: [ownedBy(user)],
    },
    spec: { hard },
  };
  await client.apply(RESOURCE_QUOTA, wanted, { fieldManager: FIELD_MANAGER, force: true, signal });
}
