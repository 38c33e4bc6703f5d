import { NAMESPACE } from '../../../crds/kinds.ts';
import type { Namespace } from '../../../crds/object.ts';
import type { Store } from '../../store/store.ts';
import { forbidden, notFound } from '../refusals.ts';
import { keyOf } from '../registry/served-resource.ts';
import type { AdmissionPlugin } from './admission.ts';

/** Made at start, and never deleted. */
export const PROTECTED_NAMESPACES = ['default', 'kube-system', 'nexus-system'] as const;

/** Nothing is created in a namespace that is not there or is going; namespaces that the system needs stay. */
export function namespaceLifecycle(store: Store): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    isEarly: true,
    admit({ operation, served, namespace, name }) {
      const { resource } = served;
      if (operation === 'DELETE' && resource.kind === 'Namespace' && resource.group === '') {
        if ((PROTECTED_NAMESPACES as readonly string[]).includes(name))
          throw forbidden(resource, name, 'this namespace may not be deleted');
        return undefined;
      }
      if (operation !== 'CREATE' || !resource.namespaced) return undefined;
      const entry = store.get(keyOf(NAMESPACE, '', namespace));
      if (!entry) throw notFound(NAMESPACE, namespace);
      const { metadata, status } = entry.object as Namespace;
      if (metadata.deletionTimestamp || status?.phase === 'Terminating') {
        const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
        throw forbidden(resource, name, why, [
          {
            reason: 'NamespaceTerminating',
            message: `namespace ${namespace} is being terminated`,
            field: 'metadata.namespace',
          },
        ]);
      }
      return undefined;
    },
  };
}
