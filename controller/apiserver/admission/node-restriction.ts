import { PLACEMENT } from '../../../crds/kinds.ts';
import type { KubeObject } from '../../../crds/object.ts';
import { jsonEqual } from '../../kit/json.ts';
import { nodeOf } from '../auth/identity.ts';
import { forbidden } from '../refusals.ts';
import type { AdmissionPlugin } from './admission.ts';

/** What authorisation cannot see: an agent changes nothing of a Placement but its finalizers. */
export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  admit({ operation, served, subresource, name, object, old, user }) {
    const node = nodeOf(user);
    if (node === undefined || subresource !== '') return undefined;
    const { resource } = served;
    if (resource.group !== PLACEMENT.group || resource.kind !== PLACEMENT.kind) return undefined;
    if (operation === 'UPDATE' && !jsonEqual(others(object), others(old)))
      throw forbidden(
        resource,
        name,
        `node "${node}" may change nothing of a placement but its finalizers and status`,
      );
    return undefined;
  },
};

/** Everything that an agent has no say in. */
function others(object: KubeObject | undefined) {
  if (!object) return undefined;
  const { finalizers: _f, managedFields: _m, resourceVersion: _r, ...metadata } = object.metadata;
  return { ...object, status: undefined, metadata };
}
