import type { OwnerReference } from '../../../crds/object.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import { GROUP_MASTERS } from '../auth/identity.ts';
import { forbidden } from '../refusals.ts';
import type { Registry } from '../registry/registry.ts';
import type { AdmissionPlugin } from './admission.ts';

/**
 * An object that blocks the deletion of its owner holds it up as a finalizer does, so who names an owner so must be
 * allowed to update the owner's finalizers. As Kubernetes' OwnerReferencesPermissionEnforcement has it.
 */
export function ownerReferences(authorizer: Authorizer, registry: Registry): AdmissionPlugin {
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    admit({ operation, served, namespace, name, object, old, user }) {
      if (operation === 'DELETE' || !object || user.groups.includes(GROUP_MASTERS)) return undefined;
      const before = new Set(blocking(old?.metadata.ownerReferences).map(({ uid }) => uid));
      for (const owner of blocking(object.metadata.ownerReferences)) {
        if (before.has(owner.uid)) continue;
        const kinds = resourcesOf(registry, owner);
        if (kinds.length === 0)
          throw forbidden(
            served.resource,
            name,
            `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: ` +
              `no matches for kind "${owner.kind}" in version "${owner.apiVersion}"`,
          );
        for (const { resource } of kinds) {
          const { group, plural, namespaced } = resource;
          const where = { group, resource: plural, ...(namespaced && { namespace }), name: owner.name };
          const may = authorizer.authorize({ user, verb: 'update', subresource: 'finalizers', ...where });
          if (!may.allowed)
            throw forbidden(
              served.resource,
              name,
              `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${may.reason}, <nil>`,
            );
        }
      }
      return undefined;
    },
  };
}

const blocking = (owners: readonly OwnerReference[] = []) =>
  owners.filter(({ blockOwnerDeletion }) => blockOwnerDeletion);

function resourcesOf(registry: Registry, { apiVersion, kind }: OwnerReference) {
  return registry.groups
    .flatMap(({ versions }) => versions.flatMap(({ resources }) => resources))
    .filter(served => served.apiVersion === apiVersion && served.resource.kind === kind);
}
