import { apiVersionOf, ROLE, WORKSPACE } from '../../../crds/kinds.ts';
import { LABEL_SHARES } from '../../../crds/names.ts';
import type { Role, RoleBinding } from '../../../crds/object.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { ownedBy } from '../keep-policy.ts';

/** Name of the role that shares a workspace, and of its binding. */
export const shareName = (workspace: string): string => `nexus:shared:${workspace}`;

/**
 * What the users that a workspace is shared with may do: read it, and open SSH connections to it. The binding is without
 * subjects where it is shared with nobody.
 */
export function shareRights({ metadata, spec, ...rest }: Workspace): { role: Role; binding: RoleBinding } {
  const { name } = metadata;
  const apiVersion = apiVersionOf(ROLE);
  const owner = { metadata, spec, ...rest };
  const meta = {
    name: shareName(name),
    namespace: metadata.namespace,
    labels: { [LABEL_SHARES]: name },
    ownerReferences: [ownedBy(owner)],
  };
  const resourceNames = [name];
  const users = [...new Set(spec.ssh?.authorizedUsers ?? [])].sort();
  return {
    role: {
      apiVersion,
      kind: 'Role',
      metadata: meta,
      rules: [
        {
          apiGroups: [WORKSPACE.group],
          resources: ['workspaces', 'workspaces/status'],
          resourceNames,
          verbs: ['get', 'list', 'watch'],
        },
        { apiGroups: [WORKSPACE.group], resources: ['workspaces/ssh'], resourceNames, verbs: ['create'] },
      ],
    },
    binding: {
      apiVersion,
      kind: 'RoleBinding',
      metadata: meta,
      roleRef: { apiGroup: ROLE.group, kind: 'Role', name: meta.name },
      subjects: users.map(user => ({ kind: 'User', apiGroup: ROLE.group, name: user })),
    },
  };
}
