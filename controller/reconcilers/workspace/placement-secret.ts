import { apiVersionOf, PLACEMENT, SECRET } from '../../../crds/kinds.ts';
import { LABEL_WORKSPACE_UID } from '../../../crds/names.ts';
import type { Secret } from '../../../crds/object.ts';
import type { Placement } from '../../../crds/types.generated.ts';
import { ApiError, isApiError } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { keyOf } from '../../kit/paths.ts';
import { FIELD_MANAGER } from '../deps.ts';
import type { WorkspaceEnvironment } from './pass.ts';

/**
 * Makes the placement's Secret hold exactly `data`; no write when it does. It is in the node's namespace, so that the
 * node's agent can read it and no other, and goes with its placement.
 */
export async function syncPlacementSecret(
  env: WorkspaceEnvironment,
  placement: Placement,
  data: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const { client, own } = env;
  const wanted = newSecret(placement, data);
  const key = keyOf(wanted);
  let present = own.secrets.get(key);
  if (!present) {
    try {
      const made = await client.create(SECRET, wanted, { fieldManager: FIELD_MANAGER, signal });
      return own.secrets.wrote(undefined, made);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      present = await client.get(SECRET, key, signal);
    }
  }
  const isOurs = present.metadata.ownerReferences?.some(({ uid }) => uid === placement.metadata.uid);
  if (present.metadata.deletionTimestamp || !isOurs) {
    // It belongs to a placement that is gone, and would be collected from under this one.
    const { uid } = present.metadata;
    await client.delete(SECRET, key, { preconditions: { uid }, signal }).catch(error => {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    });
    throw new ApiError(
      'Conflict',
      `secret ${key.namespace}/${key.name} of a former placement is being replaced`,
    );
  }
  if (jsonEqual(present.data ?? {}, data)) return;
  const { resourceVersion } = present.metadata;
  const updated: Secret = { ...present, data, metadata: { ...present.metadata, resourceVersion } };
  own.secrets.wrote(present, await client.update(SECRET, updated, { fieldManager: FIELD_MANAGER, signal }));
}

function newSecret(placement: Placement, data: Record<string, string>): Secret {
  const { name, namespace, uid = '' } = placement.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: placement.spec.secretName ?? name,
      namespace,
      // Not the placement's name, which may be longer than a label.
      labels: { [LABEL_WORKSPACE_UID]: placement.spec.workspace.uid },
      ownerReferences: [
        { apiVersion: apiVersionOf(PLACEMENT), kind: PLACEMENT.kind, name, uid, controller: true },
      ],
    },
    type: 'Opaque',
    data,
  };
}
