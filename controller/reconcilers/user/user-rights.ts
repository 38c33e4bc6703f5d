import { apiVersionOf, CLUSTER_ROLE } from '../../../crds/kinds.ts';
import { LABEL_USER, ROLE_ADMIN, ROLE_MEMBER, ROLE_VIEWER } from '../../../crds/names.ts';
import type { RoleRef, Subject } from '../../../crds/object.ts';
import type { User } from '../../../crds/types.generated.ts';
import { ownedBy, type PolicyObject } from '../keep-policy.ts';

/** Name of the binding in the user's namespace. */
const IN_NAMESPACE = 'nexus:user';

/** A binding, and whether the user is to have it. */
export interface UserRight {
  binding: PolicyObject;
  isGiven: boolean;
}

/**
 * Every binding that this controller makes for a user: given or taken away by role and suspension. An admin has
 * everything everywhere; a member and a viewer what their role says, in their own namespace.
 */
export function userRights(user: User): UserRight[] {
  const { metadata, spec } = user;
  const { name } = metadata;
  const role = spec.role ?? 'member';
  const isActive = !spec.suspended && !metadata.deletionTimestamp;
  const apiVersion = apiVersionOf(CLUSTER_ROLE);
  const meta = { labels: { [LABEL_USER]: name }, ownerReferences: [ownedBy(user)] };
  const subjects: Subject[] = [{ kind: 'User', apiGroup: CLUSTER_ROLE.group, name }];
  const roleRef = (of: string): RoleRef => ({ apiGroup: CLUSTER_ROLE.group, kind: 'ClusterRole', name: of });
  return [
    {
      isGiven: isActive && role === 'admin',
      binding: {
        apiVersion,
        kind: 'ClusterRoleBinding',
        metadata: { ...meta, name: `${IN_NAMESPACE}:${name}` },
        subjects,
        roleRef: roleRef(ROLE_ADMIN),
      },
    },
    {
      isGiven: isActive && role !== 'admin',
      binding: {
        apiVersion,
        kind: 'RoleBinding',
        metadata: { ...meta, name: IN_NAMESPACE, namespace: name },
        subjects,
        roleRef: roleRef(role === 'viewer' ? ROLE_VIEWER : ROLE_MEMBER),
      },
    },
  ];
}
